import CallModel
import MediaRelay
import PolicyEngine
import Router

/// Reaches somebody a conference calls: asks the Router, and tries its targets one step after the other until one answers.
final class Dialling: HostedLegOwner {
  /// One leg that rings.
  private struct Attempt {
    var leg: HostedLeg
    var target: RouteTarget
    var recordIndex: Int
    var failure: Disconnect?
  }

  private unowned let host: ConferenceHost
  private unowned let call: RoomCall
  private var dialOut: DialOut
  private let settings: ConferenceSettings
  private let linkTokens: [String]
  private var consultation: (any PolicyConsultation)?
  private var hunt = RouteHunt(steps: [], continueOn: [])
  private var attempts: [Attempt] = []
  private var ringTimer: SignallingLoop.TimerID?
  private var redirections = 0
  private var isOver = false

  /// Redirections that are followed, as for any call.
  static let maximumRedirections = 5

  private var exchange: Exchange { host.exchange }
  private var router: Router { exchange.router }
  private var loop: SignallingLoop { exchange.loop }

  init(
    _ dialOut: DialOut, for call: RoomCall, host: ConferenceHost, settings: ConferenceSettings,
    linkTokens: [String]
  ) {
    self.dialOut = dialOut
    self.call = call
    self.host = host
    self.settings = settings
    self.linkTokens = linkTokens
  }

  // MARK: The one door

  /// Asks where the call goes, and begins it.
  func start() {
    let request = call.request
    consultation = router.consult(request, now: loop.now) { [weak self] external, policy in
      guard let self, !self.isOver else { return }
      self.consultation = nil
      self.decide(external, policy)
    }
    if consultation == nil { decide(.none, nil) }
  }

  private func decide(_ external: ExternalDecision, _ policy: PolicySnapshot?) {
    let request = call.request
    var routed: RoutedCall
    switch dialOut.routing {
    case .automatic:
      routed = route(request, external, policy)
      if case .gateway = routed.decision { break }
      return refuse(routed, dialOut.verdict(on: routed.decision, from: settings.name))
    case .manual:
      // What leads to a service of ours must not go out and come in again.
      var question = request
      question.direction = .nonDial
      let found = router.route(
        question, external: external, policy: policy, isAdmitted: false, now: loop.now,
        wallClock: loop.wallClock)
      let verdict = dialOut.verdict(on: found.decision, from: settings.name)
      guard case .dialManually = verdict else { return refuse(found, verdict) }
      let gateway = GatewayConfiguration(dialOut, from: settings, policy ?? router.policy)
      routed = route(request, ExternalDecision(.gateway(gateway), answers: external.answers), policy)
    }
    guard enter(routed) else { return failed(Disconnect(.serverFailure)) }
    guard case .gateway = routed.decision else {
      return failed(Disconnect(routed.refusalCause(toward: request.caller) ?? .notFound))
    }
    host.routed(call, dialOut.destination)
    hunt = routed.hunt
    guard let step = hunt.first() else { return failed(Disconnect(.temporarilyUnavailable)) }
    begin(step)
  }

  private func route(
    _ request: CallRequest, _ external: ExternalDecision, _ policy: PolicySnapshot?
  ) -> RoutedCall {
    router.route(
      request, external: external, policy: policy, replacing: call.live?.share(of: .called), now: loop.now,
      wallClock: loop.wallClock)
  }

  private func refuse(_ routed: RoutedCall, _ verdict: DialOut.Verdict) {
    var routed = routed
    let disconnect: Disconnect
    switch verdict {
    case .loop: disconnect = Disconnect(.loop, text: "The conference would call itself")
    case .service:
      // It stays in the house.
      guard enter(routed) else { return failed(Disconnect(.serverFailure)) }
      // What it is to take the place of would have to be a call there.
      if dialOut.standIn?.replaces != nil { return failed(Disconnect(.gone)) }
      isOver = true
      return host.join(call, linkTokens)
    case .refuse(let rejection):
      disconnect = Disconnect(rejection.cause)
      countGuess(rejection)
    case .dial, .dialManually: disconnect = Disconnect(.notFound)
    }
    routed.decision = .reject(verdict == .loop ? .loop : .notFound)
    router.release(routed)
    routed.record.decision = routed.decision
    _ = enter(routed)
    failed(disconnect)
  }

  /// A stranger who is in a room must not try aliases from there either.
  private func countGuess(_ rejection: Rejection) {
    let caller = call.request.caller
    guard dialOut.standIn != nil, rejection.cause == .notFound, !caller.isRegistered, caller.trunk == nil,
      let source = caller.address
    else { return }
    router.countBadAttempt(from: source.ip, location: call.request.location, now: loop.now)
  }

