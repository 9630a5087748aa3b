/// A challenge or credentials: WWW-Authenticate, Proxy-Authenticate, Authorization, Proxy-Authorization (RFC
/// 3261 §25.1, RFC 8760).
public struct AuthenticationField: Hashable, Sendable, CustomStringConvertible {
  /// `Digest`, `Bearer` and others, as written; compare without case.
  public var scheme: String
  /// In order. Values without their quotes; ``SIPURI/Parameter/isQuoted`` tells which had or need them.
  public var parameters: [SIPURI.Parameter]

  public init(scheme: String = "Digest", parameters: [SIPURI.Parameter] = []) {
    self.scheme = scheme
    self.parameters = parameters
  }

  public init?(_ text: some StringProtocol) {
    guard let value = try? AuthenticationField.parse(text) else { return nil }
    self = value
  }

  /// Reads `scheme LWS name=value *( COMMA name=value )`.
  public static func parse(_ text: some StringProtocol) throws(SIPSyntaxError) -> AuthenticationField {
    do {
      return try scanning(text) { bytes throws(SyntaxFault) in
        let end = bytes.count
        let start = bytes.skipBlanks(0, end)
        var i = bytes.skipToken(start, end)
        guard i > start, i == end || bytes[i].isBlank else { throw SyntaxFault(.malformedHeader, i) }
        var result = AuthenticationField(scheme: bytes.text(start..<i))
        i = bytes.skipBlanks(i, end)
        while i < end {
          let (layout, stop) = try SIPURI.Parameter.scanOne(bytes, i, end)
          result.parameters.append(SIPURI.Parameter(bytes, layout))
          i = bytes.skipBlanks(stop, end)
          guard i < end else { break }
          guard bytes[i] == .comma else { throw SyntaxFault(.malformedHeader, i) }
          i = bytes.skipBlanks(i + 1, end)
        }
        return result
      }
    } catch {
      throw SIPSyntaxError(error)
    }
  }

  /// Whether the scheme is Digest.
  public var isDigest: Bool { equalIgnoringASCIICase(scheme, "digest") }

  /// The value of a parameter, its name compared without case. Setting a value that is new decides from the
  /// name and the grammar whether it is quoted.
  public subscript(name: String) -> String? {
    get { parameters.value(of: name) }
    set {
      guard let newValue else { return parameters.set(name, to: nil) }
      if let index = parameters.firstIndex(where: { equalIgnoringASCIICase($0.name, name) }) {
        parameters[index].value = newValue
      } else {
        append(name, newValue, quoted: AuthenticationField.quotedNames.contains(name.lowercased()))
      }
    }
  }

  public mutating func append(_ name: String, _ value: String, quoted: Bool) {
    var parameter = SIPURI.Parameter(name, value)
    parameter.isQuoted = quoted
    parameters.append(parameter)
  }

  /// What the grammar of Digest has as quoted strings; the list of `qop` in a challenge is quoted as well,
  /// but must be appended so.
  private static let quotedNames: Set<String> = [
    "username", "realm", "nonce", "uri", "response", "cnonce", "opaque", "domain",
  ]

  public var description: String {
    var bytes = Array(scheme.utf8)
    for (i, parameter) in parameters.enumerated() {
      bytes.append(i == 0 ? " " : ", " as StaticString)
      parameter.append(to: &bytes)
    }
    return String(decoding: bytes, as: UTF8.self)
  }
}
