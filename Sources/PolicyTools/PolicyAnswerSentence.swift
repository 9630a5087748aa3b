import CallModel
import PolicyEngine

/// What a policy server was asked and what it said, for people and for programs.
struct PolicyAnswerSentence {
  let answer: PolicyAnswerRecord

  /// The first line, and what is wrong below it.
  var lines: [String] {
    var lines = ["“\(answer.profile)” asked about \(subject): \(result)"]
    if !answer.url.isEmpty { lines.append("GET \(answer.url)") }
    lines += answer.findings.map { finding in
      let text = finding.field.isEmpty ? finding.problem : "\(finding.field): \(finding.problem)"
      return (finding.isError ? "wrong: " : "note: ") + text
    }
    return lines
  }

  private var subject: String {
    switch answer.request {
    case "service": "the service"
    case "participant": "the participant"
    case "media_location": "the media location"
    case "avatar": "the picture"
    case "directory": "the directory"
    case "registration": "the registration"
    default: answer.request
    }
  }

  private var result: String {
    var text: String
    switch answer.outcome {
    case "used": text = "its answer is in force"
    case "continue": text = "it leaves the decision to us"
    case "reject": text = "it refuses"
    case "redirect": text = "it redirects"
    case "not_mine": text = "it says this is not its business"
    case "invalid": text = "its answer is void"
    case "timeout": text = "no answer in time"
    case "error": text = answer.failure ?? "no valid answer"
    case "skipped": text = "not asked, since it failed too often before"
    case "overloaded": text = "not asked, since too many questions wait for it"
    case "unaskable": text = "the question fits no URL"
    case "unasked": text = "not asked here, and nothing stands for its answer"
    case "withdrawn": text = "the call ended before the answer"
    default: text = answer.outcome
    }
    if let status = answer.status { text += ", status \(status)" }
    if answer.attempts > 0 {
      text += ", after \(answer.latency.milliseconds) ms"
      if answer.attempts > 1 { text += " and \(answer.attempts) requests" }
    }
    if answer.isFallback { text += "; the hook's fallback decides" }
    return text
  }

  var json: JSONText {
    .object([
      ("profile", .string(answer.profile)), ("request", .string(answer.request)),
      ("request_id", .string(answer.requestID)), ("url", .string(answer.url)),
      ("outcome", .string(answer.outcome)), ("fallback", .boolean(answer.isFallback)),
      ("status", answer.status.map(JSONText.integer) ?? .null), ("failure", JSONText(answer.failure)),
      ("latency_ms", .number(answer.latency.seconds * 1_000)), ("attempts", .integer(answer.attempts)),
      (
        "findings",
        .array(
          answer.findings.map {
            .object([
              ("field", .string($0.field)), ("problem", .string($0.problem)), ("error", .boolean($0.isError)),
            ])
          })
      ),
    ])
  }
}
