import Foundation
import Testing

extension EndToEnd {
  /// Peers that do on purpose what phones do seldom.
  @Suite(.tags(.scripted)) struct ScriptedTests {
    /// Everything that is dialled goes to these trunks, in order.
    static func trunks(_ peers: [Sipp], credentials: String = "", rule: String = "") -> String {
      let list = peers.enumerated().map { number, peer in
        """
          - name: trunk-\(number + 1)
            host: \(peer.address)
            port: 5060
            transport: udp
            probe_interval: never
        \(credentials)
        """
      }
      return """
        trunks:
        \(list.joined(separator: "\n"))
        rules:
          - name: out
            priority: 10
            match: '\\d+'
            to:
              trunks: [\(peers.indices.map { "trunk-\($0 + 1)" }.joined(separator: ", "))]
        \(rule)
        """
    }

    /// A caller and a callee with Tandem between; both must go as their scenarios say.
    func between(
      _ caller: String, _ callee: String, calls: Int = 1, rate: Int = 10, transport: String = "u1"
    ) async throws -> TandemServer {
      let scratch = try Scratch()
      let answering = try Sipp(scratch, callee, calls: calls)
      let server = try await TandemServer(scratch, policy: Self.trunks([answering]))
      let calling = try Sipp(
        scratch, caller, to: server.address, user: "1234", calls: calls, rate: rate, transport: transport)
      do {
        try await calling.succeed()
        try await answering.succeed()
      } catch {
        throw HarnessError(
          "\(error)\n--- callee\n\(answering.messages.suffix(6000))\n--- tandem\n\(server.output)")
      }
      #expect(try await server.answersOptions())
      return server
    }

    @Test(.timeLimit(.minutes(1)), arguments: ["u1", "t1"]) func callsInARow(transport: String) async throws {
      let server = try await between("call", "answer", calls: 40, rate: 40, transport: transport)
      let records = try await server.records { $0.count == 40 && $0.allSatisfy { $0.ended != nil } }
      #expect(records.allSatisfy { $0.disconnect?.cause == "normal" && $0.connected != nil })
    }

    @Test(.timeLimit(.minutes(1))) func aCallIsCancelledWhileItRings() async throws {
      let server = try await between("cancel", "ring", calls: 5)
      let records = try await server.records { $0.count == 5 && $0.allSatisfy { $0.ended != nil } }
      #expect(records.allSatisfy { $0.disconnect?.cause == "cancelled" && $0.connected == nil })
    }

    @Test(.timeLimit(.minutes(1))) func anOfferMayComeLate() async throws {
      _ = try await between("late_offer", "answer")
    }

    @Test(.timeLimit(.minutes(1))) func aCallIsRenegotiated() async throws {
      _ = try await between("reinvite", "answer_reinvite")
    }

    @Test(.timeLimit(.minutes(1))) func provisionalResponsesAreReliable() async throws {
      _ = try await between("prack", "answer_prack")
    }

    // MARK: Trunks

    @Test(.timeLimit(.minutes(1))) func a503GoesOnToTheNextTrunk() async throws {
      let scratch = try Scratch()
      let broken = try Sipp(scratch, "refuse", keys: ["status": "503 Service Unavailable"])
      let good = try Sipp(scratch, "answer")
      let server = try await TandemServer(scratch, policy: Self.trunks([broken, good]))
      try await Sipp(scratch, "call", to: server.address, user: "1234").succeed()
      try await broken.succeed()
      try await good.succeed()
      let record = try #require(try await server.records { $0.first?.ended != nil }.first)
      #expect(record.attempts.map(\.via) == ["trunk-1", "trunk-2"])
      #expect(record.attempts.first?.disconnect?.protocolCode == 503)
    }

    @Test(.timeLimit(.minutes(1)), arguments: ["486 Busy Here", "603 Decline", "404 Not Found"])
    func anAnswerIsNotRetried(status: String) async throws {
      let scratch = try Scratch()
      let busy = try Sipp(scratch, "refuse", keys: ["status": status])
      let unused = try Sipp(scratch, "answer")
      let server = try await TandemServer(scratch, policy: Self.trunks([busy, unused]))
      try await Sipp(scratch, "refused_\(status.prefix(3))", to: server.address, user: "1234").succeed()
      #expect(unused.messages.isEmpty)
      let record = try #require(try await server.records { $0.first?.ended != nil }.first)
      #expect(record.attempts.map(\.via) == ["trunk-1"])
      #expect(record.attempts.first?.disconnect?.protocolCode == Int(status.prefix(3)))
    }

    @Test(.timeLimit(.minutes(1))) func busyIsRetriedWhenTheRuleAsksForIt() async throws {
      let scratch = try Scratch()
      let busy = try Sipp(scratch, "refuse", keys: ["status": "486 Busy Here"])
      let good = try Sipp(scratch, "answer")
      let server = try await TandemServer(
        scratch, policy: Self.trunks([busy, good], rule: "      continue_on: [busy]"))
      try await Sipp(scratch, "call", to: server.address, user: "1234").succeed()
      try await good.succeed()
    }

    @Test(.timeLimit(.minutes(1))) func aTrunkThatAsksForAPasswordGetsIt() async throws {
      let scratch = try Scratch()
      let trunk = try Sipp(
        scratch, "answer_digest", arguments: ["-au", "company", "-ap", "trunk-secret"])
      let server = try await TandemServer(
        scratch,
        policy: Self.trunks(
          [trunk],
          credentials:
            "    credentials: [{ username: company, password: { env: TANDEM_TEST_UNSET, default: trunk-secret } }]"
        ))
      try await Sipp(scratch, "call", to: server.address, user: "1234").succeed()
      try await trunk.succeed()
      #expect(!server.log.contains { $0.contains("trunk-secret") })
    }

    @Test(.timeLimit(.minutes(1))) func whatNoRuleKnowsIsNotFound() async throws {
      let scratch = try Scratch()
      let server = try await TandemServer(scratch, policy: Policies.people)
      try await Sipp(scratch, "refused_404", to: server.address, user: "4711").succeed()
      let (code, output) = try await server.tandem("explain", "4711", "--policy", server.policies)
      #expect(code == 0)
      #expect(output.contains("people"))
    }
  }
}
