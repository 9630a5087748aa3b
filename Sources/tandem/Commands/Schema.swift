import ArgumentParser
import PolicyEngine

/// `tandem schema`: the language of policy files, for editors and for the reference.
struct SchemaCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "schema", abstract: "Print the JSON Schema of policy files.")

  @Flag(help: "Print the tables of the reference instead.")
  var markdown = false

  @Flag(help: "Print that of the tests beside a policy.")
  var tests = false

  func validate() throws {
    guard !markdown || !tests else { throw ValidationError("--markdown and --tests exclude each other.") }
  }

  func run() {
    let schema = tests ? PolicySchema.testsJSONSchema() : PolicySchema.jsonSchema()
    print(markdown ? PolicySchema.markdown() : schema, terminator: "")
  }
}
