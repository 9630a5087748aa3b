import CallModel

/// Digits on their way to one party as RFC 4733 packets: pure timing and payloads, numbers come from
/// ``Sending``.
///
/// An event is repeated every ``interval`` with growing duration, its last state three times with the E bit
/// (RFC 4733 §2.5.1.4), then ``gap`` of silence before the next. An event whose duration does not fit 16 bits
/// of timestamp units is cut there (1.36 s at 48 kHz, 8.19 s at 8 kHz).
struct DigitSending {
  struct Packet: Equatable {
    var code: UInt8
    var volume: UInt8
    var isFirst: Bool
    var isEnd: Bool
    var duration: UInt16
  }

  static let interval: Int64 = 20_000_000
  static let gap: Int64 = 80_000_000
  static let queueLimit = 64

  private var queue: [TelephoneEvent] = []
  private var current: TelephoneEvent?
  private var started: Int64 = 0
  private var steps: Int64 = 0
  private var endsSent = 0
  /// When the next packet is due.
  private(set) var due: Int64 = .max
  /// RTP timestamp of the current event, set by the loop at its first packet.
  var timestamp: UInt32 = 0

  var isIdle: Bool { current == nil && queue.isEmpty }

  /// False when too many wait.
  mutating func add(_ event: TelephoneEvent, now: Int64) -> Bool {
    guard queue.count < DigitSending.queueLimit else { return false }
    var event = event
    event.duration = max(.milliseconds(40), min(event.duration, .seconds(6)))
    event.volume = min(event.volume, 63)
    queue.append(event)
    if current == nil { due = min(due, now) }
    return true
  }

  /// The packet due at `now`, if one is. Call again until nil.
  mutating func next(now: Int64, clockRate: UInt32) -> Packet? {
    guard now >= due else { return nil }
    if current == nil {
      guard !queue.isEmpty else {
        due = .max
        return nil
      }
      current = queue.removeFirst()
      started = due
      steps = 0
      endsSent = 0
    }
    guard let event = current else { return nil }
    steps += 1
    let elapsed = min(steps * DigitSending.interval, event.duration.nanoseconds)
    let units = UInt16(clamping: elapsed / 1000 * Int64(clockRate) / 1_000_000)
    let isEnd = elapsed == event.duration.nanoseconds || units == .max
    let packet = Packet(
      code: event.code, volume: event.volume, isFirst: steps == 1, isEnd: isEnd, duration: units)
    due += DigitSending.interval
    if isEnd {
      endsSent += 1
      if endsSent == 3 {
        current = nil
        due = queue.isEmpty ? .max : due + DigitSending.gap
      }
    }
    return packet
  }
}
