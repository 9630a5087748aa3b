import CallModel
import Foundation
import TestCaller
import Testing

extension EndToEnd {
  /// What one participant, a policy or a file may do wrong: two others in the room hear each other all the same.
  @Suite(.tags(.scripted)) struct RoomAttackTests {
    enum Attack: String, CaseIterable, Sendable {
      case aHundredTimesThePackets, aFloodOfKeys, otherCodecs, jumps
    }

    private static func policy(_ services: String) -> String { "services:\n" + services }

    private static let open = "  - { name: Open, type: conference, aliases: [meet@tandem.test] }\n"

    /// Two who hear each other, and for how long they have to.
    private struct Pair {
      let phones: (TestPhone, TestPhone)
      /// Of what is heard in all, where somebody else was in the room for a good part of it.
      static let besideAThird = 0.25
      let calls: (TestCall, TestCall)

      init(_ server: TandemServer, in alias: String) async throws {
        phones = (try await TestPhone.at(server, "ann"), try await TestPhone.at(server, "ben"))
        calls = (
          try await phones.0.call(alias, tone: 523), try await phones.1.call(alias, tone: 700)
        )
        for call in [calls.0, calls.1] where !(try await call.isAnswered(within: .seconds(5))) {
          throw HarnessError("the room does not answer")
        }
        // From here on both are heard.
        for call in [calls.0, calls.1] where !(try await call.hears(seconds: 0.5, within: .seconds(5))) {
          throw HarnessError("nothing is heard in the room")
        }
      }

      /// They go on for this long, and part.
      func expectUndisturbed(
        seconds: Double, share: Double = 0.85, sourceLocation: SourceLocation = #_sourceLocation
      ) async throws {
        for (call, tone) in [(calls.0, 700.0), (calls.1, 523)] {
          #expect(
            try await call.hears(seconds: seconds, within: .seconds(20)), sourceLocation: sourceLocation)
          let report = try await call.hangUp()
          #expect(
            report.isTone(tone, share: share) && report.endedBy == "here", "\(report)",
            sourceLocation: sourceLocation)
        }
        await phones.0.close()
        await phones.1.close()
      }
    }

    private func roster(_ server: TandemServer, _ name: String) async throws -> [[String: Any]] {
      let output = try await server.tandem("conferences", "show", name, "--json", "--state", server.state)
        .output
      let object = try JSONSerialization.jsonObject(with: Data(output.utf8)) as? [String: Any]
      return object?["participants"] as? [[String: Any]] ?? []
    }

    /// Three seconds of it.
    private static func strike(
      _ attack: Attack, from socket: AudioSocket, to target: (address: String, port: UInt16)
    ) async {
      var random = SystemRandomNumberGenerator()
      let silence = [UInt8](repeating: 0xd5, count: 160)
      var (sequence, timestamp) = (UInt16(1), UInt32(160))
      func send(_ type: UInt8, _ payload: [UInt8], ssrc: UInt32 = 77, isKey: Bool = false) {
        socket.send(
          RTPPacket(
            payloadType: type, hasMarker: isKey, sequenceNumber: sequence, timestamp: timestamp, ssrc: ssrc,
            payload: payload), to: target)
        sequence &+= 1
        timestamp &+= 160
      }
      for _ in 0..<150 {
        switch attack {
        case .aHundredTimesThePackets: for _ in 0..<100 { send(8, silence) }
        case .aFloodOfKeys:
          // Digits: with `##` among them a Host would end the conference, as Hosts may.
          for _ in 0..<40 { send(101, [.random(in: 0...9, using: &random), 0x8a, 0x03, 0x20], isKey: true) }
        case .otherCodecs:
          // What was agreed is A-law: loud noise in anything else must not be heard.
          let noise = (0..<160).map { _ in UInt8.random(in: 0...255, using: &random) }
          for type in [0, 9, 96, 111, 127] as [UInt8] { send(type, noise) }
          send(8, silence)
        case .jumps:
          for _ in 0..<4 {
            sequence = .random(in: 0...(.max), using: &random)
            timestamp = .random(in: 0...(.max), using: &random)
            send(8, silence, ssrc: .random(in: 0...(.max), using: &random))
          }
        }
        try? await Task.sleep(for: .milliseconds(20))
      }
    }

    @Test(.timeLimit(.minutes(1)), arguments: Attack.allCases)
    func twoOthersGoOn(attack: Attack) async throws {
      let server = try await TandemServer(try Scratch(), policy: Self.policy(Self.open))
      let mallory = try ScriptedPhone("mallory", hasEvents: true)
      let pair = try await Pair(server, in: "meet")
      let call = try await mallory.call("meet", at: server.address, domain: "tandem.test")
      let target = try #require(call.media.audio)
      await Self.strike(attack, from: mallory.audio, to: target)
      // It is still there, and what it did is in the record.
      let present = try await roster(server, "Open").map { $0["participant_alias"] as? String ?? "" }
      #expect(present.count == 3 && present.contains { $0.contains("mallory") }, "\(present)")
      try await pair.expectUndisturbed(seconds: 3.5)
      mallory.request("BYE", in: call)
      _ = try await mallory.waitForResponse(200...200, to: "BYE")
      let records = try await server.records { $0.count == 3 && $0.allSatisfy { $0.ended != nil } }
      #expect(records.allSatisfy { $0.disconnect?.cause == "normal" })
      if attack == .aHundredTimesThePackets {
        // Each time the room looks, it takes what 16 packets are; the rest does not get further than the socket.
        #expect(records.contains { $0.media.contains { $0.packetsReceived > 1_000 } })
      }
      await server.stop()
    }

    @Test(.timeLimit(.minutes(1))) func whoSendsNothingMoreIsLetGo() async throws {
      let server = try await TandemServer(
        try Scratch(), policy: Self.policy(Self.open), media: "timeout: 5s")
      let mallory = try ScriptedPhone("mallory")
      let pair = try await Pair(server, in: "meet")
      let call = try await mallory.call("meet", at: server.address, domain: "tandem.test")
      let target = try #require(call.media.audio)
      mallory.audio.send(
        RTPPacket(
          payloadType: 8, sequenceNumber: 1, timestamp: 1, ssrc: 1,
          payload: [UInt8](repeating: 0xd5, count: 160)),
        to: target)
      _ = try await mallory.wait("BYE", within: .seconds(15)) { $0.method == "BYE" && !$0.isResponse }
      try await server.waitForLog("No media")
      let present = try await roster(server, "Open").count
      #expect(present == 2)
      try await pair.expectUndisturbed(seconds: 3)
      let records = try await server.records { $0.count == 3 && $0.allSatisfy { $0.ended != nil } }
      #expect(records.map { $0.disconnect?.cause }.filter { $0 == "mediaTimeout" }.count == 1)
      await server.stop()
    }

    /// Who is in stays in; who comes meets what holds now.
    @Test(.timeLimit(.minutes(1))) func aRoomIsTakenAwayAndAPINChanged() async throws {
      func board(_ pin: String) -> String {
        "  - { name: Board, type: conference, aliases: [board@tandem.test], pin: { env: TANDEM_TEST_UNSET, default: \"\(pin)\" } }\n"
      }
      let server = try await TandemServer(
        try Scratch(), policy: Self.policy(Self.open + board("48151623")))
      let pair = try await Pair(server, in: "meet")
      let inside = try await Pair(server, in: "board**48151623")
      let line = server.log.count
      try server.replacePolicy(Self.policy(board("11112222")))
      server.reload()
      try await server.waitForLog("policy in force", from: line)
      let late = try await TestPhone.at(server, "late")
      let gone = try await late.call("meet")
      #expect(try await gone.ends(within: .seconds(5)))
      #expect(try await gone.report().outcome == .refused)
      let wrong = try await late.call("board**48151623")
      let right = try await late.call("board**11112222")
      #expect(try await wrong.isAnswered(within: .seconds(5)))
      #expect(try await right.isAnswered(within: .seconds(5)))
      let stages = try await roster(server, "Board").map { $0["service_type"] as? String ?? "" }
      #expect(stages.sorted() == ["conference", "conference", "conference", "ivr"], "\(stages)")
      #expect(try await roster(server, "Open").count == 2)
      _ = try await wrong.hangUp()
      _ = try await right.hangUp()
      try await inside.expectUndisturbed(seconds: 2, share: Pair.besideAThird)
      try await pair.expectUndisturbed(seconds: 2)
      #expect(!server.log.contains { $0.contains("48151623") || $0.contains("11112222") })
      await late.close()
      await server.stop()
    }

    @Test(.timeLimit(.minutes(1))) func recordingsAreMissingOrBroken() async throws {
      let scratch = try Scratch()
      for name in ["conf-get-pin-pound-key", "conf-get-pin", "conf-you-are-alone", "conf-has-joined"] {
        try scratch.write("policies/broken/\(name)_48kHz_mono.wav", "RIFF no sound at all")
      }
      try scratch.write("policies/noise.wav", String(repeating: "RIFFWAVEfmt data", count: 400))
      let server = try await TandemServer(
        scratch,
        policy: """
          themes: [{ name: broken, directory: broken }]
          playlists:
            - { name: film, files: [nowhere.wav, noise.wav] }
          services:
            - { name: Board, type: conference, aliases: [board@tandem.test], theme: broken,
                pin: { env: TANDEM_TEST_UNSET, default: "48151623" } }
            - { name: Film, type: media_playback, aliases: [film@tandem.test], playback: { playlist: film, on_completion: { disconnect: true } } }
          """)
      // One is asked for a PIN by a recording that cannot be played, and enters it all the same.
      let pair = try await Pair(server, in: "board**48151623")
      let phone = try await TestPhone.at(server, "mute")
      let asked = try await phone.call("board")
      #expect(try await asked.isAnswered(within: .seconds(5)))
      try await server.waitForLog("a recording cannot be played")
      try await asked.press("48151623#")
      let film = try await phone.call("film")
      #expect(try await film.ends(within: .seconds(10)))
      #expect(server.log.contains { $0.contains("cannot be played") && $0.contains("nowhere.wav") })
      #expect(server.log.contains { $0.contains("cannot be played") && $0.contains("noise.wav") })
      #expect(try await asked.hears(seconds: 1, within: .seconds(5)))
      // What is pressed takes its time.
      let deadline = ContinuousClock.now + .seconds(15)
      var stages: [String] = []
      repeat {
        stages = try await roster(server, "Board").map { $0["service_type"] as? String ?? "" }
      } while stages.contains("ivr") && ContinuousClock.now < deadline
      #expect(stages == ["conference", "conference", "conference"], "\(stages)")
      _ = try await asked.hangUp()
      try await pair.expectUndisturbed(seconds: 2, share: Pair.besideAThird)
      await phone.close()
      await server.stop()
    }
  }
}
