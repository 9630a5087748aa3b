import CallModel
import Testing

@testable import SIP

/// One transaction layer in virtual time, with what it has put out so far, and messages to talk to it.
struct TransactionParty {
  var layer: TransactionLayer
  var now = MonotonicInstant.zero
  var outputs: [TransactionOutput] = []
  let hop: Hop

  static let address = SentBy(host: .ip(.v4(0xc000_0201)), port: 5060)  // 192.0.2.1

  init(
    _ transport: SIPTransportProtocol = .udp, timers: TransactionTimers = .init(),
    limits: TransactionLimits = .init(), refusesMergedRequests: Bool = true
  ) {
    layer = TransactionLayer(
      timers: timers, limits: limits, refusesMergedRequests: refusesMergedRequests, seed: 42)
    hop = Hop(
      transport: transport, remote: TransportAddress(.v4(0xcb00_7109), 40_000), listener: ListenerID(0),
      connection: transport == .udp ? nil : ConnectionID(7))
  }

  // MARK: Driving

  /// Moves the clock, stopping at every deadline on the way as a driver would.
  mutating func advance(_ span: TimeSpan) {
    let end = now + span
    while let next = layer.nextDeadline, next <= end {
      now = max(now, next)
      layer.advance(to: now, into: &outputs)
    }
    now = end
    layer.advance(to: now, into: &outputs)
  }

  mutating func receive(_ text: String, over other: Hop? = nil) throws {
    let message = try SIPParser.parse(Array(text.replacing("\n", with: "\r\n").utf8))
    layer.receive(message, over: other ?? hop, now: now, into: &outputs)
  }

  mutating func receive(_ message: SIPMessage) {
    layer.receive(message, over: hop, now: now, into: &outputs)
  }

  mutating func send(_ request: SIPRequest) -> ClientTransactionID {
    layer.send(request, to: hop, sentBy: Self.address, now: now, into: &outputs)
  }

  mutating func respond(_ status: Int, to id: ServerTransactionID, toTag: String = "us") {
    guard let request = layer.request(of: id) else { return }
    layer.respond(
      SIPResponse(to: request, status: status, toTag: toTag), to: id, now: now, into: &outputs)
  }

  /// What happened since the last call, one line each: `send INVITE`, `send 200`, `request INVITE`, `response 180`, ...
  mutating func events() -> [String] {
    defer { outputs = [] }
    return outputs.map(Self.line)
  }

  static func line(_ output: TransactionOutput) -> String {
    switch output {
    case .send(let bytes, _):
      switch try? SIPParser.parse(bytes) {
      case .request(let request): "send \(request.method)"
      case .response(let response): "send \(response.status)"
      case nil: "send rubbish"
      }
    case .request(let request, _, _): "request \(request.method)"
    case .acknowledgement: "acknowledgement"
    case .cancelled: "cancelled"
    case .response(let response, _, _): "response \(response.status)"
    case .timedOut: "timed out"
    case .transportFailed: "transport failed"
    case .unacknowledged: "unacknowledged"
    case .clientTerminated: "client terminated"
    case .serverTerminated: "server terminated"
    }
  }

  /// The messages sent since the last ``events()``.
  var sent: [SIPMessage] {
    outputs.compactMap { output in
      guard case .send(let bytes, _) = output else { return nil }
      return try? SIPParser.parse(bytes)
    }
  }

  var sentHops: [Hop] {
    outputs.compactMap { output in
      guard case .send(_, let hop) = output else { return nil }
      return hop
    }
  }

  var lastServerTransaction: ServerTransactionID? {
    for case .request(_, let id, _) in outputs.reversed() { return id }
    return nil
  }

  // MARK: Messages

  static func request(
    _ method: SIPMethod, callID: String = "c1@example.org", cSeq: Int = 1, toTag: String? = nil,
    body: [UInt8] = []
  ) -> SIPRequest {
    var headers = SIPHeaders()
    headers.append(.maxForwards, "70")
    headers.append(.route, "<sip:proxy.example.org;lr>")
    headers.append(.from, "\"A, <b>\" <sip:alice@example.org>;tag=alice")
    headers.append(.to, "<sip:bob@example.org>" + (toTag.map { ";tag=\($0)" } ?? ""))
    headers.append(.callID, callID)
    headers.append(.cSeq, "\(cSeq) \(method)")
    headers.append(.contact, "<sip:alice@192.0.2.1>")
    return SIPRequest(
      method: method, uri: SIPURI(user: "bob", host: .name("example.org")), headers: headers, body: body)
  }

  /// A request as a peer sends it.
  static func incoming(
    _ method: String, branch: String = "z9hG4bKpeer1", via: String? = nil, from: String = "peer",
    toTag: String? = nil, callID: String = "in1", cSeq: Int = 1, sequenceMethod: String? = nil
  ) -> String {
    """
    \(method) sip:us@192.0.2.1 SIP/2.0
    Via: \(via ?? "SIP/2.0/UDP 198.51.100.7:5070;branch=\(branch);rport")
    Max-Forwards: 70
    From: <sip:peer@example.net>;tag=\(from)
    To: <sip:us@example.org>\(toTag.map { ";tag=\($0)" } ?? "")
    Call-ID: \(callID)
    CSeq: \(cSeq) \(sequenceMethod ?? method)
    Record-Route: <sip:edge.example.net;lr>
    Contact: <sip:peer@198.51.100.7:5070>
    Content-Length: 0


    """
  }
}

extension SIPMessage {
  var asRequest: SIPRequest? { if case .request(let request) = self { request } else { nil } }
  var asResponse: SIPResponse? { if case .response(let response) = self { response } else { nil } }
}
