import Foundation
import Testing

@testable import PolicyEngine

@Suite struct SchemaTests {
  static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent()

  static func file(_ path: String) throws -> String {
    try String(contentsOf: root.appending(path: path), encoding: .utf8)
  }

  @Test func theCommittedSchemaIsTheGeneratedOne() throws {
    #expect(
      try Self.file("docs/policy.schema.json") == PolicySchema.jsonSchema(),
      "run: tandem schema > docs/policy.schema.json")
    #expect(
      try Self.file("docs/policy-tests.schema.json") == PolicySchema.testsJSONSchema(),
      "run: tandem schema --tests > docs/policy-tests.schema.json")
  }

  @Test func theReferenceHasTheGeneratedTables() throws {
    let text = try Self.file("docs/policy-reference.md")
    let marker = "<!-- From here on: the output of `tandem schema --markdown`. -->\n\n"
    let tables = try #require(text.range(of: marker)).upperBound
    #expect(String(text[tables...]) == PolicySchema.markdown())
  }

  @Test func theReferenceNamesEveryFinding() throws {
    let text = try Self.file("docs/policy-reference.md")
    let sources = Self.root.appending(path: "Sources/PolicyEngine")
    let files = try #require(
      FileManager.default.enumerator(at: sources.resolvingSymlinksInPath(), includingPropertiesForKeys: nil))
    var codes: Set<String> = []
    for case let url as URL in files where url.pathExtension == "swift" {
      let source = try String(contentsOf: url, encoding: .utf8)
      for match in source.matches(
        of: /(?:code: |report\(\s*|one\(|refuse\(|warn\(\s*|failure\()"([a-z]+(?:-[a-z]+)*)"/)
      {
        codes.insert(String(match.1))
      }
    }
    #expect(codes.count > 30)
    for code in codes.subtracting(["more-findings"]) { #expect(text.contains("`\(code)`"), "\(code)") }
  }

  /// Every object that a field refers to is in the list that the schema and the reference are made from.
  @Test func everyObjectIsDescribed() {
    let all = PolicySchema.objects + PolicySchema.testObjects
    let names = Set(all.map(\.name))
    #expect(names.count == all.count)
    func visit(_ type: SchemaType) {
      switch type {
      case .object(let object), .shorthand(let object, _): #expect(names.contains(object.name))
      case .list(let inner), .oneOrMore(let inner), .word(_, let inner): visit(inner)
      default: break
      }
    }
    for object in all { object.fields.forEach { visit($0.type) } }
  }

  /// Objects and keys of the generated schema are those the loader knows.
  @Test(arguments: [false, true]) func theJSONIsWellFormedAndClosed(ofTests: Bool) throws {
    let text = ofTests ? PolicySchema.testsJSONSchema() : PolicySchema.jsonSchema()
    let json = try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
    let definitions = try #require(json["definitions"] as? [String: Any])
    #expect(
      definitions.count
        == (ofTests ? PolicySchema.testObjects.count + 1 : PolicySchema.objects.count - 1))
    func check(_ value: Any) {
      if let object = value as? [String: Any] {
        if let reference = object["$ref"] as? String {
          #expect(definitions[String(reference.dropFirst("#/definitions/".count))] != nil)
        }
        object.values.forEach(check)
      } else if let array = value as? [Any] {
        array.forEach(check)
      }
    }
    check(json)
  }

  @Test func theExamplePoliciesAreClean() {
    let outcome = PolicyLoader.load(directory: Self.root.appending(path: "policies").path())
    #expect(outcome.diagnostics.isEmpty, "\(outcome.diagnostics)")
    #expect(outcome.snapshot?.policy.rules.count == 14)
    #expect(outcome.snapshot?.policy.globals.sip.listeners.count == 3)
  }

  @Test func aMissingDirectoryIsExplained() {
    #expect(PolicyLoader.load(directory: "/nonexistent/policies").errors.map(\.code) == ["unreadable"])
  }
}
