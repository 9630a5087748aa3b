import CallModel
import PolicyEngine
import Router
import SIP

/// Keeps one registration of ours with one trunk (RFC 3261 §10.2): refreshed before it expires, tried again with growing
/// pauses when it fails, withdrawn when it is no longer wanted.
final class TrunkRegistrar {
  private let trunk: Trunk
  private let registration: TrunkRegistration
  private weak var trunks: SIPTrunks?
  private weak var endpoint: SIPEndpoint?
  private var timer: SignallingLoop.TimerID?
  private var callID: String
  private var sequence: UInt32 = 0
  private var failures = 0
  private var isRegistered = false
  private var isStopped = false
  /// Seconds to ask for; raised by 423.
  private var interval: UInt32
  /// Routes that calls through this trunk take (RFC 3608).
  private(set) var serviceRoute: [NameAddress] = []

  init(trunk: Trunk, registration: TrunkRegistration, trunks: SIPTrunks, endpoint: SIPEndpoint) {
    self.trunk = trunk
    self.registration = registration
    self.trunks = trunks
    self.endpoint = endpoint
    interval = UInt32(clamping: registration.interval.nanoseconds / 1_000_000_000)
    callID = endpoint.exchange.makeCallID().description
  }

  func differs(from other: Trunk) -> Bool { trunk != other }

  func start() { register(interval) }

  /// Withdraws the registration; nobody waits for the answer.
  func stop() {
    isStopped = true
    endpoint?.loop.cancel(timer)
    if isRegistered { register(0) }
  }

  private func register(_ expires: UInt32) {
    guard let endpoint, let trunks, let record = SIPURI(registration.addressOfRecord) else { return }
    trunks.locate(trunk) { [weak self] hops in
      guard let self else { return }
      guard !hops.isEmpty else { return self.failed("no server found") }
      self.sequence += 2
      var registrar = SIPURI(host: record.host, port: record.port)
      if case .name(let name) = record.host, name == self.trunk.host { registrar.port = self.trunk.port }
      let address = NameAddress(uri: record)
      endpoint.send(
        OutgoingRequest(
          method: .register, requestURI: registrar, hops: hops, from: address, to: address,
          headers: [.init(.expires, String(expires)), .init(.supported, "path")],
          credentials: self.trunk.accounts,
          callID: self.callID, sequence: self.sequence, contact: ContactTemplate(user: record.user),
          hopPatience: .seconds(4))
      ) { [weak self] result in self?.finished(result) }
    }
  }

  private func finished(_ result: Result<SIPResponse, RequestFailure>) {
    guard !isStopped, let endpoint else { return }
    switch result {
    case .success(let response) where response.isSuccess:
      if !isRegistered { endpoint.onNotice?(.trunkRegistered(trunk.name)) }
      isRegistered = true
      failures = 0
      serviceRoute = response.headers.all(.serviceRoute).compactMap { NameAddress($0) }
      let granted =
        response.headers.contacts.compactMap { $0["expires"].flatMap { UInt32($0) } }.max()
        ?? response.headers.expires ?? interval
      // Well before the end, so that one lost exchange does no harm.
      again(after: .seconds(Int64(max(5, granted > 1200 ? granted - 600 : granted / 2))))
    case .success(let response) where response.status == 423:
      guard let minimum = response.headers[.minExpires].flatMap({ UInt32($0) }), minimum > interval,
        minimum <= 86_400
      else { return failed("423 without a usable Min-Expires") }
      interval = minimum
      register(interval)
    case .success(let response):
      failed(
        "\(response.status) \(response.reason)",
        retryAfter: response.headers[.retryAfter].flatMap { Int64($0.prefix { $0.isNumber }) })
    case .failure(let failure):
      failed("\(failure)")
    }
  }

  private func failed(_ reason: String, retryAfter: Int64? = nil) {
    guard !isStopped, let endpoint else { return }
    isRegistered = false
    failures += 1
    endpoint.onNotice?(.trunkRegistrationFailed(trunk.name, reason))
    // RFC 5626 §4.5: doubling from 30 s, to half an hour at most.
    let pause = min(1800, Int64(30) << Int64(min(6, failures - 1)))
    again(after: .seconds(max(pause, min(retryAfter ?? 0, 3600))))
  }

  private func again(after pause: TimeSpan) {
    endpoint?.loop.cancel(timer)
    timer = endpoint?.loop.schedule(after: pause) { [weak self] in self.map { $0.register($0.interval) } }
  }
}
