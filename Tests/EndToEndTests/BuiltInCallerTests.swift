import Foundation
import Testing

extension EndToEnd {
  /// `tandem call` and `tandem demo`, as a newcomer meets them.
  @Suite(.tags(.scripted)) struct BuiltInCallerTests {
    private static let testCall = """
      services:
        - { name: test call, type: test_call, aliases: [test] }
      """

    @Test(.timeLimit(.minutes(1)), arguments: ["udp", "tcp", "tls"])
    func theTestCallerHearsItself(transport: String) async throws {
      let server = try await TandemServer(try Scratch(), policy: Self.testCall)
      let port = transport == "tls" ? 5061 : 5060
      let (code, output) = try await server.tandem(
        "call", "sip:test@\(server.address):\(port);transport=\(transport)", "--tone", "523", "--seconds",
        "1",
        "--insecure")
      #expect(code == 0, "\(output)")
      #expect(output.contains("523"), "\(output)")
    }

    @Test(.timeLimit(.minutes(1))) func aCallThatNobodyTakesFailsWithAReason() async throws {
      let server = try await TandemServer(try Scratch(), policy: Self.testCall)
      let (code, output) = try await server.tandem("call", "sip:nobody@\(server.address)", "--seconds", "1")
      #expect(code != 0)
      #expect(output.contains("404"), "\(output)")
    }

    /// Signalling and media over ::1.
    @Test(.timeLimit(.minutes(1))) func aCallOverIPv6HearsItself() async throws {
      let scratch = try Scratch()
      let first = try await TandemServer(scratch, policy: Self.testCall)
      await first.stop()
      let port = 20_000 + Int(getpid()) % 20_000
      try scratch.write(
        "policies/00-surroundings.yaml",
        """
        globals:
          domain: tandem.test
          protocols: { sip_udp: true }
          sip:
            listeners:
              - { transport: udp, address: "[::1]:\(port)" }
              - { transport: tcp, address: "[::1]:\(port)" }
          media: { addresses: ["::1"], ports: 40000-40999 }
          break_in_protection: { allow_list: ["::1"] }
        """)
      let server = try await first.restarted()
      for transport in ["udp", "tcp"] {
        let (code, output) = try await server.tandem(
          "call", "sip:test@[::1]:\(port);transport=\(transport)", "--tone", "697", "--seconds", "1")
        #expect(code == 0, "\(output)")
        #expect(output.contains("697"), "\(output)")
      }
      let records = try await server.records { $0.count == 2 && $0.allSatisfy { $0.ended != nil } }
      #expect(records.allSatisfy { $0.disconnect?.cause == "normal" })
    }

    @Test(.timeLimit(.minutes(1))) func theDemoHolds() async throws {
      let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()
      let scratch = try Scratch()
      let demo = try ChildProcess(
        "demo", TandemServer.binary, ["demo", "--policies", root.appendingPathComponent("policies").path],
        directory: scratch.path, seconds: 55)
      let code = try await demo.waitForExit(within: .seconds(50))
      #expect(code == 0, "\(demo.tail)")
      #expect(demo.lines.all.contains("Everything held."), "\(demo.tail)")
    }
  }
}
