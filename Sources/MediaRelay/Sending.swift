/// The numbering of the RTP stream that one party is being sent.
///
/// A relayed stream keeps its sequence numbers until digits are inserted into it; from then on they are
/// shifted, so that the receiver sees one stream without a gap or a double number.
struct Sending {
  private(set) var ssrc: UInt32 = 0
  private(set) var isActive = false
  /// Outgoing, newest.
  private(set) var sequence: UInt16 = 0
  private(set) var timestamp: UInt32 = 0
  private(set) var time: Int64 = 0
  /// Incoming, newest that was forwarded.
  private var incoming: UInt16 = 0
  /// Added to incoming numbers from `boundary` on; below it, `offsetBefore`.
  private var offset: UInt16 = 0
  private var offsetBefore: UInt16 = 0
  private var boundary: UInt16 = 0
  private var hasBoundary = false
  /// Digits went out since the last forwarded packet: the next one sets a new boundary.
  private var isInterrupted = false

  /// What has been added to the incoming sequence numbers; reports about this stream are corrected by it.
  var shift: UInt16 { offset }

  /// The outgoing number of a packet, or nil when it has no place any more (it belongs into the time a digit
  /// took).
  @inline(__always)
  mutating func forward(ssrc: UInt32, sequence: UInt16, timestamp: UInt32, now: Int64) -> UInt16? {
    if _fastPath(isActive && ssrc == self.ssrc && !isInterrupted && !hasBoundary) {
      let out = sequence &+ offset
      if Int16(bitPattern: sequence &- incoming) > 0 {
        incoming = sequence
        self.sequence = out
        self.timestamp = timestamp
        time = now
      }
      return out
    }
    return forwardSlowly(ssrc: ssrc, sequence: sequence, timestamp: timestamp, now: now)
  }

  private mutating func forwardSlowly(ssrc: UInt32, sequence: UInt16, timestamp: UInt32, now: Int64)
    -> UInt16?
  {
    if !isActive || ssrc != self.ssrc {
      self = Sending()
      self.ssrc = ssrc
      isActive = true
      incoming = sequence
      self.sequence = sequence
      self.timestamp = timestamp
      time = now
      return sequence
    }
    let isNewer = Int16(bitPattern: sequence &- incoming) > 0
    if isInterrupted {
      // Late: from before the digit.
      guard isNewer else { return sequence &+ offset }
      offsetBefore = offset
      boundary = sequence
      hasBoundary = true
      isInterrupted = false
      lastBefore = incoming
      offset = self.sequence &+ 1 &- sequence
    }
    if hasBoundary && Int16(bitPattern: sequence &- boundary) < 0 {
      // Left out while the digit lasted, or late from before it.
      return Int16(bitPattern: sequence &- lastBefore) <= 0 ? sequence &+ offsetBefore : nil
    }
    // Far enough from the digit that nothing late from before it can come.
    if hasBoundary && sequence &- boundary > 1000 && isNewer { hasBoundary = false }
    let out = sequence &+ offset
    if isNewer {
      incoming = sequence
      self.sequence = out
      self.timestamp = timestamp
      time = now
    }
    return out
  }

  /// Incoming number of the last packet before the digit.
  private var lastBefore: UInt16 = 0

  /// Makes a numbering of our own for a party that has been sent nothing yet.
  mutating func begin(ssrc: UInt32, sequence: UInt16, timestamp: UInt32, now: Int64) {
    self = Sending()
    self.ssrc = ssrc
    self.sequence = sequence
    self.timestamp = timestamp
    incoming = sequence
    time = now
    isActive = true
  }

  /// The number of the next inserted packet.
  mutating func insert() -> UInt16 {
    isInterrupted = true
    sequence &+= 1
    return sequence
  }

  /// The media timestamp of this moment.
  func timestamp(at now: Int64, clockRate: UInt32) -> UInt32 {
    let elapsed = max(0, min(now - time, 3_600_000_000_000)) / 1000
    return timestamp &+ UInt32(truncatingIfNeeded: elapsed * Int64(clockRate) / 1_000_000)
  }
}

/// When sender reports went to a party, to take round trips from its answers (RFC 3550 §6.4.1).
struct ReportTimes {
  private var middle: SIMD4<UInt32> = .zero
  private var times: SIMD4<Int64> = .zero
  private var next = 0

  /// The middle 32 bits of the report's NTP timestamp, as `LSR` will quote them.
  mutating func sent(_ middle: UInt32, now: Int64) {
    self.middle[next] = middle
    times[next] = now
    next = (next + 1) & 3
  }

  /// Nanoseconds, or nil when the quoted report is not ours. `delay` in units of 1/65536 s.
  func roundTrip(last: UInt32, delay: UInt32, now: Int64) -> Int64? {
    guard last != 0 else { return nil }
    for i in 0..<4 where middle[i] == last && times[i] != 0 {
      return max(0, now - times[i] - Int64(delay) * 1_000_000_000 / 65536)
    }
    return nil
  }
}
