import CallModel
import Foundation
import SIP
import TestCaller
import Testing

extension EndToEnd {
  /// Calls that services place and pass on: dial-out, receptions, a telephone's own conference.
  @Suite(.tags(.phones)) struct ConferenceCallTests {
    /// Keys reach who is dialled three seconds after it answers, and then one each half second; a comma is two more.
    @Test(.timeLimit(.minutes(1))) func aSequenceOfKeysIsSentInItsTime() async throws {
      let server = try await TandemServer(
        try Scratch(), policy: "services: [{ name: Open, type: conference, aliases: [meet@tandem.test] }]")
      let ann = try await TestPhone.at(server, "ann")
      let bridge = try await TestPhone.at(
        server, "bridge", answering: .answer(.tone(700), after: .milliseconds(50)))
      let inside = try await ann.call("meet", tone: 523)
      #expect(try await inside.isAnswered(within: .seconds(5)))
      let (code, output) = try await server.tandem(
        "conferences", "dial", "meet@tandem.test", bridge.contact.description, "--dtmf", "77#,,1", "--role",
        "host", "--name", "The bridge", "--state", server.state)
      #expect(code == 0, "\(output)")
      let call = try #require(try await bridge.nextCall(within: .seconds(5)))
      let clock = ContinuousClock()
      let answered = clock.now
      var times: [Duration] = []
      for count in 1...4 {
        #expect(try await call.hears(digits: count, within: .seconds(10)))
        times.append(clock.now - answered)
      }
      let roster = try await server.tandem("conferences", "show", "Open", "--state", server.state).output
      #expect(roster.contains("The bridge") && roster.contains("host"), "\(roster)")
      let report = try await call.hangUp()
      #expect(report.heard?.digits == "77#1", "\(report)")
      for (time, expected) in zip(times, [3.0, 3.5, 4.0, 8.5]) {
        let seconds = Double(time.components.seconds) + Double(time.components.attoseconds) / 1e18
        #expect(abs(seconds - expected) < 0.35, "\(times)")
      }
      let gaps = zip(times.dropFirst(), times).map { $0 - $1 }
      for (gap, expected) in zip(gaps, [500, 500, 4500]) {
        #expect(abs((gap - .milliseconds(expected)) / .milliseconds(1)) < 60, "\(gaps)")
      }
      #expect(try await inside.hangUp().endedBy == "here")
      let records = try await server.records { $0.count == 2 && $0.allSatisfy { $0.ended != nil } }
      #expect(records.contains { $0.attempts.first?.answered != nil })
      await ann.close()
      await bridge.close()
    }

    /// Callers enter a number, again after a wrong one, and go on in their call: to a room, and to a phone by rule.
    @Test(.timeLimit(.minutes(1))) func aReceptionSendsCallersOn() async throws {
      let policy = Policies.people.replacingOccurrences(
        of: "services:\n",
        with: """
          services:
            - { name: Desk, type: two_stage_dialing, aliases: [desk@tandem.test],
                reception: { match: '(\\d+)', replace: '\\1@tandem.test' } }
            - { name: Open, type: conference, aliases: [8001@tandem.test] }

          """
      ).replacingOccurrences(
        of: "rules:\n",
        with: """
          rules:
            - { name: numbers, priority: 1, match: '102@tandem\\.test', replace: bob@tandem.test,
                to: { target: registered_device } }

          """)
      let server = try await TandemServer(try Scratch(), policy: policy)
      let (ann, eve) = (try await TestPhone.at(server, "ann"), try await TestPhone.at(server, "eve"))
      let bob = try await TestPhone.registered(
        server, "bob", answering: .answer(.tone(880), after: .milliseconds(100)))

      let inRoom = try await eve.call("8001", tone: 700)
      #expect(try await inRoom.isAnswered(within: .seconds(5)))
      let toRoom = try await ann.call("desk", tone: 523)
      #expect(try await toRoom.isAnswered(within: .seconds(5)))
      try await toRoom.press("999#")
      try await toRoom.press("8001#")
      try await waitForRoster(server, "Open", count: 2)
      let before = try await inRoom.report().heard?.seconds ?? 0
      #expect(try await inRoom.hears(seconds: before + 3, within: .seconds(10)))
      let (here, there) = (try await toRoom.hangUp(), try await inRoom.hangUp())
      #expect(there.isTone(523, share: 0.6), "\(there)")
      #expect(here.endedBy == "here" && (here.media?.packetsLost ?? 1) == 0, "\(here)")

      let toPhone = try await ann.call("desk", tone: 523)
      #expect(try await toPhone.isAnswered(within: .seconds(5)))
      try await toPhone.press("102#")
      let answered = try #require(try await bob.nextCall(within: .seconds(15)))
      #expect(try await answered.hears(seconds: 3, within: .seconds(10)))
      let bobHeard = try await answered.hangUp()
      #expect(bobHeard.isTone(523), "\(bobHeard)")
      #expect(try await toPhone.ends(within: .seconds(5)))
      let records = try await server.records { $0.count == 3 && $0.allSatisfy { $0.ended != nil } }
      #expect(records.filter { $0.serviceName == "Desk" }.count == 2)
      for phone in [ann, eve, bob] { await phone.close() }
    }

    /// Waits until so many are in a conference; asking takes about a tenth of a second each time.
    private func waitForRoster(_ server: TandemServer, _ name: String, count: Int) async throws {
      let deadline = ContinuousClock.now + .seconds(20)
      while ContinuousClock.now < deadline {
        let (_, output) = try await server.tandem("conferences", "show", name, "--state", server.state)
        if output.split(separator: "\n").count == count + 1 { return }
      }
      throw HarnessError("\(name) never has \(count) participants:\n\(server.output)")
    }

    private static func telephones(_ outside: TestPhone) -> String {
      """
      devices:
        - { alias: 101@tandem.test, username: "101", password: { env: TANDEM_TEST_UNSET, default: 101-secret },
            local_conference: { pin: { env: TANDEM_TEST_UNSET, default: "4711" }, end_on_exit: true } }
        - { alias: 102@tandem.test, username: "102", password: { env: TANDEM_TEST_UNSET, default: 102-secret } }
        - { alias: 103@tandem.test, username: "103", password: { env: TANDEM_TEST_UNSET, default: 103-secret } }
      rules:
        - { name: extensions, priority: 1, match: '(1\\d\\d)@tandem\\.test', direction: [incoming, outgoing],
            to: { target: registered_device } }
        - { name: outside, priority: 2, match: '0\\d+@tandem\\.test', replace: 'outside@127.0.0.1:\(outside.contact.port ?? 0)',
            direction: [outgoing] }
      """
    }

    /// Four phones, step by step as the telephone system's document tells it.
    @Test(.timeLimit(.minutes(2))) func aTelephonesOwnConference() async throws {
      let scratch = try Scratch()
      let first = try await TandemServer(scratch, policy: Policies.people)
      let outside = try await TestPhone.at(
        first, "outside", answering: .answer(.tone(1030), after: .milliseconds(50)))
      await first.stop()
      try first.replacePolicy(Self.telephones(outside))
      let server = try await first.restarted()
      let local = "local conference of 101"
      let owner = try await TestPhone.registered(server, "101")
      let colleague = try await TestPhone.registered(server, "102")
      let ringing = try await TestPhone.registered(server, "103", answering: .ring)

      // Nobody joins before its owner has opened it.
      let early = try await colleague.call("*8101")
      #expect(try await early.isAnswered(within: .seconds(5)))
      #expect(try await early.ends(within: .seconds(15)))
      let own = try await owner.call("*8101", tone: 523)
      #expect(try await own.isAnswered(within: .seconds(5)))
      let joined = try await colleague.call("*8101", tone: 700)
      #expect(try await joined.isAnswered(within: .seconds(5)))
      try await joined.press("4711")
      try await waitForRoster(server, local, count: 2)

      // The owner invites an extension in the background, and drops it while it rings.
      try await own.press("*8103#")
      let rung = try #require(try await ringing.nextCall(within: .seconds(10)))
      try await waitForRoster(server, local, count: 3)
      try await own.press("##")
      #expect(try await rung.ends(within: .seconds(10)))

      // Somebody outside answers, is heard by all, and is dropped at any time.
      try await own.press("*8030555#")
      let far = try #require(try await outside.nextCall(within: .seconds(10)))
      #expect(try await far.hears(seconds: 4, within: .seconds(10)))
      let farHeard = try await far.report()
      #expect([523.0, 700].contains { abs((farHeard.heard?.frequency ?? 0) - $0) < 3 }, "\(farHeard)")
      try await own.press("##")
      #expect(try await far.ends(within: .seconds(10)))
      try await waitForRoster(server, local, count: 2)

      // It ends with its owner.
      _ = try await own.hangUp()
      #expect(try await joined.ends(within: .seconds(15)))
      let records = try await server.records { $0.count == 5 && $0.allSatisfy { $0.ended != nil } }
      #expect(records.filter { $0.serviceName == local }.count == 3)
      for phone in [owner, colleague, ringing, outside] { await phone.close() }
    }
  }
}
