import CallModel
import MediaRelay
import PolicyEngine
import Router

/// A redirection or a transfer that leads to a service of ours: the call goes on there, with one party of this one.
extension TwoPartyCall {
  /// The party that stays is connected to the service, and the one that asked for it may go.
  func transferToService(_ routed: RoutedCall, _ request: CallRequest, isExternal: Bool) {
    guard let transfer, case .service(let service) = routed.decision else { return }
    // What it is to take the place of would have to be a call there.
    guard transfer.replaces == nil else { return transferRefused(request, .gone) }
    guard host.exchange.serves(service.kind) else { return transferRefused(request, .temporarilyUnavailable) }
    let transferrer = leg(transfer.side)
    let remaining = transfer.side.other
    self.transfer = nil
    transfer.media.close { _ in }
    if let underWay = exchangeUnderWay, underWay.offerer == remaining {
      // It waits for an answer of the party that leaves.
      exchangeUnderWay = nil
      leg(remaining)?.refuseOffer(Disconnect(.temporarilyUnavailable, protocolCode: 491))
    }
    transferrer?.transferProgressed(.accepted)
    transferrer?.transferProgressed(.succeeded)
    transferrer?.observer = nil
    transferrer?.end(Disconnect(.transferred))
    _ = leave(remaining, to: routed, request, isExternal: isExternal)
  }

  /// Leaves a party to the service that hosts it from now on. For everybody else this call is over.
  ///
  /// - Parameter replaced: whose place it takes there.
  /// - Returns: false: nobody hosts such a service, and nothing has changed.
  func leave(
    _ side: RelaySideName, to routed: RoutedCall, _ request: CallRequest, isExternal: Bool,
    inPlaceOf replaced: LegID? = nil
  ) -> Bool {
    guard case .service(let service) = routed.decision, host.exchange.serves(service.kind),
      let leg = leg(side)
    else { return false }
    live.note("goes on at \(request.alias.parsed), service \(service.name)")
    if phase == .connected { recordDeparture(of: side.other, Disconnect(.transferred)) }
    recordLeaving(of: side)
    var incoming = IncomingCall(
      request: request, routed: routed, leg: leg, offer: callerOffer, call: live, forwarding: forwarding,
      replacing: replaced)
    if phase == .connected {
      incoming.offer = nil
      incoming.described = media?.described[side] ?? MediaDescription()
    }
    dissolve()
    // Its trunk is occupied as long as its leg is up.
    let targets = [RelaySideName.a: callerTarget, .b: calledTarget]
    if let staying = targets[side] ?? nil {
      live.whenOver { [router] in router.endAttempt(staying) }
    }
    if let leaving = targets[side.other] ?? nil { router.endAttempt(leaving) }
    live.occupy(side == .a ? .called : .caller, nil)
    leg.observer = nil
    host.exchange.pass(incoming, isExternal: isExternal)
    return true
  }
}
