import CallModel
import Testing

@testable import PolicyEngine

/// The facts of the routing reference §4.
@Suite struct PatternTests {
  static func apply(_ pattern: String, _ replacement: String, _ alias: String) throws -> String? {
    try CompiledTransform(AliasTransform(pattern: pattern, replacement: replacement)).apply(to: alias)
  }

  @Test(arguments: [
    ("9.*", "95551234", true), ("9.*", "19555", false), ("9(\\d+)", "19555", false),
    ("a|ab", "ab", true), ("a|ab", "abc", false), ("^9.*$", "9", true), ("", "", true), ("", "x", false),
    (".*@(example\\.org|example\\.net)", "x@EXAMPLE.NET", true),
    (".*@(example\\.org|example\\.net)", "x@example.net.evil", false),
    ("(?:sip:)?(\\d+)@.*", "sip:0123@host;x=y", true), ("[0-9]{6,12}(@.*)?", "12345", false),
    ("(?i)bob", "BOB", true), ("(?P<n>a+)(?P=n)", "aaaa", true), ("(\\w)\\1", "aA", true),
    ("(?=9)\\d+", "912", true), ("(?<=x)y", "xy", false), (".*(?<!1)2", "32", true),
    ("\\d+", "٣", false), ("åse", "ÅSE", true), ("k", "\u{212A}", true), ("a$", "a\n", false),
    ("straße", "STRASSE", false),
  ])
  func matchesTheWholeAliasWithoutCase(_ pattern: String, _ alias: String, _ expected: Bool) throws {
    #expect(try Pattern(pattern).matches(alias) == expected)
  }

  @Test(arguments: [
    ("(.+)@example\\.org", "", "Bob@Example.org", "Bob@Example.org"),
    ("([0-9]{6,12})(@.*)?", "\\1", "123456@example.org", "123456"),
    ("([0-9]{6,12})(@.*)?", "\\1\\2", "123456", "123456"),
    ("(meet|room)\\.(.*)@example\\.com", "\\2@example.org", "MEET.Bob@Example.com", "Bob@example.org"),
    ("teams\\.([0-9]{9,12})@.*", "\\1", "teams.123456789@x", "123456789"),
    ("9(\\d+)", "\\1@pstn.example.org", "95551234", "5551234@pstn.example.org"),
    ("(\\d)(.*)", "\\g<2>\\g<1>", "123", "231"),
    ("(?P<user>.+)@(?P<host>.+)", "\\g<host>.\\g<user>", "a@b", "b.a"),
    ("(.*)", "$1", "x", "$1"), (".*", "0\\g<0>", "12", "012"), ("a", "\\\\1", "a", "\\1"),
    ("a", "x\\.y", "a", "x\\.y"), ("(å)(.*)", "\\2\\1", "ÅSE", "SEÅ"),
    ("(1)(2)(3)(4)(5)(6)(7)(8)(9)(0)", "\\10\\1", "1234567890", "01"),
    ("(1)?(2)", "[\\1]", "2", "[]"),
  ])
  func expandsReplacements(_ pattern: String, _ replacement: String, _ alias: String, _ expected: String)
    throws
  {
    #expect(try PatternTests.apply(pattern, replacement, alias) == expected)
  }

  @Test(arguments: [
    ("(a)", "\\2", 0), ("a", "x\\1", 1), ("(a)", "\\", 0), ("(a)", "ab\\g1", 2),
    ("(?P<user>a)", "\\g<usr>", 0),
    ("(a)", "\\0", 0), ("(a)", "\\n", 0), ("(a)", "\\10", 0), ("(a)", "\\g<-1>", 0),
  ])
  func refusesReferencesToNothing(_ pattern: String, _ replacement: String, _ offset: Int) throws {
    let pattern = try Pattern(pattern)
    #expect(throws: Replacement.Invalid.self) {
      try Replacement(replacement, groupCount: pattern.groupCount, groupNames: pattern.groupNames)
    }
    do throws(Replacement.Invalid) {
      _ = try Replacement(replacement, groupCount: pattern.groupCount, groupNames: pattern.groupNames)
    } catch {
      #expect(error.offset == offset)
    }
  }

  @Test(arguments: [
    ("(", 1), ("a)(b", 1), ("[a", 2), ("*", 0), ("a{2,1}", 5), ("(?P<n>a)(?P<n>b)", 14), ("\\C", 2),
  ])
  func refusesInvalidPatternsAtTheirPlace(_ text: String, _ offset: Int) {
    do throws(Pattern.Invalid) {
      _ = try Pattern(text)
      Issue.record("accepted \(text)")
    } catch {
      #expect(error.offset == offset, "\(error.message)")
    }
  }

  @Test func boundsTheWork() throws {
    let subject = String(repeating: "a", count: 40) + "b"
    for pattern in ["(a+)+$", "(a|aa)+$"] {
      #expect(try Pattern(pattern).matches(subject) == nil, "\(pattern)")
    }
    #expect(try Pattern(".*").matches(String(repeating: "a", count: Pattern.maximumSubjectLength)) == true)
    #expect(try Pattern(".*").matches(String(repeating: "a", count: Pattern.maximumSubjectLength + 1)) == nil)
  }

  @Test func boundsThePattern() throws {
    _ = try Pattern(String(repeating: "a", count: Pattern.maximumLength))
    #expect(throws: Pattern.Invalid.self) {
      try Pattern(String(repeating: "a", count: Pattern.maximumLength + 1))
    }
    _ = try Pattern(String(repeating: "(a)", count: Pattern.maximumGroups))
    #expect(throws: Pattern.Invalid.self) {
      try Pattern(String(repeating: "(a)", count: Pattern.maximumGroups + 1))
    }
  }

  @Test func threadsShareAPattern() async throws {
    let pattern = try Pattern("(\\d+)@(.*)")
    let replacement = try Replacement("\\2/\\1", groupCount: 2, groupNames: [:])
    await withTaskGroup(of: Bool.self) { group in
      for task in 0..<8 {
        group.addTask {
          (0..<2_000).allSatisfy { i in
            var alias = "\(task * 10_000 + i)@host\(task)"
            return alias.withUTF8 { subject in
              let workspace = MatchWorkspace.current
              return pattern.match(subject, workspace) == .matched
                && replacement.expand(subject, workspace.vector) == "host\(task)/\(task * 10_000 + i)"
            }
          }
        }
      }
      for await isRight in group { #expect(isRight) }
    }
  }
}