  /// Who calls, in words: the conference, also where it calls by another's rights.
  private var callerName: String {
    guard dialOut.standIn != nil else { return call.request.caller.displayName }
    return settings.localDisplayName ?? settings.name
  }

  /// Enters the call in the books, the first time; later it goes on under another rule.
  private func enter(_ routed: RoutedCall) -> Bool {
    call.routed = routed
    if let live = call.live {
      live.occupy(.called, routed.share)
      return true
    }
    let party = LegParty(
      callProtocol: dialOut.callProtocol, isIncoming: false, alias: dialOut.localAlias,
      displayName: callerName)
    guard let live = exchange.ledger.begin(call.request, routed, caller: party) else { return false }
    call.enter(live)
    return true
  }

  // MARK: Attempts

  private func begin(_ step: [RouteTarget]) {
    attempts = []
    var refused = Disconnect(.networkFailure)
    for listed in step {
      guard let dialer = exchange.dialer(for: listed.callProtocol) else {
        refused = Disconnect(.networkFailure, text: "No endpoint for \(listed.callProtocol.rawValue)")
        continue
      }
      do throws(LimitReached) {
        let target = try router.beginAttempt(listed, now: loop.now)
        if let failure = dial(target, dialer) {
          router.endAttempt(target)
          refused = failure
        }
      } catch {
        refused = error.disconnect
      }
    }
    guard !attempts.isEmpty else { return stepFailed([refused]) }
    let timeout = step.map(\.ringTimeout).max() ?? .seconds(60)
    ringTimer = loop.schedule(after: timeout) { [weak self] in
      self?.giveUp(Disconnect(.noAnswer))
      self?.stepFailed([Disconnect(.noAnswer)])
    }
  }

  private func dial(_ target: RouteTarget, _ dialer: any LegDialer) -> Disconnect? {
    guard let party = call.room.audio.openParty() else {
      return Disconnect(.congestion, text: "No room for more parties")
    }
    let address = target.remoteAddress
    let placement = call.routed.map { MediaPlacement(call.request, $0, chosen: nil).called } ?? []
    let terms = HostedLeg.Terms(
      encryption: target.trunk?.mediaEncryption ?? settings.mediaEncryption,
      bandwidth: settings.maximumBandwidthIn, source: address?.ip, placement: placement)
    var reserved: RelayPort?
    let offer = HostedLeg.offer(of: host.plane.codecs, terms, host.media) {
      for interface in host.media.interfaces(for: address?.ip, among: placement) where reserved == nil {
        reserved = party.reserve(interface: interface, kind: .audio)
      }
      return reserved
    }
    guard let offer else {
      party.close()
      return Disconnect(.congestion, text: "No media port free")
    }
    let request = call.request
    let outgoing = OutgoingCall(
      id: request.id, target: target, callerAlias: target.callingAlias ?? dialOut.localAlias,
      callerDisplayName: target.callingDisplayName ?? callerName,
      isCallerRegistered: false,
      hopsLeft: request.hopsLeft ?? router.policy.policy.globals.sip.maxForwards, loopTokens: linkTokens,
      offer: offer, replaces: dialOut.standIn?.replaces)
    let leg = HostedLeg(
      leg: dialer.dial(outgoing, observer: UnheardLeg.shared), party: party, plane: host.plane,
      media: host.media, terms: terms)
    leg.placed(offering: offer, at: reserved)
    leg.leg.observer = leg
    leg.owner = self
    var recordIndex = 0
    call.live?.update { record in
      recordIndex = record.attempts.count
      record.attempts.append(
        CallAttempt(
          via: target.via, alias: target.calledAlias, address: address, started: loop.wallClock))
    }
    attempts.append(Attempt(leg: leg, target: target, recordIndex: recordIndex))
    return nil
  }

  func leg(_ leg: HostedLeg, did event: HostedLeg.Event) {
    guard !isOver, let index = attempts.firstIndex(where: { $0.leg === leg && $0.failure == nil }) else {
      return
    }
    switch event {
    case .progress(let progress, let hasMedia):
      if progress == .ringing {
        update(attempts[index].recordIndex) { if $0.rang == nil { $0.rang = self.loop.wallClock } }
        call.tellTransferor(.ringing)
      }
      // Of several phones that ring, the first that has something to say is heard.
      if hasMedia, call.leg == nil { host.hearEarly(call, leg) }
    case .answered: answered(index)
    case .ended(let disconnect): attemptFailed(index, disconnect)
    case .digit, .held, .mediaChanged: break
    case .transferRequested: leg.leg.transferProgressed(.failed(Disconnect(.forbidden)))
    }
  }

