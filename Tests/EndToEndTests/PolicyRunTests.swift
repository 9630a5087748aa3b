import Foundation
import Glibc
import Testing

extension EndToEnd {
  /// Runs of SIP calls decided by the policy server of `examples/`, while that is slow, dies and comes back; and what else than
  /// calls it decides.
  @Suite(.tags(.scripted)) struct PolicyRunTests {
    private static func answered(_ row: CallRow) -> Bool {
      row.connected != nil && row.serviceName == "Hotline"
    }

    /// 120 calls at 20 a second. The server dies under the first of them, and is back for the last.
    @Test(.timeLimit(.minutes(2))) func aServerThatDiesInMidRunHoldsUpNobody() async throws {
      let scratch = try Scratch()
      let directory = #"{"rooms": {"hotline": {"name": "Hotline", "service_type": "test_call"}}}"#
      let first = try await ExamplePolicyServer(scratch, directory)
      let server = try await TandemServer(
        scratch,
        policy: """
          \(first.profile("{ service: { deadline: 2s } }"))
          globals: { policy_profile: example }
          services: [{ name: own, type: test_call, aliases: [own] }]
          """)
      let decided = try Sipp(
        scratch, "call_or_404", to: server.address, user: "hotline", calls: 120, rate: 20)
      // Ours never wait for long, whatever becomes of the server.
      let own = try Sipp(
        scratch, "call_promptly", to: server.address, user: "own", calls: 120, rate: 20,
        keys: ["patience": "1500"])
      _ = try await server.records { $0.contains(where: Self.answered) }
      first.process.signal(SIGKILL)
      try await server.waitForLog("policy server gave no answer")
      _ = try await server.records {
        $0.contains { $0.calledAlias.hasPrefix("sip:hotline@") && $0.connected == nil && $0.ended != nil }
      }
      let second = try await ExamplePolicyServer(scratch, directory, port: first.port)
      try await Sipp.succeed([decided, own], server, within: .seconds(30))
      let rows = try await server.records { $0.count == 240 && $0.allSatisfy { $0.ended != nil } }
      let calls = rows.filter { $0.calledAlias.hasPrefix("sip:hotline@") }.sorted { $0.started < $1.started }
      #expect(calls.count == 120)
      // Answered, then refused by our own rules, which know no such alias, then answered again.
      let outcomes = calls.map(Self.answered)
      #expect(outcomes.first == true && outcomes.last == true && outcomes.contains(false))
      #expect(calls.allSatisfy { Self.answered($0) || $0.disconnect?.cause == "notFound" })
      for call in calls {
        #expect(call.decision.policyAnswers?.map(\.outcome) == [Self.answered(call) ? "used" : "error"])
      }
      #expect(rows.filter { $0.serviceName == "own" && $0.connected != nil }.count == 120)
      await second.process.stop()
    }

    /// Some aliases keep the server thinking. Calls to others, under the same profile, are decided meanwhile.
    @Test(.timeLimit(.minutes(1))) func slowAnswersHoldUpNobodyElse() async throws {
      let scratch = try Scratch()
      let policyServer = try await ExamplePolicyServer(
        scratch,
        """
        {"rooms": {"hotline": {"name": "Hotline", "service_type": "test_call"}}, "slow": {"stuck": 30}}
        """)
      let stuck = Loopback.address()
      let server = try await TandemServer(
        scratch,
        policy: """
          \(policyServer.profile("{ service: { deadline: 2s } }"))
          globals: { policy_profile: example }
          services: [{ name: own, type: test_call, aliases: [own, stuck] }]
          """)
      let slow = try Sipp(
        scratch, "call_promptly", to: server.address, user: "stuck", calls: 40, rate: 20,
        keys: ["patience": "4000"], address: stuck)
      let quick = ["hotline", "own"].map { user in
        Result {
          try Sipp(
            scratch, "call_promptly", to: server.address, user: user, calls: 60, rate: 20,
            keys: ["patience": "1000"])
        }
      }
      try await Sipp.succeed(try quick.map { try $0.get() } + [slow], server)
      let rows = try await server.records { $0.count == 160 && $0.allSatisfy { $0.ended != nil } }
      let waited = rows.filter { $0.calledAlias.hasPrefix("sip:stuck@") }
      #expect(waited.count == 40)
      // It was not in the books before it was decided: by our own services, when the two seconds were over.
      #expect(
        waited.allSatisfy { $0.decision.policyAnswers?.map(\.outcome) == ["timeout"] && $0.connected != nil })
      await policyServer.process.stop()
    }

