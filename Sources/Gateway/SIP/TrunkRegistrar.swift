import CallModel
import PolicyEngine
import Router
import SIP

/// Drives one registration of ours with one trunk: finds the trunk's servers, sends what ``SIP/ClientRegistration`` orders, and
/// wakes it for its refreshes.
final class TrunkRegistrar {
  private let trunk: Trunk
  private weak var trunks: SIPTrunks?
  private weak var endpoint: SIPEndpoint?
  private var registration: ClientRegistration?
  private var timer: SignallingLoop.TimerID?
  private var isStopped = false
  private var wasRegistered = false

  init(trunk: Trunk, registration: TrunkRegistration, trunks: SIPTrunks, endpoint: SIPEndpoint) {
    self.trunk = trunk
    self.trunks = trunks
    self.endpoint = endpoint
    guard let record = SIPURI(registration.addressOfRecord) else { return }
    var registrar = SIPURI(host: record.host, port: record.port)
    if case .name(let name) = record.host, name == trunk.host { registrar.port = trunk.port }
    self.registration = ClientRegistration(
      settings: RegistrationSettings(
        registrar: registrar, addressOfRecord: NameAddress(uri: record), credentials: trunk.accounts,
        contact: ContactTemplate(user: record.user),
        expires: Int(clamping: registration.interval.nanoseconds / 1_000_000_000)))
  }

  /// Routes that calls through this trunk take (RFC 3608).
  var serviceRoute: [NameAddress] { registration?.serviceRoute ?? [] }

  func differs(from other: Trunk) -> Bool { trunk != other }

  func start() { perform { $0.register(now: $1) } }

  /// Whether the other would register the same contact of the same address with the same server.
  func isSameBinding(as other: Trunk, _ registration: TrunkRegistration) -> Bool {
    trunk.host == other.host && trunk.registration?.addressOfRecord == registration.addressOfRecord
  }

  /// Stops refreshing, and withdraws the registration unless another takes it over; nobody waits for the answer.
  func stop(withdraws: Bool = true) {
    if withdraws { perform { $0.unregister(now: $1) } }
    isStopped = true
    endpoint?.loop.cancel(timer)
  }

  private func perform(_ step: (inout ClientRegistration, MonotonicInstant) -> [ClientRegistration.Action]) {
    guard !isStopped, let endpoint, var registration else { return }
    let actions = step(&registration, endpoint.loop.now)
    self.registration = registration
    for action in actions {
      switch action {
      case .send(let request): send(request)
      case .stateChanged(let state): report(state)
      }
    }
    endpoint.loop.cancel(timer)
    guard let deadline = self.registration?.nextDeadline else { return }
    timer = endpoint.loop.schedule(after: deadline - endpoint.loop.now) { [weak self] in
      self?.perform { $0.advance(to: $1) }
    }
  }

  private func send(_ request: OutgoingRequest) {
    trunks?.locate(trunk) { [self] hops in
      guard !hops.isEmpty else { return perform { $0.failed(.unresolved, now: $1) } }
      var request = request
      request.hops = hops
      request.hopPatience = .seconds(4)
      endpoint?.send(request) { [weak self] result in
        self?.perform { registration, now in
          switch result {
          case .success(let response): registration.received(response, now: now)
          case .failure(let failure): registration.failed(failure, now: now)
          }
        }
      }
    }
  }

  private func report(_ state: ClientRegistration.State) {
    switch state {
    case .registered:
      if !wasRegistered { endpoint?.onNotice?(.trunkRegistered(trunk.name)) }
      wasRegistered = true
    case .failed(let status):
      wasRegistered = false
      endpoint?.onNotice?(.trunkRegistrationFailed(trunk.name, status.map { "status \($0)" } ?? "no answer"))
    case .idle, .registering, .unregistering:
      break
    }
  }
}
