import CallModel

/// Puts the packets of one RTP stream back into order and time.
///
/// Packets go in as they arrive; the reader asks for what comes next whenever it needs audio. Losses, pauses
/// and waiting are told apart. The delay follows the jitter that is seen; the reader keeps to it by
/// stretching or dropping audio (``delay(now:pending:)`` against ``targetDelay``). Everything is bounded:
/// packets, bytes and packets a second.
///
/// Sequence numbers and timestamps are extended to 64 bits. A stream that jumps (another SSRC, sequence or
/// time) is followed when its second packet in order confirms it; a single stray packet changes nothing.
public struct JitterBuffer: ~Copyable {
  public struct Configuration: Sendable, Hashable {
    /// Before anything is known of the jitter.
    public var initialDelay = TimeSpan.milliseconds(40)
    public var minimumDelay = TimeSpan.milliseconds(10)
    public var maximumDelay = TimeSpan.milliseconds(300)
    /// Bytes of payload kept.
    public var storage = 16_384
    public init() {}
  }

  /// What became of a packet that arrived.
  public enum Arrival: Sendable, Hashable {
    case accepted
    case duplicate
    /// Its time is over.
    case late
    /// It does not belong to the stream as known; the next one decides.
    case probation
    /// More packets than any encoding sends.
    case flooding
    /// A payload that does not fit.
    case oversized
  }

  /// A packet as the buffer keeps it.
  public struct Packet: Sendable {
    public var sequence: Int64
    public var timestamp: Int64
    /// In timestamp units.
    public var duration: Int
    public var note: PacketNote
    fileprivate var position: Int
    fileprivate var length: Int
  }

  public enum Item: Sendable {
    case packet(Packet)
    /// Audio of this length, in timestamp units, is lost; the packet right behind it may carry a copy.
    case lost(Int, next: Packet?)
    /// The sender is silent on purpose.
    case pause
    /// Something should be there, and nothing is.
    case empty
  }

  static let slotCount: Int64 = 64
  /// Most encodings have 50 packets a second, some 100; Opus can have 400.
  static let packetsPerSecond: Int64 = 400
  /// Packets that may come at once, as after a stall of the network.
  static let burst: Int64 = 64
  static let longestPayload = 4_096
  /// A transit time that differs by more is another timeline, in microseconds.
  static let timelineTolerance: Int64 = 500_000
  /// A longer hole, in timestamp units of a second, is not concealed but left out: a quarter.
  private var longestLoss: Int64 { clockRate / 4 }

  private let configuration: Configuration
  private let clockRate: Int64
  private let slots: UnsafeMutablePointer<Packet>
  private let bytes: UnsafeMutableRawPointer
  /// Bytes written ever; a payload is there while it is among the last ``Configuration/storage``.
  private var written = 0
  /// One bit a slot.
  private var occupied: UInt64 = 0

  private var hasStream = false
  private var ssrc: UInt32 = 0
  private var highestSequence: Int64 = 0
  private var lastTimestamp: Int64 = 0
  private var candidate: (ssrc: UInt32, sequence: UInt16)?

  /// Waits for ``targetDelay`` before it plays the first packet.
  private var isHolding = true
  private var nextSequence: Int64 = 0
  private var playTimestamp: Int64 = 0
  private var lastDuration: Int64 = 0
  private var isInPause = false
  /// Timestamp units that were bridged while nothing was there: taken off a hole that shows up behind.
  private var credit: Int64 = 0
  /// Timestamp units of the pause that have passed since its last packet.
  private var paused: Int64 = 0

  private var arrivals: ArrivalStatistics
  private var tokens = JitterBuffer.burst * 1_000_000
  private var tokensAt: Int64 = .min
  public private(set) var statistics = JitterStatistics()

  /// - Parameter clockRate: RTP timestamp units a second, at least 1000.
  public init(clockRate: Int, configuration: Configuration = Configuration()) {
    self.configuration = configuration
    self.clockRate = Int64(max(1_000, clockRate))
    slots = .allocate(capacity: Int(JitterBuffer.slotCount))
    slots.initialize(
      repeating: Packet(
        sequence: .min, timestamp: 0, duration: 0, note: PacketNote(kind: .event), position: 0, length: 0),
      count: Int(JitterBuffer.slotCount))
    bytes = .allocate(byteCount: max(configuration.storage, 2 * JitterBuffer.longestPayload), alignment: 16)
    arrivals = ArrivalStatistics(initialTarget: max(5_000, configuration.initialDelay.nanoseconds / 1_000))
  }

  deinit {
    slots.deallocate()
    bytes.deallocate()
  }

  private var storage: Int { max(configuration.storage, 2 * JitterBuffer.longestPayload) }

  // MARK: Arrival

