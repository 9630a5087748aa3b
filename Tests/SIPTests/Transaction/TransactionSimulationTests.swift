import CallModel
import TestSupport
import Testing

@testable import SIP

/// Two transaction layers over a network that loses, repeats, delays and so reorders datagrams, in virtual time. Whatever the
/// network does, each request ends exactly once at its client, and nothing is left behind.
@Suite struct TransactionSimulationTests {
  struct Network: Sendable, CustomTestStringConvertible {
    var lossPercent: UInt64
    var duplicatePercent: UInt64
    var delayMilliseconds: UInt64
    var testDescription: String {
      "\(lossPercent)% loss, \(duplicatePercent)% twice, \(delayMilliseconds) ms"
    }
  }

  static let networks = [
    Network(lossPercent: 0, duplicatePercent: 0, delayMilliseconds: 1),
    Network(lossPercent: 10, duplicatePercent: 5, delayMilliseconds: 300),
    Network(lossPercent: 40, duplicatePercent: 20, delayMilliseconds: 2_000),
    Network(lossPercent: 80, duplicatePercent: 50, delayMilliseconds: 1_000),
    Network(lossPercent: 100, duplicatePercent: 0, delayMilliseconds: 1),
  ]

  @Test(arguments: networks, [UInt64](1...6)) func everyRequestEndsOnce(network: Network, seed: UInt64) throws
  {
    var world = SimulatedWorld(network: network, seed: seed, isReliable: false)
    try world.run(requests: 60)
    world.check()
  }

  @Test(arguments: [UInt64](1...6)) func overAReliableTransportNothingIsSentTwice(seed: UInt64) throws {
    let network = Network(lossPercent: 0, duplicatePercent: 0, delayMilliseconds: 40)
    var world = SimulatedWorld(network: network, seed: seed, isReliable: true)
    try world.run(requests: 60)
    world.check()
    #expect(world.timeouts == 0)
    #expect(world.client.statistics.retransmissionsSent == 0)
    #expect(world.server.statistics.retransmissionsSent == 0)
  }
}

/// The simulation: a client that sends INVITEs (some cancelled) and other requests, and a server that answers them after a
/// while, both behind ``TransactionLayer``s.
struct SimulatedWorld {
  private enum Event {
    case datagram(toServer: Bool, [UInt8])
    case start(Int)
    case cancel(ClientTransactionID)
    case answer(ServerTransactionID, status: Int)
  }

  let network: TransactionSimulationTests.Network
  var client = TransactionLayer(seed: 1)
  var server = TransactionLayer(seed: 2)
  private var random: SplitMix
  private var now = MonotonicInstant.zero
  private var queue = DeadlineHeap<Int>()
  private var events: [Event] = []
  private let hop: Hop

  /// How often each client transaction ended, and was terminated.
  private var ends: [ClientTransactionID: Int] = [:]
  private var isInvite: [ClientTransactionID: Bool] = [:]
  private var terminations: [ClientTransactionID: Int] = [:]
  private var serverTerminations: [ServerTransactionID: Int] = [:]
  private var requestsSeen: [String: Int] = [:]
  private var callIDs: [ServerTransactionID: String] = [:]
  private var unacknowledged = Set<String>()
  private(set) var timeouts = 0
  private var accepted = Set<ClientTransactionID>()

  init(network: TransactionSimulationTests.Network, seed: UInt64, isReliable: Bool) {
    self.network = network
    random = SplitMix(seed: seed)
    hop = Hop(
      transport: isReliable ? .tcp : .udp, remote: TransactionParty.address.transportAddress,
      listener: ListenerID(0), connection: isReliable ? ConnectionID(1) : nil)
  }

  private mutating func schedule(_ event: Event, after milliseconds: UInt64) {
    events.append(event)
    queue.schedule(events.count - 1, at: now + .milliseconds(Int64(milliseconds)))
  }

  mutating func run(requests: Int) throws {
    for index in 0..<requests { schedule(.start(index), after: random.next(below: 5_000)) }
    var outputs: [TransactionOutput] = []
    let end = MonotonicInstant.zero + .seconds(600)
    while now < end {
      let next = [queue.nextDeadline, client.nextDeadline, server.nextDeadline].compactMap(\.self).min()
      guard let next else { break }
      now = max(now, next)
      while let (index, _) = queue.popDue(at: now) { try handle(events[index], &outputs) }
      client.advance(to: now, into: &outputs)
      handleClient(&outputs)
      server.advance(to: now, into: &outputs)
      handleServer(&outputs)
    }
  }

