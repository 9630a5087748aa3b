import CallModel

/// Answers challenges: Digest authentication on the side that is asked (RFC 7616 §3.4, RFC 8760 §2.4, RFC 3261 §22).
///
/// Keeps the last challenge of each realm and user, and so can send credentials along unasked, with the next count of the same
/// nonce. One for each peer or trunk: realms of different peers do not meet then.
public struct DigestClient: Sendable {
  public struct Account: Sendable {
    public var username: String
    public var password: Secret

    public init(username: String, password: Secret) {
      self.username = username
      self.password = password
    }
  }

  public enum Answer: Sendable {
    /// The request with credentials. Raise CSeq and send it in a new transaction (RFC 3261 §22.2).
    case retry(SIPRequest)
    case giveUp(Reason)
  }

  public enum Reason: String, Hashable, Sendable {
    /// No Digest challenge in the response that we can read.
    case noUsableChallenge
    /// No account for any of the realms.
    case noAccount
    /// The credentials just sent were refused: asking again with the same password would only lock the account.
    case refused
  }

  private struct SessionKey: Hashable, Sendable {
    var realm: String
    var isProxy: Bool
  }

  fileprivate struct Session: Sendable {
    var username: String
    var password: Secret
    var challenge: DigestChallenge
    var clientNonce: String
    /// The count of the latest credentials.
    var count: UInt32
    /// `stale` answers in a row to a nonce that was fresh.
    var staleInARow: Int
    var storedKey: Secret
  }

  /// Realms remembered at once.
  public static let sessionLimit = 64
  /// A peer that calls every fresh nonce stale is not followed for ever.
  static let staleLimit = 3

  private var sessions: [SessionKey: Session] = [:]
  private var sessionOrder: [SessionKey] = []
  private let makeClientNonce: @Sendable () -> String

  public init() {
    self.init { String(decoding: MessageDigest.randomBytes(16).hex, as: UTF8.self) }
  }

  /// With client nonces of the caller's, for tests against known answers.
  init(makeClientNonce: @escaping @Sendable () -> String) { self.makeClientNonce = makeClientNonce }

  /// Answers a 401 or 407. Challenges of several realms are answered together, as far as there are accounts; of several
  /// algorithms in one realm the strongest we know is taken, the first of equals.
  public mutating func answer(
    _ response: SIPResponse, to request: SIPRequest, account: (_ realm: String) -> Account?
  ) -> Answer {
    var best: [(key: SessionKey, challenge: DigestChallenge)] = []
    for (header, isProxy) in [(SIPHeaderName.wwwAuthenticate, false), (.proxyAuthenticate, true)] {
      for field in response.headers.authenticationParameters(header) {
        guard let challenge = DigestChallenge(field) else { continue }
        let key = SessionKey(realm: challenge.realm, isProxy: isProxy)
        if let index = best.firstIndex(where: { $0.key == key }) {
          if challenge.algorithm.strength > best[index].challenge.algorithm.strength {
            best[index].challenge = challenge
          }
        } else if best.count < 8 {
          best.append((key, challenge))
        }
      }
    }
    guard !best.isEmpty else { return .giveUp(.noUsableChallenge) }
    var retry = request
    var reason = Reason.noAccount
    var answered = false
    for (key, challenge) in best {
      guard let account = account(challenge.realm) else { continue }
      guard begin(key, challenge, account, refusing: request) else {
        reason = .refused
        continue
      }
      apply(key, to: &retry)
      answered = true
    }
    return answered && reason != .refused ? .retry(retry) : .giveUp(reason)
  }

  /// Adds credentials for every realm that has challenged this client before, so that the peer need not ask again.
  /// Without effect for realms the request already carries credentials for.
  public mutating func authorise(_ request: inout SIPRequest) {
    for key in sessionOrder where credentials(in: request, key) == nil { apply(key, to: &request) }
  }

  /// Forgets a realm, for example because its password was changed.
  public mutating func forget(realm: String) {
    for key in sessionOrder where key.realm == realm { sessions[key] = nil }
    sessionOrder.removeAll { $0.realm == realm }
  }

