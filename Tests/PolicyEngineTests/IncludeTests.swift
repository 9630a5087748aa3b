import TestSupport
import Testing

@testable import PolicyEngine

/// `include`: what is read, in which order, and what is said when it cannot be.
@Suite struct IncludeTests {
  /// Loads the files below `policies/`.
  static func load(
    _ files: KeyValuePairs<String, String>, limits: PolicyLoader.Limits = .init()
  ) -> PolicyLoader.Outcome {
    let pairs = files.map { ("policies/\($0)", Array($1.utf8)) }
    return PolicyLoader.load(
      directory: "policies", secrets: .fixed(), lists: .fixed(["policies/l": "x\n"]),
      files: .fixed(Dictionary(uniqueKeysWithValues: pairs)), limits: limits)
  }

  static func rule(_ name: String) -> String {
    "rules: [{ name: \(name), priority: 1, match: \(name), to: { target: registered_device } }]\n"
  }

  /// The rules in the order written, which is that of evaluation: all have one priority.
  static func rules(_ outcome: PolicyLoader.Outcome) -> [String]? {
    outcome.snapshot?.policy.rules.map(\.name)
  }

  static func describe(_ outcome: PolicyLoader.Outcome) -> [String] {
    outcome.diagnostics.map { "\($0.file):\($0.line):\($0.column) \($0.code)" }
  }

  @Test func whatIsIncludedComesBeforeWhatIncludesIt() {
    let outcome = Self.load([
      "a.yaml": "include: [sub/b.yaml, sub/more/*.yaml]\n" + Self.rule("a"),
      "sub/b.yaml": Self.rule("b") + "include: c.inc\n", "sub/c.inc": Self.rule("c"),
      "sub/more/2.yaml": Self.rule("second"), "sub/more/1.yaml": Self.rule("first"),
      "sub/more/.hidden.yaml": "x", "sub/more/README.md": "x", "sub/unused.yaml": "rules: 3\n",
      "z.yaml": Self.rule("z"),
    ])
    #expect(Self.rules(outcome) == ["c", "b", "first", "second", "a", "z"], "\(outcome.diagnostics)")
    #expect(outcome.diagnostics.isEmpty)
  }

  @Test func pathsAreRelativeToTheFileTheyStandIn() {
    let outcome = Self.load([
      "a.yaml": "include: ./x//y/../y/b.yaml\n", "x/y/b.yaml": "include: ../../top/*/[a-c]?.yaml\n",
      "top/one/a1.yaml": Self.rule("a1"), "top/two/b1.yaml": Self.rule("b1"),
      "top/two/d1.yaml": Self.rule("d1"), "top/a1.yaml": Self.rule("higher"),
    ])
    #expect(Self.rules(outcome) == ["a1", "b1"], "\(outcome.diagnostics)")
  }

  @Test func wildcardsInDirectoriesAndAKnownNameBelow() {
    let outcome = Self.load([
      "a.yaml": "include: '*/rules.yaml'\n", "north/rules.yaml": Self.rule("north"),
      "south/rules.yaml": Self.rule("south"), "east/other.yaml": Self.rule("east"),
    ])
    #expect(Self.rules(outcome) == ["north", "south"], "\(outcome.diagnostics)")
  }

  /// A file of the directory that another includes is read once, where it is met first.
  @Test func aFileOfTheDirectoryThatIsIncludedIsReadOnce() {
    let outcome = Self.load([
      "a.yaml": "include: z.yaml\n" + Self.rule("a"), "b.yaml": Self.rule("b"), "z.yaml": Self.rule("z"),
    ])
    #expect(Self.rules(outcome) == ["z", "a", "b"])
    #expect(outcome.diagnostics.isEmpty, "\(outcome.diagnostics)")
    let later = Self.load(["a.yaml": Self.rule("a"), "b.yaml": "include: a.yaml\n" + Self.rule("b")])
    #expect(Self.rules(later) == ["a", "b"])
    #expect(later.diagnostics.isEmpty, "\(later.diagnostics)")
    let all = Self.load(["a.yaml": "include: '*.yaml'\n" + Self.rule("a"), "b.yaml": Self.rule("b")])
    #expect(Self.rules(all) == ["b", "a"])
    #expect(all.diagnostics.isEmpty, "\(all.diagnostics)")
  }

