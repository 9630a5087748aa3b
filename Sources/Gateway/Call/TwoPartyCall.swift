import CallModel
import MediaRelay
import PolicyEngine
import Router

/// One gateway call: the caller's leg, the attempts to reach the called party, and then the two legs joined.
///
/// Lives on the signalling loop. What it does is split by concern: attempts, negotiation and transfer stand in files of
/// their own.
final class TwoPartyCall: CallLegObserver {
  enum Phase {
    /// Trying targets; the caller hears progress.
    case hunting
    /// Answered. Renegotiation, digits and transfers happen here.
    case connected
    case over
  }

  /// One leg that rings.
  struct Attempt {
    var leg: any CallLeg
    var target: RouteTarget
    var recordIndex: Int
    /// How media was offered to it.
    var encryption: MediaEncryption
    var hasEarlyMedia = false
    /// What it described last, early or finally.
    var description: MediaDescription?
    /// Why it ended, once it has.
    var failure: Disconnect?
  }

  let host: GatewayHost
  let live: LiveCall
  var configuration: GatewayConfiguration
  let request: CallRequest
  let forwarding: Forwarding
  let placement: MediaPlacement
  var phase = Phase.hunting
  var caller: any CallLeg
  var called: (any CallLeg)?
  /// The target of ``called``, while it occupies a trunk.
  var calledTarget: RouteTarget?
  /// The target of ``caller``, when a transfer has put one there that we called.
  var callerTarget: RouteTarget?
  var hunt: RouteHunt
  var attempts: [Attempt] = []
  var ringTimer: SignallingLoop.TimerID?
  /// The caller was answered before, by a service it comes from: it is offered what the called party takes.
  let isCallerAnswered: Bool
  /// What the caller offered last.
  var callerOffer: MediaDescription?
  var media: CallMedia?
  /// What the caller has been told so far; progress is not repeated.
  var toldCaller: CallProgress?
  /// The answer the caller was shown early. It holds on to that one whatever it is told later (RFC 3261 §13.2.1).
  var earlyAnswer: MediaDescription?
  /// The called party called in itself (RFC 3891) and waits for our answer.
  var isCalledWaiting = false
  /// Who has taken a party's place since, as far as they called us themselves or were called by us.
  var newcomers: [RelaySideName: Caller] = [:]
  /// Which participants it has, and since when.
  var roster = GatewayRoster()
  let began: WallClock
  /// How many redirections this call has followed.
  var redirections = 0
  /// Policy servers are asked where a redirection leads; nobody rings meanwhile.
  var redirection: (any PolicyConsultation)?
  var exchangeUnderWay: MediaExchange? { didSet { watchExchange() } }
  /// The ringing leg that has exchanged offers with the caller already.
  var earlyLeg: (any CallLeg)?
  var exchangeTimer: SignallingLoop.TimerID?
  /// Digits the called party still gets (`dtmf_sequence`).
  var sequencer: DTMFSequencer?
  var digitTimer: SignallingLoop.TimerID?
  var transfer: TransferInProgress?
  /// The call that one of our parties is about to leave us for. Its events go there; meanwhile nothing is negotiated here.
  weak var borrower: TwoPartyCall?

  var loop: SignallingLoop { host.exchange.loop }
  var router: Router { host.exchange.router }
  var isOver: Bool { phase == .over }

  init(host: GatewayHost, incoming: IncomingCall, configuration: GatewayConfiguration) {
    self.host = host
    live = incoming.call
    self.configuration = configuration
    request = incoming.request
    forwarding = incoming.forwarding
    placement = incoming.placement
    caller = incoming.leg
    isCallerAnswered = incoming.described != nil
    began = isCallerAnswered ? host.exchange.loop.wallClock : incoming.call.record.started
    // What it described last is what it can do; its new addresses follow in its answer.
    callerOffer = incoming.offer ?? incoming.described
    hunt = incoming.routed.hunt
  }

  func start() {
    caller.observer = self
    host.register(self, leg: caller.id)
    live.onEndRequested = { [weak self] disconnect in self?.end(disconnect, by: .tandem) }
    guard openMedia() else { return }
    guard let step = hunt.first() else {
      // A device that is not registered, or an alias without a domain. Who is not one of ours learns no more than
      // that the alias leads nowhere.
      return end(Disconnect(request.caller.isRegistered ? .temporarilyUnavailable : .notFound), by: .tandem)
    }
    begin(step)
  }

  // MARK: Events

  func leg(_ leg: any CallLeg, did event: CallLegEvent) {
    guard !isOver else { return }
    if leg.id == caller.id {
      callerDid(event)
    } else if let called, leg.id == called.id {
      calledDid(event)
    } else if let index = attempts.firstIndex(where: { $0.leg.id == leg.id && $0.failure == nil }) {
      attemptDid(index, event)
    } else if let index = transfer?.ringing.firstIndex(where: { $0.leg.id == leg.id }) {
      transferRingingDid(index, event)
    } else if let transfer, leg.id == transfer.leg?.id {
      transferTargetDid(event)
    }
  }

  private func callerDid(_ event: CallLegEvent) {
    switch event {
    case .ended(let disconnect):
      if !transferrerLeft(.a), !partyLeftOfLent() { end(disconnect, by: .caller) }
    case .confirmed(let answer):
      acknowledged(by: .a, answer)
    case .offer, .offerWithdrawn, .answer, .offerRefused, .digit, .message, .transferRequested,
      .transferProgressed:
      inCall(.a, event)
    case .progress, .answered:
      break
    }
  }

  private func calledDid(_ event: CallLegEvent) {
    switch event {
    case .ended(let disconnect):
      if !transferrerLeft(.b), !partyLeftOfLent() { end(disconnect, by: .called) }
    case .confirmed(let answer):
      if phase == .hunting { pickedUp(answer) } else { acknowledged(by: .b, answer) }
    case .progress, .answered:
      break
    case .offer, .offerWithdrawn, .answer, .offerRefused, .digit, .message, .transferRequested,
      .transferProgressed:
      inCall(.b, event)
    }
  }

  // MARK: End

  /// Ends everything that is still up. Idempotent.
  func end(_ disconnect: Disconnect, by side: CallRecord.Side) {
    guard !isOver else { return }
    let wasConnected = phase == .connected
    recordEnd(disconnect)
    phase = .over
    loop.cancel(ringTimer)
    ringTimer = nil
    loop.cancel(digitTimer)
    digitTimer = nil
    if side != .caller { caller.endOrReject(disconnect, answered: wasConnected || isCallerAnswered) }
    if side != .called { called?.end(disconnect) }
    let isTakenBack = side == .caller && [.cancelled, .answeredElsewhere].contains(disconnect.cause)
    giveUpAttempts(
      Disconnect(side == .caller ? .cancelled : disconnect.cause),
      told: isTakenBack ? disconnect : Disconnect(.cancelled))
    attempts = []
    exchangeUnderWay = nil
    if let redirection { live.note(redirection.withdraw()) }
    redirection = nil
    endTransfer(disconnect)
    if let calledTarget { router.endAttempt(calledTarget) }
    if let callerTarget { router.endAttempt(callerTarget) }
    host.unregister(leg: caller.id)
    if let called { host.unregister(leg: called.id) }
    let live = live
    live.finish(disconnect, by: side, awaitsMedia: media != nil)
    media?.close { live.close(media: $0) }
  }
}
