import CallModel
import Testing

@testable import TestCaller

@Suite struct TelephoneEventsTests {
  static func steps(_ digits: String) -> [DigitSender.Step?] {
    var sender = DigitSender()
    _ = sender.add(digits.compactMap { DTMFDigit($0) })
    return (0..<40).map { _ in sender.next(samplesPerPacket: 160) }
  }

  @Test func aDigitGrowsAndEndsThreeTimes() throws {
    let packets = Self.steps("5").compactMap { $0 }
    #expect(packets.count == 10)
    #expect(packets.map(\.isFirst) == [true] + Array(repeating: false, count: 9))
    #expect(packets.map { $0.payload[0] } == Array(repeating: 5, count: 10))
    // RFC 4733 §2.5.1.4: the end three times, with the same duration.
    #expect(
      packets.map { $0.payload[1] & 0x80 != 0 } == Array(repeating: false, count: 7) + [true, true, true])
    let durations = packets.map { Int($0.payload[2]) << 8 | Int($0.payload[3]) }
    #expect(durations == (1...8).map { $0 * 160 } + [1280, 1280])
  }

  @Test func aPauseStandsBetweenDigits() {
    let steps = Self.steps("12")
    #expect(steps[..<10].allSatisfy { $0?.payload[0] == 1 })
    #expect(steps[10..<14].allSatisfy { $0 == nil })
    #expect(steps[14..<24].allSatisfy { $0?.payload[0] == 2 })
    #expect(steps[24...].allSatisfy { $0 == nil })
  }

  @Test func tooManyDigitsAreRefused() {
    var sender = DigitSender()
    guard let digit = DTMFDigit("1") else { return }
    let full = sender.add(Array(repeating: digit, count: DigitSender.limit))
    let more = sender.add([digit])
    #expect(full)
    #expect(!more)
  }

  @Test func lossAndRepetitionMakeNoDigit() {
    var receiver = DigitReceiver()
    func packet(_ event: UInt8, _ timestamp: UInt32) -> RTPPacket {
      RTPPacket(
        payloadType: 101, sequenceNumber: 0, timestamp: timestamp, ssrc: 1, payload: [event, 0x8a, 5, 0])
    }
    // The start lost, the end three times; an older one late; the same digit anew; across the wrap of the timestamp.
    for (event, timestamp) in [(7, 100), (7, 100), (7, 100), (3, 60), (7, 2000), (7, 2000)]
      as [(UInt8, UInt32)]
    {
      _ = receiver.receive(packet(event, timestamp))
    }
    #expect(receiver.digits.map(\.event) == [7, 7])
    _ = receiver.receive(packet(99, 5000))
    _ = receiver.receive(
      RTPPacket(payloadType: 101, sequenceNumber: 0, timestamp: 9000, ssrc: 1, payload: [1, 2]))
    #expect(receiver.digits.count == 2)
  }
}
