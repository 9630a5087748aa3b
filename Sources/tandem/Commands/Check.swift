import ArgumentParser
import PolicyEngine
import PolicyTools

/// `tandem check`: everything that is wrong with a policy, before it takes calls.
struct CheckCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "check", abstract: "Check a directory of policy files.",
    discussion: """
      Reports every error and warning with its file, line and column. Exit codes: 0 good, 1 errors (with --strict also \
      warnings), 2 wrong usage.
      """)

  @Argument(help: "Directory with the policy's *.yaml files.")
  var directory = "policies"

  @Flag(help: "Treat warnings as errors.")
  var strict = false

  @Flag(help: "Print JSON.")
  var json = false

  func run() throws {
    var check = PolicyCheck(directory: directory, isStrict: strict)
    if let themes = check.outcome.snapshot?.policy.themes {
      check.add(PromptThemes(prompts: nil, policy: themes, global: nil, language: nil).findings)
    }
    print(json ? check.json : check.text, terminator: "")
    throw ExitCode(check.exitCode)
  }
}
