import CallModel

/// A URI as SIP uses it: `sip:`, `sips:` and `tel:` in their parts, any other scheme whole (RFC 3261 §19.1,
/// RFC 3966).
public struct SIPURI: Hashable, Sendable {
  public enum Scheme: Hashable, Sendable {
    case sip, sips, tel
    /// Any other scheme, lower-cased. The rest of the URI is in ``SIPURI/user`` unread.
    case other(String)
  }

  public enum Host: Hashable, Sendable {
    case name(String)
    case ip(IPAddress)
  }

  /// A parameter of a URI or of a header field.
  public struct Parameter: Hashable, Sendable {
    public var name: String
    /// In a header field, without quotes and escapes; in a URI, as written.
    public var value: String?
    /// Whether the value is a quoted string even where a token would do. A matter of spelling: not compared.
    public var isQuoted = false

    public init(_ name: String, _ value: String? = nil) {
      self.name = name
      self.value = value
    }

    public static func == (a: Self, b: Self) -> Bool { a.name == b.name && a.value == b.value }

    public func hash(into hasher: inout Hasher) {
      hasher.combine(name)
      hasher.combine(value)
    }
  }

  public var scheme: Scheme
  /// The user part, percent-decoded where that is unambiguous; for `tel:` the number; for other schemes all
  /// after the colon.
  public var user: String?
  public var password: Secret?
  public var host: Host
  public var port: UInt16?
  public var parameters: [Parameter]
  /// The part after `?`, as written.
  public var headers: String?

  public init(
    scheme: Scheme = .sip, user: String? = nil, password: Secret? = nil, host: Host, port: UInt16? = nil,
    parameters: [Parameter] = [], headers: String? = nil
  ) {
    self.scheme = scheme
    self.user = user
    self.password = password
    self.host = host
    self.port = port
    self.parameters = parameters
    self.headers = headers
  }
}