  // MARK: Sessions

  /// Takes up a challenge, unless the refused request shows that the password is wrong.
  private mutating func begin(
    _ key: SessionKey, _ challenge: DigestChallenge, _ account: Account, refusing request: SIPRequest
  ) -> Bool {
    var staleInARow = 0
    if let previous = sessions[key], let sent = credentials(in: request, key),
      previous.username == account.username, previous.password == account.password
    {
      // With a count above 1 the nonce had served before: it was it that was refused, not the password. But the same
      // nonce again means that the server has nothing against the nonce.
      let wasFresh = sent["nc"].map { UInt32($0, radix: 16) == 1 } ?? true
      if challenge.isStale {
        staleInARow = wasFresh ? previous.staleInARow + 1 : 0
        guard staleInARow < Self.staleLimit else { return false }
      } else if wasFresh || sent["nonce"] == challenge.nonce {
        return false
      }
    }
    if sessions[key] == nil {
      if sessionOrder.count >= Self.sessionLimit { sessions[sessionOrder.removeFirst()] = nil }
      sessionOrder.append(key)
    }
    let storedKey = DigestComputation.storedKey(
      username: account.username, realm: challenge.realm, password: account.password,
      algorithm: challenge.algorithm)
    sessions[key] = Session(
      username: account.username, password: account.password, challenge: challenge,
      clientNonce: makeClientNonce(), count: 0, staleInARow: staleInARow,
      storedKey: Secret(String(decoding: storedKey, as: UTF8.self)))
    return true
  }

  private func header(_ key: SessionKey) -> SIPHeaderName {
    key.isProxy ? .proxyAuthorization : .authorization
  }

  private func credentials(in request: SIPRequest, _ key: SessionKey) -> AuthenticationField? {
    request.headers.authenticationParameters(header(key)).first { $0.isDigest && $0["realm"] == key.realm }
  }

  /// Puts credentials with the next count into a request, in place of earlier ones for the realm.
  private mutating func apply(_ key: SessionKey, to request: inout SIPRequest) {
    guard var session = sessions[key] else { return }
    session.count &+= 1
    sessions[key] = session
    let name = header(key)
    let realm = key.realm
    request.headers.fields.removeAll { field in
      guard field.name == name, let parsed = AuthenticationField(field.value) else { return false }
      return parsed.isDigest && parsed["realm"] == realm
    }
    request.headers.append(name, session.credentials(for: request).description)
  }
}

extension DigestClient.Session {
  fileprivate func credentials(for request: SIPRequest) -> AuthenticationField {
    let uri = request.uri.serialised()
    var computation = DigestComputation(
      algorithm: challenge.algorithm, nonce: challenge.nonce, method: request.method.rawValue, uri: uri,
      protected: nil)
    let digits = String(count, radix: 16)
    let countText = String(repeating: "0", count: 8 - digits.utf8.count) + digits
    if let protection = challenge.protection {
      computation.protected = (protection, clientNonce, countText)
      if protection == .authInt { computation.body = request.body }
    }
    let response = computation.response(
      storedKey: Array(storedKey.reveal().utf8), clientNonce: clientNonce)
    var field = AuthenticationField()
    field.append("username", username, quoted: true)
    field.append("realm", challenge.realm, quoted: true)
    field.append("nonce", challenge.nonce, quoted: true)
    field.append("uri", uri, quoted: true)
    field.append("response", String(decoding: response, as: UTF8.self), quoted: true)
    if challenge.namesAlgorithm { field.append("algorithm", challenge.algorithm.rawValue, quoted: false) }
    if let protection = challenge.protection {
      field.append("cnonce", clientNonce, quoted: true)
      field.append("qop", protection.rawValue, quoted: false)
      field.append("nc", countText, quoted: false)
    } else if challenge.algorithm.isSession {
      field.append("cnonce", clientNonce, quoted: true)
    }
    if let opaque = challenge.opaque { field.append("opaque", opaque, quoted: true) }
    return field
  }
}
