import CallModel

/// Everything needed to place a call: ``UserAgent/invite(_:now:)``.
public struct OutgoingInvite: Sendable {
  public var requestURI: SIPURI
  /// Route values to preload, topmost first (an outbound proxy, a Service-Route, a Path).
  public var routeSet: [NameAddress]
  /// Where to send it, in order of preference: after 503, time-out or transport failure the next is tried (RFC 3263 §4.3).
  /// Empty: the user agent resolves the first route or the request URI itself.
  public var hops: [Hop]
  /// From without its tag.
  public var from: NameAddress
  public var to: NameAddress
  /// User part of our Contact.
  public var contactUser: String?
  /// Parameters of our Contact value (`isfocus`, `+sip.instance`, media feature tags).
  public var contactParameters: [SIPURI.Parameter]
  /// Nil asks the peer for the offer; its offer then comes in an event, and our answer goes in PRACK or ACK.
  public var offer: MessageBody?
  /// Further header fields, as they shall stand in the INVITE: identities, Diversion, Replaces, Session-ID ...
  public var headers: [SIPHeaders.Field]
  /// Option tags to list in Supported beside those of the configuration.
  public var supported: [String]
  /// Option tags of the configuration not to list this time: `100rel`, where an offer in a provisional response is one that
  /// could not be answered.
  public var withheld: [String] = []
  /// Option tags that the peer must understand. After a 420 the INVITE is sent again without those it names.
  public var required: [String]
  public var sessionTimer: SessionTimerPreferences
  /// 0-255.
  public var maxForwards: Int
  /// To answer 401 and 407 with, matched by realm.
  public var credentials: [RealmAccount]
  /// The Call-ID to use; nil makes a random one.
  public var callID: String?
  /// How long to wait for any response from one hop before the next is tried. Nil: until timer B.
  public var hopPatience: TimeSpan?
  /// Whether in-dialog requests may go back over the flow of the INVITE when the peer's Contact cannot be reached.
  public var maySendOverFlow: Bool

  public init(
    requestURI: SIPURI, routeSet: [NameAddress] = [], hops: [Hop] = [], from: NameAddress, to: NameAddress,
    contactUser: String? = nil, contactParameters: [SIPURI.Parameter] = [], offer: MessageBody? = nil,
    headers: [SIPHeaders.Field] = [], supported: [String] = [], required: [String] = [],
    sessionTimer: SessionTimerPreferences = SessionTimerPreferences(), maxForwards: Int = 70,
    credentials: [RealmAccount] = [], callID: String? = nil, hopPatience: TimeSpan? = nil,
    maySendOverFlow: Bool = true
  ) {
    self.requestURI = requestURI
    self.routeSet = routeSet
    self.hops = hops
    self.from = from
    self.to = to
    self.contactUser = contactUser
    self.contactParameters = contactParameters
    self.offer = offer
    self.headers = headers
    self.supported = supported
    self.required = required
    self.sessionTimer = sessionTimer
    self.maxForwards = maxForwards
    self.credentials = credentials
    self.callID = callID
    self.hopPatience = hopPatience
    self.maySendOverFlow = maySendOverFlow
  }
}
