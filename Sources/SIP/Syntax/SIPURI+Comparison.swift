import CallModel

extension SIPURI {
  /// Whether two URIs name the same resource: RFC 3261 §19.1.4 for `sip:` and `sips:`, RFC 3966 §4 for
  /// `tel:`, equality for any other. Unlike `==` it is not transitive: a parameter that one URI lacks is
  /// often ignored.
  public func isEquivalent(to other: SIPURI) -> Bool {
    if self == other { return true }
    guard scheme == other.scheme else { return false }
    switch scheme {
    case .sip, .sips: return isEquivalentSIP(to: other)
    case .tel: return isEquivalentTelephone(to: other)
    case .other: return user == other.user
    }
  }

  private func isEquivalentSIP(to other: SIPURI) -> Bool {
    guard user == other.user, password == other.password, host.isEquivalent(to: other.host),
      port == other.port
    else { return false }
    for (a, b) in [(self, other), (other, self)] {
      for parameter in a.parameters {
        let name = percentDecoded(parameter.name)
        guard let match = b.parameters.first(where: { equalIgnoringASCIICase(percentDecoded($0.name), name) })
        else {
          // These change where a request goes, so that one must not stand for none.
          if SIPURI.decisiveParameters.contains(name.lowercased()) { return false }
          continue
        }
        guard
          equalIgnoringASCIICase(
            percentDecoded(parameter.value ?? ""), percentDecoded(match.value ?? ""))
        else { return false }
      }
    }
    return hasEquivalentHeaders(other)
  }

  private static let decisiveParameters: Set<String> = ["user", "ttl", "method", "maddr", "transport"]

  /// Header components must all be in both, in any order.
  private func hasEquivalentHeaders(_ other: SIPURI) -> Bool {
    guard headers != other.headers else { return true }
    var rest = other.headerFields
    for field in headerFields {
      guard let index = rest.firstIndex(of: field) else { return false }
      rest.remove(at: index)
    }
    return rest.isEmpty
  }

  private func isEquivalentTelephone(to other: SIPURI) -> Bool {
    func digits(_ text: String?) -> [UInt8] {
      let separators: [UInt8] = [.hyphen, UInt8(ascii: "."), .leftParenthesis, .rightParenthesis]
      return (text ?? "").utf8.filter { !separators.contains($0) }.map(\.asciiLowercased)
    }
    guard digits(user) == digits(other.user), parameters.count == other.parameters.count else {
      return false
    }
    return parameters.allSatisfy { parameter in
      guard let value = other[parameter.name] else { return false }
      let isNumber = ["ext", "phone-context"].contains(parameter.name.lowercased())
      return isNumber
        ? digits(parameter.value) == digits(value) : equalIgnoringASCIICase(parameter.value ?? "", value)
    }
  }
}

extension SIPURI.Host {
  /// Whether both are the same address or, without regard to case, the same name.
  public func isEquivalent(to other: SIPURI.Host) -> Bool {
    switch (self, other) {
    case (.name(let a), .name(let b)): equalIgnoringASCIICase(a, b)
    case (.ip(let a), .ip(let b)): a == b
    default: false
    }
  }
}

extension SIPURI.Host: CustomStringConvertible {
  /// A name, or an address with IPv6 in brackets.
  public var description: String {
    switch self {
    case .name(let name): name
    case .ip(let address): address.bracketed
    }
  }

  /// Reads a name, an IPv4 address, or an IPv6 address with or without brackets; nil when it is none of them.
  public init?(_ text: some StringProtocol) {
    if let address = IPAddress(text) {
      self = .ip(address)
    } else if !text.isEmpty, text.utf8.count <= 255, text.utf8.allSatisfy(ASCIIClass.host.contains) {
      self = .name(String(text))
    } else {
      return nil
    }
  }
}
