import CallModel
import Codecs
import TestSupport
import Testing

@testable import TestCaller

@Suite struct RTPProbeTests {
  func at(_ milliseconds: Int64) -> MonotonicInstant { .zero + .milliseconds(milliseconds) }

  func stream(_ numbers: [UInt16], every milliseconds: Int64 = 20) -> RTPReceiver {
    var receiver = RTPReceiver()
    for (i, number) in numbers.enumerated() {
      receiver.receive(
        RTPPacket(
          payloadType: 0, sequenceNumber: number, timestamp: UInt32(number) &* 160, ssrc: 1, payload: []),
        now: at(Int64(i) * milliseconds))
    }
    return receiver
  }

  @Test func aPacketIsReadBack() {
    let packet = RTPPacket(
      payloadType: 8, hasMarker: true, sequenceNumber: 0xfffe, timestamp: 0x89ab_cdef, ssrc: 0x1234_5678,
      payload: [1, 2, 3])
    #expect(RTPPacket(packet.bytes) == packet)
    #expect(packet.bytes.prefix(4) == [0x80, 0x88, 0xff, 0xfe])
  }

  @Test func contributorsExtensionAndPaddingAreNotPayload() {
    var bytes: [UInt8] = [0x80 | 0x20 | 0x10 | 2, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3]
    bytes += [9, 9, 9, 9, 9, 9, 9, 9]
    bytes += [0xbe, 0xde, 0, 1, 7, 7, 7, 7]
    bytes += [42, 43, 0, 0, 3]
    #expect(RTPPacket(bytes)?.payload == [42, 43])
  }

  @Test(
    arguments: [
      [], [0x80], [UInt8](repeating: 0x80, count: 11), [UInt8](repeating: 0, count: 12),
      [0x8f, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3], [0x90, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0],
      [0x90, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0xff, 0xff], [0xa0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0],
      [0xa0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 99], [0x80, 200, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3],
    ] as [[UInt8]])
  func whatIsNotAPacketIsRefused(bytes: [UInt8]) { #expect(RTPPacket(bytes) == nil) }

  @Test func anyBytesAreSafe() {
    var random = SplitMix(seed: 3)
    for _ in 0..<20_000 {
      var bytes = (0..<Int.random(in: 0..<40, using: &random)).map { _ in
        UInt8.random(in: 0...255, using: &random)
      }
      if !bytes.isEmpty { bytes[0] = bytes[0] & 0x3f | 0x80 }
      if let packet = RTPPacket(bytes) { #expect(packet.payload.count <= bytes.count - 12) }
    }
  }

  @Test func aCleanStreamLosesNothing() {
    let receiver = stream(Array(0..<100))
    #expect(receiver.packetsReceived == 100)
    #expect(receiver.packetsLost == 0)
    #expect(receiver.jitter < 0.001)
  }

  @Test func lossAcrossTheRollOver() {
    let receiver = stream([65_533, 65_534, 0, 1, 4])
    #expect(receiver.packetsExpected == 8)
    #expect(receiver.packetsLost == 3)
  }

  @Test func orderAndDuplicates() {
    let receiver = stream([10, 12, 11, 11, 9, 13])
    #expect(receiver.packetsReceived == 5)
    #expect(receiver.packetsLost == 0)
    #expect(receiver.duplicates == 1)
    #expect(receiver.reordered == 2)
  }

  /// Packets alternately on time and 8 ms late: the estimate settles at the mean change of 8 ms.
  @Test func jitterIsTheMeanChangeOfTransit() {
    var receiver = RTPReceiver()
    for i in 0..<400 {
      receiver.receive(
        RTPPacket(
          payloadType: 0, sequenceNumber: UInt16(i), timestamp: UInt32.max - 3000 &+ UInt32(i) &* 160,
          ssrc: 1,
          payload: []), now: at(Int64(i) * 20 + (i % 2 == 0 ? 0 : 8)))
    }
    #expect(abs(receiver.jitter - 8) < 0.1)
  }

  @Test func aNewSourceIsCountedAnew() {
    var receiver = stream([1, 2, 50])
    receiver.receive(
      RTPPacket(payloadType: 0, sequenceNumber: 7, timestamp: 0, ssrc: 2, payload: []), now: at(1000))
    #expect(receiver.packetsExpected == 1)
    #expect(receiver.packetsLost == 0)
  }

  @Test func theSenderKnowsWhenEachPacketWentOut() {
    var sender = RTPSender(payloadType: 0, ssrc: 5, sequenceNumber: 65_535, timestamp: .max)
    let first = sender.packet([1], now: at(0))
    let second = sender.packet([2], now: at(20))
    #expect(first.hasMarker && !second.hasMarker)
    #expect(second.sequenceNumber == 0)
    #expect(second.timestamp == 159)
    #expect(sender.roundTrip(of: 65_535, now: at(45)) == .milliseconds(45))
    #expect(sender.roundTrip(of: 0, now: at(45)) == .milliseconds(25))
    #expect(sender.roundTrip(of: 1, now: at(45)) == nil)
    for i in 0..<1024 { _ = sender.packet([], now: at(Int64(i))) }
    #expect(sender.roundTrip(of: 0, now: at(2000)) == nil)
  }

  @Test func audioIsPutBackOnItsTimeLine() {
    var tone = ToneGenerator(frequency: 440)
    var sender = RTPSender(payloadType: 8, ssrc: 1, sequenceNumber: 1, timestamp: .max - 400)
    var packets = (0..<100).map { _ in sender.packet(G711.pcma.encode(tone.samples(160)), now: .zero) }
    packets.swapAt(50, 52)
    var assembly = AudioAssembly(codec: .pcma)
    for packet in packets { assembly.add(packet) }
    assembly.add(
      RTPPacket(payloadType: 101, sequenceNumber: 9, timestamp: 0, ssrc: 1, payload: [1, 2, 3, 4]))
    #expect(assembly.samples.count == 16_000)
    #expect(ToneAnalysis(assembly.samples, sampleRate: 8000).isTone(440))
  }

  @Test func aWildTimestampCostsNoMemory() {
    var assembly = AudioAssembly(codec: .pcmu, limit: 1000)
    assembly.add(RTPPacket(payloadType: 0, sequenceNumber: 1, timestamp: 0, ssrc: 1, payload: [1]))
    assembly.add(RTPPacket(payloadType: 0, sequenceNumber: 2, timestamp: 0x7fff_ffff, ssrc: 1, payload: [1]))
    assembly.add(RTPPacket(payloadType: 0, sequenceNumber: 3, timestamp: 0x8000_0000, ssrc: 1, payload: [1]))
    assembly.add(RTPPacket(payloadType: 0, sequenceNumber: 4, timestamp: 1000, ssrc: 1, payload: [1]))
    #expect(assembly.samples.count == 1)
  }
}
