import Foundation
import Synchronization
import TestSupport
import Testing

@testable import PolicyEngine

/// Files that cannot be read, in all the ways that files can have: real ones, in a directory of their own.
@Suite struct BadFileTests {
  /// A directory that goes with the test.
  final class Scratch: Sendable {
    let path: String

    init() throws {
      path = FileManager.default.temporaryDirectory.path() + "/tandem-bad-file-\(UUID().uuidString)"
      try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func write(_ name: String, _ text: String) throws { try write(name, Array(text.utf8)) }

    func write(_ name: String, _ bytes: [UInt8]) throws {
      let url = URL(filePath: "\(path)/\(name)")
      try FileManager.default.createDirectory(
        at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
      try Data(bytes).write(to: url)
    }

    func load() -> PolicyLoader.Outcome {
      PolicyLoader.load(directory: path, secrets: .fixed(), lists: .system)
    }

    /// Diagnostics as `file:line:column code`, files relative.
    func findings(_ outcome: PolicyLoader.Outcome? = nil) -> [String] {
      (outcome ?? load()).diagnostics.map {
        "\($0.file.replacingOccurrences(of: path + "/", with: "")):\($0.line):\($0.column) \($0.code)"
      }
    }
  }

  static let good = IncludeTests.rule("good")

  @Test func whatIsNoRegularFile() throws {
    let scratch = try Scratch()
    try scratch.write("a.yaml", Self.good)
    #expect(scratch.load().snapshot != nil)
    try FileManager.default.createDirectory(
      atPath: scratch.path + "/b.yaml", withIntermediateDirectories: false)
    #expect(mkfifo(scratch.path + "/c.yaml", 0o600) == 0)
    symlink("e.yaml", scratch.path + "/d.yaml")
    symlink("d.yaml", scratch.path + "/e.yaml")
    symlink("nowhere", scratch.path + "/f.yaml")
    symlink("/dev/zero", scratch.path + "/g.yaml")
    let outcome = scratch.load()
    #expect(outcome.snapshot == nil)
    #expect(
      scratch.findings(outcome) == ["b", "c", "d", "e", "f", "g"].map { "\($0).yaml:0:0 unreadable" })
    let reasons = outcome.errors.map { $0.message.replacing("the file cannot be read: ", with: "") }
    #expect(
      reasons == [
        "it is not a regular file", "it is not a regular file", "Too many levels of symbolic links",
        "Too many levels of symbolic links", "No such file or directory", "it is not a regular file",
      ])
  }

