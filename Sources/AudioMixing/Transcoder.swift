import CallModel
import Codecs

/// Turns one direction of a call from one encoding into another, packet by packet as they arrive: no delay
/// beyond the codecs' own. The jitter is the receiver's to smooth, as with a call that is only relayed.
///
/// Losses are concealed, from the redundancy of the next packet where there is one; pauses stay pauses;
/// comfort noise and telephone events go through where the other side knows them, and become nothing where it
/// does not. The receiver sees one unbroken stream, whatever the sender does.
public struct Transcoder: ~Copyable {
  public struct Configuration: Sendable {
    public var from: AudioEncoding
    public var to: AudioEncoding
    public var opus: OpusSettings
    public var payloadType: UInt8
    /// Nil: the receiver did not agree to it. Events count time in the clock of the audio they are sent with.
    public var comfortNoisePayloadType: UInt8?
    public var eventPayloadType: UInt8?
    /// Clocks in Hz in which the two sides count the length of events. RFC 4733 §2.4 wants that of the audio, but many use
    /// 8000 with every encoding. Nil: that of the audio.
    public var eventClockRates: (from: Int?, to: Int?) = (nil, nil)
    /// Random, as RFC 3550 §5.1 wants them.
    public var ssrc: UInt32
    public var firstSequenceNumber: UInt16
    public var firstTimestamp: UInt32

    public init(
      from: AudioEncoding, to: AudioEncoding, opus: OpusSettings = OpusSettings(), payloadType: UInt8,
      comfortNoisePayloadType: UInt8? = nil, eventPayloadType: UInt8? = nil, ssrc: UInt32,
      firstSequenceNumber: UInt16, firstTimestamp: UInt32
    ) {
      self.from = from
      self.to = to
      self.opus = opus
      self.payloadType = payloadType
      self.comfortNoisePayloadType = comfortNoisePayloadType
      self.eventPayloadType = eventPayloadType
      self.ssrc = ssrc
      self.firstSequenceNumber = firstSequenceNumber
      self.firstTimestamp = firstTimestamp
    }
  }

  /// A packet for the other side. The bytes are valid during the call that hands it over.
  public struct Packet {
    public var payloadType: UInt8
    public var isMarked: Bool
    public var sequenceNumber: UInt16
    public var timestamp: UInt32
    public var ssrc: UInt32
    public var payload: UnsafeRawBufferPointer
  }

  public enum Outcome: Sendable, Hashable {
    case accepted
    /// Late or a duplicate: its place is taken.
    case late
    case malformed
    /// More audio than time goes by.
    case flooding
  }

  /// Packets in a row that are concealed; a longer hole is a pause.
  static let longestLoss = 5
  /// Audio that may come ahead of the clock, in microseconds; its pace may be a quarter faster than the
  /// clock.
  static let allowance: Int64 = 1_000_000

  private let configuration: Configuration
  private var decoder: AudioDecoder
  private var encoder: AudioEncoder
  private var resampler: Resampler?
  /// Decoded, at the decoder's rate.
  private let decoded: UnsafeMutablePointer<Int16>
  private let decodedCapacity: Int
  /// At the encoder's rate: what waits for a frame to be full.
  private let queue: UnsafeMutablePointer<Int16>
  private let queueCapacity: Int
  private var queueCount = 0
  private let frame: Int
  private let payload: UnsafeMutableRawBufferPointer

  private var hasStream = false
  private var ssrc: UInt32 = 0
  private var expectedSequence: UInt16 = 0
  private var expectedTimestamp: UInt32 = 0
  private var lastDuration = 0
  /// Of the last packet that was not refused, in microseconds.
  private var lastArrival: Int64 = 0
  private var spentAt: Int64 = 0
  private var allowed = Transcoder.allowance
  private var sequenceNumber: UInt16
  /// Of the first sample in ``queue``.
  private var timestamp: UInt32
  private var isMarkDue = true
  public private(set) var concealedPackets: UInt64 = 0

  /// Nil when there is no memory.
  public init?(_ configuration: Configuration) {
    let (from, to) = (configuration.from, configuration.to)
    // Opus takes and gives any rate: the other side's then needs no conversion.
    let rate = from == .opus ? to.sampleRate : from.sampleRate
    guard let decoder = AudioDecoder(from, sampleRate: rate),
      let encoder = AudioEncoder(to, sampleRate: rate, settings: configuration.opus)
    else { return nil }
    if decoder.sampleRate == encoder.sampleRate {
      resampler = nil
    } else {
      resampler = Resampler(from: decoder.sampleRate, to: encoder.sampleRate)
    }
    self.configuration = configuration
    frame = encoder.sampleRate / 50
    decodedCapacity = decoder.maximumSamples
    queueCapacity = 2 * frame + encoder.sampleRate * AudioEncoding.maximumPacketTime / 1_000
    decoded = .allocate(capacity: decodedCapacity)
    decoded.initialize(repeating: 0, count: decodedCapacity)
    queue = .allocate(capacity: queueCapacity)
    queue.initialize(repeating: 0, count: queueCapacity)
    payload = .allocate(byteCount: max(2_048, to.maximumEncodedBytes), alignment: 16)
    self.decoder = decoder
    self.encoder = encoder
    sequenceNumber = configuration.firstSequenceNumber
    timestamp = configuration.firstTimestamp
  }

