import CallModel
import Testing

@testable import Records

/// What `tandem calls ID` says about policy servers.
@Suite struct PolicyAnswerTextTests {
  private func lines(_ answer: PolicyAnswerRecord) -> [String] {
    var decision = Samples.gatewayDecision()
    decision.policyAnswers = [answer]
    let record = CallRecord(
      id: CallID(high: 1, low: 2), started: WallClock(milliseconds: 0),
      caller: LegParty(callProtocol: .sip, isIncoming: true, alias: "sip:a@b"), calledAlias: "sip:c@d",
      serviceName: "", serviceType: "", tag: "",
      decision: decision)
    return record.text.split(separator: "\n").map(String.init)
      .filter { $0.hasPrefix("  server:") || $0.hasPrefix("  wrong:") }
  }

  @Test func aVoidAnswerAndItsFields() {
    #expect(
      lines(
        PolicyAnswerRecord(
          profile: "crm", request: "service", requestID: "1", url: "u", outcome: "invalid", isFallback: true,
          status: 200, latency: .milliseconds(12),
          findings: [
            .init(field: "result.view", problem: "“x” is not one of a, b", isError: true),
            .init(field: "", problem: "not JSON", isError: true),
            .init(field: "result.colour", problem: "unknown", isError: false),
          ])) == [
          "  server:     crm, service: invalid (status 200, 12 ms); the fallback decides",
          "  wrong:      result.view: “x” is not one of a, b", "  wrong:      not JSON",
        ])
  }

  @Test func whoWasNotReached() {
    #expect(
      lines(
        PolicyAnswerRecord(
          profile: "crm", request: "service", requestID: "1", url: "u", outcome: "error",
          failure: "no connection: refused", latency: .milliseconds(1)))
        == ["  server:     crm, service: error (no connection: refused, 1 ms)"])
    #expect(
      lines(
        PolicyAnswerRecord(
          profile: "crm", request: "service", requestID: "1", url: "", outcome: "skipped", isFallback: true,
          attempts: 0)) == ["  server:     crm, service: skipped; the fallback decides"])
  }
}
