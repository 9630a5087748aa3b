import CallModel
import PolicyHooks

/// What hosts calls: the gateway for two-party calls, a service for its own.
public protocol CallHost: AnyObject {
  /// Takes over an incoming call that policy gave to this host. The host observes the leg from now on and ends the call's
  /// record.
  func take(_ incoming: IncomingCall)
  /// The place of the party of `leg` in a service; nil where it is in none of this host's. By default there are none.
  func place(of leg: LegID) -> ServicePlace?
  /// Leaves the party that talks with `leg` to a place in a service, and ends the call. By default there is no such party.
  ///
  /// - Returns: why not; everything is as it was then.
  func move(partyFacing leg: LegID, to place: ServicePlace) -> Disconnect?
  /// Ends the call of this caller, which nobody has answered, so that whom it called can be called for somebody else. By default
  /// there is no such call.
  ///
  /// - Returns: whom it called; nil: nobody, or somebody who has answered.
  func abandonRinging(by leg: LegID) -> Alias?
}

/// An incoming leg with its request, its decision, and its place in the books.
public struct IncomingCall {
  public var request: CallRequest
  public var routed: RoutedCall
  public var leg: any CallLeg
  /// What the caller offers; nil when it wants us to offer.
  public var offer: MediaDescription?
  public var call: LiveCall
  public var forwarding: Forwarding
  /// The leg whose place in a service it takes (``ServicePlace``).
  public var replacing: LegID?
  /// What policy servers and scripts say of the party as a participant (routing reference §13): empty where nobody was asked.
  /// Who is refused never gets here.
  public var participant = ParticipantProperties()
  /// Under which name they were asked about it (RFC 9562); nil: it goes to no service with participants.
  public var participantUUID: String?
  /// Which addresses of ours carry its media.
  public var placement = MediaPlacement()
  /// What the party described last, when it was answered before, in a call it leaves for this one: it is offered media anew.
  public var described: MediaDescription?
  /// As what it comes in, where whoever sent it there has decided that.
  public var role: ParticipantRole?

  public init(
    request: CallRequest, routed: RoutedCall, leg: any CallLeg, offer: MediaDescription?, call: LiveCall,
    forwarding: Forwarding = Forwarding(), replacing: LegID? = nil
  ) {
    self.request = request
    self.routed = routed
    self.leg = leg
    self.offer = offer
    self.call = call
    self.forwarding = forwarding
    self.replacing = replacing
  }

  /// Ends it before anybody has taken it.
  public func refuse(_ disconnect: Disconnect) {
    leg.endOrReject(disconnect, answered: described != nil)
    call.finish(disconnect, by: .tandem)
  }
}

/// What a call has been through before it came to us, and how much of the caller may be shown. Passed on unread.
public struct Forwarding: Sendable, Hashable {
  /// `Diversion` values (RFC 5806), most recent first.
  public var diversions: [String] = []
  /// `History-Info` values (RFC 7044).
  public var history: [String] = []
  /// Privacy the caller asked for (RFC 3323): `id`, `user`, `header`, `session`, `critical`.
  public var privacy: [String] = []
  public init() {}
  public var hidesIdentity: Bool { privacy.contains { ["id", "user", "header"].contains($0.lowercased()) } }
  /// The caller asks explicitly to be known everywhere (`none`).
  public var showsIdentity: Bool { !hidesIdentity && privacy.contains { $0.lowercased() == "none" } }
}

/// Places outgoing legs of one protocol.
public protocol LegDialer: AnyObject {
  /// Starts one attempt. The leg reports through its observer, from the next turn of the loop on at the earliest.
  func dial(_ call: OutgoingCall, observer: any CallLegObserver) -> any CallLeg
}

/// One attempt to one target.
public struct OutgoingCall: Sendable {
  public var id: CallID
  public var target: RouteTarget
  public var callerAlias: String
  public var callerDisplayName: String
  /// True when the caller's alias is one registered here.
  public var isCallerRegistered: Bool
  public var assertedIdentities: [String]
  public var forwarding: Forwarding
  /// For the next hop: already one less than on the incoming leg.
  public var hopsLeft: Int
  /// Loop tokens the call came with; the target's own is added.
  public var loopTokens: [String]
  /// nil asks the far end to offer.
  public var offer: MediaDescription?
  /// The call of the far end that this one takes the place of, in the words of its protocol (a SIP `Replaces` value).
  public var replaces: String?

  public init(
    id: CallID, target: RouteTarget, callerAlias: String, callerDisplayName: String, isCallerRegistered: Bool,
    assertedIdentities: [String] = [], forwarding: Forwarding = Forwarding(), hopsLeft: Int,
    loopTokens: [String] = [], offer: MediaDescription?, replaces: String? = nil
  ) {
    self.replaces = replaces
    self.id = id
    self.target = target
    self.callerAlias = callerAlias
    self.callerDisplayName = callerDisplayName
    self.isCallerRegistered = isCallerRegistered
    self.assertedIdentities = assertedIdentities
    self.forwarding = forwarding
    self.hopsLeft = hopsLeft
    self.loopTokens = loopTokens
    self.offer = offer
  }
}
