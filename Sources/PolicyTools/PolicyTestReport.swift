import PolicyEngine

/// A test run as text, JSON and JUnit XML, with the exit code for CI.
public struct PolicyTestReport: Sendable {
  public var run: PolicyTestRun
  public var mutation: PolicyMutation?
  /// Per cent of the rules that must decide a test.
  public var minimumCoverage: Double

  public init(run: PolicyTestRun, mutation: PolicyMutation? = nil, minimumCoverage: Double = 0) {
    self.run = run
    self.mutation = mutation
    self.minimumCoverage = minimumCoverage
  }

  /// 0: all tests pass and enough rules are covered; 1: not so.
  public var exitCode: Int32 { run.failedCount > 0 || run.ruleCoverage < minimumCoverage ? 1 : 0 }

  // MARK: Text

  public var text: String {
    var lines: [String] = []
    var file = ""
    for result in run.results {
      if result.test.file != file {
        file = result.test.file
        lines.append(file)
      }
      lines.append(
        "  \(result.passed ? "✓" : "✗") \(result.test.name)\(result.passed ? "" : " (line \(result.test.line))")"
      )
      lines += result.failures.map { "      \($0)" }
      lines += result.notes.map { "      note: \($0)" }
    }
    lines.append("")
    lines.append(summary)
    if !run.uncoveredRules.isEmpty {
      lines.append("  rules that decide no test: \(list(run.uncoveredRules))")
    }
    if !run.uncoveredServices.isEmpty {
      lines.append("  services that take no test: \(list(run.uncoveredServices))")
    }
    if !run.uncoveredDestinations.isEmpty {
      lines.append(
        "  destination limits that no test's number falls under: \(list(run.uncoveredDestinations))")
    }
    if let mutation { lines += self.lines(mutation) }
    return lines.joined(separator: "\n") + "\n"
  }

  private var summary: String {
    let count = run.results.count
    let tests = "\(count) test\(count == 1 ? "" : "s")"
    let outcome =
      run.failedCount == 0 ? "all pass" : "\(count - run.failedCount) pass, \(run.failedCount) fail"
    return
      "\(tests): \(outcome); rules covered: \(run.ruleCount - run.uncoveredRules.count) of \(run.ruleCount)"
      + "; services: \(run.serviceCount - run.uncoveredServices.count) of \(run.serviceCount)"
      + (run.destinationCount == 0
        ? ""
        : "; destination limits: \(run.destinationCount - run.uncoveredDestinations.count) of \(run.destinationCount)")
  }

  private func list(_ names: [String]) -> String {
    let shown = names.prefix(20).map { "“\($0)”" }.joined(separator: ", ")
    return names.count > 20 ? shown + " and \(names.count - 20) more" : shown
  }

  private func lines(_ mutation: PolicyMutation) -> [String] {
    var lines = [
      "\(mutation.tried) changes tried\(mutation.isComplete ? "" : " (not all)"), "
        + "\(mutation.tried - mutation.survivors.count) noticed by a test"
    ]
    lines += mutation.survivors.map { "  not noticed: \($0.place): \($0.change)" }
    return lines
  }

  // MARK: JSON

  public var json: String {
    var members: [(String, JSONText)] = [
      ("ok", .boolean(exitCode == 0)),
      ("tests", .integer(run.results.count)), ("failed", .integer(run.failedCount)),
      (
        "results",
        .array(
          run.results.map { result in
            .object([
              ("name", .string(result.test.name)), ("file", .string(result.test.file)),
              ("line", .integer(result.test.line)), ("passed", .boolean(result.passed)),
              ("failures", .array(result.failures.map(JSONText.string))),
              ("notes", .array(result.notes.map(JSONText.string))), ("rule", JSONText(result.rule)),
              ("service", JSONText(result.service)),
            ])
          })
      ),
      (
        "coverage",
        .object([
          ("rules", .integer(run.ruleCount)),
          ("rules_covered", .integer(run.ruleCount - run.uncoveredRules.count)),
          ("uncovered_rules", .array(run.uncoveredRules.map(JSONText.string))),
          ("uncovered_services", .array(run.uncoveredServices.map(JSONText.string))),
          ("destination_limits", .integer(run.destinationCount)),
          ("uncovered_destination_limits", .array(run.uncoveredDestinations.map(JSONText.string))),
        ])
      ),
    ]
    if let mutation {
      members.append(
        (
          "mutation",
          .object([
            ("tried", .integer(mutation.tried)), ("complete", .boolean(mutation.isComplete)),
            (
              "survivors",
              .array(
                mutation.survivors.map {
                  .object([
                    ("subject", .string($0.subject.rawValue)), ("name", .string($0.name)),
                    ("rule", JSONText($0.subject == .rule ? $0.name : nil)), ("change", .string($0.change)),
                  ])
                })
            ),
          ])
        ))
    }
    return JSONText.object(members).text
  }

  // MARK: JUnit

  /// The form that CI servers read: a suite a file, a case a test.
  public var junit: String {
    var lines = [#"<?xml version="1.0" encoding="UTF-8"?>"#]
    lines.append(#"<testsuites tests="\#(run.results.count)" failures="\#(run.failedCount)">"#)
    var start = 0
    while start < run.results.count {
      let file = run.results[start].test.file
      let suite = run.results[start...].prefix { $0.test.file == file }
      let failed = suite.count { !$0.passed }
      lines.append(#"  <testsuite name="\#(xml(file))" tests="\#(suite.count)" failures="\#(failed)">"#)
      for result in suite {
        let head =
          #"    <testcase name="\#(xml(result.test.name))" classname="\#(xml(file))" file="\#(xml(file))""#
          + #" line="\#(result.test.line)""#
        guard !result.passed else {
          lines.append(head + "/>")
          continue
        }
        lines.append(head + ">")
        lines.append(#"      <failure message="\#(xml(result.failures.first ?? ""))">"#)
        lines += result.failures.map { xml($0) }
        lines.append("      </failure>")
        lines.append("    </testcase>")
      }
      lines.append("  </testsuite>")
      start = suite.endIndex
    }
    lines.append("</testsuites>")
    return lines.joined(separator: "\n") + "\n"
  }

  /// Text in XML 1.0: escaped, without the control characters it cannot hold.
  private func xml(_ text: String) -> String {
    var result = ""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "&": result += "&amp;"
      case "<": result += "&lt;"
      case ">": result += "&gt;"
      case "\"": result += "&quot;"
      case "\n": result += "&#10;"
      case _ where scalar.value < 0x20 && scalar != "\t": result += "\u{fffd}"
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result
  }
}
