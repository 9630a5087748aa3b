import CallModel
import PolicyEngine
import Router

/// Participants that ask on their own line for somebody else in their place (SIP REFER, RFC 5589).
extension ConferenceHost {
  func transferRequested(by call: RoomCall, _ request: TransferRequest) {
    guard let leg = call.leg, leg.isAnswered, !call.isLeaving else {
      call.leg?.leg.transferProgressed(.failed(Disconnect(.forbidden)))
      return
    }
    if let replacing = request.replacing { return takeOther(replacing, for: call, leg) }
    guard call.request.resolutions < Router.maximumResolutions else {
      return leg.leg.transferProgressed(.failed(Disconnect(.loop)))
    }
    let (id, now) = (makeParticipantID(), loop.now)
    var refusal: ConferenceRefusal? = .isOver
    let actions = directory.tell(conferenceOf: call.id, protection: protection, now: now) {
      let (actions, refused) = $0.transferRequested(
        by: call.id, to: request.alias, replaces: request.replacingElsewhere, as: id, now: now)
      refusal = refused
      return actions
    }
    if let refusal {
      call.live?.note("transfer to \(request.alias.parsed) refused: \(refusal.words)")
      leg.leg.transferProgressed(.failed(Disconnect(refusal == .isFull ? .limitReached : .forbidden)))
    } else {
      call.live?.note("calls \(request.alias.parsed) in its place")
      leg.leg.transferProgressed(.accepted)
    }
    carryOut(actions, in: call.room)
  }

  /// The question to the Router for somebody in a participant's place: that one's own, for another alias.
  func request(of transferor: RoomCall, for standIn: DialOut.StandIn) -> CallRequest {
    var request = transferor.request
    request.id = exchange.makeCallID()
    request.direction = .dialIn
    request.alias = standIn.alias.withoutPIN
    request.previousServiceName = transferor.room.name
    request.resolutions += 1
    request.placedFrom = nil
    request.hopsLeft = router.policy.policy.globals.sip.maxForwards
    if transferor.isOutgoing, let leg = transferor.leg?.leg {
      request.caller = Caller(reached: leg.party, by: transferor.target)
    }
    return request
  }

  /// Attended (RFC 5589 §7): the party of another call of ours takes the place, without being called anew.
  private func takeOther(_ replaced: LegID, for call: RoomCall, _ leg: HostedLeg) {
    guard let place = place(of: call) else {
      leg.leg.transferProgressed(.failed(Disconnect(.forbidden)))
      return
    }
    // What rings was offered the phone's own media: it is called anew, by the rights of the phone as before.
    if let alias = exchange.gateway?.abandonRinging(by: replaced) {
      return transferRequested(by: call, TransferRequest(alias: alias))
    }
    leg.leg.transferProgressed(.accepted)
    // Told when it is let go, which may be in the middle of this.
    call.isReplaced = true
    call.live?.note("the party of another call takes its place")
    guard let refusal = exchange.move(partyFacing: replaced, to: place) else { return }
    call.isReplaced = false
    leg.leg.transferProgressed(.failed(refusal))
  }

  public func place(of leg: LegID) -> ServicePlace? { call(with: leg).flatMap { place(of: $0) } }

  private func place(of call: RoomCall) -> ServicePlace? {
    guard let leg = call.leg, leg.isAnswered, !call.isLeaving,
      let participant = directory.conferences[call.room.name]?[call.id], participant.stage == .inConference
    else { return nil }
    return ServicePlace(
      leg: leg.leg.id, service: call.room.service, alias: participant.localAlias)
  }

  func call(with leg: LegID) -> RoomCall? {
    for room in rooms.values {
      if let call = room.calls.values.first(where: { $0.leg?.leg.id == leg }) { return call }
    }
    return nil
  }
}
