import ArgumentParser

/// The one program: the service, and what an admin runs beside it.
@main
struct Tandem: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "tandem",
    abstract: "A policy-driven call router and gateway.",
    version: Tandem.version,
    subcommands: [
      ServeCommand.self, CheckCommand.self, ExplainCommand.self, CallsCommand.self, CallsCommand.self, SchemaCommand.self,
    ])

  static let version = "0.1.0"
}
