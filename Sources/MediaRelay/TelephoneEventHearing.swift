/// Recognises the events in one party's RFC 4733 packets: many packets, one event.
struct TelephoneEventHearing {
  struct Heard: Equatable {
    var code: UInt8
    /// In RTP timestamp units.
    var duration: UInt32
  }

  /// Bytes of the payload of one event (RFC 4733 §2.3).
  static let payloadLength = 4

  private var isActive = false
  private var isReported = false
  private var ssrc: UInt32 = 0
  private var timestamp: UInt32 = 0
  private var code: UInt8 = 0
  private var duration: UInt16 = 0
  private(set) var lastHeard: Int64 = 0

  /// Takes the payload of one packet. Returns an event that has just ended: this one (its first packet with
  /// the E bit), or the one before, whose end packets were all lost.
  mutating func note(_ payload: UnsafeRawBufferPointer, ssrc: UInt32, timestamp: UInt32, now: Int64) -> Heard?
  {
    guard payload.count >= TelephoneEventHearing.payloadLength, let base = payload.baseAddress else {
      return nil
    }
    let code = base.load(as: UInt8.self)
    let isEnd = base.load(fromByteOffset: 1, as: UInt8.self) & 0x80 != 0
    let duration = base.loadBigEndian16(2)
    lastHeard = now
    if isActive && ssrc == self.ssrc && timestamp == self.timestamp {
      if duration > self.duration { self.duration = duration }
      guard isEnd, !isReported else { return nil }
      isReported = true
      return Heard(code: self.code, duration: UInt32(self.duration))
    }
    // Late packets of an event that is over must not start it again.
    if isActive && ssrc == self.ssrc && Int32(bitPattern: timestamp &- self.timestamp) < 0 { return nil }
    let before = unfinished
    isActive = true
    isReported = false
    self.ssrc = ssrc
    self.timestamp = timestamp
    self.code = code
    self.duration = duration
    if let before {
      return before
    }
    guard isEnd else { return nil }
    isReported = true
    return Heard(code: code, duration: UInt32(duration))
  }

  /// Ends an event whose packets have stopped without an end.
  mutating func expire(now: Int64, after silence: Int64) -> Heard? {
    guard let event = unfinished, now - lastHeard >= silence else { return nil }
    isReported = true
    return event
  }

  private var unfinished: Heard? {
    isActive && !isReported ? Heard(code: code, duration: UInt32(duration)) : nil
  }
}
