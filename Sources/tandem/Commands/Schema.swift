import ArgumentParser
import PolicyEngine

/// `tandem schema`: the language of policy files, for editors and for the reference.
struct SchemaCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "schema", abstract: "Print the JSON Schema of policy files.")

  @Flag(help: "Print the tables of the reference instead.")
  var markdown = false

  func run() {
    print(markdown ? PolicySchema.markdown() : PolicySchema.jsonSchema(), terminator: "")
  }
}
