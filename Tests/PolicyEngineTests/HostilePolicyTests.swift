import Testing

@testable import PolicyEngine

/// Policies that would cost too much: each is refused at its place, or loaded within bounds.
@Suite struct HostilePolicyTests {
  static func rule(_ pattern: String) -> String {
    "rules:\n  - name: r\n    priority: 1\n    match: '\(pattern)'\n"
  }

  struct Row: CustomTestStringConvertible, Sendable {
    var name: String
    var pattern: String
    var place: String
    var message: String
    var testDescription: String { name }
    init(_ name: String, _ pattern: String, _ place: String, _ message: String) {
      self.name = name
      self.pattern = pattern
      self.place = place
      self.message = message
    }
  }

  @Test(arguments: [
    Row("100 kB", String(repeating: "a", count: 100_000), "4:12", "more than 2000 bytes"),
    Row("a huge count", "a{65536}", "4:", "too big"),
    Row("counts of counts", "((a{1000}){1000}){1000}", "4:", "too"),
    Row("deep", String(repeating: "(?:", count: 400) + String(repeating: ")", count: 400), "4:", "nested"),
    Row("many groups", String(repeating: "(a)", count: 100), "4:12", "more than 99 groups"),
    Row("not closed", "(((", "4:", "parenthesis"),
    Row("single bytes", "a\\\\C".replacing("\\\\", with: "\\"), "4:", "\\C"),
  ])
  func patternsThatCostTooMuchAreRefused(_ row: Row) throws {
    let outcome = PolicyLoader.load(text: Self.rule(row.pattern), name: "p.yaml")
    #expect(outcome.snapshot == nil)
    let error = try #require(outcome.errors.first)
    #expect(error.code == "invalid-pattern")
    #expect("\(error.line):\(error.column)".hasPrefix(row.place), "\(error.description)")
    #expect(error.message.contains(row.message), "\(error.message)")
    // However long the line is, the excerpt is not.
    #expect(error.excerpt.utf8.count < 1_500)
  }

  /// A pattern that backtracks without end loads, and costs a call a bounded time: without a bound these would not come back.
  @Test(arguments: ["(a+)+$", "(a|aa)+$", "(.*)*x", "([a-z]+)*@b"])
  func patternsThatBacktrackAreBoundedAtEveryCall(_ pattern: String) throws {
    let policy = try #require(PolicyLoader.load(text: Self.rule(pattern)).snapshot)
    // Nil: given up.
    #expect(policy.pattern(ofRule: 0, matches: String(repeating: "a", count: 200) + "!") != true)
  }

  @Test func linesAreShownUpToALimit() {
    func outcome(_ length: Int) -> PolicyLoader.Outcome {
      let start = "trunks: 3 #"
      return PolicyLoader.load(
        text: start + String(repeating: "x", count: length - start.utf8.count) + "\n", name: "p.yaml")
    }
    // The line with its end.
    #expect(outcome(SourceFile.maximumShownLine - 1).errors.map { $0.sourceLine != nil } == [true])
    let over = outcome(SourceFile.maximumShownLine)
    #expect(over.errors.map { $0.sourceLine != nil } == [false])
    #expect(over.errors.first?.excerpt.contains("\n  1 |") == false)
  }

  @Test func itemsAtTheLimitAndOneMore() {
    func list(_ count: Int) -> String {
      "locations:\n  - name: l\n    networks: [" + String(repeating: "a,", count: count) + "]\n"
    }
    let over = PolicyLoader.load(text: list(SchemaReader.maximumItems + 1), name: "p.yaml")
    #expect(over.errors.map { "\($0.line):\($0.column) \($0.code)" } == ["3:15 too-large"])
    #expect(over.errors.first?.message == "more than 200000 items")
    // At the limit each item is looked at: what is wrong with them is said, and no more than can be read.
    let at = PolicyLoader.load(text: list(SchemaReader.maximumItems), name: "p.yaml")
    #expect(at.errors.count == PolicyLoader.maximumDiagnostics + 1)
    #expect(at.errors.last?.code == "more-findings")
    #expect(at.errors.first?.expected == "a network such as 192.0.2.0/24")
    #expect(at.errors.first?.found == "the text “a”")
    // A copy of a line of 400 kB with each of them would be 80 GB.
    #expect(at.errors.allSatisfy { $0.sourceLine == nil })
  }
}
