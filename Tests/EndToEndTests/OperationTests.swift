import Foundation
import Testing

extension EndToEnd {
  /// What an admin does to a running server, and what fate does.
  @Suite(.tags(.scripted)) struct OperationTests {
    @Test(.timeLimit(.minutes(1))) func aReloadUnderLoadLosesNoCall() async throws {
      let scratch = try Scratch()
      let calls = 200
      let callee = try Sipp(scratch, "answer", calls: calls)
      let policy = ScriptedTests.trunks([callee])
      let server = try await TandemServer(scratch, policy: policy)
      let caller = try Sipp(scratch, "call", to: server.address, user: "1234", calls: calls, rate: 50)
      for reload in 1...6 {
        let start = server.log.count
        // In turns a change, and a mistake that must not replace what works.
        try server.replacePolicy(reload % 2 == 0 ? policy + "\nrules: [broken\n" : policy + "\n# \(reload)\n")
        server.reload()
        try await server.waitForLog("policy", from: start)
        try await Task.sleep(for: .milliseconds(300))
      }
      try await caller.succeed()
      try await callee.succeed()
      let records = try await server.records { $0.count == calls && $0.allSatisfy { $0.ended != nil } }
      #expect(records.allSatisfy { $0.disconnect?.cause == "normal" })
    }

    @Test(.timeLimit(.minutes(1))) func callsThatWereUpWhenTheProcessWasKilledAreInterrupted() async throws {
      let scratch = try Scratch()
      let callee = try Sipp(scratch, "answer_and_stay", calls: 3)
      let server = try await TandemServer(scratch, policy: ScriptedTests.trunks([callee]))
      let caller = try Sipp(scratch, "call_and_stay", to: server.address, user: "1234", calls: 3)
      let up = try await server.records { $0.count == 3 && $0.allSatisfy { $0.connected != nil } }
      #expect(up.allSatisfy { $0.ended == nil })
      try await server.kill()

      let again = try await server.restarted()
      let records = try await again.records()
      #expect(Set(records.map(\.id)) == Set(up.map(\.id)))
      for record in records {
        #expect(record.disconnect?.cause == "interrupted")
        #expect(record.ended != nil)
      }
      caller.stop()
      callee.stop()
      #expect(try await again.answersOptions())
    }

    @Test(.timeLimit(.minutes(1))) func stoppingEndsCallsAndClosesTheirRecords() async throws {
      let scratch = try Scratch()
      let callee = try Sipp(scratch, "answer", calls: 1)
      let server = try await TandemServer(scratch, policy: ScriptedTests.trunks([callee]))
      let caller = try Sipp(scratch, "call_until_bye", to: server.address, user: "1234")
      _ = try await server.records { $0.first?.connected != nil }
      await server.stop()
      #expect(!server.isRunning)
      try await callee.succeed()
      try await caller.succeed()
      let records = try await server.records()
      #expect(records.map(\.disconnect?.cause) == ["shutdown"])
    }

    /// Anything a socket may receive: the server goes on answering.
    @Test(.timeLimit(.minutes(1))) func hostileDatagramsDoNoHarm() async throws {
      let scratch = try Scratch()
      let server = try await TandemServer(scratch, policy: Policies.people)
      let socket = try SIPSocket()
      var random = SystemRandomNumberGenerator()
      let message = Array(
        """
        INVITE sip:bob@\(server.address) SIP/2.0\r
        Via: SIP/2.0/UDP \(socket.address):5060;branch=z9hG4bK1\r
        Max-Forwards: 70\r
        From: <sip:x@y>;tag=1\r
        To: <sip:bob@\(server.address)>\r
        Call-ID: hostile\r
        CSeq: 1 INVITE\r
        Content-Type: application/sdp\r
        Content-Length: 40\r
        \r
        v=0\r
        o=- 1 1 IN IP4 0.0.0.0\r
        s=-\r
        """.utf8)
      for round in 0..<2_000 {
        var bytes = message
        switch round % 5 {
        case 0: bytes = (0..<Int.random(in: 0...1500)).map { _ in UInt8.random(in: 0...255, using: &random) }
        case 1: bytes = Array(bytes.prefix(Int.random(in: 0..<bytes.count)))
        case 2:
          for _ in 0..<8 {
            bytes[Int.random(in: 0..<bytes.count)] = UInt8.random(in: 0...255, using: &random)
          }
        case 3: bytes += Array(repeating: UInt8(ascii: "A"), count: 60_000)
        default: bytes.insert(contentsOf: message, at: Int.random(in: 0..<bytes.count))
        }
        socket.send(bytes, to: server.address)
      }
      #expect(try await server.answersOptions())
      #expect(server.isRunning)
    }

    @Test(.timeLimit(.minutes(1))) func aSecondServerOnTheSameRecordsIsRefused() async throws {
      let scratch = try Scratch()
      let server = try await TandemServer(scratch, policy: Policies.people)
      let (code, output) = try await server.tandem(
        "serve", "--policies", server.policies, "--state", server.state)
      #expect(code != 0)
      #expect(output.contains("in use"))
      #expect(try await server.answersOptions())
    }
  }
}
