import ArgumentParser
import Foundation

/// The one program: the service, and what an admin runs beside it.
@main
struct Tandem: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "tandem",
    abstract: "A policy-driven call router and gateway.",
    version: Tandem.version,
    subcommands: [
      ServeCommand.self, CheckCommand.self, ImportCommand.self, ExplainCommand.self, TestCommand.self,
      DiffCommand.self, ReplayCommand.self, PolicyCommand.self,
      CallsCommand.self, ConferencesCommand.self,
      CallCommand.self,
      DemoCommand.self, SchemaCommand.self,
    ])

  static let version = "0.1.0"

  /// Wrong usage exits with 2, as every command's help says, and not with the 64 of ArgumentParser.
  static func main() async {
    do {
      var command = try parseAsRoot()
      if var command = command as? any AsyncParsableCommand {
        try await command.run()
      } else {
        try command.run()
      }
    } catch {
      guard exitCode(for: error) == .validationFailure else { exit(withError: error) }
      FileHandle.standardError.write(Data((fullMessage(for: error) + "\n").utf8))
      Foundation.exit(2)
    }
  }
}
