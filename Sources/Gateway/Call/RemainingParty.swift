import CallModel
import MediaRelay
import PolicyEngine
import PolicyHooks
import Router

/// What is left of a gateway call when an administrator has moved one of its parties away: the other, who hears nothing, until it
/// is moved too, hangs up, or has waited long enough.
final class RemainingParty: CallLegObserver {
  let live: LiveCall
  private let host: GatewayHost
  private let leg: any CallLeg
  private let side: RelaySideName
  private let request: CallRequest
  private let forwarding: Forwarding
  /// What it described last.
  private let described: MediaDescription
  private var shown: GatewayReport
  private var timer: SignallingLoop.TimerID?
  private(set) var isOver = false

  /// How long it waits to be moved.
  static let patience = TimeSpan.seconds(60)

  init(of call: TwoPartyCall, _ side: RelaySideName, _ leg: any CallLeg) {
    live = call.live
    host = call.host
    self.leg = leg
    self.side = side
    forwarding = call.forwarding
    described = call.media?.described[side] ?? MediaDescription()
    shown = call.report
    let part = call.roster.parts[side]
    shown.parties.removeAll { $0.part != part }
    var request = call.request
    request.previousServiceName = call.configuration.name
    request.resolutions += 1
    request.hopsLeft = call.live.routed.policy.policy.globals.sip.maxForwards
    if let newcomer = call.newcomers[side] {
      request.caller = newcomer
    } else if side == .b {
      request.caller = Caller(reached: leg.party, by: call.calledTarget)
    }
    self.request = request
  }

  func start() {
    leg.observer = self
    host.remaining[live.id] = self
    live.onEndRequested = { [weak self] in self?.end($0) }
    timer = host.exchange.loop.schedule(after: RemainingParty.patience) { [weak self] in
      self?.end(Disconnect(.normal, text: "The other participant was moved away"))
    }
  }

  var report: GatewayReport { shown }

  func leg(_ leg: any CallLeg, did event: CallLegEvent) {
    guard !isOver else { return }
    switch event {
    case .ended(let disconnect): over(disconnect, by: side == .a ? .caller : .called)
    case .offer: leg.refuseOffer(Disconnect(.temporarilyUnavailable, protocolCode: 491))
    case .transferRequested: leg.transferProgressed(.failed(Disconnect(.forbidden)))
    default: break
    }
  }

  func end(_ disconnect: Disconnect) {
    guard !isOver else { return }
    leg.observer = nil
    leg.end(disconnect)
    over(disconnect, by: .tandem)
  }

  /// Moves it after the other, or elsewhere.
  func move(to alias: Alias, as role: ParticipantRole?) {
    var request = request
    request.alias = alias.withoutPIN
    host.route(request) { [weak self] routed, isExternal in
      guard let self, !self.isOver else { return false }
      guard case .service(let service) = routed.decision, self.host.exchange.serves(service.kind) else {
        self.live.note("participant not moved to \(request.alias.parsed)")
        return false
      }
      self.live.note("participant moved to \(request.alias.parsed)")
      self.recordEnd(Disconnect(.transferred))
      self.leave()
      var incoming = IncomingCall(
        request: request, routed: routed, leg: self.leg, offer: nil, call: self.live,
        forwarding: self.forwarding)
      incoming.described = self.described
      incoming.role = role
      self.leg.observer = nil
      self.host.exchange.pass(incoming, isExternal: isExternal)
      return true
    }
  }

  private func over(_ disconnect: Disconnect, by ender: CallRecord.Side) {
    recordEnd(disconnect)
    leave()
    live.finish(disconnect, by: ender)
  }

  private func leave() {
    isOver = true
    host.exchange.loop.cancel(timer)
    live.onEndRequested = nil
    host.remaining[live.id] = nil
  }

  private func recordEnd(_ disconnect: Disconnect) {
    guard let party = shown.parties.first else { return }
    var stay = party.record(of: live.id, in: shown.identity)
    stay.ended = host.exchange.loop.wallClock
    stay.disconnect = disconnect
    live.record(stay)
  }
}
