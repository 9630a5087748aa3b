import CallModel
import Foundation
import TestCaller
import Testing

extension EndToEnd {
  /// Meeting rooms with real phones; what is heard decides.
  @Suite(.tags(.phones)) struct ConferenceTests {
    /// Services of ``Policies/people`` and these in one list.
    private static var policy: String {
      let people = Policies.people.replacingOccurrences(
        of: "services:\n", with: "services:\n" + services)
      return people
    }

    private static let services = """
        - { name: Open, type: conference, aliases: [meet@tandem.test] }
        - name: Board
          type: conference
          aliases: [board@tandem.test]
          pin: { env: TANDEM_TEST_UNSET, default: "48151623" }
          guest_pin: { env: TANDEM_TEST_UNSET, default: "42108642" }
          allow_guests: true
        - { name: Small, type: conference, aliases: [small@tandem.test], room: { participant_limit: 1 } }

      """

    /// Opus, G.722 and G.711 in one room: everybody hears the two others, and not himself.
    @Test(.timeLimit(.minutes(1))) func threePhonesHearTheTwoOthers() async throws {
      let scratch = try Scratch()
      let server = try await TandemServer(scratch, policy: Self.policy)
      let phones = [
        try await Baresip(scratch, at: server, "alice", tone: 440),
        try await Baresip(scratch, at: server, "bob", tone: 650) { $0.codec = "opus/48000/2" },
        try await Baresip(scratch, at: server, "carol", tone: 1030) { $0.codec = "G722/16000/1" },
      ]
      for phone in phones {
        try await phone.dial("sip:meet@tandem.test")
        try await phone.wait(for: "CALL_ESTABLISHED")
      }
      try await Call.talk(.seconds(6))
      for phone in phones { try await phone.hangUp() }
      for (phone, others) in zip(phones, [[650.0, 1030], [440, 1030], [440, 650]]) {
        let heard = try #require(try phone.recordings().last { $0.seconds > 3 }, "\(phone.output)")
        let tones = heard.tones
        let strongest = tones.peaks.prefix(2).map(\.frequency).sorted()
        #expect(
          zip(strongest, others).allSatisfy { abs($0 - $1) < 3 } && strongest.count == 2,
          "\(phone.name) heard \(tones.peaks)")
        #expect(tones.peaks.prefix(2).reduce(0) { $0 + $1.share } > 0.9, "\(phone.name) heard \(tones.peaks)")
        #expect(tones.peaks.prefix(2).allSatisfy { $0.share > 0.15 }, "\(phone.name) heard \(tones.peaks)")
      }
      let records = try await server.records { $0.count == 3 && $0.allSatisfy { $0.ended != nil } }
      #expect(Set(records.flatMap { $0.media.map(\.codec) }) == ["PCMA", "opus", "G722"])
      for record in records {
        #expect(record.serviceName == "Open" && record.disconnect?.cause == "normal")
        #expect(record.media.allSatisfy { $0.packetsLost == 0 && $0.packetsReceived > 200 })
      }
    }

    @Test(.timeLimit(.minutes(1))) func threeWrongPINsEndTheCall() async throws {
      let server = try await TandemServer(try Scratch(), policy: Self.policy)
      let phone = try await TestPhone.at(server, "ann")
      let call = try await phone.call("board")
      #expect(try await call.isAnswered(within: .seconds(5)))
      try await call.press("11111111")
      try await call.press("22222222")
      try await call.press("33333333")
      #expect(try await call.ends(within: .seconds(25)))
      let report = try await call.report()
      #expect(report.endedBy == "there" && report.media?.digitsSent == 24)
      let record = try #require(try await server.records { $0.first?.ended != nil }.first)
      #expect(record.disconnect?.cause == "normal")
      await phone.close()
    }

    /// Who waits for a host hears nobody, and then everybody.
    @Test(.timeLimit(.minutes(1))) func aGuestHearsTheHostOnceItIsThere() async throws {
      let server = try await TandemServer(try Scratch(), policy: Self.policy)
      let (one, two) = (try await TestPhone.at(server, "guest"), try await TestPhone.at(server, "host"))
      let guest = try await one.call("board", tone: 523)
      #expect(try await guest.isAnswered(within: .seconds(5)))
      try await guest.press("42108642")
      try await server.waitForLog("participant arrived")
      #expect(try await guest.hears(seconds: 4, within: .seconds(10)))
      let host = try await two.call("board", tone: 700)
      #expect(try await host.isAnswered(within: .seconds(5)))
      try await host.press("48151623")
      #expect(try await host.hears(seconds: 10, within: .seconds(20)))
      // The host hears the guest all the time since it came in: the prompt before that is a small part.
      let heard = try await host.hangUp()
      #expect(heard.isTone(523, share: 0.6), "\(heard)")
      let report = try await guest.hangUp()
      #expect(report.endedBy == "here")
      await one.close()
      await two.close()
    }

    @Test(.timeLimit(.minutes(1))) func whoDoesNotFitIsToldAndGoes() async throws {
      let server = try await TandemServer(try Scratch(), policy: Self.policy)
      let (one, two) = (try await TestPhone.at(server, "ann"), try await TestPhone.at(server, "bob"))
      let first = try await one.call("small", tone: 523)
      #expect(try await first.isAnswered(within: .seconds(5)))
      let second = try await two.call("small", tone: 700)
      #expect(try await second.isAnswered(within: .seconds(5)))
      #expect(try await second.ends(within: .seconds(20)))
      #expect(try await second.report().endedBy == "there")
      #expect(try await first.hangUp().endedBy == "here")
      let records = try await server.records { $0.count == 2 && $0.allSatisfy { $0.ended != nil } }
      #expect(records.contains { $0.disconnect?.cause == "limitReached" })
      await one.close()
      await two.close()
    }

    /// The PIN of an alias is in nothing that is kept.
    @Test(.timeLimit(.minutes(1))) func aPINInTheAliasIsNowhere() async throws {
      let scratch = try Scratch()
      let server = try await TandemServer(scratch, policy: Self.policy)
      let phone = try await TestPhone.at(server, "ann")
      let call = try await phone.call("board**48151623")
      #expect(try await call.isAnswered(within: .seconds(5)))
      try await server.waitForLog("participant arrived")
      #expect(try await call.hears(seconds: 1, within: .seconds(5)))
      _ = try await call.hangUp()
      let records = try await server.records { $0.first?.ended != nil }
      #expect(records.first?.serviceName == "Board" && records.first?.disconnect?.cause == "normal")
      await phone.close()
      await server.stop()
      #expect(!server.log.contains { $0.contains("48151623") })
      for file in try FileManager.default.subpathsOfDirectory(atPath: server.state) {
        // Policies are kept as they are written; a default PIN stands in them.
        guard !file.hasPrefix("policy/"),
          let data = FileManager.default.contents(atPath: "\(server.state)/\(file)")
        else { continue }
        #expect(data.range(of: Data("48151623".utf8)) == nil, "\(file)")
      }
    }
  }
}