  private func answered(_ index: Int) {
    let winner = attempts.remove(at: index)
    update(winner.recordIndex) { $0.answered = self.loop.wallClock }
    if let trunk = winner.target.trunk { router.report(trunk: trunk.name, failure: nil, now: loop.now) }
    giveUp(Disconnect(.answeredElsewhere))
    isOver = true
    loop.cancel(ringTimer)
    call.live?.countTime(of: winner.target.share)
    host.answered(call, winner.leg, winner.target)
  }

  private func attemptFailed(_ index: Int, _ disconnect: Disconnect) {
    attempts[index].failure = disconnect
    finish(attempts[index], disconnect)
    call.unhear(attempts[index].leg)
    if let trunk = attempts[index].target.trunk {
      let failure = TrunkHealth.isTrunkFailure(disconnect.cause) ? disconnect.cause : nil
      router.report(trunk: trunk.name, failure: failure, now: loop.now)
    }
    if disconnect.protocolCode == 430 { router.flowFailed(attempts[index].target) }
    // 6xx: the user does not want to be reached anywhere (RFC 3261 §16.7 step 5).
    if let code = disconnect.protocolCode, code >= 600 { giveUp(Disconnect(.cancelled)) }
    guard attempts.allSatisfy({ $0.failure != nil }) else { return }
    stepFailed(attempts.compactMap(\.failure).filter { $0.cause != .cancelled || attempts.count == 1 })
  }

  private func stepFailed(_ failures: [Disconnect]) {
    guard !isOver else { return }
    loop.cancel(ringTimer)
    attempts = []
    let best = failures.min { $0.cause.forkingRank < $1.cause.forkingRank } ?? Disconnect(.networkFailure)
    if best.cause == .moved, let target = best.redirectTargets.first,
      redirections < Dialling.maximumRedirections
    {
      return follow(target)
    }
    if let step = hunt.next(after: best.cause) { return begin(step) }
    failed(best)
  }

  /// Where a 3xx points to: a new question to the one door, decided like any other.
  private func follow(_ target: String) {
    redirections += 1
    call.request.alias = Alias(sip: target).withoutPIN
    call.request.resolutions += 1
    dialOut.destination = target
    call.live?.note("redirected to \(call.request.alias.full)")
    start()
  }

  /// Ends the attempts that are under way.
  private func giveUp(_ disconnect: Disconnect) {
    for index in attempts.indices where attempts[index].failure == nil {
      attempts[index].failure = disconnect
      finish(attempts[index], disconnect)
      attempts[index].leg.owner = nil
      attempts[index].leg.end(disconnect)
    }
  }

  private func finish(_ attempt: Attempt, _ disconnect: Disconnect) {
    router.endAttempt(attempt.target, failure: disconnect.cause)
    update(attempt.recordIndex) {
      $0.ended = self.loop.wallClock
      $0.disconnect = disconnect
    }
  }

  private func update(_ recordIndex: Int, _ change: (inout CallAttempt) -> Void) {
    call.live?.update { record in
      if record.attempts.indices.contains(recordIndex) { change(&record.attempts[recordIndex]) }
    }
  }

  // MARK: End

  private func failed(_ disconnect: Disconnect) {
    guard !isOver else { return }
    isOver = true
    loop.cancel(ringTimer)
    host.diallingFailed(call, disconnect)
  }

  /// The conference gives up.
  func stop(_ disconnect: Disconnect) {
    guard !isOver else { return }
    isOver = true
    loop.cancel(ringTimer)
    if let consultation { call.live?.note(consultation.withdraw()) }
    giveUp(Disconnect(.cancelled))
  }
}

/// A leg reports from the next turn on: until then nobody need listen.
private final class UnheardLeg: CallLegObserver {
  // Without state, and used on the loop only.
  nonisolated(unsafe) static let shared = UnheardLeg()
  func leg(_ leg: any CallLeg, did event: CallLegEvent) {}
}

extension GatewayConfiguration {
  /// How a call is placed that no rule decides: by the protocol asked for and the defaults of its location (reference §5.1).
  init(_ dialOut: DialOut, from settings: ConferenceSettings, _ policy: PolicySnapshot) {
    self.init(
      name: settings.name, tag: settings.tag,
      // As it was given: a host that is an address, and its port, are where the call goes.
      remoteAlias: dialOut.destination,
      localAlias: dialOut.localAlias, localDisplayName: dialOut.localDisplayName,
      outgoingProtocol: dialOut.callProtocol, outgoingLocation: dialOut.location,
      trunks: dialOut.location.flatMap { policy.location(named: $0)?.trunk }
        .map { [TrunkChoice(trunk: $0)] } ?? [],
      callCapability: dialOut.capability, mediaEncryption: settings.mediaEncryption,
      maximumBandwidthIn: settings.maximumBandwidthIn, maximumBandwidthOut: settings.maximumBandwidthOut)
  }
}
