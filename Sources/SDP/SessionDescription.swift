import CallModel

/// A session description as it is written: the lines of RFC 8866 in their structure, and no further meaning.
///
/// ``init(parsing:limits:)-([UInt8],_)`` reads one, ``serialised()`` writes one, and ``MediaDescription`` maps to and from it.
public struct SessionDescription: Hashable, Sendable {
  /// `o=`; nil when the peer left it out.
  public var origin: Origin?
  /// `s=`; written as `-` when empty.
  public var name: String
  /// `i=`.
  public var information: String?
  /// `u=`.
  public var uri: String?
  /// `e=`, in order.
  public var emails: [String]
  /// `p=`, in order.
  public var phones: [String]
  /// `c=` at session level.
  public var connection: Connection?
  /// `b=` at session level.
  public var bandwidths: [BandwidthLine]
  /// `t=` with their `r=`; written as one `t=0 0` when empty.
  public var times: [Timing]
  /// `z=` as written.
  public var timeZones: String?
  /// `a=` before the first `m=`.
  public var attributes: [MediaAttribute]
  public var media: [MediaLine]

  public init(
    origin: Origin? = nil, name: String = "-", connection: Connection? = nil,
    bandwidths: [BandwidthLine] = [], attributes: [MediaAttribute] = [], media: [MediaLine] = []
  ) {
    self.origin = origin
    self.name = name
    self.connection = connection
    self.bandwidths = bandwidths
    self.attributes = attributes
    self.media = media
    emails = []
    phones = []
    times = []
  }

  /// `o=` (RFC 8866 §5.2): who made the session, and which edition of it this is.
  public struct Origin: Hashable, Sendable {
    public var username: String
    /// Numeric by the grammar; kept as text because peers exceed 64 bits.
    public var sessionID: String
    /// Numeric by the grammar; kept as text likewise. ``LocalDescription`` counts ours.
    public var version: String
    public var address: Connection

    public init(username: String = "-", sessionID: String, version: String, address: Connection) {
      self.username = username
      self.sessionID = sessionID
      self.version = version
      self.address = address
    }

    /// Whether the other is an edition of the same session: all but the version are equal (RFC 8866 §5.2).
    public func isSameSession(as other: Origin) -> Bool {
      username == other.username && sessionID == other.sessionID && address == other.address
    }
  }

  /// `c=`, and the address part of `o=` (RFC 8866 §5.7).
  public struct Connection: Hashable, Sendable {
    public enum Host: Hashable, Sendable {
      case ip(IPAddress)
      /// A host name; it means nothing until somebody resolves it.
      case name(String)
    }

    public var host: Host
    /// Whether `IP6` was written; decides what a host name is resolved to.
    public var isIPv6: Bool
    /// What follows the first slash of a multicast address: time to live and number of addresses, as written.
    public var suffix: String?

    public init(_ ip: IPAddress) {
      host = .ip(ip)
      isIPv6 = ip.isIPv6
    }

    public init(name: String, isIPv6: Bool = false, suffix: String? = nil) {
      host = .name(name)
      self.isIPv6 = isIPv6
      self.suffix = suffix
    }
  }

  /// One `b=` line (RFC 8866 §5.8): `AS` and `CT` count kbit/s, `TIAS` (RFC 3890), `RS` and `RR` (RFC 3556) bit/s.
  public struct BandwidthLine: Hashable, Sendable {
    public var type: String
    public var value: Int
    public init(_ type: String, _ value: Int) {
      self.type = type
      self.value = value
    }
  }

  /// One `t=` line with the `r=` lines after it, as written.
  public struct Timing: Hashable, Sendable {
    public var value: String
    public var repeats: [String]
    public init(_ value: String = "0 0", repeats: [String] = []) {
      self.value = value
      self.repeats = repeats
    }
  }
}

/// One `m=` line and the lines that belong to it (RFC 8866 §5.14).
public struct MediaLine: Hashable, Sendable {
  /// `audio`, `video`, `application`, ...
  public var media: String
  public var port: UInt16
  /// The number after the slash; 1 when there is none.
  public var portCount: Int
  /// `RTP/AVP`, ... as written.
  public var proto: String
  public var formats: [String]
  /// `i=`.
  public var title: String?
  public var connection: SessionDescription.Connection?
  public var bandwidths: [SessionDescription.BandwidthLine]
  public var attributes: [MediaAttribute]
  /// The line of the text on which it stood; 0 when it was not parsed. Not compared.
  public var line: Int

  public init(
    media: String, port: UInt16, portCount: Int = 1, proto: String, formats: [String], title: String? = nil,
    connection: SessionDescription.Connection? = nil, bandwidths: [SessionDescription.BandwidthLine] = [],
    attributes: [MediaAttribute] = []
  ) {
    self.media = media
    self.port = port
    self.portCount = portCount
    self.proto = proto
    self.formats = formats
    self.title = title
    self.connection = connection
    self.bandwidths = bandwidths
    self.attributes = attributes
    line = 0
  }

  public static func == (a: MediaLine, b: MediaLine) -> Bool {
    a.media == b.media && a.port == b.port && a.portCount == b.portCount && a.proto == b.proto
      && a.formats == b.formats && a.title == b.title && a.connection == b.connection
      && a.bandwidths == b.bandwidths && a.attributes == b.attributes
  }

  public func hash(into hasher: inout Hasher) {
    hasher.combine(media)
    hasher.combine(port)
    hasher.combine(formats)
    hasher.combine(attributes)
  }
}
