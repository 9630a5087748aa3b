import Foundation
import Testing

extension EndToEnd {
  /// The harness judged by peers alone: what these find without Tandem, the other tests may rely on.
  @Suite struct HarnessTests {
    @Test(.timeLimit(.minutes(1)), arguments: [Baresip.Encryption.none, .mandatory])
    func twoPhonesHearEachOther(encryption: Baresip.Encryption) async throws {
      let scratch = try Scratch()
      let alice = try await Baresip(scratch) {
        $0.user = "alice"
        $0.encryption = encryption
      }
      let bob = try await Baresip(scratch) {
        $0.user = "bob"
        $0.tone = 660
        $0.encryption = encryption
      }
      try await alice.dial(bob.uri)
      try await alice.wait(for: "CALL_ESTABLISHED")
      try await bob.wait(for: "CALL_RTPESTAB")
      try await Call.talk()
      try await alice.hangUp()
      try await bob.wait(for: "CALL_CLOSED")
      try await Call.expectTone(660, heardBy: alice)
      try await Call.expectTone(440, heardBy: bob)
    }

    @Test(.timeLimit(.minutes(1))) func aPhoneThatRefusesIsSeen() async throws {
      let scratch = try Scratch()
      let alice = try await Baresip(scratch) { $0.user = "alice" }
      let bob = try await Baresip(scratch) {
        $0.user = "bob"
        $0.answersByItself = false
      }
      try await alice.dial(bob.uri)
      try await bob.wait(for: "CALL_INCOMING")
      try await bob.hangUp()
      #expect(try await alice.wait(for: "CALL_CLOSED").contains("486"))
    }

    @Test(
      .timeLimit(.minutes(1)),
      arguments: [
        ("call", "answer"), ("cancel", "ring"), ("late_offer", "answer"), ("reinvite", "answer_reinvite"),
        ("prack", "answer_prack"),
      ])
    func scenariosFitEachOther(caller: String, callee: String) async throws {
      let scratch = try Scratch()
      let answering = try Sipp(scratch, callee, calls: 5)
      let calling = try Sipp(scratch, caller, to: answering.address, calls: 5, rate: 50)
      do {
        try await calling.succeed(within: .seconds(8))
        try await answering.succeed(within: .seconds(8))
      } catch {
        throw HarnessError("\(error)\n--- callee\n\(answering.messages.suffix(6000))")
      }
    }

    @Test(.timeLimit(.minutes(1))) func aScenarioThatGoesWrongIsSeen() async throws {
      let scratch = try Scratch()
      let callee = try Sipp(scratch, "refuse", keys: ["status": "486 Busy Here"])
      let caller = try Sipp(scratch, "call", to: callee.address)
      let error = await #expect(throws: HarnessError.self) { try await caller.succeed() }
      #expect(error?.description.contains("SIP/2.0 486 Busy Here") == true)
      try await callee.succeed()
    }

    @Test func aProcessThatIsKilledIsSeen() async throws {
      let process = try ChildProcess("sh", "/bin/sh", ["-c", "echo up; exec sleep 50"], directory: "/tmp")
      _ = try await process.waitForLine(containing: "up")
      #expect(process.programID != nil)
      process.signal(SIGKILL)
      #expect(try await process.waitForExit() == 137)
      #expect(process.programID == nil)
    }

    @Test func addressesDiffer() {
      let addresses = (0..<50).map { _ in Loopback.address() }
      #expect(Set(addresses).count == 50)
      let ports = (0..<50).map { _ in Loopback.mediaPorts().lowerBound }
      #expect(Set(ports).count == 50)
    }
  }
}
