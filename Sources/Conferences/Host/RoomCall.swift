import CallModel
import MediaRelay
import Router

/// One participant's call: a leg in a room, from its arrival or from when it is dialled until it is gone.
final class RoomCall: HostedLegOwner {
  let id: ParticipantID
  private unowned let host: ConferenceHost
  let room: HostedRoom
  /// nil: dialled, and not in the books yet.
  var live: LiveCall?
  /// What it asked for when it came, or was asked for when it was dialled.
  var request: CallRequest
  var routed: RoutedCall?
  let forwarding: Forwarding
  /// nil: nobody rings yet.
  private(set) var leg: HostedLeg?
  /// In whose place it is called: that one hears how it goes.
  weak var transferor: RoomCall?
  /// Reaches a participant that is dialled.
  var dialling: Dialling?
  /// What the call occupies of a trunk, while it is up.
  var target: RouteTarget?
  private var placement: ConferenceAction.Placement?
  private var isAccepted = false
  /// A goodbye is being said.
  private(set) var isLeaving = false
  private(set) var isOver = false
  /// Its stay here, for the record.
  private var stay: ParticipantRecord?

  let isOutgoing: Bool
  /// Somebody else has been asked for its place, and is on the way.
  var isReplaced = false
  private var router: Router { host.exchange.router }

  init(
    id: ParticipantID, host: ConferenceHost, room: HostedRoom, live: LiveCall?, request: CallRequest,
    routed: RoutedCall?, forwarding: Forwarding = Forwarding(), isOutgoing: Bool = false
  ) {
    self.isOutgoing = isOutgoing
    self.id = id
    self.host = host
    self.room = room
    self.live = live
    self.request = request
    self.routed = routed
    self.forwarding = forwarding
    live?.onEndRequested = { [weak self] in self?.endRequested($0) }
  }

  /// A call that the conference places is in the books.
  func enter(_ live: LiveCall) {
    self.live = live
    live.onEndRequested = { [weak self] in self?.endRequested($0) }
    if let stay { record(stay) }
  }

  // MARK: The record

  /// As it is seen in its conference now.
  func record(_ latest: ParticipantRecord) {
    var latest = latest
    // The clocks of the loop and of the wall do not move quite alike.
    if let stay {
      latest.started = stay.started
      latest.conference = stay.conference
      latest.hasMedia = latest.hasMedia || stay.hasMedia
      latest.connected = stay.connected ?? latest.connected
    }
    stay = latest
    live?.record(latest)
  }

  /// It is in its conference no more.
  func endStay(_ disconnect: Disconnect) {
    guard var stay, stay.ended == nil else { return }
    stay.ended = host.loop.wallClock
    stay.disconnect = disconnect
    record(stay)
  }

  // MARK: Commands

  /// Its media is this leg's from now on.
  func take(_ leg: HostedLeg) {
    if let early = self.leg, early !== leg { room.parties[early.party.id] = nil }
    self.leg = leg
    leg.owner = self
    room.parties[leg.party.id] = id
    if let placement { apply(placement) }
  }

  /// It still rings, and is heard by way of this leg. What the leg reports goes on to whoever dials.
  func hear(_ leg: HostedLeg) {
    self.leg = leg
    room.parties[leg.party.id] = id
  }

  /// The one that was heard while it rang has gone.
  func unhear(_ leg: HostedLeg) {
    guard self.leg === leg else { return }
    self.leg = nil
    room.parties[leg.party.id] = nil
  }

  func answer() {
    guard let leg, !isAccepted else { return }
    isAccepted = true
    leg.accept()
    live?.connected()
  }

  func place(_ placement: ConferenceAction.Placement) {
    self.placement = placement
    if !isLeaving { apply(placement) }
  }

  private func apply(_ placement: ConferenceAction.Placement) {
    guard let leg else { return }
    let audience = AudioAudience.party(leg.party.id)
    switch placement {
    case .alone:
      leg.party.place(.alone)
      room.audio.announcer.setBackground(nil, for: audience)
    case .waiting:
      leg.party.place(.alone)
      room.audio.announcer.setBackground(.holdMusic, for: audience)
    case .mix(let isHeard, let hears):
      room.audio.announcer.setBackground(nil, for: audience)
      leg.party.place(.mix(isHeard: isHeard, hears: hears))
    }
  }

