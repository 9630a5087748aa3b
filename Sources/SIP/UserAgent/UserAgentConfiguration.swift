import CallModel

/// What is common to all sessions of a user agent, and its limits.
public struct UserAgentConfiguration: Sendable {
  /// Methods listed in Allow. Any other is answered with 405.
  public var allow: [SIPMethod] = [
    .invite, .ack, .cancel, .bye, .options, .prack, .update, .info, .message, .refer, .notify, .subscribe,
    .register,
  ]
  /// Option tags listed in Supported and accepted in Require.
  public var supported: [String] = [
    "100rel", "replaces", "timer", "norefersub", "tdialog", "histinfo", "path", "gruu", "outbound",
  ]
  /// Content types listed in Accept.
  public var accept: [String] = ["application/sdp", "multipart/mixed", "message/sipfrag"]
  /// User-Agent and Server; nil sends neither.
  public var product: String?
  /// For incoming sessions; outgoing ones bring their own.
  public var sessionTimer = SessionTimerPreferences()
  public var timers = TransactionTimers()
  /// An offer in a re-INVITE with the same bytes as the peer's last description, a mere refresh (RFC 3264 §8), is answered with
  /// our last description without asking the application.
  public var answersUnchangedOffers = true
  /// Whether a request goes back to where the peer's came from, if its Contact is a numeric address other than that
  /// and no proxy recorded a route: peers behind a NAT.
  public var repairsContacts = true

  // Limits

  public var maximumSessions = 100_000
  /// Early dialogs of one outgoing INVITE.
  public var maximumEarlyDialogs = 12
  /// Requests of one session that wait for a response, and requests of the peer that wait for the application.
  public var maximumPendingRequests = 16
  /// Requests outside dialogs that wait for a response.
  public var maximumOutgoingRequests = 10_000
  /// Bytes of a body. Larger ones are answered with 413.
  public var maximumBodySize = 64 * 1024
  /// Hops tried for one request.
  public var maximumHops = 8
  /// How long the application may take to answer a request other than INVITE.
  public var applicationPatience = TimeSpan.seconds(30)
  /// How long a transfer may be under way after its session ended, and at most.
  public var transferLifetime = TimeSpan.seconds(300)

  public init() {}
}
