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
  /// Option tags of Require, lower-cased; all are ones we support.
  public var required: [String]
  /// Option tags we do not know stand in Proxy-Require of nothing we are: they are ignored.
  /// The dialog a Replaces header field names (RFC 3891).
  public var replaces: Replaces?
  /// The session of ours that ``replaces`` names. Set whenever `replaces` is: an unknown one was answered with 481.
  public var replacing: SessionID?

  /// Whether the peer can take reliable provisional responses (RFC 3262).
  public var supportsReliableProvisionals: Bool { supported.contains("100rel") || required.contains("100rel") }
}

/// A Replaces header field (RFC 3891 §6.1).
public struct Replaces: Hashable, Sendable {
  public var callID: String
  public var toTag: String
  public var fromTag: String
  /// Only if the dialog is still early.
  public var earlyOnly: Bool

  public init(callID: String, toTag: String, fromTag: String, earlyOnly: Bool = false) {
    self.callID = callID
    self.toTag = toTag
    self.fromTag = fromTag
    self.earlyOnly = earlyOnly
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
