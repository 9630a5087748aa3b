/// A REFER that came in within a session (RFC 3515).
public struct IncomingTransfer: Sendable {
  public var id: TransferID
  /// Where to call. A `Replaces` in its header part asks for an attended transfer; see ``replaces``.
  public var referTo: NameAddress
  /// Decoded from the header part of ``referTo``; ``replacing`` names the session if it is one of ours.
  public var replaces: Replaces?
  public var replacing: SessionID?
  /// The Referred-By value as written (RFC 3892).
  public var referredBy: String?
  /// False when the peer does not want NOTIFYs (RFC 4488); progress then goes nowhere.
  public var wantsNotifications: Bool
  public var request: SIPRequest
}

/// What is known of a transfer that we asked for.
public enum TransferReport: Hashable, Sendable {
  /// 2xx to our REFER. Without subscription (RFC 4488) this is the last report.
  case accepted(subscribed: Bool)
  /// The REFER was refused; the last report.
  case rejected(status: Int)
  /// A NOTIFY with the state of the new call.
  case notified(status: Int, reason: String)
  /// The last report: the final status if one was told, nil if the subscription ended without.
  case finished(status: Int?)
}