  deinit {
    decoded.deallocate()
    queue.deallocate()
    payload.deallocate()
  }

  /// Takes a packet, and hands over those that it makes.
  public mutating func receive(
    sequenceNumber: UInt16, timestamp: UInt32, ssrc: UInt32, isMarked: Bool = false,
    kind: PacketNote.Kind = .audio, payload: UnsafeRawBufferPointer, now: MonotonicInstant,
    _ send: (Packet) -> Void
  ) -> Outcome {
    var duration = 0
    if kind == .audio {
      guard let ticks = configuration.from.duration(of: payload) else { return .malformed }
      duration = ticks
    }
    let arrival = now.nanoseconds / 1_000
    guard spend(duration, arrival) else { return .flooding }
    if !hasStream || ssrc != self.ssrc { begin(sequenceNumber, timestamp, ssrc, arrival) }
    let ahead = Int16(bitPattern: sequenceNumber &- expectedSequence)
    // A packet from long ago is a sender that began anew.
    if ahead < 0, ahead > -100 { return .late }
    if ahead < 0 || ahead > 1_000 { begin(sequenceNumber, timestamp, ssrc, arrival) }
    defer {
      lastArrival = arrival
      expectedSequence = sequenceNumber &+ 1
    }
    switch kind {
    case .event:
      passEvent(timestamp, isMarked, payload, send)
      return .accepted
    case .comfortNoise:
      passNoise(timestamp, arrival, payload, send)
      return .accepted
    case .audio, .silence: break
    }
    bridge(to: timestamp, lost: Int(max(0, min(ahead, 1_000))), payload, arrival, isMarked, send)
    expectedTimestamp = timestamp &+ UInt32(duration)
    lastDuration = duration
    let room = UnsafeMutableBufferPointer(start: decoded, count: decodedCapacity)
    guard let count = decoder.decode(payload, into: room) else {
      // It is in its place, whatever it is.
      conceal(duration, next: nil, send)
      return .malformed
    }
    append(count, send)
    return .accepted
  }

  /// Audio may come in bursts, but not faster than time for long.
  private mutating func spend(_ ticks: Int, _ arrival: Int64) -> Bool {
    if hasStream {
      let elapsed = max(0, min(arrival - spentAt, Transcoder.allowance))
      allowed = min(Transcoder.allowance, allowed + elapsed + elapsed / 4)
    }
    spentAt = arrival
    // What has no length costs something too.
    let cost = max(2_500, Int64(ticks) * 1_000_000 / Int64(configuration.from.clockRate))
    guard allowed >= cost else { return false }
    allowed -= cost
    return true
  }

  private mutating func begin(_ sequence: UInt16, _ timestamp: UInt32, _ ssrc: UInt32, _ arrival: Int64) {
    if hasStream {
      decoder.reset()
      pause(ticks: elapsedTicks(arrival))
    }
    hasStream = true
    self.ssrc = ssrc
    expectedSequence = sequence
    expectedTimestamp = timestamp
    lastArrival = arrival
    lastDuration = 0
  }

  private func elapsedTicks(_ arrival: Int64) -> Int64 {
    max(0, min(arrival - lastArrival, 60_000_000)) * Int64(configuration.from.clockRate) / 1_000_000
  }

  /// Leaves the time of a pause out of the stream.
  ///
  /// - Parameter ticks: in units of the sender.
  private mutating func pause(ticks: Int64) {
    let (from, to) = (Int64(configuration.from.clockRate), Int64(configuration.to.clockRate))
    let rest = Int64(queueCount) * to / Int64(encoder.sampleRate)
    timestamp &+= UInt32(truncatingIfNeeded: ticks &* to / from &+ rest)
    queueCount = 0
    isMarkDue = true
  }

  /// Fills or skips the time between what came last and this packet.
  private mutating func bridge(
    to timestamp: UInt32, lost: Int, _ next: UnsafeRawBufferPointer, _ arrival: Int64, _ isMarked: Bool,
    _ send: (Packet) -> Void
  ) {
    let gap = Int64(Int32(bitPattern: timestamp &- expectedTimestamp))
    if gap == 0 { return }
    let rate = Int64(configuration.from.clockRate)
    if lost > 0, lost <= Transcoder.longestLoss, gap > 0, lastDuration > 0,
      gap <= Int64(lost * lastDuration)
    {
      var left = Int(gap)
      while left > 0 {
        let step = min(left, lastDuration)
        left -= step
        conceal(step, next: left == 0 ? next : nil, send)
      }
    } else if gap > 0, gap < 2 * rate || abs(gap - elapsedTicks(arrival)) < 2 * rate {
      pause(ticks: gap)
    } else {
      // The sender's clock jumped: its receiver's need not.
      pause(ticks: elapsedTicks(arrival))
    }
  }

