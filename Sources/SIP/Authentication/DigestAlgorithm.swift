/// The hash of Digest authentication (RFC 7616 §3.3, RFC 8760 §2.1). `-sess` binds the key to the first nonce.
public enum DigestAlgorithm: String, Hashable, Sendable, CaseIterable {
  case md5 = "MD5"
  case md5Session = "MD5-sess"
  case sha256 = "SHA-256"
  case sha256Session = "SHA-256-sess"
  case sha512Truncated256 = "SHA-512-256"
  case sha512Truncated256Session = "SHA-512-256-sess"

  /// By name, compared without case.
  public init?(name: String) {
    guard let found = Self.allCases.first(where: { equalIgnoringASCIICase($0.rawValue, name) }) else {
      return nil
    }
    self = found
  }

  public var isSession: Bool {
    switch self {
    case .md5Session, .sha256Session, .sha512Truncated256Session: true
    case .md5, .sha256, .sha512Truncated256: false
    }
  }

  /// The algorithm without `-sess`; both use the same stored H(A1).
  public var base: DigestAlgorithm {
    switch self {
    case .md5, .md5Session: .md5
    case .sha256, .sha256Session: .sha256
    case .sha512Truncated256, .sha512Truncated256Session: .sha512Truncated256
    }
  }

  /// Orders algorithms; larger resists attack better.
  var strength: Int {
    switch base {
    case .sha512Truncated256: 2
    case .sha256: 1
    default: 0
    }
  }

  var digest: MessageDigest {
    switch base {
    case .sha512Truncated256: .sha512Truncated256
    case .sha256: .sha256
    default: .md5
    }
  }
}

/// Quality of protection (RFC 7616 §3.4.3): what beside method and URI the response covers.
public enum DigestProtection: String, Hashable, Sendable {
  case auth
  /// The body too.
  case authInt = "auth-int"
}