  /// Takes a packet. The payload is copied.
  ///
  /// - Parameter duration: of its audio, in timestamp units; 0 for what is none.
  public mutating func insert(
    sequenceNumber: UInt16, timestamp: UInt32, ssrc: UInt32, isMarked: Bool = false, duration: Int,
    note: PacketNote, payload: UnsafeRawBufferPointer, now: MonotonicInstant
  ) -> Arrival {
    let now = now.nanoseconds / 1_000
    guard takeToken(now) else { return statistics.count(.flooding) }
    guard payload.count <= JitterBuffer.longestPayload else { return statistics.count(.oversized) }
    if !hasStream {
      restart(sequenceNumber, timestamp, ssrc, now)
    } else if ssrc != self.ssrc {
      guard confirms(sequenceNumber, ssrc) else { return statistics.count(.probation) }
      restart(sequenceNumber, timestamp, ssrc, now)
      statistics.restarts &+= 1
    }
    var sequence = extended(sequenceNumber)
    var time = extended(timestamp)
    var transit = now - microseconds(time)
    let deviation = transit - arrivals.base
    let isFar =
      sequence >= nextSequence + JitterBuffer.slotCount || sequence < nextSequence - 1_000
      // An event keeps the time of its beginning, however long it lasts.
      || note.kind != .event && abs(deviation) > JitterBuffer.timelineTolerance
    if isFar {
      // A marked packet that comes later than expected is a sender that went on after a rest with its old
      // time.
      let isRested = isMarked && deviation > 0 && occupied == 0
      guard isRested || confirms(sequenceNumber, ssrc) else { return statistics.count(.probation) }
      restart(sequenceNumber, timestamp, ssrc, now)
      statistics.restarts &+= 1
      sequence = extended(sequenceNumber)
      time = extended(timestamp)
      transit = now - microseconds(time)
    }
    candidate = nil

    if sequence < nextSequence {
      guard isHolding, sequence > nextSequence - 16 else {
        // Lateness is what the delay must learn from, and most of all that of those it missed.
        if sequence > highestSequence - JitterBuffer.slotCount { arrivals.note(transit: transit, now: now) }
        return statistics.count(.late)
      }
      nextSequence = sequence
    }
    let bit = UInt64(1) << UInt64(sequence & (JitterBuffer.slotCount - 1))
    let slot = slots + Int(sequence & (JitterBuffer.slotCount - 1))
    if occupied & bit != 0, slot.pointee.sequence == sequence { return statistics.count(.duplicate) }
    if sequence > highestSequence {
      highestSequence = sequence
      if note.kind != .event { lastTimestamp = time }
    }
    if note.kind != .event { arrivals.note(transit: transit, now: now) }
    slot.pointee = Packet(
      sequence: sequence, timestamp: time, duration: duration, note: note, position: store(payload),
      length: payload.count)
    occupied |= bit
    return statistics.count(.accepted)
  }

  private mutating func takeToken(_ now: Int64) -> Bool {
    if tokensAt != .min {
      let elapsed = max(0, min(now - tokensAt, 1_000_000))
      tokens = min(tokens + elapsed * JitterBuffer.packetsPerSecond, JitterBuffer.burst * 1_000_000)
    }
    tokensAt = now
    guard tokens >= 1_000_000 else { return false }
    tokens -= 1_000_000
    return true
  }

  /// Whether the packet follows the last one that did not fit (RFC 3550 A.1: two in order make a source).
  private mutating func confirms(_ sequenceNumber: UInt16, _ ssrc: UInt32) -> Bool {
    defer { candidate = (ssrc, sequenceNumber &+ 1) }
    return candidate?.ssrc == ssrc && candidate?.sequence == sequenceNumber
  }

  private mutating func restart(_ sequenceNumber: UInt16, _ timestamp: UInt32, _ ssrc: UInt32, _ now: Int64) {
    hasStream = true
    self.ssrc = ssrc
    occupied = 0
    candidate = nil
    highestSequence = Int64(sequenceNumber) + 1 << 32
    lastTimestamp = Int64(timestamp) + 1 << 40
    nextSequence = highestSequence
    playTimestamp = lastTimestamp
    isHolding = true
    credit = 0
    arrivals.restart(transit: now - microseconds(lastTimestamp), now: now)
  }

  private func extended(_ sequenceNumber: UInt16) -> Int64 {
    highestSequence &+ Int64(Int16(bitPattern: sequenceNumber &- UInt16(truncatingIfNeeded: highestSequence)))
  }

  private func extended(_ timestamp: UInt32) -> Int64 {
    lastTimestamp &+ Int64(Int32(bitPattern: timestamp &- UInt32(truncatingIfNeeded: lastTimestamp)))
  }

  private func microseconds(_ ticks: Int64) -> Int64 {
    let (seconds, rest) = ticks.quotientAndRemainder(dividingBy: clockRate)
    return seconds &* 1_000_000 &+ rest &* 1_000_000 / clockRate
  }

  private mutating func store(_ payload: UnsafeRawBufferPointer) -> Int {
    // A payload lies in one piece: what is left of the ring before its end is skipped.
    let rest = storage - written % storage
    if payload.count > rest { written += rest }
    let position = written
    if let base = payload.baseAddress, !payload.isEmpty {
      (bytes + position % storage).copyMemory(from: base, byteCount: payload.count)
    }
    written += payload.count
    return position
  }

