import Codecs

/// Names a party of a ``MixRoom``. Not used again for another.
public struct MixParticipantID: Hashable, Sendable {
  /// Its place: small, and used again after it has left, so that what belongs to parties can be kept in an array.
  public let index: Int
  let generation: UInt32
}

/// What a party of a ``MixRoom`` hears, beside what is played to it alone.
public enum MixHearing: Sendable, Hashable {
  /// The others, and what is played to all.
  case mix
  /// What is played to those who wait (``MixRoom/playToWaiting(_:repeats:)``).
  case waiting
  case nothing
}

/// What a party of a mix has agreed to.
public struct MixParticipantConfiguration: Sendable {
  /// An encoding under the number it has in this party's session.
  public struct Format: Sendable, Hashable {
    /// 0 to 127.
    public var payloadType: UInt8
    public var encoding: AudioEncoding

    public init(_ payloadType: UInt8, _ encoding: AudioEncoding) {
      self.payloadType = payloadType
      self.encoding = encoding
    }
  }

  /// What is sent while nobody is to be heard.
  public enum Silence: Sendable, Hashable {
    /// The encoding of silence, made once: for peers that take a pause for a failure.
    case continuous
    /// Nothing, but for a sign of life every 400 ms.
    case suppressed
    /// Comfort noise (RFC 3389) under this payload type, every 200 ms.
    case comfortNoise(UInt8)
  }

  /// What it may send: the first is what it begins with. None: it only listens.
  public var receives: [Format]
  /// What it is sent. Nil: it only speaks.
  public var sends: Format?
  public var opus: OpusSettings
  public var silence: Silence
  /// Payload types that are no audio and belong to the stream: comfort noise and telephone events.
  public var comfortNoisePayloadType: UInt8?
  public var eventPayloadTypes: [UInt8]
  /// Whether the voice flag of RFC 6464 levels can be believed (`vad=on`, the default).
  public var usesVoiceFlag = true
  public var hearsKeys = false
  public var jitter = JitterBuffer.Configuration()
  /// Of what it is sent; choose them at random (RFC 3550 §5.1).
  public var ssrc: UInt32
  public var firstSequenceNumber: UInt16
  public var firstTimestamp: UInt32

  /// - Parameter silence: nil chooses by encoding: Opus decoders know how to fill pauses, others are fed.
  public init(
    receives: [Format], sends: Format?, opus: OpusSettings = OpusSettings(), silence: Silence? = nil,
    comfortNoisePayloadType: UInt8? = nil, eventPayloadTypes: [UInt8] = [], ssrc: UInt32,
    firstSequenceNumber: UInt16, firstTimestamp: UInt32
  ) {
    self.receives = receives
    self.sends = sends
    self.opus = opus
    self.silence = silence ?? (sends?.encoding == .opus ? .suppressed : .continuous)
    self.comfortNoisePayloadType = comfortNoisePayloadType
    self.eventPayloadTypes = eventPayloadTypes
    self.ssrc = ssrc
    self.firstSequenceNumber = firstSequenceNumber
    self.firstTimestamp = firstTimestamp
  }
}

/// A packet that a mix has for one of its parties. The bytes are valid during the call that hands it over.
public struct MixedPacket {
  public var participant: MixParticipantID
  public var payloadType: UInt8
  /// The first after a silence (RFC 3551 §4.1).
  public var isMarked: Bool
  public var sequenceNumber: UInt16
  public var timestamp: UInt32
  public var ssrc: UInt32
  public var payload: UnsafeRawBufferPointer
}

/// What became of a packet given to a ``MixRoom``.
public enum MixReception: Sendable, Hashable {
  case buffered(JitterBuffer.Arrival)
  /// A payload type that was not agreed.
  case unknownPayloadType
  /// A payload that breaks the rules of its encoding.
  case malformed
  /// It went over to another of its encodings only a moment ago.
  case changesTooOften
  case notInRoom
}