  func say(_ parts: [PromptPart]) {
    guard let leg else { return }
    room.audio.announcer.say(parts, to: .party(leg.party.id))
  }

  func stopPlaying() {
    guard let leg, !isLeaving else { return }
    room.audio.announcer.stop(.party(leg.party.id))
  }

  func send(_ digit: DTMFDigit) { leg?.party.send(digit, for: DTMFSequence.toneDuration) }

  /// Ends the call after saying this.
  func leave(_ disconnect: Disconnect, saying parts: [PromptPart]) {
    guard !isOver, !isLeaving else { return }
    guard let leg, leg.isAnswered, !parts.isEmpty else { return end(disconnect, by: .tandem) }
    isLeaving = true
    let audience = AudioAudience.party(leg.party.id)
    leg.party.place(.alone)
    room.audio.announcer.setBackground(nil, for: audience)
    room.audio.announcer.stop(audience)
    room.audio.announcer.say(parts, to: audience) { [weak self] in self?.end(disconnect, by: .tandem) }
  }

  /// Ends the call.
  func end(_ disconnect: Disconnect, by side: CallRecord.Side) {
    guard !isOver else { return }
    isOver = true
    tellTransferor(.failed(disconnect))
    if isReplaced {
      leg?.leg.transferProgressed(disconnect.cause == .transferred ? .succeeded : .failed(disconnect))
    }
    dialling?.stop(disconnect)
    dialling = nil
    leg?.end(disconnect)
    close(disconnect, by: side)
  }

  /// The record is closed once the last figures are in.
  private func close(_ disconnect: Disconnect, by side: CallRecord.Side) {
    if let target { router.endAttempt(target) }
    target = nil
    endStay(disconnect)
    let live = live
    let isOutgoing = isOutgoing
    live?.finish(disconnect, by: side, awaitsMedia: leg != nil)
    if let leg {
      room.audio.whenClosed(leg.party.id) { figures in
        let quality = figures.map { leg.quality($0, side: isOutgoing ? .called : .caller) }
        live?.close(media: quality.map { [$0] } ?? [])
      }
    }
    host.forget(self)
  }

  /// Leaves the leg to another host; the call goes on there.
  func release() {
    guard !isOver, let leg else { return }
    isOver = true
    endStay(Disconnect(.transferred))
    leg.release()
    let (live, isOutgoing, target) = (live, isOutgoing, target)
    live?.onEndRequested = nil
    if let target {
      // Its trunk is occupied as long as its leg is up.
      live?.whenOver { [router] in router.endAttempt(target) }
    }
    room.audio.whenClosed(leg.party.id) { figures in
      guard let figures else { return }
      live?.update { $0.media.append(leg.quality(figures, side: isOutgoing ? .called : .caller)) }
    }
    host.forget(self)
  }

  /// How it goes with taking somebody's place; of its end it is told once.
  func tellTransferor(_ progress: CallModel.TransferProgress) {
    guard let transferor, !transferor.isOver else { return }
    transferor.leg?.leg.transferProgressed(progress)
    switch progress {
    case .succeeded, .failed: self.transferor = nil
    case .accepted, .trying, .ringing: break
    }
  }

  // MARK: What happens

  func leg(_ leg: HostedLeg, did event: HostedLeg.Event) {
    guard !isOver, leg === self.leg else { return }
    switch event {
    case .digit(let digit): host.pressed(self, digit)
    case .held(let isHeld): host.held(self, isHeld)
    case .mediaChanged: host.mediaChanged(self)
    case .transferRequested(let request): host.transferRequested(by: self, request)
    case .ended(let disconnect):
      isOver = true
      tellTransferor(.failed(disconnect))
      host.left(self, disconnect)
      close(disconnect, by: isOutgoing ? .called : .caller)
    case .answered: host.answered(self, leg, nil)
    case .progress: break
    }
  }

  /// An administrator, shutdown or a limit ends the call.
  private func endRequested(_ disconnect: Disconnect) {
    guard !isOver else { return }
    host.left(self, disconnect)
    end(disconnect, by: .tandem)
  }
}
