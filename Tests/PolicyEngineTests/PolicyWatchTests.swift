import Foundation
import Testing

@testable import PolicyEngine

/// What a running server does about files that change: look, load when they rest, keep the last good policy.
@Suite struct PolicyWatchTests {
  typealias Scratch = BadFileTests.Scratch

  /// The policy in force, as `serve` keeps it.
  final class Server {
    let scratch: Scratch
    private var watch: PolicyWatch
    var serving: PolicySnapshot
    var refusals: [String] = []

    init(_ scratch: Scratch) throws {
      self.scratch = scratch
      watch = PolicyWatch(directory: scratch.path)
      serving = try #require(scratch.load().snapshot)
    }

    var rules: [String] { serving.policy.rules.map(\.name) }

    /// One look, a second later. True when it led to a reload.
    func look() -> Bool {
      guard watch.hasChanged() else { return false }
      let outcome = scratch.load()
      if let snapshot = outcome.snapshot { serving = snapshot }
      refusals = outcome.errors.map(\.code)
      return true
    }
  }

  @Test func aChangeCountsOnceItHasComeToRest() throws {
    let scratch = try Scratch()
    try scratch.write("a.yaml", "include: s/*.yaml\n")
    try scratch.write("s/b.yaml", IncludeTests.rule("b"))
    let server = try Server(scratch)
    #expect(!server.look() && !server.look())
    // An included file, and one that appears where a pattern looks.
    try scratch.write("s/b.yaml", IncludeTests.rule("changed"))
    #expect(!server.look())
    try scratch.write("s/c.yaml", IncludeTests.rule("c"))
    #expect(!server.look())
    #expect(server.look())
    #expect(server.rules == ["changed", "c"])
    #expect(!server.look())
    unlink(scratch.path + "/s/c.yaml")
    #expect(!server.look() && server.look())
    #expect(server.rules == ["changed"])
  }

  @Test func filesBehindLinksAreWatched() throws {
    let scratch = try Scratch()
    let elsewhere = try Scratch()
    try elsewhere.write("b.yaml", IncludeTests.rule("b"))
    symlink(elsewhere.path, scratch.path + "/common")
    // A circle of directories is no endless walk.
    symlink(".", elsewhere.path + "/again")
    try scratch.write("a.yaml", "include: common/b.yaml\n")
    let server = try Server(scratch)
    try elsewhere.write("b.yaml", IncludeTests.rule("other"))
    #expect(!server.look() && server.look())
    #expect(server.rules == ["other"])
  }

  @Test func theLastGoodPolicyKeepsServing() throws {
    let scratch = try Scratch()
    let good = "include: s/b.yaml\n" + IncludeTests.rule("a")
    try scratch.write("a.yaml", good)
    try scratch.write("s/b.yaml", IncludeTests.rule("b"))
    let server = try Server(scratch)
    let first = server.serving.version
    let mistakes: [(String, String)] = [
      ("rules: [broken\n", "yaml"), ("rules: 3\n", "wrong-type"), ("rulse: []\n", "unknown-key"),
      ("include: [a.yaml]\n", "include-cycle"), ("include: gone.yaml\n", "unreadable"),
      // Half of a file that is being written.
      (String(good.prefix(good.count - 20)), "yaml"),
      ("locations: [{ name: l, trunk: t }]\n", "unknown-reference"),
      ("devices: [{ alias: a }, { alias: A }]\n", "duplicate-alias"),
      ("rules: [{ name: r, priority: 1, match: '(a' }]\n", "invalid-pattern"),
    ]
    for (text, code) in mistakes {
      try scratch.write("a.yaml", text)
      #expect(!server.look() && server.look(), "\(code)")
      #expect(server.refusals == [code])
      #expect(server.serving.version == first)
      #expect(server.rules == ["b", "a"])
    }
    // The file of the include is gone.
    try scratch.write("a.yaml", good)
    unlink(scratch.path + "/s/b.yaml")
    #expect(!server.look() && server.look())
    #expect(server.refusals == ["unreadable"])
    #expect(server.serving.version == first)
    // Everything is gone.
    unlink(scratch.path + "/a.yaml")
    #expect(!server.look() && server.look())
    #expect(server.refusals == ["no-files"])
    #expect(server.serving.version == first)
    // And back.
    try scratch.write("a.yaml", IncludeTests.rule("back"))
    #expect(!server.look() && server.look())
    #expect(server.refusals == [] && server.rules == ["back"])
  }
}