  @Test func includedFilesTheSame() throws {
    let scratch = try Scratch()
    try scratch.write(
      "a.yaml", "include:\n  - s/dir\n  - s/pipe\n  - s/loop\n  - s/gone\n  - s\n" + Self.good)
    try scratch.write("s/dir/x.yaml", "rules: 1\n")
    #expect(mkfifo(scratch.path + "/s/pipe", 0o600) == 0)
    symlink("loop", scratch.path + "/s/loop")
    #expect(
      scratch.findings() == (2...6).map { "a.yaml:\($0):5 unreadable" })
  }

  /// A link into the directory is how a file elsewhere becomes part of the policy.
  @Test func linksAreFollowedAndKnownAsOneFile() throws {
    let scratch = try Scratch()
    let elsewhere = try Scratch()
    try elsewhere.write("shared.yaml", IncludeTests.rule("shared"))
    symlink(elsewhere.path, scratch.path + "/common")
    symlink("common/shared.yaml", scratch.path + "/z.yaml")
    try scratch.write("a.yaml", "include: common/*.yaml\n" + Self.good)
    let outcome = scratch.load()
    #expect(IncludeTests.rules(outcome) == ["shared", "good"], "\(outcome.diagnostics)")
  }

  @Test func whatMayNotBeRead() throws {
    let scratch = try Scratch()
    try scratch.write("a.yaml", Self.good)
    try scratch.write("b.yaml", Self.good)
    chmod(scratch.path + "/b.yaml", 0)
    // The superuser reads everything: nothing to refuse.
    guard access(scratch.path + "/b.yaml", R_OK) != 0 else { return }
    #expect(scratch.findings() == ["b.yaml:0:0 unreadable"])
  }

  /// A refusal of the system, injected, so that it is tested whoever runs the test.
  @Test func aRefusalIsPassedOn() {
    let source = PolicyFileSource(
      names: { _ in .success(["a.yaml", "b.yaml"]) },
      read: { path, _ in
        path.hasSuffix("b.yaml")
          ? .failure(.init("Permission denied")) : .success(Array(Self.good.utf8))
      }, identity: { $0 })
    let outcome = PolicyLoader.load(directory: "p", secrets: .fixed(), lists: .fixed(), files: source)
    #expect(outcome.snapshot == nil)
    #expect(
      outcome.errors.map(\.description) == [
        "p/b.yaml: error: the file cannot be read: Permission denied [unreadable]"
      ])
  }

  /// Gone between the look into the directory and the reading: not a policy without it.
  @Test func aFileThatVanishesInBetween() throws {
    let scratch = try Scratch()
    try scratch.write("a.yaml", "include: s/*.yaml\n" + Self.good)
    try scratch.write("b.yaml", "rules: []\n")
    try scratch.write("s/c.yaml", IncludeTests.rule("c"))
    let gone = Mutex("b.yaml")
    let source = PolicyFileSource(
      names: PolicyFileSource.system.names,
      read: { path, size in
        if path.hasSuffix(gone.withLock { $0 }) { unlink(path) }
        return PolicyFileSource.system.read(path, size)
      }, identity: PolicyFileSource.system.identity)
    func load() -> PolicyLoader.Outcome {
      PolicyLoader.load(directory: scratch.path, secrets: .fixed(), lists: .fixed(), files: source)
    }
    let first = load()
    #expect(first.snapshot == nil)
    #expect(scratch.findings(first) == ["b.yaml:0:0 unreadable"])
    #expect(IncludeTests.rules(load()) == ["c", "good"])
    gone.withLock { $0 = "s/c.yaml" }
    let included = load()
    #expect(included.snapshot == nil)
    #expect(scratch.findings(included) == ["a.yaml:1:10 unreadable"])
  }

  /// The size is looked at before the first byte is read, and no byte more than it is taken.
  @Test func sizesAtTheLimitAndOneMore() throws {
    let scratch = try Scratch()
    let limit = 100_000
    func fill(_ size: Int) throws {
      try scratch.write(
        "a.yaml", Self.good + "#" + String(repeating: "x", count: size - Self.good.utf8.count - 1))
    }
    var limits = PolicyLoader.Limits()
    limits.fileSize = limit
    func load() -> PolicyLoader.Outcome {
      PolicyLoader.load(directory: scratch.path, secrets: .fixed(), lists: .fixed(), limits: limits)
    }
    try fill(limit)
    #expect(load().snapshot != nil)
    try fill(limit + 1)
    #expect(load().errors.map(\.message) == ["the file cannot be read: it has more than 100000 bytes"])
    // The limit as it stands, with a file that has only a size.
    let real = PolicyLoader.maximumFileSize
    #expect(truncate(scratch.path + "/a.yaml", real + 1) == 0)
    #expect(
      scratch.load().errors.map(\.message) == ["the file cannot be read: it has more than 33554432 bytes"])
    #expect(truncate(scratch.path + "/a.yaml", real) == 0)
    #expect(scratch.load().errors.map(\.code) == ["encoding"])
  }

  @Test func moreFilesThanAreRead() throws {
    let scratch = try Scratch()
    var limits = PolicyLoader.Limits()
    limits.files = 3
    func load() -> PolicyLoader.Outcome {
      PolicyLoader.load(directory: scratch.path, secrets: .fixed(), lists: .fixed(), limits: limits)
    }
    for i in 1...3 { try scratch.write("\(i).yaml", "") }
    #expect(load().snapshot != nil)
    try scratch.write("4.yaml", "")
    #expect(load().errors.map(\.message) == ["there are 4 files; at most 3 are read"])
  }

  @Test(arguments: [
    ("rules:\n  - name: a\n\tpriority: 1\n", "3:1 tab", "indent with spaces"),
    ("rules: [{ name: \"a\tb\", priority: 1, match: a }]\nx: 1\n", "2:1 unknown-key", "known here"),
    ("\u{feff}rules: 3\n", "1:8 wrong-type", nil),
    ("rules:\r\n  - name: a\r\n    nmae: b\r\n", "3:5 unknown-key", "did you mean “name”?"),
    ("rules: \u{0}\n", "1:0 encoding", nil),
    ("a: 1\nrules: \u{7}\n", "0:0 encoding", nil),
    (
      "globals:\n  domain: a.example\n  sip:\n    max_forwards: 3\n  domain: b.example\n",
      "5:3 duplicate-key", nil
    ),
    ("rules: [}\n", "1:9 yaml", nil),
    ("globals: { domain: \"a\n", "2:1 yaml", nil),
    ("trunks: [{ name: t, host: h }]\nlocations: [{ name: l, trunk: T }]\n", "2:31 unknown-reference", "“t”"),
  ])
  func textInTheWrongForm(_ yaml: String, _ place: String, _ help: String?) throws {
    let scratch = try Scratch()
    try scratch.write("a.yaml", yaml)
    let outcome = scratch.load()
    #expect(outcome.snapshot == nil)
    #expect(scratch.findings(outcome).contains("a.yaml:\(place)"), "\(outcome.diagnostics)")
    if let help {
      #expect(outcome.errors.contains { $0.suggestion?.contains(help) == true }, "\(outcome.diagnostics)")
    }
  }

  @Test func bytesInTheWrongEncoding() throws {
    let scratch = try Scratch()
    try scratch.write(
      "a.yaml", [0xff, 0xfe] + "rules: []".utf16.flatMap { [UInt8($0 & 0xff), UInt8($0 >> 8)] })
    try scratch.write(
      "b.yaml", [0xfe, 0xff] + "rules: []".utf16.flatMap { [UInt8($0 >> 8), UInt8($0 & 0xff)] })
    // Without a byte order mark, UTF-16 is full of zero bytes.
    try scratch.write("c.yaml", "rules: []".utf16.flatMap { [UInt8($0 & 0xff), UInt8($0 >> 8)] })
    try scratch.write("d.yaml", Array("x-é: 1\nrules: [å".utf8) + [0xc3, 0x28])
    #expect(
      scratch.findings() == [
        "a.yaml:0:0 encoding", "b.yaml:0:0 encoding", "c.yaml:1:0 encoding", "d.yaml:2:10 encoding",
      ])
    #expect(scratch.load().errors.map(\.suggestion?.isEmpty) == [false, false, nil, false])
  }
}
