import ArgumentParser
import Foundation
import PolicyEngine
import PolicyTools

/// `tandem test`: the tests that stand beside a policy.
struct TestCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "test", abstract: "Run the tests of a policy.",
    discussion: """
      Decides the calls of all *.yaml files in the policy's directory "tests", and compares. Exit codes: 0 all as \
      expected, 1 tests fail, too few rules are covered, or the policy or a test has errors, 2 wrong usage.
      """)

  @Argument(help: "Directory with the policy's *.yaml files.")
  var directory = "policies"

  @Option(help: "Directory with the tests; otherwise \"tests\" in that of the policy.")
  var tests: String?

  @Flag(
    help:
      "Change every rule, cap and destination limit in every way, and list the changes that no test notices.")
  var mutate = false

  @Option(help: "Per cent of the rules that must decide a test.")
  var minimumCoverage = 0.0

  @Option(help: "Write the results to this file as JUnit XML.")
  var junit: String?

  @Flag(help: "Print JSON.")
  var json = false

  func run() throws {
    let loaded = PolicyTestLoader.load(directory: tests ?? "\(directory)/tests")
    let snapshot = try loadPolicy(directory, further: loaded.diagnostics)
    let run = PolicyTestRun(loaded.tests, of: snapshot)
    let mutation = mutate && run.failedCount == 0 ? PolicyMutation(loaded.tests, of: snapshot) : nil
    let report = PolicyTestReport(run: run, mutation: mutation, minimumCoverage: minimumCoverage)
    if let junit { try Data(report.junit.utf8).write(to: URL(filePath: junit)) }
    print(json ? report.json : report.text, terminator: "")
    throw ExitCode(report.exitCode)
  }
}
