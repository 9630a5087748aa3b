import CallModel
import Codecs
import TestSupport
import Testing

@testable import AudioMixing

/// One party misbehaves: what becomes of it is clear, and the others hear each other as ever.
@Suite struct BadParticipantTests {
  /// Two that sing, one that listens, and the guest; returns what the listener heard of the two.
  private func meet(
    _ encoding: AudioEncoding, _ misbehave: (Meeting, Phone, Int) -> Void
  ) throws -> (Meeting, guest: Phone) {
    let meeting = Meeting()
    try meeting.add(Phone(encoding, ssrc: 1, tone: 440))
    try meeting.add(Phone(encoding, ssrc: 2, tone: 700))
    try meeting.add(Phone(listening: encoding, ssrc: 3))
    let guest = try meeting.add(Phone(encoding, ssrc: 4, tone: 1_100))
    meeting.run(seconds: 1)
    for step in 0..<150 {
      misbehave(meeting, guest, step)
      meeting.run(seconds: 0.02)
    }
    let listener = meeting.phones[2]
    for tone in [440.0, 700] {
      #expect(listener.level(of: tone, seconds: 2) > 2_800)
    }
    let piece = listener.heard.suffix(encoding.sampleRate)
    let steps = zip(piece, piece.dropFirst()).map { abs(Int($0) - Int($1)) }
    #expect(Double(steps.max() ?? 0) < 6_000 * 6.3 * 2_240 / Double(encoding.sampleRate) * 1.5 + 2_000)
    return (meeting, guest)
  }

  @Test(arguments: [AudioEncoding.pcma, .opus]) func aHundredTimesThePackets(encoding: AudioEncoding) throws {
    let (meeting, guest) = try meet(encoding) { meeting, guest, _ in
      guard let payload = guest.encode(meeting.tick) else { return }
      for i in 0..<100 {
        meeting.receive(
          guest, payload, sequence: guest.sequence &+ UInt16(i),
          timestamp: guest.timestamp &+ UInt32(i * encoding.clockRate / 50))
      }
    }
    let statistics = try #require(meeting.jitterStatistics(of: guest))
    #expect(statistics.flooding > 10_000)
    #expect(meeting.decodedPackets(of: guest) < 700)
  }

  @Test func keysWithoutEnd() throws {
    let (meeting, guest) = try meet(.pcma) { meeting, guest, _ in
      for i in 0..<50 {
        meeting.receive(
          guest, [UInt8(i % 16), 0x8a, 0, 160], payloadType: 101, sequence: guest.sequence,
          timestamp: guest.timestamp)
        guest.sequence &+= 1
      }
    }
    let statistics = try #require(meeting.jitterStatistics(of: guest))
    #expect(statistics.flooding > 3_000)
  }

  @Test func otherEncodingsThanAgreed() throws {
    let (meeting, guest) = try meet(.pcma) { meeting, guest, _ in
      #expect(meeting.receive(guest, [1, 2, 3], payloadType: 0) == .unknownPayloadType)
      #expect(meeting.receive(guest, [1, 2, 3], payloadType: 127) == .unknownPayloadType)
      #expect(meeting.receive(guest, [1, 2, 3], payloadType: 200) == .unknownPayloadType)
      #expect(meeting.receive(guest, [], payloadType: 8) == .malformed)
      #expect(meeting.receive(guest, [UInt8](repeating: 1, count: 961), payloadType: 8) == .malformed)
    }
    #expect(meeting.phones[2].level(of: 1_100) > 2_000)
    #expect(meeting.isSpeaking(guest))
  }

  @Test func sequenceAndTimeThatJump() throws {
    var random = SplitMix(seed: 2)
    let (meeting, guest) = try meet(.opus) { _, guest, step in
      if step % 10 == 0 { guest.sequence &+= UInt16(truncatingIfNeeded: random.next()) }
      if step % 15 == 0 { guest.timestamp &+= UInt32(truncatingIfNeeded: random.next()) }
    }
    let statistics = try #require(meeting.jitterStatistics(of: guest))
    #expect(statistics.restarts >= 10)
  }

  @Test func oneThatStops() throws {
    let (meeting, guest) = try meet(.opus) { _, guest, _ in guest.voice = { _ in nil } }
    #expect(!meeting.isSpeaking(guest))
    #expect(meeting.phones[2].level(of: 1_100) < 60)
  }

  /// It changes its encoding with every packet: once a second at most it is followed.
  @Test func encodingsThatChangeAllTheTime() throws {
    let meeting = Meeting()
    let guest = try Phone(.pcma, ssrc: 1, tone: 440)
    try meeting.add(guest) { $0.receives = [.init(8, .pcma), .init(0, .pcmu), .init(9, .g722)] }
    try meeting.add(Phone(listening: .pcma, ssrc: 2))
    var refused = 0
    for i in 0..<200 {
      let type: UInt8 = [8, 0, 9][i % 3]
      if meeting.receive(guest, [UInt8](repeating: 0xd5, count: 160), payloadType: type) == .changesTooOften {
        refused += 1
      }
      guest.sequence &+= 1
      guest.timestamp &+= 160
      meeting.deliver(at: meeting.now)
      meeting.tick += 1
    }
    #expect(refused > 100)
    // Once it has made up its mind, it is heard in what it chose.
    let other = try Phone(.pcmu, ssrc: 1, tone: 440)
    other.id = guest.id
    meeting.phones[0] = other
    meeting.run(seconds: 3)
    #expect(meeting.phones[1].level(of: 440) > 2_800)
  }
}
