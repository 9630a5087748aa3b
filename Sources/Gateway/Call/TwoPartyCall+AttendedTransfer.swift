import CallModel
import MediaRelay
import PolicyEngine
import Router

/// Attended transfer (RFC 5589 §7): the party of another call of ours takes the place of the one that asked.
///
/// Both calls were decided when they were made; the Refer-To names a dialog, not an alias, so there is nothing to route. Until
/// all have agreed both calls stand: the other one lends its party, and gets it back if nothing comes of it.
extension TwoPartyCall {
  func joinOtherCall(
    _ side: RelaySideName, _ replacing: LegID, _ remaining: any CallLeg, transferrer: any CallLeg
  ) {
    if let place = host.exchange.place(of: replacing) {
      return takePlace(place, side, transferrer: transferrer)
    }
    guard let other = host.call(with: replacing), other !== self, other.phase == .connected,
      let otherSide: RelaySideName = other.caller.id == replacing
        ? .a : (other.called?.id == replacing ? .b : nil),
      let target = other.leg(otherSide.other), let offer = offerOfRemaining(side.other)
    else {
      return transferrer.transferProgressed(.failed(Disconnect(.notFound, protocolCode: 481)))
    }
    guard other.transfer == nil, other.borrower == nil, other.exchangeUnderWay == nil else {
      return transferrer.transferProgressed(
        .failed(Disconnect(.temporarilyUnavailable, protocolCode: 491)))
    }
    let media = newMedia(for: side, at: target.party.address)
    if let old = other.media { media.inherit(otherSide.other, from: old, side) }
    let encryption = other.encryption(toward: otherSide.other)
    guard let passed = try? media.offer(from: side.other, offer, encryption: encryption) else {
      return transferrer.transferProgressed(.failed(Disconnect(.notAcceptable)))
    }
    transferrer.transferProgressed(.accepted)
    live.note("attended transfer: joins call \(other.live.id)")
    target.observer = self
    other.borrower = self
    var transfer = TransferInProgress(
      side: side, stage: .offeringTarget, leg: target, offer: offer, encryption: encryption,
      lender: (other, otherSide.other), media: media, isAwaited: true)
    transfer.caller = other.newcomers[otherSide.other] ?? (otherSide == .b ? other.request.caller : nil)
    self.transfer = transfer
    watchTransfer()
    target.offer(passed)
  }

  /// The party that stays takes the transferrer's place in a service.
  private func takePlace(_ place: ServicePlace, _ side: RelaySideName, transferrer: any CallLeg) {
    guard host.exchange.serves(place.service.kind) else {
      return transferrer.transferProgressed(.failed(Disconnect(.notFound, protocolCode: 481)))
    }
    transferrer.transferProgressed(.accepted)
    transferrer.transferProgressed(.succeeded)
    leave(facing: side, to: place)
  }

  /// The party that does not leave by `side` goes to a place in a service; this call is over.
  private func leave(facing side: RelaySideName, to place: ServicePlace) {
    let (leaving, remaining) = (leg(side), side.other)
    var request = request
    request.alias = Alias(dialled: place.alias, protocol: request.callProtocol).withoutPIN
    request.previousServiceName = configuration.name
    request.resolutions += 1
    if let newcomer = newcomers[remaining] {
      request.caller = newcomer
    } else if remaining == .b, let party = leg(remaining)?.party {
      request.caller = Caller(reached: party, by: calledTarget)
    }
    // The dialog that is replaced decides, not an alias: both calls were decided when they were made.
    guard leave(remaining, to: live.routed.taking(place), request, isExternal: false, inPlaceOf: place.leg)
    else { return }
    leaving?.observer = nil
    leaving?.end(Disconnect(.transferred))
  }

  /// The party that talks with `leg` takes somebody's place in a service.
  func move(partyFacing leg: LegID, to place: ServicePlace) -> Disconnect? {
    let side: RelaySideName? = caller.id == leg ? .a : called?.id == leg ? .b : nil
    guard phase == .connected, let side, host.exchange.serves(place.service.kind) else {
      return Disconnect(.notFound, protocolCode: 481)
    }
    guard transfer == nil, borrower == nil, exchangeUnderWay == nil else {
      return Disconnect(.temporarilyUnavailable, protocolCode: 491)
    }
    leave(facing: side, to: place)
    return nil
  }

  /// Semi-attended: the consultation call still rings. What rings was offered the transferrer's media, which no answer could
  /// turn into the remaining party's; so that call ends, and its alias is called in the name of the party that stays.
  func ringAnew(
    _ side: RelaySideName, _ ringing: TwoPartyCall, _ remaining: any CallLeg, transferrer: any CallLeg
  ) {
    guard let alias = host.abandonRinging(by: ringing.caller.id) else { return }
    live.note("transfer to call \(ringing.live.id), which rings")
    dialTransferTarget(
      side, CallModel.TransferRequest(alias: alias), remaining, transferrer: transferrer)
  }

  /// Whether a leg is the caller of this call, and nobody has answered.
  func isRinging(for leg: LegID) -> Bool { phase == .hunting && caller.id == leg && called == nil }

  // MARK: The call that borrows

  /// The party that was lent is ours now, and its other call over: all have agreed, or the one that asked has left that call.
  func takeFromLender() {
    guard let lender = transfer?.lender, let leg = transfer?.leg else { return }
    transfer?.lender = nil
    let former = lender.call
    transfer?.share = former.live.handOver(former.called?.id == leg.id ? .called : .caller, to: live)
    transfer?.target = former.give(up: leg)
    live.countTime(of: transfer?.share)
    live.countTime(of: transfer?.target?.share)
    leg.observer = self
    host.register(self, leg: leg.id)
  }

  // MARK: The call that lends

  /// This call ends, but one of its parties lives on in another. What it occupies on a trunk goes with it.
  private func give(up leg: any CallLeg) -> RouteTarget? {
    borrower = nil
    leg.observer = nil
    host.unregister(leg: leg.id)
    let target: RouteTarget?
    if called?.id == leg.id {
      target = calledTarget
      called = nil
      calledTarget = nil
      end(Disconnect(.transferred), by: .called)
    } else {
      target = callerTarget
      callerTarget = nil
      end(Disconnect(.transferred), by: .caller)
    }
    return target
  }

  /// The party that was lent stays here after all. If it has taken the other call's media, or may still do so, it is offered
  /// again what was agreed here.
  func takeBack(_ side: RelaySideName, hasAgreed: Bool, hasRefused: Bool) {
    borrower = nil
    guard !isOver, !hasRefused else { return }
    if hasAgreed {
      restore(side)
    } else {
      exchangeUnderWay = MediaExchange(offerer: side.other, isVoid: true)
    }
  }

  /// One party hangs up. True if the other one has been lent: it goes where it was lent to.
  func partyLeftOfLent() -> Bool {
    guard let borrower else { return false }
    borrower.takeFromLender()
    return isOver
  }
}
