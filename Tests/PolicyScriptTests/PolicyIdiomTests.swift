import JSONText
import Testing

@testable import PolicyScript

@Suite struct PolicyIdiomTests {
  @Test(arguments: PolicyIdioms.all)
  func output(_ idiom: PolicyIdioms.Idiom) throws {
    let text = try rendered(idiom.source, idiom.context)
    #expect(ScriptValue(try JSONReader.read(text).value) == idiom.output)
  }

  /// Jinja2 writes the same, character for character.
  @Test func asJinja() throws {
    try Oracle.compare(PolicyIdioms.all.map { Oracle.Case(source: $0.source, context: $0.context) })
  }

  /// They deserve no warning either.
  @Test(arguments: PolicyIdioms.all)
  func check(_ idiom: PolicyIdioms.Idiom) throws {
    let variables = ScriptKind.allCases.reduce(into: Set<String>()) { $0.formUnion($1.variables) }
    #expect(PolicyScript.check(idiom.source, name: "x", variables: variables) == [])
  }
}
