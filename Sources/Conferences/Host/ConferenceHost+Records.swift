import CallModel
import Router

/// What of conferences goes into the records of their calls, and to those who follow them.
extension ConferenceHost {
  /// A conference has had a turn.
  func turned(_ conference: Conference) {
    defer { tellWatchers(of: conference) }
    guard let room = rooms[conference.settings.name] else { return }
    if room.shown.conference != conference.id { room.shown = (conference.id, 0) }
    let log = conference.events
    guard log.lastSequence > room.shown.sequence else { return }
    let events = log.events(after: room.shown.sequence) ?? log.kept
    room.shown.sequence = log.lastSequence
    for event in events { record(event, of: conference, in: room) }
  }

  private func record(_ event: ConferenceEvent, of conference: Conference, in room: HostedRoom) {
    switch event.kind {
    case .participantCreated(let participant), .participantUpdated(let participant):
      guard let call = room.calls[participant.id] else { return }
      let identity = ConferenceIdentity(
        id: conference.id, name: conference.settings.name, serviceType: conference.settings.kind.rawValue,
        tag: conference.settings.tag, started: time(conference.createdAt))
      call.record(
        ParticipantRecord(
          participant, in: identity, address: call.leg?.leg.party.address, time: { time($0) }))
    case .participantDeleted(let id, let disconnect): room.calls[id]?.endStay(disconnect)
    case .conferenceUpdated, .presentationStarted, .presentationStopped, .stage, .message, .conferenceEnded:
      break
    }
  }

  /// An instant of the loop on the wall clock.
  func time(_ instant: MonotonicInstant) -> WallClock {
    WallClock(milliseconds: loop.wallClock.milliseconds - (loop.now - instant).milliseconds)
  }
}

extension ParticipantRecord {
  init(
    _ participant: Participant, in conference: ConferenceIdentity, address: TransportAddress?,
    time: (MonotonicInstant) -> WallClock
  ) {
    self.init(
      id: participant.id.description, conference: conference, isIncoming: participant.direction == .incoming,
      role: participant.role?.rawValue ?? "unknown", displayName: participant.displayName,
      remoteAlias: participant.alias, localAlias: participant.localAlias,
      callProtocol: participant.callProtocol, address: address, vendor: participant.vendor,
      callTag: participant.callTag, started: time(participant.arrivedAt))
    isEncrypted = participant.isEncrypted == true
    hasMedia = !participant.media.isEmpty
    isStreaming = participant.isStreaming
    connected = participant.connectedAt.map(time)
  }
}
