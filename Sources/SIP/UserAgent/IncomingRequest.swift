import CallModel

/// A request that the application answers with ``UserAgent/respond(to:status:reason:headers:body:now:)``: anything outside a
/// dialog except INVITE, and INFO, MESSAGE, SUBSCRIBE, NOTIFY or an extension inside one. One that is not answered in 30 s
/// gets 500.
public struct IncomingRequest: Sendable {
  public var id: IncomingRequestID
  /// The session it belongs to; nil outside a dialog.
  public var session: SessionID?
  public var request: SIPRequest
  public var hop: Hop

  public init(id: IncomingRequestID, session: SessionID? = nil, request: SIPRequest, hop: Hop) {
    self.id = id
    self.session = session
    self.request = request
    self.hop = hop
  }
}

/// A request outside any dialog: ``UserAgent/send(_:now:)``.
public struct OutgoingRequest: Sendable {
  public var method: SIPMethod
  public var requestURI: SIPURI
  public var routeSet: [NameAddress]
  /// As in ``OutgoingInvite/hops``.
  public var hops: [Hop]
  /// From without its tag.
  public var from: NameAddress
  public var to: NameAddress
  /// Further header fields as they shall stand in the request. A Contact is added only where ``contact`` says so.
  public var headers: [SIPHeaders.Field]
  public var body: MessageBody?
  public var maxForwards: Int
  public var credentials: [RealmAccount]
  /// Nil: a random one. Registrations keep theirs (RFC 3261 §10.2).
  public var callID: String?
  /// Nil: 1. A digest retry takes the next number.
  public var sequence: UInt32?
  /// Nil: a random one.
  public var fromTag: String?
  /// Adds our Contact of the listener that is used, with this user part and these parameters.
  public var contact: ContactTemplate?
  /// How long to wait for any response from one hop before the next is tried; nil: until timer F.
  public var hopPatience: TimeSpan?

  public init(
    method: SIPMethod, requestURI: SIPURI, routeSet: [NameAddress] = [], hops: [Hop] = [], from: NameAddress,
    to: NameAddress, headers: [SIPHeaders.Field] = [], body: MessageBody? = nil, maxForwards: Int = 70,
    credentials: [RealmAccount] = [], callID: String? = nil, sequence: UInt32? = nil,
    fromTag: String? = nil, contact: ContactTemplate? = nil, hopPatience: TimeSpan? = nil
  ) {
    self.method = method
    self.requestURI = requestURI
    self.routeSet = routeSet
    self.hops = hops
    self.from = from
    self.to = to
    self.headers = headers
    self.body = body
    self.maxForwards = maxForwards
    self.credentials = credentials
    self.callID = callID
    self.sequence = sequence
    self.fromTag = fromTag
    self.contact = contact
    self.hopPatience = hopPatience
  }
}

/// What goes round the address of the listener in a Contact value of ours.
public struct ContactTemplate: Hashable, Sendable {
  public var user: String?
  /// Parameters of the URI.
  public var uriParameters: [SIPURI.Parameter]
  /// Parameters of the header field value (`expires`, `+sip.instance`, `reg-id`).
  public var parameters: [SIPURI.Parameter]

  public init(
    user: String? = nil, uriParameters: [SIPURI.Parameter] = [], parameters: [SIPURI.Parameter] = []
  ) {
    self.user = user
    self.uriParameters = uriParameters
    self.parameters = parameters
  }
}
