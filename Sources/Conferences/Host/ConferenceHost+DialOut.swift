import CallModel
import MediaRelay
import PolicyEngine
import Router

/// Calls that conferences place.
extension ConferenceHost {
  func dial(_ dialOut: DialOut, as id: ParticipantID, from room: HostedRoom) {
    guard let conference = directory.conferences[room.name] else { return }
    var request = dialOut.request(id: exchange.makeCallID(), from: conference.settings)
    // In somebody's place, and with that one's rights; else as the conference.
    let transferor = dialOut.standIn.flatMap { room.calls[$0.participant] }
    if let standIn = dialOut.standIn, let transferor {
      request = self.request(of: transferor, for: standIn)
    } else {
      request.direction = .dialOut
      request.placedFrom = ServiceIdentity(room.service)
    }
    request.alias = request.alias.withoutPIN
    if dialOut.invitedBy != nil { request.alias = inDomain(request.alias, of: dialOut.localAlias) }
    let call = RoomCall(
      id: id, host: self, room: room, live: nil, request: request, routed: nil, isOutgoing: true)
    call.transferor = transferor
    room.calls[id] = call
    let dialling = Dialling(
      dialOut, for: call, host: self, settings: conference.settings, linkTokens: conference.linkTokens)
    call.dialling = dialling
    onNotice?(
      .joined(
        conference: room.name, participant: id, call: request.id, alias: request.alias.parsed))
    // In a turn of its own: the conference is still in the middle of what led to this.
    loop.schedule(after: .zero) { [weak call] in
      if let call, !call.isOver { dialling.start() }
    }
  }

  /// A number that was keyed in is dialled as a telephone would: in the domain of whom it was dialled from.
  private func inDomain(_ alias: Alias, of local: String) -> Alias {
    guard !alias.parsed.contains("@") else { return alias }
    let domain = Alias(sip: local).parsed.split(separator: "@", maxSplits: 1).dropFirst().first.map(
      String.init)
    return Alias(sip: "sip:\(alias.parsed)@\(domain ?? router.policy.policy.globals.domain)")
  }

  /// It is known where the call goes. An extension that is invited can be dropped until it answers only.
  func routed(_ call: RoomCall, _ destination: String) {
    let alias = Alias(dialled: destination, protocol: .sip).parsed
    guard let device = router.policy.device(alias: alias) ?? router.policy.device(extension: alias),
      device.number != nil
    else { return }
    let now = loop.now
    tell(call) { $0.routed(call.id, isExtension: true, now: now) }
  }

  /// Somebody who rings can be heard.
  func hearEarly(_ call: RoomCall, _ leg: HostedLeg) {
    guard directory.conferences[call.room.name]?.settings.mixesEarlyMedia == true else { return }
    call.hear(leg)
    let now = loop.now
    tell(call) { $0.progressed(call.id, hasEarlyMedia: true, now: now) }
  }

  /// - Parameter target: nil: a service of ours.
  func answered(_ call: RoomCall, _ leg: HostedLeg, _ target: RouteTarget?) {
    call.dialling = nil
    call.target = target
    call.take(leg)
    call.live?.connected()
    guard !call.isOver else { return }
    call.tellTransferor(.succeeded)
    let (now, isEncrypted) = (loop.now, leg.isEncrypted)
    tell(call) { $0.answered(call.id, media: .audio, isEncrypted: isEncrypted, now: now) }
  }

  func diallingFailed(_ call: RoomCall, _ disconnect: Disconnect) {
    call.tellTransferor(.failed(disconnect))
    left(call, disconnect)
    call.end(disconnect, by: .called)
  }

  /// A conference calls another service of ours: a call like any other, whose legs are joined back to back.
  func join(_ call: RoomCall, _ linkTokens: [String]) {
    call.dialling = nil
    let (request, now) = (call.request, loop.now)
    if case .service(let service)? = call.routed?.decision, [.conference, .lecture].contains(service.kind) {
      tell(call) { $0.joined(call.id, now: now) }
    }
    let service = call.room.service
    guard let party = call.room.audio.openParty() else {
      return diallingFailed(call, Disconnect(.congestion, text: "No room for more parties"))
    }
    let terms = HostedLeg.Terms(
      encryption: .off, bandwidth: service.maximumBandwidthIn, source: nil)
    let port = party.reserve(interface: media.interface(for: nil), kind: .audio)
    // Within the house nothing is heard on the way.
    guard let offer = HostedLeg.offer(of: plane.codecs, terms, media, port: { port }) else {
      party.close()
      return diallingFailed(call, Disconnect(.congestion, text: "No media port free"))
    }
    let caller = LegParty(
      callProtocol: request.callProtocol, isIncoming: true, alias: request.caller.alias,
      displayName: request.caller.displayName)
    let called = LegParty(
      callProtocol: request.callProtocol, isIncoming: false, alias: request.alias.parsed)
    let (calling, answering) = LocalLeg.pair(from: caller, to: called, on: exchange)
    let leg = HostedLeg(leg: calling, party: party, plane: plane, media: media, terms: terms)
    leg.placed(offering: offer, at: port)
    calling.observer = leg
    call.take(leg)
    var question = CallRequest(
      id: exchange.makeCallID(), direction: .dialIn, trigger: .unspecified,
      callProtocol: request.callProtocol, alias: request.alias, caller: request.caller,
      location: request.location, capability: .audio, isEncrypted: false,
      previousServiceName: call.room.name, loopTokens: linkTokens)
    question.resolutions = request.resolutions
    exchange.receive(question, leg: answering, offer: offer)
  }
}
