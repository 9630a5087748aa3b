import AudioBridge
import CallModel
import Codecs
import MediaRelay
import TestSupport
import Testing

extension AudioBridgeTests {
  @Suite struct Rooms {
    static let tones = [440.0, 700, 1_100]

    /// Three notes: each hears exactly the other two.
    private func expectConference(_ hall: Hall, _ callers: [Caller]) {
      for (caller, tone) in zip(callers, Self.tones) { caller.singing(tone).join() }
      let all = hall.talk {
        zip(callers, Self.tones).allSatisfy { caller, own in
          Self.tones.allSatisfy { $0 == own ? caller.misses($0) : caller.hears($0) }
        }
      }
      #expect(all)
      for (i, caller) in callers.enumerated() {
        let levels = Self.tones.map { Int(caller.level(of: $0)) }
        #expect(caller.unreadable == 0, "\(i) \(levels)")
        // One stream of consecutive numbers.
        let media = caller.headers
        #expect(Set(media.map(\.ssrc)).count == 1)
        #expect(zip(media, media.dropFirst()).allSatisfy { $1.sequenceNumber == $0.sequenceNumber &+ 1 })
      }
    }

    @Test(arguments: [AudioEncoding.pcmu, .g722, .opus])
    func everybodyHearsTheOthers(encoding: AudioEncoding) throws {
      let hall = try Hall()
      expectConference(hall, try (0..<3).map { _ in try hall.add(encoding) })
    }

    @Test func encodingsMeet() throws {
      let hall = try Hall()
      expectConference(hall, [try hall.add(.pcma), try hall.add(.opus), try hall.add(.g722)])
    }

    @Test func encryptedPartiesMeetPlainOnes() throws {
      let hall = try Hall()
      expectConference(
        hall, [try hall.add(.opus, isSecure: true), try hall.add(.pcmu), try hall.add(.pcma, isSecure: true)])
    }

    @Test func mutedAndAlone() throws {
      let hall = try Hall()
      let a = try hall.add(.pcmu).singing(440).join()
      let b = try hall.add(.pcmu).singing(700).join()
      #expect(hall.talk { a.hears(700) && b.hears(440) })
      // Muted: not heard, but it hears.
      b.party.place(.mix(isHeard: false))
      #expect(hall.talk { a.misses(700) && b.hears(440) })
      // Alone: neither.
      b.party.place(.alone)
      #expect(hall.talk { a.misses(700) && b.misses(440) })
      b.party.place(.mix(isHeard: true, hears: false))
      #expect(hall.talk { a.hears(700) && b.misses(440) })
      b.party.place(.mix())
      #expect(hall.talk { a.hears(700) && b.hears(440) })
    }

    @Test func speakersAreNamed() throws {
      let hall = try Hall()
      let a = try hall.add(.pcmu).singing(440).join()
      let b = try hall.add(.opus).silent().join()
      let first: [BridgeParty.ID]? = hall.event {
        if case .speakers(let all) = $0 { all } else { nil }
      }
      #expect(first == [a.id])
      b.singing(700)
      #expect(hall.talk { hall.log.contains(.speakers([b.id, a.id])) })
      a.silent()
      #expect(
        hall.talk { hall.log.last { if case .speakers = $0 { true } else { false } } == .speakers([b.id]) })
      hall.remove(b)
      #expect(hall.talk { hall.log.contains(.speakers([])) })
    }

    @Test func renegotiationChangesTheCodecAndNobodyElseNotices() throws {
      let hall = try Hall()
      let a = try hall.add(.pcmu).singing(440).join()
      let b = try hall.add(.opus).singing(700).join()
      let c = try hall.add(.pcma).singing(1_100).join()
      #expect(hall.talk { a.hears(700) && a.hears(1_100) && c.hears(440) })
      // The same address, another format: as after a re-INVITE.
      a.remote.codecs = [Codec(8, "PCMA", clockRate: 8_000)]
      a.local.codecs = a.remote.codecs
      c.cleanEars()
      let before = c.headers.count
      #expect(a.connect())
      #expect(hall.talk { a.headers.last?.payloadType == 8 })
      // What it says in the old format is not understood any more.
      #expect(hall.talk { c.misses(440) && c.hears(700) })
      let after = c.headers[before...]
      #expect(zip(after, after.dropFirst()).allSatisfy { $1.sequenceNumber == $0.sequenceNumber &+ 1 })
      #expect(b.hears(1_100))
      // Numbers go on within one clock.
      let all = a.headers
      #expect(zip(all, all.dropFirst()).allSatisfy { $1.sequenceNumber == $0.sequenceNumber &+ 1 })
      #expect(Set(all.map(\.ssrc)).count == 1)
    }

    @Test func holdAndResume() throws {
      let hall = try Hall()
      let a = try hall.add(.pcmu).singing(440).join()
      let b = try hall.add(.opus).singing(700).join()
      #expect(hall.talk { a.hears(700) && b.hears(440) })
      a.side.direction = .inactive
      #expect(a.connect())
      // What is on its way may still come.
      hall.talk(frames: 5)
      let count = a.headers.count
      #expect(hall.talk { b.misses(440) })
      #expect(a.headers.count == count)
      a.side.direction = .sendReceive
      #expect(a.connect())
      a.cleanEars()
      #expect(hall.talk { a.hears(700) && b.hears(440) })
      // It was sent nothing, and so nothing is missing.
      let all = a.headers
      #expect(zip(all, all.dropFirst()).allSatisfy { $1.sequenceNumber == $0.sequenceNumber &+ 1 })
    }