    /// Look-ups have half of the places: with two, one of them waits for the server, and a call gets through beside it.
    @Test(.timeLimit(.minutes(1))) func aFloodOfOptionsDecidesNoCall() async throws {
      let scratch = try Scratch()
      let policyServer = try await ExamplePolicyServer(
        scratch,
        """
        {"rooms": {"hotline": {"name": "Hotline", "service_type": "test_call"}}, "slow": {"stuck": 30}}
        """)
      let places = ["max_concurrent: 2", "max_waiting: 0"]
      let server = try await TandemServer(
        scratch,
        policy: """
          \(policyServer.profile("{ service: { deadline: 5s } }", settings: places))
          globals: { policy_profile: example }
          """)
      let (ann, ben) = (try ScriptedPhone("ann"), try ScriptedPhone("ben"))
      let address = server.address
      async let flood = withThrowingTaskGroup(of: Int.self) { group in
        for _ in 0..<8 {
          group.addTask { try await ann.ask("OPTIONS", "sip:stuck@\(address)", at: address).status }
        }
        return try await group.reduce(into: []) { $0.append($1) }
      }
      try await server.waitForLog("policy server was not asked")
      let call = try await ben.call("hotline", at: address)
      ben.request("BYE", in: call)
      let row = try #require(try await server.records { $0.first?.ended != nil }.first)
      #expect(row.decision.policyAnswers?.map(\.outcome) == ["used"])
      #expect(try await flood == Array(repeating: 404, count: 8))
      #expect(server.log.filter { $0.contains("policy server was not asked") }.count == 7)
      await policyServer.process.stop()
    }

    // MARK: What else is asked

