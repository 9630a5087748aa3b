import CallModel

/// The `o=` line of our side of one call, and the rule that counts it.
///
/// RFC 3264 §8: every change of the description adds exactly one to the version, and a description sent again without a
/// change (session refresh, RFC 4028 §7.4) keeps it, byte for byte.
public struct LocalDescription: Sendable {
  public let username: String
  public let sessionID: UInt64
  public let address: IPAddress
  public let name: String
  /// The version in the `o=` line that was written last.
  public private(set) var version: UInt64
  private var last: (description: MediaDescription, body: [UInt8])?

  /// - Parameters:
  ///   - sessionID: Unlikely to repeat; take 63 random bits at most, as some peers read a signed number.
  ///   - version: The version of the first description.
  public init(
    sessionID: UInt64, address: IPAddress, username: String = "-", name: String = "-", version: UInt64 = 1
  ) {
    self.username = username
    self.sessionID = sessionID
    self.address = address
    self.name = name
    self.version = version
  }

  /// The body to send for the description.
  public mutating func body(for description: MediaDescription) -> [UInt8] {
    if let last {
      if last.description == description { return last.body }
      version &+= 1
    }
    let origin = SessionDescription.Origin(
      username: username, sessionID: String(sessionID), version: String(version),
      address: SessionDescription.Connection(address))
    let body = description.sdp(origin: origin, name: name)
    last = (description, body)
    return body
  }
}
