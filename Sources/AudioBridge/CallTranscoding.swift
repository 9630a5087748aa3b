import AudioMixing
import CallModel
import Codecs
import MediaRelay

/// Stands between the two sides of a call whose audio formats differ: each is sent what it takes.
///
/// ```swift
/// guard let between = CallTranscoding(a: (remoteA, localA), b: (remoteB, localB)) else { /* nothing to be done */ }
/// let configuration = RelayStreamConfiguration(a: between.completing(a, .a), b: between.completing(b, .b))
/// let stream = session.makeStream(configuration, tap: between.fromA, tapB: between.fromB)
/// ```
///
/// Telephone events and comfort noise are renumbered on their way, and left out where the other side does not know them.
public final class CallTranscoding: Sendable {
  /// A stream as one party described it, and as we described it to that party.
  public typealias Descriptions = (remote: MediaStream, local: MediaStream)

  private let a: BridgeFormats
  private let b: BridgeFormats
  /// To be attached to the sides of the stream.
  public let fromA: any MediaTap
  public let fromB: any MediaTap

  /// Nil when a side has no format that we know.
  public init?(a: Descriptions, b: Descriptions) {
    guard let formats = CallTranscoding.formats(a, b) else { return nil }
    self.a = formats.a
    self.b = formats.b
    fromA = TranscodingTap(from: formats.a, to: formats.b)
    fromB = TranscodingTap(from: formats.b, to: formats.a)
  }

  private static func formats(_ a: Descriptions, _ b: Descriptions) -> (a: BridgeFormats, b: BridgeFormats)? {
    guard let wishA = BridgeFormats(remote: a.remote, local: a.local),
      let wishB = BridgeFormats(remote: b.remote, local: b.local),
      // Where a side also takes what the other likes best to send, its audio goes through as it is.
      let toA = BridgeFormats(remote: a.remote, local: a.local, preferring: wishB.sends.encoding),
      let toB = BridgeFormats(remote: b.remote, local: b.local, preferring: wishA.sends.encoding)
    else { return nil }
    return (toA, toB)
  }

  /// Whether these descriptions come to the same, so that what is under way can go on.
  public func serves(a: Descriptions, b: Descriptions) -> Bool {
    guard let formats = CallTranscoding.formats(a, b) else { return false }
    return formats.a == self.a && formats.b == self.b
  }

  /// A side as the relay needs it for this: its own payload types and clocks.
  public func completing(_ side: RelaySide, _ name: RelaySideName) -> RelaySide {
    var result = (name == .a ? a : b).completing(side)
    result.absorbsTelephoneEvents = side.absorbsTelephoneEvents
    return result
  }
}

/// Takes what one party sends, and sends it to the other in its format. Lives on a media thread.
final class TranscodingTap: MediaTap, @unchecked Sendable {
  // Sendable: everything that changes is touched on the stream's thread only.
  private let from: BridgeFormats
  private let to: BridgeFormats
  private let opus: OpusSettings
  private let ssrc = UInt32.random(in: 1 ... .max)
  private var transcoder: Transcoder?
  private var current: AudioEncoding?
  private var changedAt: MonotonicInstant?
  /// Of what went out last, and when.
  private var sequenceNumber = UInt16.random(in: 0...0x7fff)
  private var timestamp = UInt32.random(in: 0 ... .max)
  private var sentAt: MonotonicInstant?

  init(from: BridgeFormats, to: BridgeFormats) {
    self.from = from
    self.to = to
    opus = to.opus
  }

  var takesRTP: Bool { true }

  func received(
    _ packet: UnsafeRawBufferPointer, kind: PacketKind, from: TransportAddress, at now: MonotonicInstant,
    output: borrowing RelayOutput
  ) {
    guard kind == .rtp, let header = RTPHeader.parse(packet), let range = header.payload(in: packet),
      let use = use(of: header.payloadType)
    else { return }
    if case .audio(let encoding) = use, encoding != current {
      guard change(to: encoding, now) else { return }
    } else if transcoder == nil, !change(to: self.from.sends.encoding, now) {
      return
    }
    let (endpoint, ownSSRC) = (RelayEndpoint(otherOf: output), ssrc)
    var last: (sequence: UInt16, timestamp: UInt32)?
    _ = transcoder?.receive(
      sequenceNumber: header.sequenceNumber, timestamp: header.timestamp, ssrc: header.ssrc,
      isMarked: header.marker, kind: use.kind, payload: UnsafeRawBufferPointer(rebasing: packet[range]),
      now: now
    ) { made in
      endpoint.sendRTP(
        RTPHeader(
          payloadType: made.payloadType, sequenceNumber: made.sequenceNumber, timestamp: made.timestamp,
          ssrc: ownSSRC, marker: made.isMarked), payload: made.payload)
      last = (made.sequenceNumber, made.timestamp)
    }
    guard let last else { return }
    (sequenceNumber, timestamp, sentAt) = (last.sequence, last.timestamp, now)
  }

  private enum Use {
    case audio(AudioEncoding)
    case event
    case comfortNoise

    var kind: PacketNote.Kind {
      switch self {
      case .audio: .audio
      case .event: .event
      case .comfortNoise: .comfortNoise
      }
    }
  }

  private func use(of payloadType: UInt8) -> Use? {
    if let format = from.receives.first(where: { $0.payloadType == payloadType }) {
      return .audio(format.encoding)
    }
    if payloadType == from.comfortNoiseFromParty { return .comfortNoise }
    return from.eventsFromParty.contains { $0.payloadType == payloadType } ? .event : nil
  }

  /// Goes on from another of the sender's formats: once in half a second, since it costs a decoder and an encoder.
  private func change(to encoding: AudioEncoding, _ now: MonotonicInstant) -> Bool {
    if let changedAt, now - changedAt < .milliseconds(500) { return false }
    changedAt = now
    let clock = Int64(to.sends.encoding.clockRate)
    let elapsed = sentAt.map { (now - $0).nanoseconds / 1_000 } ?? 0
    let passed = min(elapsed, 3_600_000_000) * clock / 1_000_000
    var configuration = Transcoder.Configuration(
      from: encoding, to: to.sends.encoding, opus: opus, payloadType: to.sends.payloadType,
      comfortNoisePayloadType: to.comfortNoiseToParty, eventPayloadType: to.eventsToParty?.payloadType,
      ssrc: ssrc, firstSequenceNumber: sequenceNumber &+ 1,
      firstTimestamp: timestamp &+ UInt32(truncatingIfNeeded: passed))
    let events =
      from.eventsFromParty.first { Int($0.clockRate) == encoding.clockRate } ?? from.eventsFromParty.first
    configuration.eventClockRates = (
      events.map { Int($0.clockRate) }, to.eventsToParty.map { Int($0.clockRate) }
    )
    transcoder = Transcoder(configuration)
    current = encoding
    return transcoder != nil
  }
}
