import ArgumentParser
import CallModel
import Foundation
import PolicyActivation
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

  @Argument(
    help: "Directory, or one file, of the policy in force; @VERSION for a kept one, @ for the one in force.")
  var old: String

  @Argument(help: "Directory, or one file, of the policy to come; or @VERSION.")
  var new: String

  @Option(name: .shortAndLong, help: "The state directory of the service, for @VERSION.")
  var state = "var"

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
    guard !path.hasPrefix("@") else { return try load(version: String(path.dropFirst())) }
    do {
      return try loadPolicy(path)
    } catch {
      throw ExitCode(2)
    }
  }

  /// A version that was in force; empty: the one that is.
  private func load(version: String) throws -> PolicySnapshot {
    do {
      let history = PolicyHistory(reading: state)
      let kept = try history.load(
        try history.version(beginning: version.isEmpty ? history.active?.version ?? "" : version),
        secrets: .system(areRequired: false)
      ).outcome
      if let snapshot = kept.snapshot { return snapshot }
      for error in kept.errors { report(error.description) }
    } catch {
      report("\(error)")
    }
    throw ExitCode(2)
  }

  private func report(_ text: String) { FileHandle.standardError.write(Data("\(text)\n".utf8)) }
}