  private mutating func conceal(_ ticks: Int, next: UnsafeRawBufferPointer?, _ send: (Packet) -> Void) {
    let count = min(decodedCapacity, ticks * decoder.sampleRate / configuration.from.clockRate)
    let target = UnsafeMutableBufferPointer(start: decoded, count: count)
    if let next { decoder.recover(from: next, into: target) } else { decoder.conceal(into: target) }
    concealedPackets &+= 1
    append(count, send)
  }

  /// Takes decoded samples along, and sends what makes whole frames.
  private mutating func append(_ count: Int, _ send: (Packet) -> Void) {
    let source = UnsafeBufferPointer(start: decoded, count: count)
    let target = UnsafeMutableBufferPointer(start: queue + queueCount, count: queueCapacity - queueCount)
    if resampler != nil {
      queueCount += resampler?.process(source, into: target) ?? 0
    } else if let base = source.baseAddress {
      let fitting = min(count, target.count)
      (queue + queueCount).update(from: base, count: fitting)
      queueCount += fitting
    }
    var offset = 0
    while queueCount - offset >= frame {
      let length = encoder.encode(UnsafeBufferPointer(start: queue + offset, count: frame), into: payload)
      offset += frame
      emit(configuration.payloadType, UnsafeRawBufferPointer(rebasing: payload[..<length]), send)
      timestamp &+= UInt32(configuration.to.clockRate / 50)
    }
    queueCount -= offset
    if offset > 0, queueCount > 0 { queue.update(from: queue + offset, count: queueCount) }
  }

  private mutating func emit(
    _ payloadType: UInt8, _ bytes: UnsafeRawBufferPointer, isMarked: Bool? = nil, _ send: (Packet) -> Void
  ) {
    guard !bytes.isEmpty else {
      // The encoder has nothing to say: what follows begins anew.
      isMarkDue = true
      return
    }
    send(
      Packet(
        payloadType: payloadType, isMarked: isMarked ?? isMarkDue, sequenceNumber: sequenceNumber,
        timestamp: timestamp, ssrc: configuration.ssrc, payload: bytes))
    sequenceNumber &+= 1
    if isMarked == nil { isMarkDue = false }
  }

  private mutating func passNoise(
    _ timestamp: UInt32, _ arrival: Int64, _ bytes: UnsafeRawBufferPointer, _ send: (Packet) -> Void
  ) {
    let gap = Int64(Int32(bitPattern: timestamp &- expectedTimestamp))
    if gap > 0 {
      pause(ticks: gap < 2 * Int64(configuration.from.clockRate) ? gap : elapsedTicks(arrival))
      expectedTimestamp = timestamp
    }
    isMarkDue = true
    guard let type = configuration.comfortNoisePayloadType else { return }
    // Level and, at most, as many coefficients as anybody models.
    let kept = min(bytes.count, 1 + ComfortNoiseDescription.maximumOrder)
    emit(type, UnsafeRawBufferPointer(rebasing: bytes[..<kept]), isMarked: false, send)
  }

  /// An event has the time of its beginning, and its length in units of the clock (RFC 4733 §2.3).
  private mutating func passEvent(
    _ timestamp: UInt32, _ isMarked: Bool, _ bytes: UnsafeRawBufferPointer, _ send: (Packet) -> Void
  ) {
    guard let type = configuration.eventPayloadType, bytes.count >= 4 else { return }
    let (from, to) = (Int64(configuration.from.clockRate), Int64(configuration.to.clockRate))
    let offset = Int64(Int32(bitPattern: timestamp &- expectedTimestamp)) &* to / from
    let (eventFrom, eventTo) = configuration.eventClockRates
    let length = Int64(bytes[2]) << 8 | Int64(bytes[3])
    let duration = length * Int64(eventTo ?? Int(to)) / Int64(max(1, eventFrom ?? Int(from)))
    payload.copyBytes(from: bytes.prefix(4))
    let scaled = UInt16(clamping: duration)
    payload[2] = UInt8(scaled >> 8)
    payload[3] = UInt8(truncatingIfNeeded: scaled)
    let own = self.timestamp
    self.timestamp &+= UInt32(truncatingIfNeeded: offset)
    emit(type, UnsafeRawBufferPointer(rebasing: payload[..<4]), isMarked: isMarked, send)
    self.timestamp = own
  }
}
