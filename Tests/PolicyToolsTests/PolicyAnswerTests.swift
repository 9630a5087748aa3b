import CallModel
import Foundation
import PolicyTools
import Testing

/// What explanations say about policy servers.
@Suite struct PolicyAnswerTests {
  private func record(_ answers: [PolicyAnswerRecord]) -> DecisionRecord {
    var record = DecisionRecord(
      policyVersion: "v", direction: .dialIn, callProtocol: .sip, alias: Alias(sip: "sip:a@example.org"),
      location: nil, isRegistered: false, decision: .reject(.policy))
    record.policyAnswers = answers
    return record
  }

  @Test func theServerItsAnswerAndItsMistakes() {
    let text = DecisionRecordRenderer.text(
      record([
        PolicyAnswerRecord(
          profile: "CRM", request: "service", requestID: "id", url: "https://crm.example.org/x?call_tag=",
          outcome: "invalid", isFallback: true, status: 200, latency: .milliseconds(12), attempts: 2,
          findings: [
            .init(field: "result.view", problem: "“x” is not one of a, b", isError: true),
            .init(field: "result.colour", problem: "unknown, passed over", isError: false),
          ])
      ]), policy: nil)
    #expect(
      text.contains(
        """
        Server    “CRM” asked about the service: its answer is void, status 200, after 12 ms and 2 requests; the hook's fallback decides
                  GET https://crm.example.org/x?call_tag=
                  wrong: result.view: “x” is not one of a, b
                  note: result.colour: unknown, passed over

        """))
  }

  @Test(arguments: [
    ("used", "its answer is in force"), ("continue", "it leaves the decision to us"),
    ("reject", "it refuses"),
    ("redirect", "it redirects"), ("not_mine", "it says this is not its business"),
    ("timeout", "no answer in time"), ("error", "no connection: refused"),
    ("skipped", "not asked, since it failed too often before"),
    ("overloaded", "not asked, since too many questions wait for it"),
    ("unaskable", "the question fits no URL"), ("withdrawn", "the call ended before the answer"),
  ]) func outcomes(_ outcome: String, _ words: String) {
    let answer = PolicyAnswerRecord(
      profile: "CRM", request: "participant", requestID: "id", url: "", outcome: outcome,
      failure: outcome == "error" ? "no connection: refused" : nil, attempts: 0)
    #expect(
      DecisionRecordRenderer.text(record([answer]), policy: nil)
        .contains("Server    “CRM” asked about the participant: \(words)\n"))
  }

  @Test func json() throws {
    let answer = PolicyAnswerRecord(
      profile: "CRM", request: "service", requestID: "id", url: "u", outcome: "used", status: 200,
      latency: .microseconds(1_500))
    let text = DecisionRecordRenderer(policy: nil).json(record([answer]))
    let object = try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
    let answers = try #require(object["policy_answers"] as? [[String: Any]])
    #expect(answers.count == 1)
    #expect(answers[0]["latency_ms"] as? Double == 1.5)
    #expect(answers[0]["status"] as? Int == 200)
    #expect(answers[0]["outcome"] as? String == "used")
  }
}
