/// How audio is written into RTP payloads (RFC 3551 §4.5, RFC 7587).
public enum AudioEncoding: Hashable, Sendable {
  case pcmu, pcma, g722
  /// Linear 16-bit samples, most significant byte first (RFC 3551 §4.5.11).
  case l16(LinearRate)
  case opus

  public enum LinearRate: Int, Sendable, Hashable, CaseIterable {
    case narrow = 8_000
    case wide = 16_000
    case full = 48_000
  }

  /// The longest packet that is taken, in milliseconds: the most that Opus can carry (RFC 6716 §2.1.4).
  public static let maximumPacketTime = 120

  /// Finds an encoding by the fields of an `rtpmap`; nil for what is not known here. The name is compared
  /// without case.
  public init?(name: String, clockRate: Int, channels: Int = 1) {
    switch (name.lowercased(), clockRate, channels) {
    case ("pcmu", 8_000, 1): self = .pcmu
    case ("pcma", 8_000, 1): self = .pcma
    case ("g722", 8_000, 1): self = .g722
    case ("opus", 48_000, 2): self = .opus
    case ("l16", let rate, 1):
      guard let rate = LinearRate(rawValue: rate) else { return nil }
      self = .l16(rate)
    default: return nil
    }
  }

  /// Encoding name as registered.
  public var name: String {
    switch self {
    case .pcmu: "PCMU"
    case .pcma: "PCMA"
    case .g722: "G722"
    case .l16: "L16"
    case .opus: "opus"
    }
  }

  /// Samples a second of what is decoded and encoded.
  public var sampleRate: Int {
    switch self {
    case .pcmu, .pcma: 8_000
    case .g722: 16_000
    case .l16(let rate): rate.rawValue
    case .opus: 48_000
    }
  }

  /// RTP timestamp units a second. G.722 has 8000 by an old mistake that must be kept (RFC 3551 §4.5.2).
  public var clockRate: Int { self == .g722 ? 8_000 : sampleRate }

  /// Samples in one RTP timestamp unit.
  public var samplesPerTick: Int { sampleRate / clockRate }

  /// Assigned by RFC 3551 table 4; nil for dynamic ones.
  public var staticPayloadType: UInt8? {
    switch self {
    case .pcmu: 0
    case .pcma: 8
    case .g722: 9
    case .l16, .opus: nil
    }
  }

  /// Whether any packet can be decoded without those before it.
  public var isStateless: Bool {
    switch self {
    case .pcmu, .pcma, .l16: true
    case .g722, .opus: false
    }
  }

  /// Bytes that one packet of 20 ms can have at most, from an encoder of ours.
  public var maximumEncodedBytes: Int {
    switch self {
    case .pcmu, .pcma, .g722: 160
    case .l16(let rate): rate.rawValue / 50 * 2
    case .opus: OpusPacket.maximumFrameBytes
    }
  }

  /// How long the audio of a payload is, in RTP timestamp units; nil when it is none: empty, longer than
  /// ``maximumPacketTime``, or malformed.
  @inlinable
  public func duration(of payload: UnsafeRawBufferPointer) -> Int? {
    let ticks: Int
    switch self {
    case .pcmu, .pcma, .g722: ticks = payload.count
    case .l16:
      guard payload.count % 2 == 0 else { return nil }
      ticks = payload.count / 2
    case .opus: return OpusPacket(payload)?.duration
    }
    return ticks > 0 && ticks <= clockRate * AudioEncoding.maximumPacketTime / 1_000 ? ticks : nil
  }
}
