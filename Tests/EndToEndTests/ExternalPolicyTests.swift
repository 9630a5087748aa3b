import Foundation
import Glibc
import Testing

extension EndToEnd {
  /// SIP callers decided by a real policy server, which hangs, dies and comes back: the server of `examples/`.
  @Suite(.tags(.scripted)) struct ExternalPolicyTests {
    private static let directory = """
      {"rooms": {"hotline@tandem.test": {"name": "Hotline", "service_type": "test_call"},
                 "broken@tandem.test": {"name": "Broken", "service_type": "test_call", "call_type": "smell",
                                        "max_callrate_in": 5}},
       "moved": {"old@tandem.test": "sip:new@tandem.test"},
       "blocked": ["mallory@elsewhere.test"]}
      """

    private static func policy(_ server: ExamplePolicyServer) -> String {
      """
      \(server.profile("{ service: { deadline: 1s } }"))
      globals: { policy_profile: example }
      services:
        - { name: own, type: test_call, aliases: [own@tandem.test] }
      """
    }

    private func call(_ server: TandemServer, _ user: String) async throws -> (code: Int32, output: String) {
      try await server.tandem(
        "call", "sip:\(user)@tandem.test", "--proxy", "\(server.address):5060", "--from",
        "sip:eve@elsewhere.test", "--seconds", "1")
    }

    @Test(.timeLimit(.minutes(2))) func theServerDecidesDiesAndComesBack() async throws {
      let scratch = try Scratch()
      let first = try await ExamplePolicyServer(scratch, Self.directory)
      let server = try await TandemServer(scratch, policy: Self.policy(first))

      // It knows an alias that no service and no rule of ours does.
      let hotline = try await call(server, "hotline")
      #expect(hotline.code == 0, "\(hotline.output)\n\(server.output)")
      // It leaves ours to us, and sends others elsewhere.
      let own = try await call(server, "own")
      #expect(own.code == 0, "\(own.output)\n\(server.output)")
      let moved = try await call(server, "old")
      #expect(moved.output.contains("302"), "\(moved.output)\n\(server.output)")
      // A void answer is named, field by field, and decides nothing.
      let broken = try await call(server, "broken")
      #expect(broken.output.contains("404"), "\(broken.output)\n\(server.output)")
      let line = try #require(server.log.first { $0.contains("policy server's answer is void") })
      #expect(line.contains("result.call_type") && line.contains("result.max_callrate_in"))
      #expect(!server.log.contains { $0.contains("s3cret") })

      // It hangs: our own services answer when its second is over.
      first.process.signal(SIGSTOP)
      let hung = try await call(server, "own")
      #expect(hung.code == 0, "\(hung.output)\n\(server.output)")
      try await server.waitForLog("policy server gave no answer")

      // It dies: they answer at once.
      first.process.signal(SIGKILL)
      let alone = try await call(server, "own")
      #expect(alone.code == 0, "\(alone.output)\n\(server.output)")
      let lost = try await call(server, "hotline")
      #expect(lost.output.contains("404"), "\(lost.output)\n\(server.output)")

      // It is back.
      let second = try await ExamplePolicyServer(scratch, Self.directory, port: first.port)
      let back = try await call(server, "hotline")
      #expect(back.code == 0, "\(back.output)\n\(server.output)")
      let records = try await server.records { $0.count == 8 && $0.allSatisfy { $0.ended != nil } }
      #expect(records.filter { $0.serviceName == "Hotline" }.count == 2)
      await second.process.stop()
    }
  }
}