    private static func everything(_ phones: [ScriptedPhone]) -> String {
      let people = phones.map { #""\#($0.user)": {"phone": "sip:\#($0.user)@\#($0.address)"}"# }
      return """
        {"people": {\(people.joined(separator: ", ")),
                    "dora@tandem.test": {"username": "dora", "password": "dora-secret"}, "eve@tandem.test": {"name": "Eve"}},
         "blocked": [], "slow": {"stuck": 20}}
        """
    }

    private func tandem(_ scratch: Scratch, _ policyServer: ExamplePolicyServer) async throws -> TandemServer
    {
      try await TandemServer(
        scratch,
        policy: """
          \(policyServer.profile("{ service: { deadline: 3s }, registration: {} }"))
          globals: { policy_profile: example }
          rules:
            - { name: devices, priority: 9, match: 'dora@tandem\\.test', to: { target: registered_device } }
          """)
    }

    @Test(.timeLimit(.minutes(1))) func transfersRedirectionsOptionsAndMessagesAreAskedAbout() async throws {
      let scratch = try Scratch()
      let (ann, ben, cid) = (try ScriptedPhone("ann"), try ScriptedPhone("ben"), try ScriptedPhone("cid"))
      let policyServer = try await ExamplePolicyServer(scratch, Self.everything([ben, cid]))
      let server = try await tandem(scratch, policyServer)

      // The called party sends the caller elsewhere.
      let redirected = ann.invite("ben", at: server.address)
      let first = try await ben.waitForRequest("INVITE")
      ben.respond(to: first, "302 Moved Temporarily", contact: "<sip:cid@\(server.address)>")
      let cidCall = try await cid.answer()
      let answer = try await ann.waitForResponse(
        200...200, to: "INVITE", callID: redirected.header("Call-ID"))
      let toCid = ann.established(by: answer, of: redirected)

      // And the one who is called in the end is sent to the first.
      async let benAnswering = ben.wait("second INVITE") {
        !$0.isResponse && $0.method == "INVITE" && $0.header("Call-ID") != first.header("Call-ID")
      }
      ann.request("REFER", in: toCid, headers: ["Refer-To: <sip:ben@\(server.address)>"])
      _ = try await ann.waitForResponse(202...202, to: "REFER")
      _ = try await ann.wait("NOTIFY of 100") { $0.method == "NOTIFY" && $0.body.contains("SIP/2.0 100") }
      let second = try await benAnswering
      ben.respond(to: second, "200 OK", withSDP: true)
      let benCall = ben.answered(second)
      _ = try await ann.wait("NOTIFY of 200") { $0.method == "NOTIFY" && $0.body.contains("SIP/2.0 200") }
      _ = try await ann.waitForRequest("BYE", callID: toCid.callID)
      cid.request("BYE", in: cidCall)
      _ = try await ben.waitForRequest("BYE", callID: benCall.callID)
      let row = try #require(try await server.records { $0.first?.ended != nil }.first)
      #expect(row.decision.policyAnswers?.map(\.outcome) == ["used", "used", "used"])
      let asked = row.decision.policyAnswers?.map(\.url) ?? []
      #expect(
        zip(asked, ["ben", "cid", "ben"]).allSatisfy { $0.contains("local_alias=sip%3A\($1)") }, "\(asked)")
      #expect(
        zip(asked.dropFirst(), ["ben", "cid"]).allSatisfy { $0.contains("previous_service_name=\($1)+") },
        "\(asked)")
      // It is the party that stays who calls.
      #expect(asked.last?.contains("remote_alias=sip%3Acid%40") == true, "\(asked)")

