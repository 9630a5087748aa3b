import CallModel
import Foundation
import TestCaller
import Testing

extension EndToEnd {
  /// What is told of a conference as it goes on, and of calls that become part of one.
  @Suite(.tags(.phones)) struct ConferenceEventTests {
    private static let policy =
      Policies.people.replacingOccurrences(
        of: "services:\n",
        with: "services:\n  - { name: Open, type: conference, aliases: [meet@tandem.test] }\n")
      + ManagementScript.policy

    @Test(.timeLimit(.minutes(1))) func aConferenceIsFollowed() async throws {
      let scratch = try Scratch()
      let server = try await TandemServer(scratch, policy: Self.policy)
      let script = try await ManagementScript(server)
      let (one, two) = (try await TestPhone.at(server, "ann"), try await TestPhone.at(server, "ben"))
      let ann = try await one.call("meet", tone: 523)
      #expect(try await ann.isAnswered(within: .seconds(5)))
      let conference = try #require(try await script.list("status/v1/conference/?name=Open").first)
      let id = try #require(conference["id"] as? String)
      let command = try ChildProcess(
        "tandem events", TandemServer.binary,
        ["conferences", "events", "Open", "--follow", "--json", "--state", server.state],
        directory: scratch.path)
      _ = try await command.waitForLine(containing: "participant_create")
      // Over HTTP: the state first.
      let stream = try await script.follow(id)
      try await stream.wait(for: "event: conference_update")
      #expect(
        stream.events.prefix(4).elementsEqual([
          "participant_sync_begin", "participant_create", "participant_sync_end", "conference_update",
        ]), "\(stream.lines.all)")

      let ben = try await two.call("meet", tone: 700)
      #expect(try await ben.isAnswered(within: .seconds(5)))
      try await stream.wait(for: "\"uri\":\"sip:ben@elsewhere.test\"")
      try await script.command("conference/lock", "{\"conference_id\": \"\(id)\"}")
      try await stream.wait(for: "\"locked\":true")
      let line = try await command.waitForLine(containing: "\"locked\":true")
      let event = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
      #expect(event?["event"] as? String == "conference_update" && (event?["sequence"] as? Int ?? 0) > 2)
      // Whoever comes back has what it missed, and nothing twice.
      let known = try #require(stream.lastID)
      await stream.stop()
      try await script.command("conference/unlock", "{\"conference_id\": \"\(id)\"}")
      let again = try await script.follow(id, after: known)
      try await again.wait(for: "\"locked\":false")
      let ids = again.lines.all.compactMap { $0.hasPrefix("id: ") ? Int($0.dropFirst(4)) : nil }
      #expect(
        !ids.isEmpty && ids.first == Int(known).map { $0 + 1 } && ids == ids.sorted(), "\(ids) after \(known)"
      )
      #expect(!again.events.contains("participant_sync_begin"), "\(again.lines.all)")
      let shown = try await server.tandem(
        "conferences", "events", "Open", "--after", known, "--state", server.state)
      #expect(shown.code == 0 && shown.output.contains("conference_update  started, open"), "\(shown.output)")

      try await script.command("conference/disconnect", "{\"conference_id\": \"\(id)\"}")
      try await again.wait(for: "event: bye")
      #expect(again.events.suffix(2).elementsEqual(["conference_ended", "bye"]), "\(again.lines.all)")
      #expect(try await command.waitForExit() == 0)
      _ = try await command.waitForLine(containing: "conference_ended")
      await #expect(throws: HarnessError.self) { try await script.follow(id, after: known) }
      #expect(try await ann.ends(within: .seconds(10)))
      #expect(try await ben.ends(within: .seconds(10)))
      await one.close()
      await two.close()
      await server.stop()
    }

    /// From the relay into the mix: nobody is called anew.
    @Test(.timeLimit(.minutes(1))) func bothPartiesOfACallAreMovedToARoom() async throws {
      let scratch = try Scratch()
      let server = try await TandemServer(scratch, policy: Self.policy)
      let script = try await ManagementScript(server)
      let alice = try await Baresip(scratch, at: server, "alice", tone: 440)
      let bob = try await Baresip(scratch, at: server, "bob", tone: 650)
      let carol = try await Baresip(scratch, at: server, "carol", tone: 1030)
      try await alice.dial("sip:bob@tandem.test")
      try await alice.wait(for: "CALL_ESTABLISHED")
      try await bob.wait(for: "CALL_ESTABLISHED")
      try await Call.talk(.milliseconds(1500))
      let gateway = try #require(try await script.list("status/v1/conference/?service_type=gateway").first)
      #expect((gateway["name"] as? String)?.hasPrefix("people_") == true, "\(gateway)")
      let parties = try await script.participants("service_type=gateway&order_by=call_direction")
      #expect(parties.map { $0["call_direction"] as? String } == ["in", "out"], "\(parties)")
      #expect(parties.allSatisfy { $0["conference"] as? String == gateway["name"] as? String })
      for party in parties {
        let id = try #require(party["id"] as? String)
        try await script.command(
          "participant/transfer",
          "{\"participant_id\": \"\(id)\", \"conference_alias\": \"meet@tandem.test\", \"role\": \"chair\"}")
      }
      try await carol.dial("sip:meet@tandem.test")
      try await carol.wait(for: "CALL_ESTABLISHED")
      try await Call.talk(.seconds(6))
      let roster = try await script.participants("conference=Open&order_by=role")
      #expect(roster.map { $0["role"] as? String }.filter { $0 == "chair" }.count >= 2, "\(roster)")
      #expect(roster.count == 3)
      #expect(try await script.list("status/v1/conference/?limit=0").count == 1)
      for phone in [alice, bob, carol] { try await phone.hangUp() }
      for (phone, others) in [(alice, [650.0, 1030]), (bob, [440, 1030]), (carol, [440, 650])] {
        let heard = try #require(try phone.recordings().last { $0.seconds > 3 }, "\(phone.output)").tones
        let strongest = heard.peaks.prefix(2).map(\.frequency).sorted()
        #expect(
          strongest.count == 2 && zip(strongest, others).allSatisfy { abs($0 - $1) < 3 },
          "\(phone.name) heard \(heard.peaks)")
        #expect(heard.peaks.prefix(2).allSatisfy { $0.share > 0.15 }, "\(phone.name) heard \(heard.peaks)")
      }
      // Each has had one call, and still has it.
      let calls = [alice, bob, carol].map { $0.events.all.filter { $0.type == "CALL_ESTABLISHED" }.count }
      #expect(calls == [1, 1, 1])
      // The call that was taken apart, the one that was made of it, and carol's.
      let records = try await server.records { $0.count == 3 && $0.allSatisfy { $0.ended != nil } }
      #expect(records.filter { $0.serviceName == "people" }.count == 1)
      let past = try await script.list("history/v1/conference/?order_by=start_time")
      #expect(past.map { $0["service_type"] as? String } == ["gateway", "conference"], "\(past)")
      #expect(past.map { $0["participant_count"] as? Int } == [2, 3], "\(past)")
      #expect(past.first?["id"] as? String == gateway["id"] as? String)
      await server.stop()
    }
  }
}