  private mutating func handle(_ event: Event, _ outputs: inout [TransactionOutput]) throws {
    switch event {
    case .datagram(let toServer, let bytes):
      let message = try SIPParser.parse(bytes)
      if toServer {
        server.receive(message, over: hop, now: now, into: &outputs)
        handleServer(&outputs)
      } else {
        client.receive(message, over: hop, now: now, into: &outputs)
        handleClient(&outputs)
      }
    case .start(let index):
      let method: SIPMethod = index.isMultiple(of: 2) ? .invite : .options
      let id = client.send(
        TransactionParty.request(method, callID: "call\(index)"), to: hop, sentBy: TransactionParty.address,
        now: now, into: &outputs)
      ends[id] = 0
      isInvite[id] = method == .invite
      handleClient(&outputs)
      if method == .invite, random.next(below: 4) == 0 {
        schedule(.cancel(id), after: random.next(below: 8_000))
      }
    case .cancel(let id):
      client.cancel(id, now: now, into: &outputs)
      handleClient(&outputs)
    case .answer(let id, let status):
      respond(status, id, &outputs)
      handleServer(&outputs)
    }
  }

  private mutating func respond(
    _ status: Int, _ id: ServerTransactionID, _ outputs: inout [TransactionOutput]
  ) {
    guard let request = server.request(of: id) else { return }
    server.respond(SIPResponse(to: request, status: status, toTag: "s"), to: id, now: now, into: &outputs)
  }

  private mutating func carry(_ bytes: [UInt8], toServer: Bool) {
    guard random.next(below: 100) >= network.lossPercent else { return }
    let copies = random.next(below: 100) < network.duplicatePercent ? 2 : 1
    for _ in 0..<copies {
      // A stream keeps its order: constant delay.
      let delay =
        hop.transport.isReliable
        ? network.delayMilliseconds : random.next(below: network.delayMilliseconds) + 1
      schedule(.datagram(toServer: toServer, bytes), after: delay)
    }
  }

  private mutating func handleClient(_ outputs: inout [TransactionOutput]) {
    for output in outputs {
      switch output {
      case .send(let bytes, _): carry(bytes, toServer: true)
      case .response(let response, let id, _):
        if terminations[id] != nil { Issue.record("response after the end") }
        guard !response.isProvisional else { continue }
        // Repeated 2xx to INVITE come up by design; all else ends once.
        if response.isSuccess, isInvite[id] == true, !accepted.insert(id).inserted { continue }
        ends[id, default: 0] += 1
      case .timedOut(let id):
        timeouts += 1
        ends[id, default: 0] += 1
      case .clientTerminated(let id): terminations[id, default: 0] += 1
      case .transportFailed, .request, .acknowledgement, .cancelled, .unacknowledged, .serverTerminated:
        Issue.record("unexpected at the client: \(TransactionParty.line(output))")
      }
    }
    outputs.removeAll(keepingCapacity: true)
  }

  private mutating func handleServer(_ outputs: inout [TransactionOutput]) {
    let batch = outputs
    outputs.removeAll(keepingCapacity: true)
    for output in batch {
      switch output {
      case .send(let bytes, _): carry(bytes, toServer: false)
      case .request(let request, let id, _):
        let key = "\(request.headers.callID ?? "")\(request.method)"
        requestsSeen[key, default: 0] += 1
        serverTerminations[id] = 0
        callIDs[id] = request.headers.callID
        if request.method == .invite, random.next(below: 2) == 0 {
          schedule(.answer(id, status: 180), after: random.next(below: 1_000))
        }
        let status = [200, 200, 302, 486, 603][Int(random.next(below: 5))]
        schedule(.answer(id, status: status), after: 1_000 + random.next(below: 9_000))
      case .cancelled(let id, _): schedule(.answer(id, status: 487), after: 0)
      case .serverTerminated(let id): serverTerminations[id, default: 0] += 1
      case .acknowledgement(let ack, _):
        // The client user here acknowledges no 2xx: only an ACK that missed timer H may come up.
        let callID = ack.headers.callID ?? ""
        if !unacknowledged.contains(callID) { Issue.record("an ACK for a refusal went up") }
      case .unacknowledged(let id): unacknowledged.insert(callIDs[id] ?? "")
      case .response, .timedOut, .transportFailed, .clientTerminated:
        Issue.record("unexpected at the server: \(TransactionParty.line(output))")
      }
    }
  }

  func check() {
    #expect(!ends.isEmpty)
    #expect(ends.values.allSatisfy { $0 == 1 })
    #expect(terminations.count == ends.count && terminations.values.allSatisfy { $0 == 1 })
    #expect(serverTerminations.values.allSatisfy { $0 == 1 })
    #expect(client.clientTransactionCount == 0)
    #expect(server.serverTransactionCount == 0)
    #expect(client.nextDeadline == nil && server.nextDeadline == nil)
    #expect(server.serversByKey.isEmpty && server.serversByMergeKey.isEmpty)
    // A request is seen once while its transaction lives; a straggler may start another only after 32 s.
    if network.delayMilliseconds < 30_000 { #expect(requestsSeen.values.allSatisfy { $0 == 1 }) }
  }
}

extension SentBy {
  /// The address, of an address.
  var transportAddress: TransportAddress {
    guard case .ip(let ip) = host else { return TransportAddress(.anyIPv4, 0) }
    return TransportAddress(ip, port ?? 5_060)
  }
}