    @Test func mediaComesGoesAndReturns() throws {
      let hall = try Hall()
      let a = try hall.add(.pcmu).singing(440).join()
      let b = try hall.add(.pcmu).silent().join()
      #expect(hall.talk { hall.log.contains(.mediaStarted(a.id)) && hall.log.contains(.mediaStarted(b.id)) })
      let voice = a.voice
      a.voice = { _ in nil }
      #expect(hall.talk { hall.log.contains(.mediaLost(a.id)) })
      #expect(!hall.log.contains(.mediaLost(b.id)))
      a.voice = voice
      #expect(hall.talk { hall.log.contains(.mediaReturned(a.id)) && b.hears(440) })
    }

    @Test func closingBringsTheFigures() throws {
      let hall = try Hall()
      let a = try hall.add(.pcmu).singing(440).join()
      let b = try hall.add(.pcmu).silent().join()
      #expect(hall.talk { b.hears(440) })
      hall.remove(a)
      let figures: RelayStreamStatistics? = hall.event {
        if case .closed(a.id, let figures) = $0 { figures } else { nil }
      }
      #expect((figures?.a.packetsReceived ?? 0) >= 10)
      #expect((figures?.a.packetsSent ?? 0) > 10)
      #expect(hall.talk { b.misses(440) })
      // A party that never had a stream ends as well.
      let c = try hall.add(.pcmu)
      hall.remove(c)
      #expect(hall.talk { hall.log.contains(.closed(c.id, RelayStreamStatistics())) })
      hall.room.close()
      #expect(hall.talk { hall.log.contains { if case .closed(b.id, _) = $0 { true } else { false } } })
      #expect(hall.relay.counters.portsInUse == 0)
      #expect(hall.room.openParty() == nil)
    }

    @Test func reportsAreOurs() throws {
      let hall = try Hall()
      let a = try hall.add(.pcmu).singing(440).join()
      let b = try hall.add(.opus, isSecure: true).singing(700).join()
      #expect(hall.talk(within: 12) { !a.reports.isEmpty && !b.reports.isEmpty })
      let report = try #require(a.reports.first)
      let parsed = report.withUnsafeBytes { RTCPCompound.parse($0) }
      // A sender report about what it is sent, with a block about what it sends, and a name.
      #expect(parsed?.count == 2)
      #expect(parsed?.ssrc == a.headers.last?.ssrc)
      #expect(report[1] == 200 && report[0] & 31 == 1)
      #expect(report[28..<32].reduce(0) { $0 << 8 | UInt32($1) } == a.ssrc)
      // Nothing was lost.
      #expect(report[32..<36].allSatisfy { $0 == 0 })
      // A party that leaves is told goodbye.
      let count = a.reports.count
      a.party.close()
      #expect(hall.talk { a.reports.count > count })
      #expect(a.reports.last?.suffix(8).dropFirst().first == 203)
    }

    /// A party that reports loss gets each packet with the one before in it (RFC 6716 §2.1.7); others do not.
    @Test func whoLosesPacketsIsSentRedundancy() throws {
      let hall = try Hall()
      var voice = SpeechLike(seed: 3, pitch: 130)
      let speech = voice.samples(10 * 48_000)
      let speaker = try hall.add(.l16(.full)).join()
      speaker.voice = { tick in Array(speech[(tick % 500) * 960..<(tick % 500 + 1) * 960]) }
      let (a, b) = (try hall.add(.opus).silent().join(), try hall.add(.opus).silent().join())
      a.keepsPayloads = true
      b.keepsPayloads = true
      #expect(hall.talk { !a.headers.isEmpty })
      let ours = try #require(a.headers.last?.ssrc)
      func word(_ value: UInt32) -> [UInt8] {
        (0..<4).map { UInt8(truncatingIfNeeded: value >> (24 - 8 * $0)) }
      }
      // A quarter of the packets of this stream.
      a.send(
        [0x81, 201, 0, 7] + word(a.ssrc) + word(ours) + word(64 << 24 | 40) + [UInt8](repeating: 0, count: 16)
      )
      let hasRedundancy = { (caller: Caller) in
        caller.payloads.suffix(25).contains { payload in
          payload.withUnsafeBytes { OpusPacket($0)?.hasRedundancy ?? false }
        }
      }
      #expect(hall.talk(within: 15) { hasRedundancy(a) })
      #expect(!hasRedundancy(b))
    }

    @Test func aFullRoomRefuses() throws {
      var configuration = Hall.plain
      configuration.maximumParties = 2
      let hall = try Hall(configuration)
      let a = try hall.add(.pcmu)
      try hall.add(.pcmu)
      #expect(hall.room.openParty() == nil)
      hall.remove(a)
      #expect(hall.room.openParty() != nil)
      // Nothing in common that is mixed.
      let b = try #require(hall.callers.first)
      b.remote.codecs = [Codec(18, "G729", clockRate: 8_000)]
      #expect(!b.connect())
    }
  }
}

/// With real sockets in real time: one after the other.
@Suite(.serialized) struct AudioBridgeTests {}
