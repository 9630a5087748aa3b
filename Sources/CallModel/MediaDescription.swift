/// A protocol-neutral offer or answer: what one side of a call can send and receive, and where.
///
/// SDP maps to it in the `SDP` target, H.245 and JSEP will in theirs; bridging and conferences know only this.
public struct MediaDescription: Hashable, Sendable {
  public var streams: [MediaStream]
  /// Session-wide limit of what this side is willing to receive (`b=`), if stated.
  public var bandwidth: Bandwidth?
  /// Session-level attributes that are passed through unread, e.g. `group`.
  public var attributes: [MediaAttribute]

  public init(streams: [MediaStream] = [], bandwidth: Bandwidth? = nil, attributes: [MediaAttribute] = []) {
    self.streams = streams
    self.bandwidth = bandwidth
    self.attributes = attributes
  }
}

public struct MediaAttribute: Hashable, Sendable {
  public var name: String
  public var value: String?
  public init(_ name: String, _ value: String? = nil) {
    self.name = name
    self.value = value
  }
}

/// One media stream (one `m=` line). Its index in ``MediaDescription/streams`` is its identity for the whole call (RFC 3264 §8).
public struct MediaStream: Hashable, Sendable {
  public enum Kind: Hashable, Sendable {
    case audio, video, application, text, image, message
    case other(String)
  }

  public enum Direction: String, Hashable, Sendable {
    case sendReceive = "sendrecv"
    case sendOnly = "sendonly"
    case receiveOnly = "recvonly"
    case inactive

    /// The same direction as the other side names it.
    public var reversed: Direction {
      switch self {
      case .sendOnly: .receiveOnly
      case .receiveOnly: .sendOnly
      case .sendReceive, .inactive: self
      }
    }

    public var sends: Bool { self == .sendReceive || self == .sendOnly }
    public var receives: Bool { self == .sendReceive || self == .receiveOnly }
    public init(sends: Bool, receives: Bool) {
      self = sends ? (receives ? .sendReceive : .sendOnly) : (receives ? .receiveOnly : .inactive)
    }
  }

  /// The third field of `m=`.
  public enum Profile: Hashable, Sendable {
    case rtpAVP, rtpSAVP, rtpAVPF, rtpSAVPF
    case dtlsSAVP, dtlsSAVPF
    case other(String)

    public var isRTP: Bool { if case .other = self { false } else { true } }
    public var isSecure: Bool { self != .rtpAVP && self != .rtpAVPF && isRTP }
    public var hasFeedback: Bool { self == .rtpAVPF || self == .rtpSAVPF || self == .dtlsSAVPF }
  }

  /// What the stream is for: main picture or presentation (RFC 4796 `content`).
  public enum Content: String, Hashable, Sendable { case main, slides }

  public var kind: Kind
  /// False when the port is 0: offered as absent, or refused.
  public var isEnabled: Bool
  public var profile: Profile
  public var address: TransportAddress
  /// Where RTCP goes; nil means the RTP port plus one, or the RTP port with ``isRTCPMultiplexed``.
  public var rtcpAddress: TransportAddress?
  /// RFC 5761 `rtcp-mux`.
  public var isRTCPMultiplexed: Bool
  public var direction: Direction
  public var codecs: [Codec]
  /// Formats of a stream that is not RTP, as written in `m=`.
  public var formats: [String]
  /// SDES keys (RFC 4568), in order of preference.
  public var cryptos: [SDESCrypto]
  /// What this side is willing to receive on the stream (`b=TIAS`, else `b=AS`), if stated.
  public var bandwidth: Bandwidth?
  /// Bandwidth lines of other kinds, such as `RS` and `RR` (RFC 3556), by name and value as carried.
  public var otherBandwidths: [MediaAttribute]
  /// Packet time in milliseconds.
  public var packetTime: Int?
  public var maximumPacketTime: Int?
  public var content: Content?
  /// Attributes that are passed through unread (RTP header extensions, feedback on `*`, labels ...).
  public var attributes: [MediaAttribute]

