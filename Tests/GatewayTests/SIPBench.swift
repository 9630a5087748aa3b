import CallModel
import MediaRelay
import PolicyEngine
import Router
import Testing

@testable import Gateway
@testable import SIP

/// A whole SIP endpoint on virtual time. What it sends is parsed again and kept by destination; what it hears is written by
/// the tests.
final class SIPBench: SIPWire {
  static let ours = TransportAddress("192.0.2.1:5060")!
  let loop = SignallingLoop(wallClock: { WallClock(milliseconds: 1_000) })
  let router: Router
  let book = RecordBook()
  let ledger: CallLedger
  let host: GatewayHost
  private(set) var endpoint: SIPEndpoint!
  private let relay: MediaRelay
  private(set) var sent: [(message: SIPMessage, hop: Hop)] = []
  /// Names that can be resolved; a test may hold the answers back.
  var names: [String: [Hop]] = [:]
  var holdsAnswers = false
  private var held: [() -> Void] = []
  private var serial = 0

  init(_ policy: Policy) throws {
    router = Router(policy: try PolicySnapshot(compiling: policy))
    ledger = CallLedger(loop: loop, recorder: book, router: router)
    let exchange = CallExchange(loop: loop, router: router, ledger: ledger)
    relay = try MediaRelay(
      configuration: MediaRelayConfiguration(
        interfaces: [.init(address: .loopbackIPv4, ports: 37000...37499)], threads: 1))
    host = GatewayHost(exchange: exchange, media: MediaAccess(relay: relay, post: { _ in }))
    exchange.gateway = host
    endpoint = SIPEndpoint(
      exchange: exchange, gateway: host, wire: self, locator: Locator(self),
      identities: [
        LocalIdentity(listener: ListenerID(0), transport: .udp, address: SIPBench.ours),
        LocalIdentity(listener: ListenerID(1), transport: .tcp, address: SIPBench.ours),
      ], product: "Tandem")
  }

  deinit { relay.shutdown() }

  /// Held by the endpoint, which the bench holds.
  private final class Locator: SIPServerLocator {
    weak var bench: SIPBench?
    init(_ bench: SIPBench) { self.bench = bench }

    func locate(_ target: ServerLocationTarget, completion: @escaping ([Hop]) -> Void) {
      bench?.locate(target, completion: completion)
    }
  }

  func send(_ bytes: [UInt8], over hop: Hop) {
    guard let message = try? SIPParser.parse(bytes) else {
      Issue.record("we sent what cannot be parsed: \(String(decoding: bytes, as: UTF8.self))")
      return
    }
    sent.append((message, hop))
  }

  private func locate(_ target: ServerLocationTarget, completion: @escaping ([Hop]) -> Void) {
    let host: String =
      switch target.host {
      case .ip(let ip): ip.description
      case .name(let name): name
      }
    var hops = names[host] ?? []
    if case .ip(let ip) = target.host, hops.isEmpty {
      let listener = endpoint.agent.identities.first {
        $0.transport == target.transport ?? .udp && $0.address.ip.isIPv6 == ip.isIPv6
      }
      hops =
        listener.map {
          [
            Hop(
              transport: $0.transport, remote: TransportAddress(ip, target.port ?? 5060),
              listener: $0.listener)
          ]
        } ?? []
    }
    if holdsAnswers { held.append { completion(hops) } } else { completion(hops) }
  }

  /// The resolver answers what it was asked.
  func resolve() {
    let answers = held
    held = []
    for answer in answers { answer() }
    settle()
  }

  func activate(_ policy: Policy) throws {
    router.activate(try PolicySnapshot(compiling: policy))
    endpoint.policyChanged()
    settle()
  }

  func settle() { loop.advance(to: loop.now) }
  func pass(_ span: TimeSpan) { loop.advance(to: loop.now + span) }
  func peer(_ address: String, connection: UInt64? = nil) -> SIPPeer {
    SIPPeer(self, TransportAddress(address)!, connection.map { ConnectionID($0) })
  }

  func makeSerial() -> Int {
    serial += 1
    return serial
  }
}

/// One address that talks to the endpoint.
final class SIPPeer {
  unowned let bench: SIPBench
  let hop: Hop
  private var seen = 0

  init(_ bench: SIPBench, _ address: TransportAddress, _ connection: ConnectionID?) {
    self.bench = bench
    hop = Hop(
      transport: connection == nil ? .udp : .tcp, remote: address,
      listener: ListenerID(connection == nil ? 0 : 1), connection: connection)
  }

  var address: TransportAddress { hop.remote }

