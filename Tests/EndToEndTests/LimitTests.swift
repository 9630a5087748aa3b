import Foundation
import Testing

extension EndToEnd {
  /// What destination limits allow, as real peers meet it.
  @Suite(.tags(.scripted)) struct LimitTests {
    /// A carrier behind a careless rule, and a phone that calls go to by name.
    private static func policy(_ carrier: String, phone: String? = nil, _ limits: String) -> String {
      let phone = phone.map {
        "  - { name: phone, host: \($0), port: 5060, transport: udp, probe_interval: never }\n"
      }
      return """
        destination_limits:
        \(limits)
        trunks:
          - { name: carrier, host: \(carrier), port: 5060, transport: udp, probe_interval: never }
        \(phone ?? "")rules:
          - { name: careless, priority: 10, match: '\\+?\\d+', to: { trunks: [carrier] } }
        \(phone == nil ? "" : "  - { name: phone, priority: 20, match: '[a-z]+', to: { trunks: [phone] } }")
        """
    }

    private func shown(_ server: TandemServer, _ row: CallRow) async throws -> String {
      try await server.tandem("calls", row.id, "--state", server.state).output
    }

    /// Real time: it is the clock of the service that ends the call.
    @Test(.timeLimit(.minutes(1))) func aCallEndsWhenItsTimeIsUp() async throws {
      let scratch = try Scratch()
      let carrier = try Sipp(
        scratch,
        .callee {
          $0.expect("INVITE")
          $0.respond("180 Ringing")
          // Ringing does not count.
          $0.pause(1_500)
          $0.respond("200 OK", sdp: .audio, isRepeated: true)
          $0.expect("ACK")
          $0.expect("BYE", ["Reason": "Q.850"])
          $0.respond("200 OK")
        })
      let server = try await TandemServer(
        scratch,
        policy: Self.policy(
          carrier.address, "  - { name: short, prefix: '+49', limits: { maximum_duration: 1s } }"))
      let caller = try Sipp(
        scratch,
        .caller {
          $0.send("INVITE", sdp: .audio)
          $0.expectProgress()
          $0.expect(200)
          $0.acknowledge()
          $0.expect("BYE", ["Reason": "Q.850"])
          $0.respond("200 OK")
        }, to: server.address, user: "+49301234")
      try await Sipp.succeed([caller, carrier], server)
      let row = try #require(try await server.records { $0.first?.ended != nil }.first)
      #expect(row.disconnect?.cause == "durationReached")
      #expect(row.events.map(\.what).contains("ended by a limit: destination “short”: maximum_duration"))
      let lasted = (row.ended ?? 0) - (row.connected ?? 0)
      #expect((900...3_000).contains(lasted), "\(lasted) ms")
      await server.stop()
    }

    @Test(.timeLimit(.minutes(1))) func theCallBeyondThoseAtOnceIsRefused() async throws {
      let scratch = try Scratch()
      let carrier = try Sipp(scratch, "answer", calls: 4)
      let server = try await TandemServer(
        scratch,
        policy: Self.policy(
          carrier.address, "  - { name: few, prefix: '+49', limits: { concurrent_calls: 2 } }"))
      let (ann, ben) = (try ScriptedPhone("ann"), try ScriptedPhone("ben"))
      let first = try await ann.call("+49301", at: server.address)
      let second = try await ben.call("0049302", at: server.address)
      let third = ann.invite("+49303", at: server.address)
      let refusal = try await ann.waitForResponse(400...699, to: "INVITE", callID: third.header("Call-ID"))
      ann.acknowledge(failure: refusal, of: third, at: server.address)
      #expect(refusal.status == 480)
      // Other numbers have room, and so has this one once a call has ended.
      let elsewhere = try await ben.call("+44201", at: server.address)
      ann.request("BYE", in: first)
      _ = try await ann.waitForResponse(200...200, to: "BYE", callID: first.callID)
      let again = try await ann.call("+49304", at: server.address)
      ann.request("BYE", in: again)
      for call in [second, elsewhere] { ben.request("BYE", in: call) }
      try await Sipp.succeed([carrier], server)
      let rows = try await server.records { $0.count == 5 && $0.allSatisfy { $0.ended != nil } }
      let refused = try #require(rows.first { $0.calledAlias.contains("+49303") })
      #expect(refused.disconnect?.cause == "quotaReached" && refused.connected == nil)
      let text = try await shown(server, refused)
      #expect(text.contains("destination “few”: concurrent_calls"), "\(text)")
      #expect(server.log.contains { $0.contains("destination “few”") || $0.contains("concurrent_calls") })
      await server.stop()
    }

    @Test(.timeLimit(.minutes(1))) func aCallerHasSoManyCallsInAWindow() async throws {
      let scratch = try Scratch()
      let carrier = try Sipp(scratch, "answer", calls: 3)
      let server = try await TandemServer(
        scratch,
        policy: Self.policy(
          carrier.address, "  - { name: hourly, prefix: '+', limits: { per_caller: { calls: 2 per 1h } } }"))
      let (ann, ben) = (try ScriptedPhone("ann"), try ScriptedPhone("ben"))
      for number in ["+49301", "+47221"] {
        let call = try await ann.call(number, at: server.address)
        ann.request("BYE", in: call)
        _ = try await ann.waitForResponse(200...200, to: "BYE", callID: call.callID)
      }
      let third = ann.invite("+33123", at: server.address)
      let refusal = try await ann.waitForResponse(400...699, to: "INVITE", callID: third.header("Call-ID"))
      ann.acknowledge(failure: refusal, of: third, at: server.address)
      #expect(refusal.status == 480)
      // Another caller has a share of its own.
      let other = try await ben.call("+33123", at: server.address)
      ben.request("BYE", in: other)
      try await Sipp.succeed([carrier], server)
      let rows = try await server.records { $0.count == 4 && $0.allSatisfy { $0.ended != nil } }
      let refused = try #require(rows.first { $0.connected == nil })
      let text = try await shown(server, refused)
      #expect(text.contains("destination “hourly”, caller \(ann.address): calls"), "\(text)")
      await server.stop()
    }

    private static let premium = "  - { name: premium, prefix: ['+49900', '0900'], refuse: true }"

    @Test(.timeLimit(.minutes(1))) func aRedirectionToARefusedNumberIsNotFollowed() async throws {
      let scratch = try Scratch()
      let (ann, phone, carrier) = (
        try ScriptedPhone("ann"), try ScriptedPhone("phone"), try ScriptedPhone("carrier")
      )
      let server = try await TandemServer(
        scratch, policy: Self.policy(carrier.address, phone: phone.address, Self.premium))
      let call = ann.invite("bob", at: server.address)
      let invite = try await phone.waitForRequest("INVITE")
      phone.respond(
        to: invite, "302 Moved Temporarily", contact: "<sip:+499001234@\(server.address)>")
      let refusal = try await ann.waitForResponse(300...699, to: "INVITE", callID: call.header("Call-ID"))
      ann.acknowledge(failure: refusal, of: call, at: server.address)
      let row = try #require(try await server.records { $0.first?.ended != nil }.first)
      #expect(
        row.events.contains {
          $0.what.hasPrefix("redirection to") && $0.what.hasSuffix("destination “premium”: refuse")
        },
        "\(row.events)")
      #expect(row.connected == nil)
      // Called outright it is refused as well, and nobody was ever called there.
      let direct = ann.invite("0900-1234", at: server.address)
      #expect(
        try await ann.waitForResponse(400...699, to: "INVITE", callID: direct.header("Call-ID")).status == 404
      )
      #expect(!carrier.messages.all.contains { $0.method == "INVITE" })
      await server.stop()
    }

    @Test(.timeLimit(.minutes(1))) func aTransferToARefusedNumberIsRefusedAndTheCallGoesOn() async throws {
      let scratch = try Scratch()
      let (ann, bob, carrier) = (
        try ScriptedPhone("ann"), try ScriptedPhone("bob"), try ScriptedPhone("carrier")
      )
      let server = try await TandemServer(
        scratch, policy: Self.policy(carrier.address, phone: bob.address, Self.premium))
      async let answering = bob.answer()
      let call = try await ann.call("bob", at: server.address)
      let answered = try await answering
      bob.request("REFER", in: answered, headers: ["Refer-To: <sip:+499001234@\(server.address)>"])
      // To a stranger a refused number is a wrong number.
      let refusal = try await bob.waitForResponse(200...699, to: "REFER")
      #expect(refusal.status == 404)
      #expect(!carrier.messages.all.contains { $0.method == "INVITE" })
      // The two still talk.
      ann.request("BYE", in: call)
      _ = try await bob.waitForRequest("BYE", callID: answered.callID)
      let row = try #require(try await server.records { $0.first?.ended != nil }.first)
      #expect(row.disconnect?.cause == "normal")
      await server.stop()
    }

    /// What a change over costs the loop does not grow with the policy: `pause_us` of ten rules and of 20,000.
    @Test(.timeLimit(.minutes(3))) func aLongPolicyComesIntoForceUnderTrafficWithoutAPause() async throws {
      let scratch = try Scratch()
      let carrier = try ScriptedPhone("carrier")
      func policy(_ count: Int, _ round: Int) -> String {
        var text = """
          trunks:
            - { name: carrier, host: \(carrier.address), port: 5060, transport: udp, probe_interval: never }
          rules:
            - { name: number, priority: 5, description: round \(round), match: '\\d+', to: { trunks: [carrier] } }

          """
        for i in 0..<count {
          text +=
            "  - { name: r\(i), priority: 10, match: { exact: x\(i) }, to: { target: registered_device } }\n"
        }
        return text
      }
      let server = try await TandemServer(scratch, policy: policy(10, 0))
      let ann = try ScriptedPhone("ann")
      async let answering = carrier.answer()
      let standing = try await ann.call("1", at: server.address)
      _ = try await answering
      func pauses() -> [Int] {
        server.log.filter { $0.contains("policy in force") }.compactMap { line in
          line.components(separatedBy: "pause_us=").dropFirst().first.flatMap {
            Int($0.prefix { $0.isNumber })
          }
        }
      }
      var times: [Int: [Int]] = [:]
      for round in 1...6 {
        let count = round % 2 == 0 ? 20_000 : 10
        let known = pauses().count
        try server.replacePolicy(policy(count, round))
        server.reload()
        let deadline = ContinuousClock.now + .seconds(60)
        while pauses().count == known, ContinuousClock.now < deadline {
          // Somebody asks all the while.
          let answer = try await ann.ask("OPTIONS", "sip:\(server.address)", at: server.address)
          #expect(answer.status == 200)
        }
        times[count, default: []].append(try #require(pauses().last))
      }
      let (short, long) = (times[10, default: []].sorted(), times[20_000, default: []].sorted())
      #expect(short.count == 3 && long.count == 3)
      #expect(long[1] < max(short[1], 50) * 10, "10 rules: \(short), 20,000: \(long)")
      ann.request("BYE", in: standing)
      _ = try await carrier.waitForRequest("BYE")
      await server.stop()
    }
  }
}
