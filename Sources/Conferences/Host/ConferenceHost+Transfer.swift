import CallModel
import Router

/// Participants that leave a conference for somewhere else, inside their call.
extension ConferenceHost {
  func transfer(_ call: RoomCall, _ transfer: ConferenceTransfer) {
    guard let leg = call.leg, leg.isAnswered, call.live != nil, call.routed != nil else {
      return transferFailed(call)
    }
    var request = call.request
    request.direction = .dialIn
    request.alias = Alias(dialled: transfer.alias, protocol: request.callProtocol).withoutPIN
    if let pin = transfer.pin { request.alias.pin = pin }
    request.previousServiceName = call.room.name
    request.resolutions += 1
    ServiceTransfer(exchange: exchange).route(request) { [weak self, weak call] routed, isExternal in
      guard let self, let call, !call.isOver, let leg = call.leg, let live = call.live else { return false }
      guard routed.decision.leadsToCall, request.resolutions <= Router.maximumResolutions else {
        self.transferFailed(call)
        return false
      }
      live.note("transferred to \(request.alias.parsed)")
      let incoming = IncomingCall(
        transferring: leg, request, routed, live, call.forwarding, as: transfer.role)
      self.left(call, Disconnect(.transferred))
      call.release()
      self.exchange.pass(incoming, isExternal: isExternal)
      return true
    }
  }

  private func transferFailed(_ call: RoomCall) {
    let now = loop.now
    tell(call) { $0.transferFailed(call.id, now: now) }
  }
}
