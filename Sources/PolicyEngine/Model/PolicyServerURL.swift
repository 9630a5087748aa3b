import CallModel

/// The base of a policy server's addresses: `https://policy.example.org:8443/tandem`. It holds no secret: user names and
/// passwords in it are refused.
public struct PolicyServerURL: Hashable, Sendable, CustomStringConvertible {
  public let isSecure: Bool
  /// A name, an IPv4 address, or an IPv6 address in brackets.
  public let host: String
  public let port: UInt16
  /// Empty, or begins with `/` and does not end with one.
  public let prefix: String

  /// Longest URL (routing reference §8).
  public static let maximumLength = 255

  public enum Fault: Error, Hashable, Sendable, CustomStringConvertible {
    case tooLong
    case scheme
    case credentials
    case host
    case port
    case query
    case character

    public var description: String {
      switch self {
      case .tooLong: "longer than \(PolicyServerURL.maximumLength) characters"
      case .scheme: "does not begin with http:// or https://"
      case .credentials: "carries a user name or password: they have settings of their own"
      case .host: "has no valid host"
      case .port: "the port is not between 1 and 65535"
      case .query: "has a query or a fragment"
      case .character: "has a character that must be percent-encoded"
      }
    }
  }

  public init(_ text: String) throws(Fault) {
    guard text.utf8.count <= PolicyServerURL.maximumLength else { throw .tooLong }
    let lowered = text.prefix(8).lowercased()
    let rest: Substring
    if lowered.hasPrefix("https://") {
      isSecure = true
      rest = text.dropFirst(8)
    } else if lowered.hasPrefix("http://") {
      isSecure = false
      rest = text.dropFirst(7)
    } else {
      throw .scheme
    }
    guard !rest.contains("?"), !rest.contains("#") else { throw .query }
    let authority = rest.prefix { $0 != "/" }
    guard !authority.contains("@") else { throw .credentials }
    var path = rest[authority.endIndex...]
    while path.last == "/" { path.removeLast() }
    guard path.utf8.allSatisfy(PolicyServerURL.isPathByte), PolicyServerURL.escapesAreWhole(path) else {
      throw .character
    }
    prefix = String(path)

    let name: Substring
    let portText: Substring?
    if authority.first == "[" {
      guard let close = authority.firstIndex(of: "]") else { throw .host }
      name = authority[...close]
      let tail = authority[authority.index(after: close)...]
      guard tail.isEmpty || tail.first == ":" else { throw .host }
      portText = tail.isEmpty ? nil : tail.dropFirst()
      guard IPAddress(name.dropFirst().dropLast())?.isIPv6 == true else { throw .host }
    } else {
      name = authority.prefix { $0 != ":" }
      portText = name.endIndex == authority.endIndex ? nil : authority[name.endIndex...].dropFirst()
      guard !name.isEmpty, name.utf8.allSatisfy(PolicyServerURL.isHostByte) else { throw .host }
    }
    host = name.lowercased()
    if let portText {
      guard portText.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let number = UInt16(portText),
        number > 0
      else { throw .port }
      port = number
    } else {
      port = isSecure ? 443 : 80
    }
  }

  /// Keeps the place of one that is in error; reserved, it never resolves (RFC 6761 §6.4).
  static let placeholder = PolicyServerURL(isSecure: true, host: "policy.invalid", port: 443, prefix: "")

  private init(isSecure: Bool, host: String, port: UInt16, prefix: String) {
    self.isSecure = isSecure
    self.host = host
    self.port = port
    self.prefix = prefix
  }

  private static func isHostByte(_ byte: UInt8) -> Bool {
    switch byte {
    case 0x30...0x39, 0x41...0x5a, 0x61...0x7a, UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"): true
    default: false
    }
  }

  /// RFC 3986 §3.3.
  private static func isPathByte(_ byte: UInt8) -> Bool {
    isHostByte(byte) || "/~!$&'()*+,;=:@%".utf8.contains(byte)
  }

  private static func escapesAreWhole(_ path: Substring) -> Bool {
    let bytes = Array(path.utf8)
    func isHex(_ i: Int) -> Bool {
      guard i < bytes.count else { return false }
      switch bytes[i] {
      case 0x30...0x39, 0x41...0x46, 0x61...0x66: return true
      default: return false
      }
    }
    return bytes.indices.allSatisfy { bytes[$0] != UInt8(ascii: "%") || isHex($0 + 1) && isHex($0 + 2) }
  }

  /// What the Host header says (RFC 9110 §7.2).
  public var authority: String { port == (isSecure ? 443 : 80) ? host : "\(host):\(port)" }

  public var description: String { "\(isSecure ? "https" : "http")://\(authority)\(prefix)" }
}