  public init(
    kind: Kind, isEnabled: Bool = true, profile: Profile = .rtpAVP,
    address: TransportAddress = TransportAddress(.anyIPv4, 0), rtcpAddress: TransportAddress? = nil,
    isRTCPMultiplexed: Bool = false, direction: Direction = .sendReceive, codecs: [Codec] = [],
    formats: [String] = [], cryptos: [SDESCrypto] = [], bandwidth: Bandwidth? = nil, packetTime: Int? = nil,
    maximumPacketTime: Int? = nil, content: Content? = nil, attributes: [MediaAttribute] = [],
    otherBandwidths: [MediaAttribute] = []
  ) {
    self.kind = kind
    self.isEnabled = isEnabled
    self.profile = profile
    self.address = address
    self.rtcpAddress = rtcpAddress
    self.isRTCPMultiplexed = isRTCPMultiplexed
    self.direction = direction
    self.codecs = codecs
    self.formats = formats
    self.cryptos = cryptos
    self.bandwidth = bandwidth
    self.packetTime = packetTime
    self.maximumPacketTime = maximumPacketTime
    self.content = content
    self.attributes = attributes
    self.otherBandwidths = otherBandwidths
  }
}

/// One RTP payload format (RFC 3551, RFC 4566 `rtpmap`, `fmtp`, `rtcp-fb`).
public struct Codec: Hashable, Sendable {
  /// 0-127.
  public var payloadType: UInt8
  /// Encoding name as registered, e.g. `PCMU`, `opus`, `telephone-event`. Compared without case.
  public var name: String
  /// Clock rate in Hz.
  public var clockRate: Int
  public var channels: Int
  /// The value of `fmtp` without the payload type.
  public var parameters: String?
  /// Values of `rtcp-fb` for this payload type.
  public var feedback: [String]

  public init(
    _ payloadType: UInt8, _ name: String, clockRate: Int, channels: Int = 1, parameters: String? = nil,
    feedback: [String] = []
  ) {
    self.payloadType = payloadType
    self.name = name
    self.clockRate = clockRate
    self.channels = channels
    self.parameters = parameters
    self.feedback = feedback
  }

  public var isTelephoneEvent: Bool { name.lowercased() == "telephone-event" }
}

/// One `a=crypto` line (RFC 4568 §9.1) with an inline key.
public struct SDESCrypto: Hashable, Sendable {
  public enum Suite: String, Hashable, Sendable, CaseIterable {
    // swift-format-ignore: AlwaysUseLowerCamelCase
    case aesCM128HMACSHA1_80 = "AES_CM_128_HMAC_SHA1_80"
    // swift-format-ignore: AlwaysUseLowerCamelCase
    case aesCM128HMACSHA1_32 = "AES_CM_128_HMAC_SHA1_32"
    case aeadAES128GCM = "AEAD_AES_128_GCM"
    case aeadAES256GCM = "AEAD_AES_256_GCM"

    /// Master key length in bytes.
    public var keyLength: Int { self == .aeadAES256GCM ? 32 : 16 }
    /// Master salt length in bytes (RFC 3711 §8.2, RFC 7714 §12).
    public var saltLength: Int { self == .aeadAES128GCM || self == .aeadAES256GCM ? 12 : 14 }
  }

  public var tag: Int
  public var suite: Suite
  /// Master key followed by master salt, in base64 as carried. A secret: prints as a placeholder.
  public var keyAndSalt: Secret
  /// `|2^20` and the like, as carried; nil when absent.
  public var lifetime: String?
  /// MKI value and length in bytes, if one is used.
  public var mki: MKI?
  /// Session parameters after the key, as carried (`UNENCRYPTED_SRTP` and the like are refused by the parser).
  public var sessionParameters: [String]

  public struct MKI: Hashable, Sendable {
    public var value: UInt64
    public var length: Int
    public init(value: UInt64, length: Int) {
      self.value = value
      self.length = length
    }
  }

  public init(
    tag: Int, suite: Suite, keyAndSalt: Secret, lifetime: String? = nil, mki: MKI? = nil,
    sessionParameters: [String] = []
  ) {
    self.tag = tag
    self.suite = suite
    self.keyAndSalt = keyAndSalt
    self.lifetime = lifetime
    self.mki = mki
    self.sessionParameters = sessionParameters
  }
}
