import ArgumentParser
import Logging
import StructuredLogging

/// `tandem serve`: takes calls until it is told to stop.
struct ServeCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "serve",
    abstract: "Serve calls as the policies say.",
    discussion: """
      SIGHUP, or a change to a policy file, loads the policies anew: a broken policy is reported and the one in force \
      goes on; calls in progress keep the policy they began with. SIGTERM and SIGINT take no new calls, let those in \
      progress go on for the drain time, then end them. A second signal ends at once.
      """)

  @Option(name: .shortAndLong, help: "Directory of the policy files.")
  var policies = "policies"

  @Option(name: .shortAndLong, help: "Directory for call records; made if it is missing.")
  var state = "var"

  @Option(help: "trace, debug, info, notice, warning, error or critical.")
  var logLevel: Logger.Level = .info

  @Option(help: "logfmt or json.")
  var logFormat: LogFormat = .logfmt

  @Option(help: "File the log goes to instead of standard error.")
  var logFile: String?

  @Option(help: "Seconds that calls in progress may go on after SIGTERM.")
  var drain = 0

  @Flag(help: "Reload on SIGHUP only, not when a policy file changes.")
  var noWatch = false

  @Option(
    help:
      "automatic: the directory is the policy; manual: it acts only when `tandem policy activate` says so.")
  var activation = ActivationMode.automatic

  @Option(
    help:
      "Directory of the prompts that scripts/make-prompts speaks; otherwise looked for beside the program.")
  var prompts: String?

  func run() async throws {
    let output = try logFile.map { try LogOutput(file: $0) } ?? .standardError
    let (level, format) = (logLevel, logFormat)
    LoggingSystem.bootstrap { label in
      StructuredLogHandler(label: label, format: format, output: output, level: level)
    }
    var options = ServeOptions(
      policies: policies, state: state, drain: max(0, drain), watchesFiles: !noWatch,
      isManual: activation == .manual)
    options.prompts = prompts ?? PromptThemes.standardDirectory()
    let service = try await ServeService.start(options, logger: Logger(label: "tandem"))
    do {
      try await service.run()
    } catch {
      output.flush()
      throw error
    }
    output.flush()
  }
}

/// Whether a change of the policy directory acts by itself.
enum ActivationMode: String, ExpressibleByArgument, CaseIterable {
  case automatic, manual
}

extension Logger.Level: @retroactive ExpressibleByArgument {}
extension LogFormat: ExpressibleByArgument {}
