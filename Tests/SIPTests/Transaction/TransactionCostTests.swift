#if !DEBUG
  import CallModel
  import Glibc
  import Testing

  @testable import SIP

  /// CPU time of the layer a message, parsing and serialising apart, in an optimised build only:
  /// `swift test -c release --filter TransactionCostTests`. Prints what it measures; the bound is wide, for busy machines.
  @Suite(.serialized) struct TransactionCostTests {
    private func cpuNanoseconds() -> Int64 {
      var time = timespec()
      clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
      return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }

    private func measured(_ body: () throws -> Void) rethrows -> Int64 {
      let start = cpuNanoseconds()
      try body()
      return cpuNanoseconds() - start
    }

    private func incoming(_ method: String, _ index: Int) throws -> SIPMessage {
      let text = TransactionParty.incoming(method, branch: "z9hG4bK-\(index)", callID: "call-\(index)")
      return try SIPParser.parse(Array(text.replacing("\n", with: "\r\n").utf8))
    }

    private func report(_ name: String, _ total: Int64, messages: Int) {
      let each = Double(total) / Double(messages) / 1_000
      print("\(name): \(Double(Int(each * 100)) / 100) µs a message")
      #expect(each < 12, "\(name)")
    }

    /// Server side with 100,000 transactions lingering: INVITE, 486, ACK; and OPTIONS, 200.
    @Test func server() throws {
      let count = 100_000
      var layer = TransactionLayer(seed: 1)
      let hop = TransactionParty().hop
      var outputs: [TransactionOutput] = []
      var receiving: Int64 = 0
      var responding: Int64 = 0
      var serialising: Int64 = 0
      var acknowledging: Int64 = 0
      var repeating: Int64 = 0
      for batch in stride(from: 0, to: count, by: 1_000) {
        let now = MonotonicInstant(nanoseconds: Int64(batch) * 300_000)
        let invites = try (batch..<batch + 1_000).map { try incoming("INVITE", $0) }
        let acks = try (batch..<batch + 1_000).map { try incoming("ACK", $0) }
        receiving += measured {
          for invite in invites { layer.receive(invite, over: hop, now: now, into: &outputs) }
        }
        let requests = outputs.compactMap { output -> (SIPRequest, ServerTransactionID)? in
          if case .request(let request, let id, _) = output { (request, id) } else { nil }
        }
        #expect(requests.count == 1_000)
        outputs.removeAll(keepingCapacity: true)
        let responses = requests.map { SIPResponse(to: $0.0, status: 486, toTag: "t") }
        var size = 0
        serialising += measured { for response in responses { size += response.serialised().count } }
        #expect(size > 0)
        responding += measured {
          for (response, request) in zip(responses, requests) {
            layer.respond(response, to: request.1, now: now, into: &outputs)
          }
        }
        repeating += measured {
          for invite in invites { layer.receive(invite, over: hop, now: now, into: &outputs) }
        }
        acknowledging += measured {
          for ack in acks { layer.receive(ack, over: hop, now: now, into: &outputs) }
        }
        outputs.removeAll(keepingCapacity: true)
      }
      #expect(layer.serverTransactionCount == count)
      let expiry = measured { layer.advance(to: .zero + .seconds(100), into: &outputs) }
      #expect(layer.serverTransactionCount == 0)
      report("server, new INVITE", receiving, messages: count)
      report("server, response", responding - serialising, messages: count)
      report("  (serialising it)", serialising, messages: count)
      report("server, repeated INVITE", repeating, messages: count)
      report("server, ACK", acknowledging, messages: count)
      report("server, end of a transaction", expiry, messages: count)
    }

    /// Client side with 100,000 transactions lingering: INVITE, 180, 200.
    @Test func client() throws {
      let count = 100_000
      var layer = TransactionLayer(seed: 1)
      let hop = TransactionParty().hop
      var outputs: [TransactionOutput] = []
      var sending: Int64 = 0
      var serialising: Int64 = 0
      var receiving: Int64 = 0
      for batch in stride(from: 0, to: count, by: 1_000) {
        let now = MonotonicInstant(nanoseconds: Int64(batch) * 300_000)
        let requests = (batch..<batch + 1_000).map {
          TransactionParty.request(.invite, callID: "call-\($0)", body: [UInt8](repeating: 0x61, count: 300))
        }
        sending += measured {
          for request in requests {
            _ = layer.send(request, to: hop, sentBy: TransactionParty.address, now: now, into: &outputs)
          }
        }
        let sent = try outputs.compactMap { output -> SIPRequest? in
          if case .send(let bytes, _) = output { try SIPParser.parse(bytes).asRequest } else { nil }
        }
        outputs.removeAll(keepingCapacity: true)
        var size = 0
        serialising += measured { for request in sent { size += request.serialised().count } }
        #expect(size > 0)
        let responses = sent.flatMap { request in
          [180, 200].map { SIPMessage.response(SIPResponse(to: request, status: $0, toTag: "t")) }
        }
        receiving += measured {
          for response in responses { layer.receive(response, over: hop, now: now, into: &outputs) }
        }
        #expect(outputs.count == 2_000)
        outputs.removeAll(keepingCapacity: true)
      }
      #expect(layer.clientTransactionCount == count)
      let expiry = measured { layer.advance(to: .zero + .seconds(100), into: &outputs) }
      #expect(layer.clientTransactionCount == 0)
      report("client, INVITE", sending - serialising, messages: count)
      report("  (serialising it)", serialising, messages: count)
      report("client, response", receiving, messages: 2 * count)
      report("client, end of a transaction", expiry, messages: count)
    }

    @Test func digest() throws {
      let count = 20_000
      var server = DigestServer(.init(realm: "example.org", nonceCapacity: 1_000), role: .userAgent)
      var client = DigestClient()
      let original = TransactionParty.request(.register)
      let challenge = server.challenge(original, isStale: false, toTag: "t", now: .zero)
      _ = client.answer(challenge, to: original) { _ in .init(username: "a", password: Secret("p")) }
      var requests: [SIPRequest] = []
      let answering = measured {
        for _ in 0..<count {
          var request = original
          client.authorise(&request)
          requests.append(request)
        }
      }
      var passed = 0
      let verifying = measured {
        for request in requests
        where server.verify(request, now: .zero, account: { _ in .password(Secret("p")) })
          == .authenticated(username: "a")
        {
          passed += 1
        }
      }
      #expect(passed == count)
      let challenging = measured {
        for _ in 0..<count { _ = server.challenges(isStale: false, now: .zero) }
      }
      print(
        "digest: challenge \(challenging / Int64(count)) ns, verify \(verifying / Int64(count)) ns,",
        terminator: "")
      print(" answer \(answering / Int64(count)) ns")
    }
  }
#endif
