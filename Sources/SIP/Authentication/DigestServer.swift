import CallModel

/// Challenges requests and checks their credentials: Digest authentication on the side that asks (RFC 7616 and RFC 8760 for
/// SIP; RFC 2617 and RFC 3261 §22 for older clients).
///
/// One for each realm and event loop, or one for the process if requests of one client may reach any loop.
public struct DigestServer: Sendable {
  /// On whose behalf the question is asked; decides status and field names (RFC 3261 §22.2, §22.3).
  public enum Role: Hashable, Sendable {
    case userAgent, proxy

    public var status: Int { self == .userAgent ? 401 : 407 }
    public var challengeHeader: SIPHeaderName { self == .userAgent ? .wwwAuthenticate : .proxyAuthenticate }
    public var credentialsHeader: SIPHeaderName { self == .userAgent ? .authorization : .proxyAuthorization }
  }

  public struct Configuration: Sendable {
    public var realm: String
    /// In order of preference, one challenge each (RFC 8760 §2.3).
    public var algorithms: [DigestAlgorithm]
    /// Also offer protection of the body. Off by default: middleboxes that touch SDP break it.
    public var offersBodyProtection: Bool
    /// Whether credentials without `qop` (RFC 2069) are accepted. Each nonce serves such a client once.
    public var acceptsWithoutProtection: Bool
    /// How long a nonce can be used.
    public var nonceLifetime: TimeSpan
    /// How many nonces in use are remembered against replay, about 100 bytes each.
    public var nonceCapacity: Int

    public init(
      realm: String, algorithms: [DigestAlgorithm] = [.sha256, .md5], offersBodyProtection: Bool = false,
      acceptsWithoutProtection: Bool = true, nonceLifetime: TimeSpan = .seconds(300),
      nonceCapacity: Int = 65_536
    ) {
      self.realm = realm
      self.algorithms = algorithms
      self.offersBodyProtection = offersBodyProtection
      self.acceptsWithoutProtection = acceptsWithoutProtection
      self.nonceLifetime = nonceLifetime
      self.nonceCapacity = nonceCapacity
    }
  }

  /// What is known of a user.
  public enum Account: Sendable {
    case password(Secret)
    /// H(username:realm:password) in hexadecimal, by the algorithm without `-sess`. The realm is part of it.
    case storedKeys([DigestAlgorithm: Secret])
  }

  public enum Verdict: Hashable, Sendable {
    case authenticated(username: String)
    /// Challenge the request, with `stale` as it says. `reason` is for records only: the answer must not depend on it.
    case challenge(isStale: Bool, reason: Refusal)
  }

  public enum Refusal: String, Hashable, Sendable {
    case noCredentials
    case malformedCredentials
    /// Unknown user or wrong password: never told apart.
    case wrongCredentials
    /// The credentials are for another Request-URI.
    case wrongURI
    /// Right password, but the nonce has expired or is not ours.
    case staleNonce
    /// Right password, but this count of the nonce has been used.
    case replayed
  }

  public let configuration: Configuration
  public let role: Role
  private let key: [UInt8]
  private let opaque: String
  /// Stands in for the password of a user who does not exist.
  private let decoy: Secret
  private var serial: UInt64 = 0
  private var used: NonceCountTable

  /// - Parameter key: Signs nonces; at least 16 bytes. By default random, so that nonces do not survive a restart: clients see
  ///   `stale` once. Give the same key to servers that are to accept each other's nonces.
  public init(_ configuration: Configuration, role: Role, key: [UInt8] = []) {
    self.configuration = configuration
    self.role = role
    let key = key.count >= 16 ? key : MessageDigest.randomBytes(32)
    self.key = key
    let derived = MessageDigest.authenticate(Array("opaque".utf8), key: key)
    opaque = String(decoding: Array(derived.prefix(8)).hex, as: UTF8.self)
    decoy = Secret(String(decoding: MessageDigest.randomBytes(16).hex, as: UTF8.self))
    used = NonceCountTable(capacity: configuration.nonceCapacity)
  }

  /// The number of nonces remembered against replay.
  public var noncesInUse: Int { used.count }

  /// The challenge fields of a 401 or 407, strongest algorithm first as configured. All of them share one nonce.
  public mutating func challenges(isStale: Bool, now: MonotonicInstant) -> [SIPHeaders.Field] {
    serial &+= 1
    let nonce = DigestNonce(issuedAt: now, serial: serial).text(key: key)
    return configuration.algorithms.map { algorithm in
      var field = AuthenticationField()
      field.append("realm", configuration.realm, quoted: true)
      field.append("nonce", nonce, quoted: true)
      field.append("opaque", opaque, quoted: true)
      if isStale { field.append("stale", "true", quoted: false) }
      field.append("algorithm", algorithm.rawValue, quoted: false)
      field.append("qop", configuration.offersBodyProtection ? "auth,auth-int" : "auth", quoted: true)
      return SIPHeaders.Field(role.challengeHeader, field.description)
    }
  }