      // Without a call, and without a record.
      let known = try await ann.ask("OPTIONS", "sip:ben@\(server.address)", at: server.address)
      let unknown = try await ann.ask("OPTIONS", "sip:nobody@\(server.address)", at: server.address)
      #expect(known.status == 200 && unknown.status == 404)
      async let passed = ben.waitForRequest("MESSAGE")
      async let sent = ann.ask("MESSAGE", "sip:ben@\(server.address)", at: server.address)
      ben.respond(to: try await passed, "200 OK")
      #expect(try await sent.status == 200)
      #expect(policyServer.count("/policy/v1/service/configuration") == 6)
      #expect(try await server.records().count == 1)
      await server.stop()
      let lines = server.log.filter { $0.contains("policy server asked") }
      #expect(lines.filter { $0.contains("level=info") }.count == 3 && lines.count == 6)
      let counts = server.log.filter { $0.contains("policy servers were asked") }
      #expect(counts.count == 1 && counts[0].contains("used=5") && counts[0].contains("continue=1"))
      await policyServer.process.stop()
    }

    @Test(.timeLimit(.minutes(1))) func whoHangsUpWhileItThinksIsRecordedAsThat() async throws {
      let scratch = try Scratch()
      let ann = try ScriptedPhone("ann")
      let policyServer = try await ExamplePolicyServer(scratch, Self.everything([ann]))
      let server = try await tandem(scratch, policyServer)
      let invite = ann.invite("stuck", at: server.address)
      _ = try await ann.waitForResponse(100...100, to: "INVITE")
      ann.cancel(invite, at: server.address)
      let failure = try await ann.waitForResponse(487...487, to: "INVITE")
      ann.acknowledge(failure: failure, of: invite, at: server.address)
      let row = try #require(try await server.records { $0.first?.ended != nil }.first)
      #expect(row.decision.decision.kind == "reject" && row.decision.decision.reason == "withdrawn")
      #expect(row.decision.policyAnswers?.map(\.outcome) == ["withdrawn"])
      #expect(row.disconnect?.cause == "cancelled")
      let text = try await server.tandem("calls", row.id, "--state", server.state).output
      #expect(text.contains("nothing was decided: the caller gave up"), "\(text)")
      // A service that stops does not leave those in the air who wait.
      let waiting = ann.invite("stuck", at: server.address)
      _ = try await ann.waitForResponse(100...100, to: "INVITE", callID: waiting.header("Call-ID"))
      async let refused = ann.waitForResponse(300...699, to: "INVITE", callID: waiting.header("Call-ID"))
      await server.stop()
      #expect(try await refused.status == 503)
      await policyServer.process.stop()
    }

    /// A phone that only the server knows: it registers, is called, and stays through the death of the server.
    @Test(.timeLimit(.minutes(1))) func theServerSaysWhoMayRegister() async throws {
      let scratch = try Scratch()
      let ann = try ScriptedPhone("ann")
      let policyServer = try await ExamplePolicyServer(scratch, Self.everything([ann]))
      let server = try await tandem(scratch, policyServer)
      let dora = try await Baresip(scratch, at: server, "dora")
      #expect(policyServer.count("/policy/v1/registrations/dora%40tandem.test") >= 2)

      func register(_ user: String) async throws -> ScriptedPhone.Message {
        let alias = "sip:\(user)@tandem.test"
        return try await ann.ask(
          "REGISTER", "sip:tandem.test", as: alias, to: alias, headers: ["Expires: 60"], at: server.address)
      }
      #expect(try await register("eve").status == 403)
      #expect(try await register("nobody").status == 401)
      #expect(try await register("dora").status == 401)

      policyServer.process.signal(SIGKILL)
      let later = try await register("nobody")
      #expect(later.status == 503 && later.header("Retry-After") == "30")
      server.reload()
      try await server.waitForLog("way=reload")
      let call = try await ann.call("dora", at: server.address, domain: "tandem.test")
      try await dora.wait(for: "CALL_ESTABLISHED")
      ann.request("BYE", in: call)
    }

    /// The answer to where media goes decides which address the caller is told.
    @Test(.timeLimit(.minutes(1))) func mediaGoesToTheLocationItNames() async throws {
      let scratch = try Scratch()
      let ann = try ScriptedPhone("ann")
      let (own, north, south) = (Loopback.address(), Loopback.address(), Loopback.address())
      let policyServer = try await ExamplePolicyServer(
        scratch, #"{"media_locations": {"office": {"location": "south", "overflow_locations": ["north"]}}}"#)
      let policy = """
        \(policyServer.profile("{ media_location: {} }"))
        services: [{ name: own, type: test_call, aliases: [own] }]
        locations:
          - { name: office, networks: [127.0.0.0/8], media_addresses: [\(north)], policy_profile: example }
          - { name: north, media_addresses: [\(north)] }
          - { name: south, media_addresses: [\(south)] }
        """
      let surroundings = """
        globals:
          domain: tandem.test
          protocols: { sip_udp: true }
          sip: { listeners: [{ transport: udp, address: "\(own):5060" }] }
          media: { addresses: [\(own), \(north), \(south)], ports: 41000-41099 }
          break_in_protection: { allow_list: [127.0.0.0/8] }
        """
      let server = try await TandemServer(scratch, policy: policy, surroundings: surroundings)
      let placed = try await ann.call("own", at: own)
      #expect(placed.media.audio?.address == south)
      ann.request("BYE", in: placed)
      // Without an answer the call's own location counts.
      policyServer.process.signal(SIGKILL)
      let alone = try await ann.call("own", at: own)
      #expect(alone.media.audio?.address == north)
      ann.request("BYE", in: alone)
      let rows = try await server.records { $0.count == 2 && $0.allSatisfy { $0.ended != nil } }
      #expect(rows.reversed().map { $0.decision.policyAnswers?.map(\.outcome) } == [["used"], ["error"]])
    }
  }
}
