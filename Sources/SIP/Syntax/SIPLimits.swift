/// What a peer may ask the parser to hold. All counts are in bytes unless said; a value equal to the limit is
/// accepted.
public struct SIPLimits: Hashable, Sendable {
  /// The whole message.
  public var messageSize: Int
  /// The start line and all header fields, with their line ends and the empty line.
  public var headerSectionSize: Int
  /// Number of header fields.
  public var headerCount: Int
  /// One header field: name, colon and value with its folds.
  public var headerLength: Int
  /// Number of Via fields (RFC 3261 §16.3: the loop bound of Max-Forwards is 70).
  public var viaCount: Int
  /// The Request-URI.
  public var uriLength: Int
  public var bodySize: Int
  /// Parts of one multipart body, and how deep multiparts may nest.
  public var bodyPartCount: Int

  public init(
    messageSize: Int = 65_535, headerSectionSize: Int = 49_152, headerCount: Int = 256,
    headerLength: Int = 8_192, viaCount: Int = 100, uriLength: Int = 4_096, bodySize: Int = 65_535,
    bodyPartCount: Int = 32
  ) {
    self.messageSize = messageSize
    self.headerSectionSize = headerSectionSize
    self.headerCount = headerCount
    self.headerLength = headerLength
    self.viaCount = viaCount
    self.uriLength = uriLength
    self.bodySize = bodySize
    self.bodyPartCount = bodyPartCount
  }

  /// For a datagram: no message can be larger than its length field allows.
  public static let datagram = SIPLimits()
  /// For stream transports: bodies up to 256 KiB.
  public static let stream = SIPLimits(messageSize: 320 * 1_024, bodySize: 256 * 1_024)
}
