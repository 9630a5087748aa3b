import CallModel

/// A new call. Answer it with ``UserAgent/provisional(_:status:reason:body:reliability:headers:now:)``,
/// ``UserAgent/accept(_:body:headers:now:)`` or ``UserAgent/reject(_:status:reason:headers:now:)``.
public struct IncomingInvite: Sendable {
  /// As it was received, with `received` and `rport` in its top Via. Identities, Diversion, History-Info and the like
  /// are read from its header fields.
  public var request: SIPRequest
  public var hop: Hop
  public var from: NameAddress
  public var to: NameAddress
  /// The peer's Contact.
  public var contact: NameAddress
  public var callID: String
  /// Nil when the peer asks us for the offer.
  public var offer: MessageBody?
  /// 0-255; 70 when the header field is missing. At 0 the call must not go on (RFC 3261 §16.3).
  public var maxForwards: Int
  /// Option tags of Supported, lower-cased.
  public var supported: [String]
  /// Option tags of Require, lower-cased; all are ones we support. Others were answered with 420.
  public var required: [String]
  /// The dialog a Replaces header field names (RFC 3891).
  public var replaces: Replaces?
  /// The session of ours that ``replaces`` names. Set whenever `replaces` is: an unknown one was answered with 481.
  public var replacing: SessionID?

  /// Whether the peer can take reliable provisional responses (RFC 3262).
  public var supportsReliableProvisionals: Bool {
    supported.contains("100rel") || required.contains("100rel")
  }
}

/// How a provisional response is sent (RFC 3262).
public enum Reliability: Hashable, Sendable {
  /// Reliably when the peer requires it, or when it supports it and there is a body.
  case automatic
  /// Reliably if the peer supports it at all.
  case preferred
  /// Unreliably unless the peer requires otherwise.
  case unreliable
}
