import CallModel
import Router

/// What conferences want done.
extension ConferenceHost {
  func carryOut(_ actions: [ConferenceAction], in room: HostedRoom) {
    for action in actions { carryOut(action, in: room) }
    arm(room)
    cleanUp(room)
  }

  private func carryOut(_ action: ConferenceAction, in room: HostedRoom) {
    switch action {
    case .answer(let id): room.calls[id]?.answer()
    case .reject(let id, let disconnect): room.calls[id]?.end(disconnect, by: .tandem)
    case .dial(let id, let dialOut): dial(dialOut, as: id, from: room)
    case .place(let id, let placement): room.calls[id]?.place(placement)
    case .play(let parts, let audience): play(parts, to: audience, in: room)
    case .stopPlaying(let id): room.calls[id]?.stopPlaying()
    case .send(let id, let digit): room.calls[id]?.send(digit)
    case .disconnect(let id, let disconnect, let parts):
      guard let call = room.calls[id] else { return }
      onNotice?(.left(conference: room.name, participant: id, disconnect))
      call.leave(disconnect, saying: parts)
    case .transfer(let id, let transfer):
      if let call = room.calls[id] { self.transfer(call, transfer) }
    case .record(let isWanted): record(isWanted, in: room)
    case .countWrongPIN(let id):
      onNotice?(
        .wrongPIN(
          conference: room.name, participant: id, address: room.calls[id]?.request.caller.address?.ip))
    case .notify, .changePresenter, .changeView:
      // For clients with pictures; telephones are told by voice.
      break
    case .end(let disconnect): onNotice?(.ended(room.name, disconnect))
    }
  }

  private func play(_ parts: [PromptPart], to audience: ConferenceAction.Audience, in room: HostedRoom) {
    switch audience {
    case .one(let id): room.calls[id]?.say(parts)
    case .everybody: room.audio.announcer.say(parts, to: .everybody)
    case .hosts:
      for participant in directory.conferences[room.name]?.participants ?? []
      where participant.isHost && participant.stage == .inConference {
        room.calls[participant.id]?.say(parts)
      }
    }
  }

  /// One timer a conference, for whatever it waits for next.
  private func arm(_ room: HostedRoom) {
    loop.cancel(room.timer)
    room.timer = nil
    guard let deadline = directory.conferences[room.name]?.nextDeadline else { return }
    let delay = max(.zero, deadline - loop.now)
    room.timer = loop.schedule(after: delay) { [weak self, weak room] in
      guard let self, let room else { return }
      let now = self.loop.now
      let actions = self.directory.tell(conference: room.name, protection: self.protection, now: now) {
        $0.advance(to: now)
      }
      self.carryOut(actions, in: room)
    }
  }
}
