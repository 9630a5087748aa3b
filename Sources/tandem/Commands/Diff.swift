import ArgumentParser
import CallModel
import Foundation
import PolicyEngine
import PolicyTools

/// `tandem diff`: which calls two policies decide differently.
struct DiffCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "diff", abstract: "Show which calls two policies decide differently.",
    discussion: """
      Not which lines changed, but what that does: each kind of call that goes elsewhere, with a call that shows it. What \
      could only be sampled, and not proved, is said. Exit codes: 0 no call is decided differently, 1 some are, 2 wrong \
      usage or a policy has errors.
      """)

  @Argument(help: "Directory, or one file, of the policy in force.")
  var old: String

  @Argument(help: "Directory, or one file, of the policy to come.")
  var new: String

  @Option(help: "Look at calls from this time on, ISO 8601; otherwise from now.")
  var at: WallClock?

  @Option(help: "Differences to list.")
  var list = 50

  @Flag(help: "Print JSON.")
  var json = false

  func validate() throws {
    guard list >= 0 else { throw ValidationError("--list must be at least 0.") }
  }

  func run() throws {
    let before = try load(old)
    let after = try load(new)
    let now = at ?? WallClock(milliseconds: Int64(Date().timeIntervalSince1970) * 1000)
    let report = PolicyDifferenceReport(
      PolicyDifference(from: before, to: after, at: now), from: before, to: after, listed: list)
    print(json ? report.json : report.text, terminator: "")
    throw ExitCode(report.exitCode)
  }

  private func load(_ path: String) throws -> PolicySnapshot {
    do {
      return try loadPolicy(path)
    } catch {
      throw ExitCode(2)
    }
  }
}
