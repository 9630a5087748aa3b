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

    // MARK: Scripts

    private static func scriptedPolicy(_ server: ExamplePolicyServer) -> String {
      let settings = """
        scripts:
          service: { file: scripts/service.j2 }
        """.split(separator: "\n").map(String.init)
      return """
        \(server.profile("{ service: { deadline: 1s } }", settings: settings))
        globals: { policy_profile: example }
        services:
          - { name: own, type: test_call, aliases: [own@tandem.test] }
        """
    }

    /// Who may take part and where its media goes is the scripts' to say, after the server, and without one.
    @Test(.timeLimit(.minutes(2)), arguments: [true, false]) func scriptsSayWhoTakesPartAndWhere(
      _ hasServer: Bool
    ) async throws {
      let scratch = try Scratch()
      let ann = try ScriptedPhone("ann")
      let (own, north, south) = (Loopback.address(), Loopback.address(), Loopback.address())
      let policyServer = try await ExamplePolicyServer(
        scratch, #"{"media_locations": {"office": {"location": "south"}}}"#)
      try scratch.write(
        "policies/scripts/who.j2",
        """
        {% set user = call_info.local_alias|pex_regex_replace("^sip:|@.*$", "") %}
        {% if user == "closed" %}{"action": "reject", "result": {"reject_reason": "closed today"}}
        {% elif user == "fail" %}{{ participant.nothing.there }}
        {% else %}{"action": "continue", "result": {"remote_display_name": "{{ service_config.name }}"}}{% endif %}
        """)
      try scratch.write(
        "policies/scripts/where.j2",
        """
        {{ pex_debug_log("suggested", suggested_media_overflow_locations.location) }}
        {% if "own" in call_info.local_alias %}
          {"result": {"location": "north", "overflow_locations": ["south"]}}
        {% else %}
          {"result": {{ suggested_media_overflow_locations|pex_to_json }}}
        {% endif %}
        """)
      let profile = policyServer.profile(
        hasServer ? "{ participant: {}, media_location: {} }" : "{ avatar: {} }",
        settings: [
          "scripts:", "  participant: { file: scripts/who.j2 }",
          "  media_location: { file: scripts/where.j2 }",
        ])
      let policy = """
        \(profile)
        services:
          - { name: own, type: test_call, aliases: [own, other, "closed@tandem.test", fail] }
        locations:
          - { name: office, networks: [127.0.0.0/8], media_addresses: [\(own)], policy_profile: example }
          - { name: north, media_addresses: [\(north)] }
          - { name: south, media_addresses: [\(south)] }
        """
      let surroundings = """
        globals:
          domain: tandem.test
          protocols: { sip_udp: true }
          sip: { listeners: [{ transport: udp, address: "\(own):5060" }] }
          media: { addresses: [\(own), \(north), \(south)], ports: 41100-41199 }
          break_in_protection: { allow_list: [127.0.0.0/8] }
        """
      let server = try await TandemServer(scratch, policy: policy, surroundings: surroundings)
      for (user, address) in [
        ("own", north), ("other", hasServer ? south : own), ("fail", hasServer ? south : own),
      ] {
        let placed = try await ann.call(user, at: own)
        #expect(placed.media.audio?.address == address, "\(user)")
        ann.request("BYE", in: placed)
      }
      let refused = try await server.tandem(
        "call", "sip:closed@tandem.test", "--proxy", "\(own):5060", "--from", "sip:eve@elsewhere.test",
        "--seconds", "1")
      #expect(refused.output.contains("404"), "\(refused.output)\n\(server.output)")
      #expect(
        server.log.contains {
          $0.contains("script log") && $0.contains("suggested,\(hasServer ? "south" : "office")")
        })
      let line = try #require(server.log.first { $0.contains("policy script is not applied") })
      #expect(line.contains("scripts/who.j2") && line.contains("place=3:"), "\(line)")
      let records = try await server.records { $0.count == 4 && $0.allSatisfy { $0.ended != nil } }
      let closed = try #require(records.first { $0.calledAlias.contains("closed") })
      let record = try await server.tandem("calls", closed.id, "--state", server.state)
      #expect(record.output.contains("participant: reject"), "\(record.output)")
      #expect(record.output.contains("closed today"), "\(record.output)")
      await policyServer.process.stop()
    }

    /// Renames what the server found, makes something of what nobody knows, and fails for one alias.
    private static let script = """
      {% set user = call_info.local_alias|pex_regex_replace("^sip:|@.*$", "") %}
      {% if user == "fail" %}
        {{ service_config.name.nothing.there }}
      {% elif user == "own" %}
        {"action": "continue", "result": {}}
      {% elif user == "spam" %}
        {"action": "reject", "result": {}}
      {% elif service_config %}
        {{ pex_debug_log("renamed", service_config.name) }}
        {"action": "continue", "result": {{ service_config|pex_update({"name": service_config.name ~ " B"})|pex_to_json }}}
      {% else %}
        {"action": "continue", "result": {"service_type": "test_call", "name": "Lost", "service_tag": "lost"}}
      {% endif %}
      """

    @Test(.timeLimit(.minutes(2))) func theScriptHasTheLastWord() async throws {
      let scratch = try Scratch()
      let policyServer = try await ExamplePolicyServer(scratch, Self.directory)
      try scratch.write("policies/scripts/service.j2", Self.script)
      let server = try await TandemServer(scratch, policy: Self.scriptedPolicy(policyServer))

      // The server's answer, changed; and what nobody knows, made.
      let hotline = try await call(server, "hotline")
      #expect(hotline.code == 0, "\(hotline.output)\n\(server.output)")
      let lost = try await call(server, "nobody")
      #expect(lost.code == 0, "\(lost.output)\n\(server.output)")
      let own = try await call(server, "own")
      #expect(own.code == 0, "\(own.output)\n\(server.output)")
      let spam = try await call(server, "spam")
      #expect(spam.output.contains("404"), "\(spam.output)\n\(server.output)")
      // It fails: as if there were none, and the log says where.
      let failing = try await call(server, "fail")
      #expect(failing.output.contains("404"), "\(failing.output)\n\(server.output)")
      let line = try #require(server.log.first { $0.contains("policy script is not applied") })
      #expect(line.contains("scripts/service.j2") && line.contains("place=3:"), "\(line)")
      #expect(server.log.contains { $0.contains("script log") && $0.contains("renamed,Hotline") })

      let records = try await server.records { $0.count == 5 && $0.allSatisfy { $0.ended != nil } }
      #expect(Set(records.map(\.serviceName)) == ["Hotline B", "Lost", "own", ""])
      let failed = try #require(records.first { $0.calledAlias.contains("fail") })
      let record = try await server.tandem("calls", failed.id, "--state", server.state)
      #expect(record.output.contains("service: error at 3:"), "\(record.output)")

      // A script that is no script: the last good policy keeps serving.
      try scratch.write("policies/scripts/service.j2", "{{ service_config|pex_tojson }}")
      server.reload()
      try await server.waitForLog("policy not loaded")
      #expect(server.log.contains { $0.contains("unknown-filter") && $0.contains("service.j2:1:19") })
      let still = try await call(server, "nobody")
      #expect(still.code == 0, "\(still.output)\n\(server.output)")
      await policyServer.process.stop()
    }
  }
}