  @Test func aFileThatTwoIncludeIsReadOnceWithANote() throws {
    let outcome = Self.load([
      "a.yaml": "include: s/common.yaml\n", "b.yaml": "x-b: 1\ninclude: s/common.yaml\n",
      "s/common.yaml": Self.rule("common"),
    ])
    #expect(Self.rules(outcome) == ["common"])
    #expect(Self.describe(outcome) == ["policies/b.yaml:2:10 include-twice"])
    let note = try #require(outcome.diagnostics.first)
    #expect(note.severity == .note)
    #expect(
      note.related == [
        .init(file: "policies/a.yaml", line: 1, column: 10, message: "first included here")
      ])
    // Twice in one list is a slip.
    let twice = Self.load(["a.yaml": "include: [s/c.yaml, s/c.yaml]\n", "s/c.yaml": Self.rule("c")])
    #expect(Self.rules(twice) == ["c"])
    #expect(twice.warnings.map(\.code) == ["include-twice"])
    // By a pattern it is no slip.
    let pattern = Self.load(["a.yaml": "include: [s/c.yaml, s/*.yaml]\n", "s/c.yaml": Self.rule("c")])
    #expect(pattern.diagnostics.isEmpty)
  }

  @Test func circlesAreRefusedWithTheWholeChain() throws {
    let outcome = Self.load([
      "a.yaml": "include: s/b.yaml\n" + Self.rule("a"),
      "s/b.yaml": "\ninclude:\n  - c.yaml\n", "s/c.yaml": "include: [../s/b.yaml]\ntrunks: []\n",
    ])
    #expect(outcome.snapshot == nil)
    #expect(Self.describe(outcome) == ["policies/s/c.yaml:1:11 include-cycle"])
    let error = try #require(outcome.errors.first)
    #expect(
      error.message
        == "these files include each other in a circle: policies/s/b.yaml → policies/s/c.yaml → policies/s/b.yaml"
    )
    #expect(
      error.related == [
        .init(file: "policies/s/b.yaml", line: 3, column: 5, message: "includes policies/s/c.yaml")
      ])
    #expect(error.suggestion != nil)
    #expect(error.sourceLine == "include: [../s/b.yaml]")
    #expect(
      Self.load(["a.yaml": "include: a.yaml\n"]).errors.map(\.message) == [
        "these files include each other in a circle: policies/a.yaml → policies/a.yaml"
      ])
    #expect(
      Self.load(["a.yaml": "include: '*.yaml'\n", "b.yaml": "include: '*.yaml'\n"]).errors.map(\.code) == [
        "include-cycle"
      ])
  }

  struct Row: CustomTestStringConvertible, Sendable {
    var include: String
    var place: String
    var message: String
    var help: String?
    var testDescription: String { include }
    init(_ include: String, _ place: String, _ message: String, _ help: String?) {
      self.include = include
      self.place = place
      self.message = message
      self.help = help
    }
  }

  @Test(arguments: [
    Row("../other.yaml", "1:10 include-path", "this include leads out of the policy's directory", "link"),
    Row("s/../../x.yaml", "1:10 include-path", "this include leads out of the policy's directory", "link"),
    Row("/etc/tandem.yaml", "1:10 include-path", "an include is relative to the file it stands in", "link"),
    Row("\"\"", "1:10 include-path", "an include names a file", "rules/*.yaml"),
    Row("./", "1:10 include-path", "an include names a file", "rules/*.yaml"),
    Row("s/**/x.yaml", "1:10 include-path", "** is not known", "*/*.yaml"),
    Row(
      "[s/trunks.yaml, s/rulse.yaml]", "1:26 unreadable",
      "the included file policies/s/rulse.yaml cannot be read: No such file or directory",
      "did you mean “rules.yaml”?"),
    Row(
      "gone/*.yaml", "1:10 unreadable",
      "the directory of “gone/*.yaml” cannot be read: No such file or directory",
      nil),
    Row("{ a: b }", "1:10 wrong-type", "wrong type of value", nil),
    Row("[[a]]", "1:11 wrong-type", "wrong type of value", nil),
  ])
  func eachMistakeIsExplainedWhereItStands(_ row: Row) throws {
    let outcome = Self.load([
      // What is missing may define the trunk: that it is unknown is not said on top.
      "a.yaml": "include: \(row.include)\n" + Self.rule("a") + "locations: [{ name: l, trunk: unknown }]\n",
      "s/rules.yaml": Self.rule("r"), "s/trunks.yaml": "trunks: [{ name: t, host: h }]\n",
    ])
    #expect(outcome.snapshot == nil)
    #expect(Self.describe(outcome) == ["policies/a.yaml:\(row.place)"])
    let error = try #require(outcome.errors.first)
    #expect(error.message == row.message)
    if let help = row.help { #expect(error.suggestion?.contains(help) == true, "\(error.excerpt)") }
  }

  @Test func aPatternThatMatchesNothingIsAWarning() {
    let outcome = Self.load(["a.yaml": "include: '[b-c]*.yaml'\n" + Self.rule("a")])
    #expect(Self.rules(outcome) == ["a"])
    #expect(Self.describe(outcome) == ["policies/a.yaml:1:10 include-empty"])
  }

  /// Findings name the file they are about, also where two files take part.
  @Test func positionsAreThoseOfTheRightFile() {
    let outcome = Self.load([
      "a.yaml": "include: s/b.yaml\n\n" + Self.rule("one") + "globals: { domain: a.example }\n",
      "s/b.yaml": "rules:\n  - { name: one, priority: 2, match: '(' }\nglobals: { domain: b.example }\n",
    ])
    #expect(
      Self.describe(outcome) == [
        "policies/a.yaml:3:17 duplicate-name", "policies/a.yaml:4:12 duplicate-key",
        "policies/s/b.yaml:2:40 invalid-pattern",
      ])
    #expect(
      outcome.errors.prefix(2).flatMap(\.related).map { "\($0.file):\($0.line)" }
        == ["policies/s/b.yaml:2", "policies/s/b.yaml:3"])
    let yaml = Self.load(["a.yaml": "include: b.inc\n", "b.inc": "rules:\n\t- a\n"])
    #expect(Self.describe(yaml) == ["policies/b.inc:2:1 tab"])
  }

  @Test func anchorsAndMergeKeysWorkInsideAFileOnly() {
    let outcome = Self.load([
      "a.yaml": "include: s/b.yaml\n",
      "s/b.yaml":
        "x-t: &t { to: { target: registered_device }, priority: 3 }\nrules: [{ <<: *t, name: b, match: b }]\n",
    ])
    #expect(outcome.snapshot?.policy.rules.map(\.priority) == [3], "\(outcome.diagnostics)")
    let across = Self.load(["a.yaml": "include: b.inc\nrules: [*t]\n", "b.inc": "x-t: &t { a: b }\n"])
    #expect(Self.describe(across) == ["policies/a.yaml:2:9 yaml"])
    // An include may itself come through an anchor.
    let merged = Self.load(["a.yaml": "x-i: &i { include: b.inc }\n<<: *i\n", "b.inc": Self.rule("b")])
    #expect(Self.rules(merged) == ["b"], "\(merged.diagnostics)")
  }

  @Test func theVersionTellsIncludedFilesApart() throws {
    func version(_ files: KeyValuePairs<String, String>) -> PolicyVersion? {
      Self.load(files).snapshot?.version
    }
    let one = try #require(version(["a.yaml": "include: s/b.yaml\n", "s/b.yaml": Self.rule("b")]))
    #expect(version(["a.yaml": "include: s/b.yaml\n", "s/b.yaml": Self.rule("c")]) != one)
    #expect(
      version(["a.yaml": "include: s/b.yaml\n", "s/b.yaml": Self.rule("b"), "s/c.yaml": "x"]) == one)
  }

  // MARK: Limits

  /// Files each including the next, `depth` includes deep.
  static func chain(_ depth: Int) -> [String: [UInt8]] {
    var files: [String: [UInt8]] = [:]
    for i in 0...depth {
      let name = i == 0 ? "policies/0.yaml" : "policies/s/\(i).yaml"
      let next = i == depth ? rule("last") : "include: \(i == 0 ? "s/" : "")\(i + 1).yaml\n"
      files[name] = Array(next.utf8)
    }
    return files
  }

  @Test func depthIsBounded() throws {
    let limit = PolicyLoader.Limits().includeDepth
    let good = PolicyLoader.load(
      directory: "policies", secrets: .fixed(), lists: .fixed(), files: .fixed(Self.chain(limit)))
    #expect(Self.rules(good) == ["last"], "\(good.diagnostics)")
    let deep = PolicyLoader.load(
      directory: "policies", secrets: .fixed(), lists: .fixed(), files: .fixed(Self.chain(limit + 1)))
    #expect(Self.describe(deep) == ["policies/s/\(limit).yaml:1:10 too-deep"])
    #expect(deep.errors.first?.message == "includes are nested more than 16 deep")
  }

  @Test func theNumberOfFilesIsBounded() {
    var limits = PolicyLoader.Limits()
    limits.files = 3
    let files: KeyValuePairs = [
      "a.yaml": "x-a: 1\ninclude: s/*.yaml\n", "s/1.yaml": Self.rule("r1"), "s/2.yaml": Self.rule("r2"),
    ]
    #expect(Self.rules(Self.load(files, limits: limits)) == ["r1", "r2"])
    limits.files = 2
    let over = Self.load(files, limits: limits)
    #expect(Self.describe(over) == ["policies/a.yaml:2:10 too-large"])
    #expect(over.errors.first?.message == "the policy has more than 2 files")
  }

  @Test func theirSizeTogetherIsBounded() {
    let files: KeyValuePairs = ["a.yaml": "include: s/1.yaml\n", "s/1.yaml": Self.rule("r1")]
    var limits = PolicyLoader.Limits()
    limits.totalSize = files.map { $0.value.utf8.count }.reduce(0, +)
    #expect(Self.rules(Self.load(files, limits: limits)) == ["r1"])
    limits.totalSize -= 1
    #expect(Self.describe(Self.load(files, limits: limits)) == ["policies/a.yaml:1:10 too-large"])
    // Of one file.
    limits = PolicyLoader.Limits()
    limits.fileSize = Self.rule("r1").utf8.count
    #expect(Self.rules(Self.load(files, limits: limits)) == ["r1"])
    limits.fileSize -= 1
    let over = Self.load(files, limits: limits)
    #expect(Self.describe(over) == ["policies/a.yaml:1:10 unreadable"])
    #expect(over.errors.first?.message.contains("more than \(limits.fileSize) bytes") == true)
  }

  /// Every file includes every other: each is read once, and the circle is said, in bounded time.
  @Test func aTangleEnds() {
    var files: [String: [UInt8]] = [:]
    for i in 0..<60 { files["policies/\(i).yaml"] = Array("include: '*.yaml'\n".utf8) }
    let outcome = PolicyLoader.load(
      directory: "policies", secrets: .fixed(), lists: .fixed(), files: .fixed(files))
    #expect(outcome.snapshot == nil)
    #expect(Set(outcome.errors.map(\.code)).isSubset(of: ["include-cycle", "too-deep", "more-findings"]))
  }
}
