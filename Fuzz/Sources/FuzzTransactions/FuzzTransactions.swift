import CallModel
import SIP

/// Drives a transaction layer with any order of messages, orders, failures and clock steps. However wild, no event may trap;
/// each client transaction ends exactly once; and when its users have answered, nothing remains.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzTransactions(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  var run = TransactionRun(UnsafeBufferPointer(start: start, count: count))
  run.play()
  run.finish()
  return 0
}

private struct TransactionRun {
  private var input: ArraySlice<UInt8>
  private var layer: TransactionLayer
  private var now = MonotonicInstant.zero
  private var outputs: [TransactionOutput] = []
  private let hops: [Hop]

  private var clients: [ClientTransactionID] = []
  private var servers: [ServerTransactionID] = []
  private var sent: [SIPRequest] = []
  private var endsOfClient: [ClientTransactionID: Int] = [:]
  private var terminatedClients = Set<ClientTransactionID>()
  private var liveServers = Set<ServerTransactionID>()

  private static let methods: [SIPMethod] = [.invite, .options, .bye, .register, .update]
  private static let statuses = [100, 180, 199, 200, 202, 302, 401, 486, 487, 503, 603, 699]

  init(_ bytes: UnsafeBufferPointer<UInt8>) {
    input = Array(bytes)[...]
    layer = TransactionLayer(
      limits: TransactionLimits(serverTransactions: 12, clientTransactions: 12), seed: 1)
    hops = [SIPTransportProtocol.udp, .tcp, .wss].enumerated().map { index, transport in
      Hop(
        transport: transport, remote: TransportAddress(.loopbackIPv4, UInt16(6_000 + index)),
        listener: ListenerID(index), connection: transport == .udp ? nil : ConnectionID(UInt64(index)))
    }
  }

  private mutating func byte() -> Int { Int(input.popFirst() ?? 0) }
  private mutating func pick<T>(_ list: [T]) -> T? {
    let index = byte()
    return list.isEmpty ? nil : list[index % list.count]
  }

  mutating func play() {
    while !input.isEmpty {
      switch byte() % 11 {
      case 0: receiveRequest()
      case 1: receiveResponse()
      case 2: send()
      case 3:
        if let id = pick(clients) { layer.cancel(id, now: now, into: &outputs) }
      case 4:
        guard let id = pick(servers), let request = layer.request(of: id) else { break }
        let status = pick(Self.statuses) ?? 200
        layer.respond(
          SIPResponse(to: request, status: status, toTag: "f"), to: id, now: now, into: &outputs)
      case 5: advance(.milliseconds(Int64(byte()) * 37))
      case 6: advance(.seconds(Int64(byte())))
      case 7:
        if let hop = pick(hops) { layer.transportFailed(over: hop, now: now, into: &outputs) }
      case 8:
        if let id = pick(servers) { layer.repeatResponse(of: id, into: &outputs) }
      case 9:
        if let id = pick(servers) { layer.sendTrying(to: id, now: now, into: &outputs) }
      default:
        let length = min(byte() * 8, input.count)
        let bytes = Array(input.prefix(length))
        input = input.dropFirst(length)
        if let message = try? SIPParser.parse(bytes), let hop = pick(hops) {
          layer.receive(message, over: hop, now: now, into: &outputs)
        }
      }
      drain()
    }
  }

  private mutating func receiveRequest() {
    let kind = byte()
    let identity = byte()
    let methods = Self.methods + [.ack, .cancel]
    let method = methods[kind % methods.count]
    let branch = identity & 8 == 0 ? "z9hG4bK\(identity & 3)" : "\(identity & 3)"
    let headers = SIPHeaders([
      .init(.via, "SIP/2.0/UDP h\(identity >> 4 & 1);branch=\(branch)\(identity & 4 == 0 ? "" : ";rport")"),
      .init(.from, "<sip:a@b>;tag=\(identity >> 5 & 1)"),
      .init(.to, "<sip:c@d>\(identity & 64 == 0 ? "" : ";tag=f")"),
      .init(.callID, "\(kind >> 6)"), .init(.cSeq, "\(identity >> 7) \(method)"),
    ])
    let request = SIPRequest(
      method: method, uri: SIPURI(user: "c", host: .name("d")), headers: headers, body: [])
    layer.receive(.request(request), over: hops[kind / 7 % hops.count], now: now, into: &outputs)
  }

  private mutating func receiveResponse() {
    guard let request = pick(sent), let status = pick(Self.statuses) else { return }
    let response = SIPResponse(to: request, status: status, toTag: "r")
    layer.receive(.response(response), over: hops[0], now: now, into: &outputs)
  }

  private mutating func send() {
    guard let method = pick(Self.methods), let hop = pick(hops) else { return }
    let headers = SIPHeaders([
      .init(.from, "<sip:a@b>;tag=a"), .init(.to, "<sip:c@d>"), .init(.callID, "out"),
      .init(.cSeq, "1 \(method)"),
    ])
    let request = SIPRequest(
      method: method, uri: SIPURI(user: "c", host: .name("d")), headers: headers, body: [])
    let id = layer.send(
      request, to: hop, sentBy: SentBy(TransportAddress(.loopbackIPv4, 5_060)), now: now, into: &outputs)
    clients.append(id)
    precondition(endsOfClient.updateValue(0, forKey: id) == nil, "a number was given twice")
  }

  private mutating func advance(_ span: TimeSpan) {
    let end = now + span
    var steps = 0
    while let next = layer.nextDeadline, next <= end {
      steps += 1
      precondition(steps < 100_000, "the clock stands still")
      now = max(now, next)
      layer.advance(to: now, into: &outputs)
      drain()
    }
    now = end
  }

  private mutating func drain() {
    for output in outputs {
      switch output {
      case .send(let bytes, _):
        guard let message = try? SIPParser.parse(bytes) else {
          preconditionFailure("sent what cannot be read")
        }
        if case .request(let request) = message, sent.count < 64 { sent.append(request) }
      case .request(_, let id, _):
        servers.append(id)
        precondition(liveServers.insert(id).inserted)
      case .response(let response, let id, _):
        precondition(!terminatedClients.contains(id), "a response after the end")
        // Further 2xx to INVITE are passed up by design: the first ends the transaction.
        guard response.status >= 200 else { break }
        if response.isSuccess, endsOfClient[id] == 1, response.headers.cSeq?.method == .invite { break }
        endsOfClient[id, default: 0] += 1
      case .timedOut(let id), .transportFailed(let id): endsOfClient[id, default: 0] += 1
      case .clientTerminated(let id): precondition(terminatedClients.insert(id).inserted)
      case .serverTerminated(let id): precondition(liveServers.remove(id) != nil)
      case .cancelled(let id, _), .unacknowledged(let id): precondition(liveServers.contains(id))
      case .acknowledgement: break
      }
    }
    outputs.removeAll(keepingCapacity: true)
  }

  mutating func finish() {
    for id in liveServers {
      guard let request = layer.request(of: id) else { continue }
      layer.respond(SIPResponse(to: request, status: 500, toTag: "f"), to: id, now: now, into: &outputs)
    }
    drain()
    advance(.seconds(300))
    precondition(layer.clientTransactionCount == 0 && layer.serverTransactionCount == 0, "left behind")
    precondition(layer.nextDeadline == nil && liveServers.isEmpty)
    precondition(endsOfClient.values.allSatisfy { $0 == 1 }, "an end too many or too few")
    precondition(terminatedClients.count == endsOfClient.count)
  }
}
