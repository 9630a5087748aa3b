import CallModel
import MediaRelay
import PolicyEngine
import PolicyHooks
import Router

/// What an administrator wants to read in the log about conferences.
public enum ConferenceNotice: Sendable {
  case began(String)
  case ended(String, Disconnect)
  case joined(conference: String, participant: ParticipantID, call: CallID?, alias: String)
  case left(conference: String, participant: ParticipantID, Disconnect)
  case wrongPIN(conference: String, participant: ParticipantID, address: IPAddress?)
  case recordingBegan(conference: String, path: String)
  case recordingEnded(conference: String, path: String)
  /// Without a path there never was a file.
  case recordingFailed(conference: String, path: String?, reason: String)
}

/// Hosts conferences: meeting rooms, auditoriums, and a telephone system's conferences.
///
/// Carries out with real legs, parties and timers what the state machines of ``ConferenceDirectory`` ask for.
public final class ConferenceHost: CallHost {
  let exchange: Exchange
  let media: MediaAccess
  let plane: any AudioPlane
  let library: PromptLibrary
  let recordings: (any RecordingStore)?
  public internal(set) var directory = ConferenceDirectory()
  var rooms: [String: HostedRoom] = [:]
  var watchers = ConferenceWatchers()
  private let random: SharedRandom
  public var onNotice: ((ConferenceNotice) -> Void)?

  var loop: SignallingLoop { exchange.loop }
  var router: Router { exchange.router }
  var protection: BreakInProtection { router.policy.policy.globals.breakIn }
  var globals: ConferenceGlobals { ConferenceGlobals(router.policy.policy.globals) }

  /// - Parameter recordings: nil: nothing can be recorded.
  public init(
    exchange: Exchange, media: MediaAccess, plane: any AudioPlane, library: PromptLibrary,
    recordings: (any RecordingStore)? = nil,
    random: any RandomNumberGenerator = SystemRandomNumberGenerator()
  ) {
    self.exchange = exchange
    self.media = media
    self.plane = plane
    self.library = library
    self.recordings = recordings
    self.random = SharedRandom(random)
    directory.onTurn = { [unowned self] in turned($0) }
  }

  /// One source for all: a copy would make the same identifiers again.
  private final class SharedRandom: RandomNumberGenerator {
    private var source: any RandomNumberGenerator
    init(_ source: any RandomNumberGenerator) { self.source = source }
    func next() -> UInt64 { source.next() }
  }

  /// For what conferences name themselves.
  var generator: any RandomNumberGenerator { random }

  func makeParticipantID() -> ParticipantID {
    var generator = generator
    return ParticipantID.random(using: &generator)
  }

  // MARK: Coming in

  public func take(_ incoming: IncomingCall) {
    guard case .service(let service) = incoming.routed.decision else { return }
    guard let room = room(of: service), let party = room.audio.openParty() else {
      return incoming.refuse(Disconnect(.congestion, text: "No room for more conferences"))
    }
    let leg = HostedLeg(
      leg: incoming.leg, party: party, plane: plane, media: media,
      terms: HostedLeg.Terms(of: incoming, service))
    if let refusal = leg.prepare(offer: incoming.offer, described: incoming.described) {
      party.close()
      incoming.refuse(refusal)
      return cleanUp(room)
    }
    let named = incoming.participantUUID.flatMap { ParticipantID($0) }
    let call = RoomCall(
      id: named.flatMap { room.calls[$0] == nil ? $0 : nil } ?? makeParticipantID(), host: self, room: room,
      live: incoming.call, request: incoming.request,
      routed: incoming.routed, forwarding: incoming.forwarding)
    room.calls[call.id] = call
    incoming.leg.observer = leg
    call.take(leg)
    arrive(call, incoming, service)
  }

