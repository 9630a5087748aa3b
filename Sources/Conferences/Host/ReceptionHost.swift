import CallModel
import MediaRelay
import PolicyEngine
import Router

/// Hosts Virtual Receptions: asks callers for a number and sends them there.
public final class ReceptionHost: CallHost {
  private let exchange: Exchange
  private let media: MediaAccess
  private let plane: any AudioPlane
  private let library: PromptLibrary
  private var calls: [LegID: ReceptionCall] = [:]

  public init(exchange: Exchange, media: MediaAccess, plane: any AudioPlane, library: PromptLibrary) {
    self.exchange = exchange
    self.media = media
    self.plane = plane
    self.library = library
  }

  public func take(_ incoming: IncomingCall) {
    guard case .service(let service) = incoming.routed.decision,
      let call = SoloCall(
        incoming, service, exchange: exchange, media: media, plane: plane, library: library)
    else { return }
    let reception = ReceptionCall(call, service, incoming.routed.policy, exchange)
    let leg = incoming.leg.id
    calls[leg] = reception
    call.onOver = { [weak self, weak reception] in
      reception?.over()
      self?.calls[leg] = nil
    }
    reception.start()
  }
}

/// One caller at a reception.
private final class ReceptionCall {
  private let call: SoloCall
  private let policy: PolicySnapshot
  private let exchange: Exchange
  private var reception: VirtualReception
  /// Where the call goes once it has been told so.
  private var way: (request: CallRequest, routed: RoutedCall, isExternal: Bool)?

  private var loop: SignallingLoop { exchange.loop }

  init(
    _ call: SoloCall, _ service: ServiceConfiguration, _ policy: PolicySnapshot, _ exchange: Exchange
  ) {
    self.call = call
    self.policy = policy
    self.exchange = exchange
    reception = VirtualReception(
      VirtualReception.Settings(service, policy.policy.globals.conferences), request: call.request,
      now: exchange.loop.now)
    call.onDigit = { [weak self] in self?.pressed($0) }
  }

  func start() { carryOut(reception.start()) }

  private func pressed(_ digit: DTMFDigit) {
    carryOut(reception.pressed(digit, transform: transform, now: loop.now))
  }

  private var transform: VirtualReception.Transform { { [policy] in policy.apply($0, to: $1) } }

  private func carryOut(_ actions: [VirtualReception.Action]) {
    for action in actions where !call.isOver {
      switch action {
      case .answer: call.answer()
      case .play(let parts): call.say(parts)
      case .stopPlaying: call.stopPlaying()
      case .lookUp:
        // No external system is asked yet: it knows no such meeting.
        carryOut(reception.lookedUp(nil, transform: transform, now: loop.now))
      case .route(let request): route(request)
      case .connect: connect()
      case .disconnect(let disconnect, let parts): call.leave(disconnect, saying: parts)
      }
    }
    arm()
  }

  private func route(_ request: CallRequest) {
    ServiceTransfer(exchange: exchange).route(request) { [weak self] routed, isExternal in
      guard let self, !self.call.isOver else { return false }
      self.way = (request, routed, isExternal)
      self.carryOut(self.reception.decided(routed.decision, now: self.loop.now))
      return routed.decision.leadsToCall
    }
  }

  /// "Please hold" first, and then on.
  private func connect() {
    call.afterSaying { [weak self] in
      guard let self, let way = self.way else { return }
      self.call.pass(to: way.routed, way.request, isExternal: way.isExternal)
    }
  }

  private func arm() {
    call.wake(at: reception.nextDeadline) { [weak self] in
      guard let self else { return }
      self.carryOut(self.reception.advance(to: self.loop.now))
    }
  }

  func over() {
    if !reception.isOver { reception.left() }
  }
}

extension VirtualReception.Settings {
  init(_ service: ServiceConfiguration, _ globals: ConferenceDefaults) {
    self.init(name: service.name)
    let reception = service.reception
    kind = Kind(rawValue: reception.dialType.rawValue) ?? .regular
    matchString = reception.match.pattern
    replaceString = reception.match.replacement
    postMatchString = reception.afterLookUp.pattern
    postReplaceString = reception.afterLookUp.replacement
    entryTimeout = globals.pinEntryTimeout
  }
}
