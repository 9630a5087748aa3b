import CallModel
import MediaRelay
import PolicyEngine
import Router

/// Hosts media playback services: each caller hears the playlist from its beginning.
public final class PlaybackHost: CallHost {
  private let exchange: Exchange
  private let media: MediaAccess
  private let plane: any AudioPlane
  private let library: PromptLibrary
  private var calls: [LegID: PlaybackCall] = [:]
  private var pins = PINGuard()

  public init(exchange: Exchange, media: MediaAccess, plane: any AudioPlane, library: PromptLibrary) {
    self.exchange = exchange
    self.media = media
    self.plane = plane
    self.library = library
  }

  public func take(_ incoming: IncomingCall) {
    guard case .service(let service) = incoming.routed.decision else { return }
    let settings = MediaPlayback.Settings(service, incoming.routed.policy)
    let caller = incoming.request.caller
    let isKnown = caller.isRegistered || caller.trunk != nil
    let protection = exchange.router.policy.policy.globals.breakIn
    if settings.entry.roleWithoutPIN == nil, incoming.role == nil,
      pins.isClosed(
        service: service.name, to: caller.address?.ip, isKnown: isKnown, settings: protection,
        now: exchange.loop.now)
    {
      return incoming.refuse(Disconnect(.notFound))
    }
    guard
      let call = SoloCall(
        incoming, service, exchange: exchange, media: media, plane: plane, library: library)
    else { return }
    let playback = PlaybackCall(call, settings, exchange)
    let leg = incoming.leg.id
    calls[leg] = playback
    playback.onWrongPIN = { [weak self] in
      guard let self else { return }
      self.pins.countWrongPIN(
        service: service.name, from: caller.address?.ip, isKnown: isKnown, settings: protection,
        now: self.exchange.loop.now)
    }
    call.onOver = { [weak self, weak playback] in
      playback?.over()
      self?.calls[leg] = nil
    }
    playback.start(role: incoming.role.map { $0 == .chair ? .chair : .guest })
  }
}

/// One caller of a playback service.
private final class PlaybackCall {
  private let call: SoloCall
  private let exchange: Exchange
  private var playback: MediaPlayback
  var onWrongPIN: (() -> Void)?

  private var loop: SignallingLoop { exchange.loop }

  init(_ call: SoloCall, _ settings: MediaPlayback.Settings, _ exchange: Exchange) {
    self.call = call
    self.exchange = exchange
    playback = MediaPlayback(settings, now: exchange.loop.now)
    call.onDigit = { [weak self] digit in
      guard let self else { return }
      self.carryOut(self.playback.pressed(digit))
    }
  }

  func start(role: Participant.Role?) {
    carryOut(playback.start(pin: call.request.alias.pin, role: role, now: loop.now))
  }

  private func carryOut(_ actions: [MediaPlayback.Action]) {
    for action in actions where !call.isOver {
      switch action {
      case .answer: call.answer()
      case .say(let parts): call.say(parts)
      case .stopPlaying: call.stopPlaying()
      case .play(let file):
        call.play(file: file) { [weak self] hasPlayed in
          guard let self, !self.call.isOver else { return }
          self.carryOut(self.playback.finished(hasPlayed: hasPlayed))
        }
      case .countWrongPIN: onWrongPIN?()
      case .transfer(let transfer): self.transfer(transfer)
      case .disconnect(let disconnect, let parts): call.leave(disconnect, saying: parts)
      }
    }
    arm()
  }

  private func transfer(_ transfer: ConferenceTransfer) {
    var request = call.request
    request.alias = Alias(dialled: transfer.alias, protocol: request.callProtocol).withoutPIN
    request.previousServiceName = playback.settings.name
    request.resolutions += 1
    ServiceTransfer(exchange: exchange).route(request) { [weak self] routed, isExternal in
      guard let self, !self.call.isOver else { return false }
      guard routed.decision.leadsToCall, request.resolutions <= Router.maximumResolutions else {
        self.call.leave(Disconnect(.notFound), saying: [])
        return false
      }
      self.call.pass(to: routed, request, as: transfer.role, isExternal: isExternal)
      return true
    }
  }

  private func arm() {
    call.wake(at: playback.nextDeadline) { [weak self] in
      guard let self else { return }
      self.carryOut(self.playback.advance(to: self.loop.now))
    }
  }

  func over() {
    playback.left()
  }
}

extension MediaPlayback.Settings {
  init(_ service: ServiceConfiguration, _ policy: PolicySnapshot) {
    let playlist = policy.playlist(named: service.playback.playlist) ?? Playlist(name: "", entries: [])
    self.init(name: service.name, playlist: playlist)
    entry = EntryRules(pin: service.pin, guestPIN: service.guestPIN, allowsGuests: service.allowsGuests)
    pinEntryTimeout = policy.policy.globals.conferences.pinEntryTimeout
    switch service.playback.completion {
    case nil: completion = .stay
    case .disconnect: completion = .disconnect
    case .transfer(let alias, let role):
      completion = .transfer(alias: alias, role: role.map { $0 == .chair ? .chair : .guest })
    }
  }
}
