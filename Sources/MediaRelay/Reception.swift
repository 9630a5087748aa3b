/// What is known of the RTP a party sends, from its sequence numbers and timestamps (RFC 3550 §6.4.1, A.1,
/// A.3, A.8).
///
/// A new SSRC starts the count afresh; the losses of the SSRC before stay in the sum.
struct Reception {
  private(set) var ssrc: UInt32 = 0
  private(set) var isActive = false
  private(set) var payloadType: UInt8 = 255
  private var highest: UInt16 = 0
  private var cycles: UInt32 = 0
  private var base: UInt32 = 0
  private var received: UInt32 = 0
  private var restartAt: UInt32 = .max
  /// Packets near the highest that were seen, to tell duplicates from late ones.
  private var window: UInt64 = 0
  private var transit: UInt32 = 0
  private var hasTransit = false
  /// In RTP timestamp units, times 16 (RFC 3550 A.8).
  private var jitter16: UInt32 = 0
  private var clockRate: UInt32 = 8000
  private var lostBefore: UInt64 = 0
  private(set) var outOfOrder: UInt64 = 0
  private(set) var duplicates: UInt64 = 0

  /// Forward jump and backward step beyond which a sequence counts as restarted (RFC 3550 A.1).
  private static let maximumDropout: UInt16 = 3000
  private static let maximumMisorder: UInt16 = 100

  var extendedHighest: UInt32 { cycles &+ UInt32(highest) }

  var lost: UInt64 { lostBefore + currentLost }

  private var currentLost: UInt64 {
    guard isActive else { return 0 }
    let expected = Int64(extendedHighest) - Int64(base) + 1
    return UInt64(max(0, expected - Int64(received)))
  }

  /// In RTP timestamp units.
  var jitter: UInt32 { jitter16 >> 4 }

  var progress: Progress {
    Progress(
      ssrc: ssrc, expected: isActive ? Int64(extendedHighest) - Int64(base) + 1 : 0, received: Int64(received)
    )
  }

  var jitterMilliseconds: Double { Double(jitter16) / 16 / Double(clockRate) * 1000 }

  /// True when a packet goes on where this sender stopped: same SSRC, newer, within the dropout limit.
  func continues(ssrc: UInt32, sequence: UInt16) -> Bool {
    guard isActive, ssrc == self.ssrc else { return false }
    let ahead = sequence &- highest
    return ahead > 0 && ahead < Reception.maximumDropout
  }

  @inline(__always)
  mutating func note(
    ssrc: UInt32, sequence: UInt16, timestamp: UInt32, payloadType: UInt8, clockRate: UInt32, now: Int64
  ) {
    if !isActive || ssrc != self.ssrc { start(ssrc, sequence) } else { advance(sequence) }
    if payloadType != self.payloadType || clockRate != self.clockRate {
      // Another format may run on another clock: its transit times do not compare.
      self.payloadType = payloadType
      self.clockRate = clockRate
      hasTransit = false
    }
    let arrival = UInt32(truncatingIfNeeded: now / 1000 &* Int64(clockRate) / 1_000_000)
    let transit = arrival &- timestamp
    if hasTransit {
      let difference = Int32(bitPattern: transit &- self.transit).magnitude
      // A step of more than a second is a new timestamp base, not jitter.
      if difference < clockRate { jitter16 = jitter16 &+ difference &- ((jitter16 &+ 8) >> 4) }
    }
    self.transit = transit
    hasTransit = true
  }

  private mutating func start(_ ssrc: UInt32, _ sequence: UInt16) {
    lostBefore += currentLost
    self.ssrc = ssrc
    isActive = true
    hasTransit = false
    restart(sequence)
  }

  private mutating func restart(_ sequence: UInt16) {
    highest = sequence
    cycles = 0
    base = UInt32(sequence)
    received = 1
    window = 1
    restartAt = .max
  }

  private mutating func advance(_ sequence: UInt16) {
    let ahead = sequence &- highest
    if ahead != 0 && ahead < Reception.maximumDropout {
      if sequence < highest { cycles &+= 1 << 16 }
      highest = sequence
      window = ahead < 64 ? window << UInt64(ahead) | 1 : 1
      received &+= 1
    } else if ahead == 0 || ahead > UInt16.max - Reception.maximumMisorder {
      let behind = 0 &- ahead
      let bit: UInt64 = behind < 64 ? 1 << UInt64(behind) : 0
      if bit != 0 && window & bit != 0 {
        duplicates += 1
      } else {
        window |= bit
        outOfOrder += 1
        received &+= 1
      }
    } else if UInt32(sequence) == restartAt {
      // Two in sequence after a jump: the sender restarted.
      lostBefore += currentLost
      restart(sequence)
    } else {
      restartAt = UInt32(sequence &+ 1)
      received &+= 1
    }
  }
}