  // MARK: Playing

  /// Gives what comes next. `wanted` timestamp units are needed now; when nothing is there, the reader
  /// bridges as many.
  public mutating func next(now: MonotonicInstant, wanted: Int) -> Item {
    let now = now.nanoseconds / 1_000
    while let packet = firstPacket() {
      if isHolding {
        guard delay(of: packet.timestamp, now) >= targetMicroseconds || isCrowded else { return .empty }
        isHolding = false
        play(from: packet)
      }
      let missing = packet.sequence - nextSequence
      let gap = packet.timestamp - playTimestamp - (missing > 0 ? credit : 0)
      if packet.note.kind == .event || gap <= 0 { return deliver(packet) }
      if missing == 0 || isInPause || gap > longestLoss {
        // The sender was silent until this: there is no seam to keep, so it begins when it suits the delay.
        guard delay(of: packet.timestamp, now) >= targetMicroseconds || isCrowded else { return .pause }
        return deliver(packet)
      }
      let length = min(gap, lastDuration > 0 ? lastDuration : gap)
      nextSequence += 1
      playTimestamp += length + credit
      credit = 0
      statistics.lost &+= 1
      return .lost(Int(length), next: gap == length && nextSequence == packet.sequence ? packet : nil)
    }
    if isHolding { return .empty }
    // What stays away for long has ended, a pause too (a phone on hold); what comes then is a new beginning.
    if isInPause {
      paused += Int64(wanted)
      if paused > 2 * clockRate {
        isHolding = true
        isInPause = false
      }
      return .pause
    }
    credit += Int64(wanted)
    if credit > 2 * clockRate {
      isHolding = true
      credit = 0
    }
    statistics.underruns &+= 1
    return .empty
  }

  /// The bytes of a packet that was given, as long as they are still there: at least until the next
  /// ``insert``. Nil later.
  public func payload(of packet: Packet) -> UnsafeRawBufferPointer? {
    guard written - packet.position <= storage else { return nil }
    return UnsafeRawBufferPointer(start: bytes + packet.position % storage, count: packet.length)
  }

  private mutating func play(from packet: Packet) {
    nextSequence = packet.sequence
    playTimestamp = packet.timestamp
    credit = 0
  }

  private mutating func deliver(_ packet: Packet) -> Item {
    occupied &= ~(1 << UInt64(packet.sequence & (JitterBuffer.slotCount - 1)))
    nextSequence = packet.sequence + 1
    credit = 0
    paused = 0
    if packet.note.kind != .event {
      playTimestamp = packet.timestamp + Int64(packet.duration)
      lastDuration = Int64(packet.duration)
      isInPause = packet.note.kind == .silence || packet.note.kind == .comfortNoise
    }
    return .packet(packet)
  }

  /// The packet with the lowest sequence number from ``nextSequence`` on.
  private mutating func firstPacket() -> Packet? {
    while occupied != 0 {
      let start = UInt64(nextSequence & (JitterBuffer.slotCount - 1))
      let turned = start == 0 ? occupied : occupied >> start | occupied << (64 - start)
      let index = (start + UInt64(turned.trailingZeroBitCount)) & 63
      let packet = slots[Int(index)]
      if packet.sequence >= nextSequence, written - packet.position <= storage { return packet }
      // Its bytes were needed for newer ones.
      occupied &= ~(1 << index)
    }
    return nil
  }

  /// Half of the slots: whoever waits now waits for nothing.
  private var isCrowded: Bool { occupied.nonzeroBitCount > 32 }

  // MARK: Delay

  /// What the stream's jitter asks for.
  public var targetDelay: TimeSpan { .microseconds(targetMicroseconds) }

  private var targetMicroseconds: Int64 {
    let least = configuration.minimumDelay.nanoseconds / 1_000
    return max(least, min(arrivals.target, configuration.maximumDelay.nanoseconds / 1_000))
  }

  private func delay(of timestamp: Int64, _ now: Int64) -> Int64 {
    now - arrivals.base - microseconds(timestamp)
  }

  /// How long the audio that plays now has waited, beyond the quickest way through the network.
  ///
  /// - Parameter pending: timestamp units that were given and are not played yet.
  public func delay(now: MonotonicInstant, pending: Int) -> TimeSpan {
    .microseconds(delay(of: playTimestamp - Int64(pending), now.nanoseconds / 1_000))
  }

  /// Packets that wait.
  public var count: Int { occupied.nonzeroBitCount }

  /// Whether audio is under way: false before the first packet, while it waits for the delay, and after the
  /// stream ended.
  public var isPlaying: Bool { hasStream && !isHolding }

  /// Counts audio that the reader left out to shorten the delay.
  public mutating func noteDropped(_ ticks: Int) { statistics.dropped &+= UInt64(max(0, ticks)) }
}