  /// The 401 or 407 to a request.
  public mutating func challenge(
    _ request: SIPRequest, isStale: Bool, toTag: String?, now: MonotonicInstant
  ) -> SIPResponse {
    var response = SIPResponse(to: request, status: role.status, toTag: toTag)
    response.headers.fields += challenges(isStale: isStale, now: now)
    return response
  }

  /// Checks the credentials of a request for this realm.
  ///
  /// An unknown user takes the same path and the same time as a wrong password, as far as this function goes: `account` should
  /// not take longer for one than for the other either.
  public mutating func verify(
    _ request: SIPRequest, now: MonotonicInstant, account: (_ username: String) -> Account?
  ) -> Verdict {
    let fields = request.headers.authenticationParameters(role.credentialsHeader)
    let ours = fields.filter { $0.isDigest && $0["realm"] == configuration.realm }
    guard !ours.isEmpty else { return .challenge(isStale: false, reason: .noCredentials) }
    // Two answers for one realm (RFC 8760 §2.4) may differ in algorithm: the first we have asked for counts.
    let usable = ours.lazy.compactMap(DigestCredentials.init).first { [configuration] credentials in
      configuration.algorithms.contains(credentials.algorithm)
        && (credentials.qop != nil || configuration.acceptsWithoutProtection)
    }
    guard let credentials = usable else {
      return .challenge(isStale: false, reason: .malformedCredentials)
    }
    guard isRight(credentials, request, account(credentials.username)) else {
      return .challenge(isStale: false, reason: .wrongCredentials)
    }
    guard isSameResource(credentials.uri, request.uri) else {
      return .challenge(isStale: false, reason: .wrongURI)
    }
    // From here on the client has proved that it knows the password.
    let oldest = now - configuration.nonceLifetime
    guard let nonce = DigestNonce(credentials.nonce, key: key), nonce.issuedAt >= oldest,
      nonce.issuedAt <= now, credentials.opaque == nil || credentials.opaque == opaque
    else { return .challenge(isStale: true, reason: .staleNonce) }
    used.expire(issuedBefore: oldest)
    switch used.use(nonce, count: credentials.qop?.nonceCount ?? 1) {
    case .fresh: return .authenticated(username: credentials.username)
    case .forgotten: return .challenge(isStale: true, reason: .staleNonce)
    // A client that lost its count gets on with a new nonce; an eavesdropper gains nothing by one.
    case .replayed: return .challenge(isStale: true, reason: .replayed)
    }
  }

  private func isRight(
    _ credentials: DigestCredentials, _ request: SIPRequest, _ account: Account?
  ) -> Bool {
    let password: Secret
    if case .password(let known)? = account { password = known } else { password = decoy }
    // Computed for stored keys too, and for nobody: the same work whoever asks.
    var storedKey = DigestComputation.storedKey(
      username: credentials.username, realm: configuration.realm, password: password,
      algorithm: credentials.algorithm)
    var isKnown = account != nil
    if case .storedKeys(let keys)? = account {
      if let key = keys[credentials.algorithm.base] {
        storedKey = Array(key.reveal().utf8).map(\.asciiLowercased)
      } else {
        isKnown = false
      }
    }
    var computation = DigestComputation(
      algorithm: credentials.algorithm, nonce: credentials.nonce, method: request.method.rawValue,
      uri: credentials.uri, protected: nil)
    if let qop = credentials.qop {
      computation.protected = (qop.protection, credentials.clientNonce ?? "", qop.nonceCountText)
      if qop.protection == .authInt { computation.body = request.body }
    }
    let expected = computation.response(storedKey: storedKey, clientNonce: credentials.clientNonce)
    let isEqual = expected.isEqualInConstantTime(to: credentials.response)
    return isEqual && isKnown && credentials.algorithm.digest.isAvailable
  }

  /// Whether the URI in the credentials names what the request is for. Parameters are left out of the comparison: proxies and
  /// clients add and drop `transport` and `lr` on the way (RFC 3261 §22.4 asks for equality but names that trouble).
  private func isSameResource(_ text: String, _ uri: SIPURI) -> Bool {
    if text == uri.serialised() { return true }
    guard let claimed = try? SIPURI.parse(text) else { return false }
    return claimed.scheme == uri.scheme && claimed.user == uri.user && claimed.port == uri.port
      && claimed.host.isEquivalent(to: uri.host)
  }
}
