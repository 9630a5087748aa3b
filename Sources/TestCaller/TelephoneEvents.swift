import CallModel

/// Digits on their way out as RFC 4733 packets, one each 20 ms: the event grows packet by packet, its end is sent three
/// times, and a pause follows before the next.
struct DigitSender {
  /// What one packet carries.
  struct Step: Equatable {
    var payload: [UInt8]
    var isFirst: Bool
    /// The last packet of the event; the next one has a new timestamp.
    var isLast: Bool
  }

  /// Packets of growing duration of one digit: 160 ms.
  static let growingSteps = 8
  static let endSteps = 3
  static let pauseSteps = 4
  static let limit = 64

  private var queue: [DTMFDigit] = []
  private var step = 0
  private var pause = 0

  var isIdle: Bool { queue.isEmpty && pause == 0 }

  /// False when too many wait.
  mutating func add(_ digits: [DTMFDigit]) -> Bool {
    guard queue.count + digits.count <= DigitSender.limit else { return false }
    queue += digits
    return true
  }

  /// What goes out now in place of audio; nil when audio does.
  mutating func next(samplesPerPacket: Int) -> Step? {
    if pause > 0 {
      pause -= 1
      return nil
    }
    guard let digit = queue.first else { return nil }
    step += 1
    let duration = UInt16(clamping: min(step, DigitSender.growingSteps) * samplesPerPacket)
    let isEnd = step >= DigitSender.growingSteps
    let isLast = step == DigitSender.growingSteps + DigitSender.endSteps - 1
    // Volume 10: -10 dBm0, a usual level of a key press.
    let payload: [UInt8] = [
      digit.event, (isEnd ? 0x80 : 0) | 10, UInt8(duration >> 8), UInt8(duration & 0xff),
    ]
    defer {
      if isLast {
        queue.removeFirst()
        step = 0
        pause = DigitSender.pauseSteps
      }
    }
    return Step(payload: payload, isFirst: step == 1, isLast: isLast)
  }
}

/// Recognises digits in RFC 4733 packets: many packets of one timestamp are one digit.
struct DigitReceiver {
  private(set) var digits: [DTMFDigit] = []
  private var last: (ssrc: UInt32, timestamp: UInt32)?
  static let limit = 1024

  /// True if a digit has begun with this packet.
  mutating func receive(_ packet: RTPPacket) -> Bool {
    guard packet.payload.count >= 4, let digit = DTMFDigit(event: packet.payload[0]),
      digits.count < DigitReceiver.limit
    else { return false }
    if let last, last.ssrc == packet.ssrc, Int32(bitPattern: packet.timestamp &- last.timestamp) <= 0 {
      return false
    }
    last = (packet.ssrc, packet.timestamp)
    digits.append(digit)
    return true
  }
}
