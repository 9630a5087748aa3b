import CallModel

/// A user name and password for the digest challenges of one realm, or of any (RFC 3261 §22).
public struct RealmAccount: Hashable, Sendable {
  /// Nil answers every realm that no other account is for.
  public var realm: String?
  public var username: String
  public var password: Secret

  public init(realm: String? = nil, username: String, password: Secret) {
    self.realm = realm
    self.username = username
    self.password = password
  }
}

extension [RealmAccount] {
  func account(for realm: String) -> DigestClient.Account? {
    let found = first { $0.realm == realm } ?? first { $0.realm == nil }
    return found.map { DigestClient.Account(username: $0.username, password: $0.password) }
  }
}
