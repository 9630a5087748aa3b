import CallModel
import Foundation
import TestCaller
import Testing

extension EndToEnd {
  /// The management interface of the running service, as a script uses it.
  @Suite(.tags(.scripted)) struct ManagementTests {
    private static let policy =
      Policies.people.replacingOccurrences(
        of: "services:\n",
        with: "services:\n  - { name: Open, type: conference, aliases: [meet@tandem.test] }\n")
      + ManagementScript.policy

    /// Two phones are dialled into a room, hear each other until one is muted, and are sent away.
    @Test(.timeLimit(.minutes(1))) func aScriptBringsTwoPhonesTogether() async throws {
      let server = try await TandemServer(try Scratch(), policy: Self.policy)
      let script = try await ManagementScript(server)
      let alice = try await TestPhone.registered(
        server, "alice", answering: .answer(.tone(523), after: .zero))
      let bob = try await TestPhone.registered(server, "bob", answering: .answer(.tone(700), after: .zero))
      for name in ["alice", "bob"] {
        let answer = try await script.ask(
          "command/v1/participant/dial/",
          #"{"conference_alias": "meet@tandem.test", "destination": "\#(name)@tandem.test", "role": "chair"}"#
        )
        #expect(answer.status == 200, "\(answer.json)")
      }
      let first = try #require(try await alice.nextCall(within: .seconds(5)))
      let second = try #require(try await bob.nextCall(within: .seconds(5)))
      #expect(try await first.hears(seconds: 2, within: .seconds(10)))
      #expect(try await second.hears(seconds: 2, within: .seconds(10)))
      let roster = try await script.participants("order_by=display_name")
      #expect(roster.map { $0["destination_alias"] as? String } == ["alice@tandem.test", "bob@tandem.test"])
      #expect(
        roster.allSatisfy { $0["call_direction"] as? String == "out" && $0["role"] as? String == "chair" })
      #expect(
        roster.allSatisfy {
          $0["service_type"] as? String == "conference" && $0["has_media"] as? Bool == true
        })

      let id = try #require(roster.first?["id"] as? String)
      let muted = try await script.ask("command/v1/participant/mute/", #"{"participant_id": "\#(id)"}"#)
      #expect(muted.status == 200)
      #expect(try await script.participants("is_muted=True").map { $0["id"] as? String } == [id])
      let locked = try await script.ask("command/v1/conference/lock/", #"{"conference_id": "Open"}"#)
      #expect(locked.status == 200)
      let conference = try await script.ask("status/v1/conference/?name=Open")
      #expect((conference.json["objects"] as? [[String: Any]])?.first?["is_locked"] as? Bool == true)

      let ended = try await script.ask("command/v1/conference/disconnect/", #"{"conference_id": "Open"}"#)
      #expect(ended.status == 200)
      #expect(try await first.ends(within: .seconds(10)))
      #expect(try await second.ends(within: .seconds(10)))
      #expect(try await first.report().isTone(700, share: 0.6))
      #expect(try await second.report().isTone(523, share: 0.4))
      #expect(try await script.participants().isEmpty)
      let records = try await server.records { $0.count == 2 && $0.allSatisfy { $0.ended != nil } }
      #expect(records.allSatisfy { $0.serviceName == "Open" })
      await alice.close()
      await bob.close()

      // What was is told, also by who was not there.
      try await Self.expectHistory(script, of: server)
      await server.stop()
      let heir = try await server.restarted()
      try await Self.expectHistory(try await ManagementScript(heir), of: heir)
      await heir.stop()
    }

    private static func expectHistory(_ script: ManagementScript, of server: TandemServer) async throws {
      let rows = try await script.ask("history/v1/conference/?name=Open&order_by=-start_time").json
      let row = try #require((rows["objects"] as? [[String: Any]])?.first, "\(rows)")
      #expect(row["participant_count"] as? Int == 2 && row["service_type"] as? String == "conference")
      #expect((row["duration"] as? Int ?? 0) >= 2 && row["end_time"] is String)
      let id = try #require(row["id"] as? String)
      let people =
        try await script.ask("history/v1/participant/?conference_name=Open&order_by=remote_alias").json
      let objects = try #require(people["objects"] as? [[String: Any]])
      #expect(objects.map { $0["remote_alias"] as? String } == ["alice@tandem.test", "bob@tandem.test"])
      #expect(
        objects.allSatisfy {
          $0["conference"] as? String == "/api/admin/history/v1/conference/\(id)/"
            && $0["role"] as? String == "chair" && $0["has_media"] as? Bool == true
            && $0["disconnect_reason"] as? String != ""
        }, "\(objects)")
      let listed = try await server.tandem("conferences", "history", "--state", server.state)
      #expect(listed.code == 0 && listed.output.contains(id), "\(listed.output)")
      let shown = try await server.tandem("conferences", "history", "Open", "--json", "--state", server.state)
      #expect(
        shown.output.contains("\"bob@tandem.test\"") && shown.output.contains("\"participant_count\": 2"))
      let nothing = try await server.tandem("conferences", "history", "Shut", "--state", server.state)
      #expect(nothing.code == 1)
    }

    @Test(.timeLimit(.minutes(1))) func strangersAreTurnedAway() async throws {
      let server = try await TandemServer(try Scratch(), policy: Self.policy)
      var script = try await ManagementScript(server)
      script.password = "open barley"
      #expect(try await script.ask("status/v1/conference/").status == 401)
      try await server.waitForLog("wrong password for the management interface")
      #expect(!server.log.contains { $0.contains("barley") || $0.contains("sesame") })
      script.password = "open sesame"
      #expect(try await script.ask("status/v1/conference/").status == 200)
      // A body beyond the limit is not read to its end.
      let long = try await script.ask(
        "command/v1/conference/lock/", #"{"conference_id": "\#(String(repeating: "x", count: 70_000))"}"#)
      #expect(long.status == 413)
      await server.stop()
    }
  }
}
