import ArgumentParser
import CallModel
import Foundation
import PolicyActivation

/// `tandem policy`: which policy is in force, what was, and how another comes to be.
struct PolicyCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "policy", abstract: "Activate, roll back, watch and list policies of the running service.",
    discussion: """
      history and show read the state directory; the others ask the running service at its socket there. Exit codes: \
      0 done, 1 refused or not possible, 2 wrong usage.
      """,
    subcommands: [
      PolicyStatusCommand.self, PolicyActivateCommand.self, PolicyRollbackCommand.self,
      PolicyShadowCommand.self, PolicyHistoryCommand.self, PolicyShowCommand.self,
    ])
}

struct PolicyStatusCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "status", abstract: "Show which policy is in force.")

  @OptionGroup var options: StateOption

  func run() throws {
    try ControlClient.run(
      state: options.state, ControlRequest.line(command: "status", [], isJSON: options.json))
  }
}

struct PolicyActivateCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "activate", abstract: "Make the policy of a directory the one in force.",
    discussion: """
      The policy is checked, its tests are run, recorded calls are decided again, and what shadow mode found is looked at. \
      It is refused when tests fail, or more calls differ than allowed, unless --confirm says so; then the history \
      tells. A policy with errors is always refused. Calls in progress keep the policy they began with.
      """)

  @Argument(help: "Directory with the policy's *.yaml files.")
  var directory: String

  @OptionGroup var options: StateOption

  @Option(help: "Share of the calls that may be decided differently, such as 1%.")
  var maxDifference = "0%"

  @Option(help: "Replay calls since then: ISO 8601, a time ago (30s, 15m, 2h, 7d), or none.")
  var replay = "7d"

  @Flag(help: "Activate although tests fail or more calls differ.")
  var confirm = false

  @Option(help: "Why, for the history.")
  var note = ""

  private var share: Double? {
    let text = maxDifference.hasSuffix("%") ? String(maxDifference.dropLast()) : maxDifference
    return Double(text.trimmingCharacters(in: .whitespaces)).flatMap { (0...100).contains($0) ? $0 : nil }
  }

  func validate() throws {
    guard share != nil else { throw ValidationError("“\(maxDifference)” is no share. Write 1%.") }
    if replay != "none", CallsCommand.time(replay, now: Date()) == nil {
      throw ValidationError("“\(replay)” is no time. Write 2026-01-31T08:00:00Z, 7d or none.")
    }
  }

  func run() throws {
    let since = replay == "none" ? nil : CallsCommand.time(replay, now: Date())
    try ControlClient.run(
      state: options.state,
      ControlRequest.line(
        command: "activate",
        [
          ("directory", .text(ControlClient.absolute(directory))), ("max_difference", .number(share ?? 0)),
          ("replay_since_ms", .integer(since.map { Int($0.milliseconds) })), ("confirm", .flag(confirm)),
          ("by", .text(ControlClient.user)), ("note", .text(note)),
        ], isJSON: options.json))
  }
}

struct PolicyRollbackCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "rollback", abstract: "Bring back the policy that was in force before, or another one.",
    discussion: """
      The version's files are taken as they were kept. It stays in force, also over a restart, until the watched \
      directory changes or another policy is activated.
      """)

  @Argument(help: "The version, or its beginning; otherwise the one before the one in force.")
  var version: String?

  @OptionGroup var options: StateOption

  @Option(help: "Why, for the history.")
  var note = ""

  func run() throws {
    try ControlClient.run(
      state: options.state,
      ControlRequest.line(
        command: "rollback",
        [("version", .text(version)), ("by", .text(ControlClient.user)), ("note", .text(note))],
        isJSON: options.json))
  }
}

struct PolicyShadowCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "shadow", abstract: "Let a candidate look on, and see what it would have done.",
    discussion: """
      A candidate in shadow mode decides every live call as well, beside the policy in force, and acts on none. \
      Differences are counted by kind, with examples. A restart ends shadow mode.
      """)

  @Argument(help: "The candidate's directory; or stop, or report.")
  var what = "report"

  @OptionGroup var options: StateOption

  func run() throws {
    let line =
      switch what {
      case "report": ControlRequest.line(command: "shadow_report", [], isJSON: options.json)
      case "stop": ControlRequest.line(command: "shadow_stop", [], isJSON: options.json)
      default:
        ControlRequest.line(
          command: "shadow_start", [("directory", .text(ControlClient.absolute(what)))], isJSON: options.json)
      }
    try ControlClient.run(state: options.state, line)
  }
}

struct PolicyHistoryCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "history", abstract: "List the policies that were in force, the newest first.")

  @OptionGroup var options: StateOption

  @Option(help: "At most so many.")
  var limit = 20

  func validate() throws {
    guard limit > 0 else { throw ValidationError("--limit must be at least 1.") }
  }

  func run() throws {
    let history = PolicyHistory(reading: options.state)
    print(options.json ? history.json(limit: limit) : history.text(limit: limit), terminator: "")
  }
}

struct PolicyShowCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "show", abstract: "Print the files of a version, or write them into a directory.",
    discussion: "Secrets that stood in the files themselves are left out.")

  @Argument(help: "The version, or its beginning; otherwise the one in force.")
  var version: String?

  @Option(name: .shortAndLong, help: "The state directory of the service.")
  var state = "var"

  @Option(name: .shortAndLong, help: "Write the files into this new directory.")
  var output: String?

  func run() throws {
    let history = PolicyHistory(reading: state)
    do {
      let files = try history.files(
        of: try history.version(beginning: version ?? history.active?.version ?? ""))
      guard let output else {
        for file in files {
          FileHandle.standardOutput.write(Data("# \(file.path)\n".utf8) + Data(file.bytes))
        }
        return
      }
      try FileManager.default.createDirectory(atPath: output, withIntermediateDirectories: false)
      for file in files {
        let name = file.path.split(separator: "/").last.map(String.init) ?? "policy.yaml"
        try Data(file.bytes).write(to: URL(filePath: "\(output)/\(name)"), options: .withoutOverwriting)
      }
    } catch {
      FileHandle.standardError.write(Data("\(error)\n".utf8))
      throw ExitCode(1)
    }
  }
}