  private func arrive(_ call: RoomCall, _ incoming: IncomingCall, _ service: ServiceConfiguration) {
    let request = incoming.request
    var arrival = Arrival(
      id: call.id, callProtocol: request.callProtocol,
      alias: request.caller.registeredAlias ?? request.caller.alias, localAlias: request.alias.parsed,
      displayName: request.caller.displayName, media: .audio)
    arrival.vendor = request.caller.vendor
    arrival.callTag = request.callTag
    arrival.pin = request.alias.pin
    arrival.isAnswered = false
    arrival.takesPlaceOf = incoming.replacing.flatMap { self.call(with: $0)?.id }
    arrival.linkTokens = request.loopTokens.filter { Router.isRoomToken($0) }
    if let role = incoming.role { arrival.role = role == .chair ? .chair : .guest }
    if let old = arrival.takesPlaceOf { arrival.role = directory.conferences[service.name]?[old]?.role }
    let device = request.caller.registeredAlias.flatMap { router.policy.device(alias: $0) }
    arrival.isExtension = device != nil
    if let owner = service.room.telephone?.owner, arrival.takesPlaceOf == nil {
      arrival.isOwner = device?.number == owner
      if arrival.isOwner { arrival.role = .chair }
      guard arrival.isOwner || directory.conferences[service.name] != nil else {
        // Only its owner opens it.
        call.answer()
        return call.leave(
          Disconnect(.normal, text: "The conference does not run"),
          saying: [.prompt(.localConferenceNotRunning)])
      }
    }
    arrival.apply(incoming.participant)
    let isNew = directory.conferences[service.name] == nil
    let source = ConferenceDirectory.Source(
      address: request.caller.address?.ip,
      isKnown: request.caller.isRegistered || request.caller.trunk != nil)
    let actions = directory.arrived(
      arrival, at: settings(of: service), from: source, token: router.roomToken(service.name),
      globals: globals, protection: protection, random: random, now: loop.now)
    if isNew, directory.conferences[service.name] != nil { onNotice?(.began(service.name)) }
    if directory.conference(of: call.id) != nil {
      onNotice?(
        .joined(
          conference: service.name, participant: call.id, call: request.id, alias: arrival.alias))
    }
    carryOut(actions, in: call.room)
  }

  /// The audio of a conference, which begins if it does not run. nil: no more can be taken.
  func room(of service: ServiceConfiguration) -> HostedRoom? {
    if let room = rooms[service.name] { return room }
    guard
      let audio = HostedAudio(service, plane: plane, library: library, loop: loop)
    else { return nil }
    let room = HostedRoom(name: service.name, audio: audio, service: service)
    audio.onEvent = { [weak self, weak room] event in
      if let self, let room { self.audioDid(event, in: room) }
    }
    rooms[service.name] = room
    return room
  }

  /// What holds for a conference of this service: its own settings, with the telephone keys of its theme.
  func settings(of service: ServiceConfiguration) -> ConferenceSettings {
    var settings = ConferenceSettings(service)
    settings.controls = library.lookup(service).controls(of: settings.controls)
    return settings
  }

  // MARK: Policy

  /// Another policy is in force: what it says of conferences that run holds for them, as far as it can.
  public func policyChanged() {
    let services = Dictionary(
      router.policy.policy.services.map { ($0.configuration.name, $0.configuration) },
      uniquingKeysWith: { first, _ in first })
    let (now, globals) = (loop.now, globals)
    for room in Array(rooms.values) {
      let settings = services[room.name].map { self.settings(of: $0) }
      let actions = directory.tell(conference: room.name, protection: protection, now: now) {
        $0.apply(settings ?? $0.settings, globals: globals, now: now)
      }
      carryOut(actions, in: room)
    }
  }

  // MARK: Going

  func forget(_ call: RoomCall) {
    call.room.calls[call.id] = nil
    call.room.parties = call.room.parties.filter { $0.value != call.id }
    cleanUp(call.room)
  }