  /// What has come here since the last look.
  func take() -> [SIPMessage] {
    let all = bench.sent.filter { $0.hop.remote == hop.remote }.map(\.message)
    defer { seen = all.count }
    return Array(all.dropFirst(seen))
  }

  func takeResponses() -> [SIPResponse] {
    take().compactMap { if case .response(let response) = $0 { response } else { nil } }
  }

  /// The newest request of a method that has come here.
  func request(_ method: SIPMethod) -> SIPRequest? {
    bench.sent.last { item in
      guard item.hop.remote == hop.remote, case .request(let request) = item.message else { return false }
      return request.method == method
    }.flatMap { if case .request(let request) = $0.message { request } else { nil } }
  }

  @discardableResult
  func sends(
    _ method: SIPMethod, _ uri: String, from: String, to: String? = nil, callID: String? = nil,
    sequence: UInt32 = 1, headers: [(SIPHeaderName, String)] = [], body: String? = nil
  ) -> SIPRequest {
    let serial = bench.makeSerial()
    var fields: [SIPHeaders.Field] = [
      .init(.via, "SIP/2.0/\(hop.transport == .udp ? "UDP" : "TCP") \(address);branch=z9hG4bKp\(serial)"),
      .init(.from, from.contains("tag=") ? from : "<\(from)>;tag=t\(serial)"),
      .init(.to, to ?? "<\(uri)>"), .init(.callID, callID ?? "call-\(serial)@\(address.ip)"),
      .init(.cSeq, "\(sequence) \(method.rawValue)"),
    ]
    let given = Set(headers.map(\.0))
    if !given.contains(.maxForwards) { fields.append(.init(.maxForwards, "70")) }
    if !given.contains(.contact), method == .invite { fields.append(.init(.contact, "<sip:\(address)>")) }
    for (name, value) in headers { fields.append(.init(name, value)) }
    var request = SIPRequest(method: method, uri: SIPURI(uri)!, headers: SIPHeaders(fields))
    if let body { request.attach(.sdp(Array(body.utf8))) }
    deliver(.request(request))
    return request
  }

  func deliver(_ message: SIPMessage) {
    bench.endpoint.receive(message, over: hop)
    bench.settle()
  }

  /// Sends a request again with credentials for the challenge it got.
  func repeats(_ request: SIPRequest, after response: SIPResponse, as username: String, _ password: String) {
    var client = DigestClient()
    guard
      case .retry(var authorised) = client.answer(
        response, to: request, account: { _ in .init(username: username, password: Secret(password)) })
    else { return }
    let sequence = (request.headers.cSeq?.number ?? 1) + 1
    authorised.headers.set(.cSeq, "\(sequence) \(request.method.rawValue)")
    authorised.headers.set(
      .via, "SIP/2.0/\(hop.transport == .udp ? "UDP" : "TCP") \(address);branch=z9hG4bKq\(bench.makeSerial())"
    )
    deliver(.request(authorised))
  }

  func answers(
    _ request: SIPRequest, _ status: Int, body: String? = nil, headers: [(SIPHeaderName, String)] = [],
    tag: String? = nil
  ) {
    var response = SIPResponse(
      to: request, status: status, toTag: status > 100 ? tag ?? "p\(address.port)" : nil)
    if status > 100, status < 300, request.method == .invite {
      response.headers.append(.contact, "<sip:\(address)\(hop.transport == .udp ? "" : ";transport=tcp")>")
    }
    for (name, value) in headers { response.headers.append(name, value) }
    if let body { response.attach(.sdp(Array(body.utf8))) }
    deliver(.response(response))
  }

  /// REGISTER, with credentials if it is challenged. The final status.
  @discardableResult
  func registers(
    _ alias: String, password: String = "secret", contact: String? = nil, expires: Int? = 300,
    headers: [(SIPHeaderName, String)] = []
  ) -> SIPResponse? {
    var fields = headers
    fields.append((.contact, contact ?? "<sip:\(alias)@\(address)>"))
    if let expires { fields.append((.expires, String(expires))) }
    let aor = "sip:\(alias)@example.org"
    _ = take()
    let request = sends(.register, "sip:example.org", from: aor, to: "<\(aor)>", headers: fields)
    guard let challenge = takeResponses().last, challenge.status == 401 else { return nil }
    repeats(request, after: challenge, as: alias, password)
    return takeResponses().last
  }
}

func sdp(_ address: String, port: Int = 20000, codecs: String = "8") -> String {
  """
  v=0\r
  o=- 1 1 IN IP4 \(address)\r
  s=-\r
  c=IN IP4 \(address)\r
  t=0 0\r
  m=audio \(port) RTP/AVP \(codecs) 101\r
  a=rtpmap:101 telephone-event/8000\r

  """
}