  /// Closes what a conference leaves behind, once nobody is there any more.
  func cleanUp(_ room: HostedRoom) {
    guard room.calls.isEmpty, directory.conferences[room.name] == nil, rooms[room.name] === room else {
      return
    }
    loop.cancel(room.timer)
    rooms[room.name] = nil
    room.audio.close()
  }

  // MARK: What calls report

  /// Brings an event to the conference of a call.
  func tell(_ call: RoomCall, _ event: (inout Conference) -> [ConferenceAction]) {
    let actions = directory.tell(
      conferenceOf: call.id, protection: protection, now: loop.now, event)
    carryOut(actions, in: call.room)
  }

  func pressed(_ call: RoomCall, _ digit: DTMFDigit) {
    let now = loop.now
    tell(call) { $0.pressed(call.id, digit, now: now) }
  }

  func held(_ call: RoomCall, _ isHeld: Bool) {
    let now = loop.now
    tell(call) { $0.held(call.id, isHeld, now: now) }
  }

  func mediaChanged(_ call: RoomCall) {
    guard let leg = call.leg else { return }
    let (now, media, isEncrypted) =
      (loop.now, leg.isConnected ? Participant.Media.audio : [], leg.isEncrypted)
    guard
      let participant = directory.conference(of: call.id).flatMap({ directory.conferences[$0]?[call.id] }),
      participant.media != media || participant.isEncrypted != isEncrypted
    else { return }
    tell(call) { $0.mediaChanged(call.id, media, isEncrypted: isEncrypted, now: now) }
  }

  func left(_ call: RoomCall, _ disconnect: Disconnect) {
    guard let name = directory.conference(of: call.id) else { return }
    let now = loop.now
    onNotice?(.left(conference: name, participant: call.id, disconnect))
    tell(call) { $0.left(call.id, disconnect, now: now) }
  }

  private func audioDid(_ event: AudioRoomEvent, in room: HostedRoom) {
    func call(_ party: AudioPartyID) -> RoomCall? { room.parties[party].flatMap { room.calls[$0] } }
    switch event {
    case .digit(let party, let digit): call(party).map { pressed($0, digit) }
    case .speakers(let parties):
      let ids = parties.compactMap { room.parties[$0] }
      let now = loop.now
      carryOut(
        directory.tell(conference: room.name, protection: protection, now: now) {
          $0.speakersChanged(ids, now: now)
        }, in: room)
    case .mediaLost(let party):
      // Whoever holds us sends nothing, and may do so for hours.
      guard let call = call(party), let leg = call.leg, leg.isAnswered, !leg.isHeld else { return }
      let disconnect = Disconnect(.mediaTimeout, text: "No media")
      left(call, disconnect)
      call.end(disconnect, by: .tandem)
    case .recordingFailed(let error): recordingFailed("\(error)", in: room)
    case .mediaStarted, .mediaReturned, .played, .closed: break
    }
  }
}

extension Arrival {
  /// What policy servers and scripts say of a participant (routing reference §13), as far as it concerns what is heard.
  mutating func apply(_ properties: ParticipantProperties) {
    if case .role(let preauthenticated)? = properties.preauthenticatedRole, role == nil {
      role = preauthenticated == .chair ? .chair : .guest
    }
    alias = properties.remoteAlias ?? alias
    displayName = properties.remoteDisplayName ?? displayName
    bypassesLock = properties.bypassesLock ?? bypassesLock
    callTag = properties.callTag ?? callTag
  }
}

extension ConferenceGlobals {
  init(_ globals: Globals) {
    self.init()
    guestsOnlyTimeout = globals.conferences.guestsOnlyTimeout
    waitingForHostTimeout = globals.conferences.waitingForHostTimeout
    pinEntryTimeout = globals.conferences.pinEntryTimeout
    lastParticipantTimeout = globals.conferences.lastParticipantTimeout
    isDialOutEnabled = globals.dialOutEnabled
  }
}
