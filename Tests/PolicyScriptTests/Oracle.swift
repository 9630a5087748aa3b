import Foundation
import JSONText
import TestSupport
import Testing

@testable import PolicyScript

/// Stock Jinja2, in one child process for all cases of a test.
enum Oracle {
  struct Case: Sendable {
    var source: String
    var context: [String: ScriptValue] = [:]
    /// Seconds since 1970, for `pex_now`.
    var clock: Int = 0
  }

  enum Answer: Equatable {
    case output(String)
    case error(String)
  }

  struct Unavailable: Error, CustomStringConvertible {
    let description: String
  }

  /// What Jinja2 makes of each case.
  static func answers(to cases: [Case]) throws -> [Answer] {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let lines = cases.map { item -> String in
      ScriptValue.object([
        "source": .string(item.source), "context": .object(ScriptObject(item.context.map { ($0, $1) })),
        "clock": .integer(item.clock),
      ])
      .jsonText
    }
    let input = folder.appendingPathComponent("cases").path
    let output = folder.appendingPathComponent("results").path
    let log = folder.appendingPathComponent("log").path
    try (lines.joined(separator: "\n") + "\n").write(toFile: input, atomically: false, encoding: .utf8)
    guard let script = Bundle.module.path(forResource: "oracle", ofType: "py", inDirectory: "Oracle"),
      FileManager.default.createFile(atPath: log, contents: nil),
      let handle = FileHandle(forWritingAtPath: log)
    else { throw Unavailable(description: "no oracle") }
    // The system's Python has Debian's python3-jinja2 (scripts/setup test); another one may have PyPI's.
    let python = ProcessInfo.processInfo.environment["JINJA2_PYTHON"] ?? "/usr/bin/python3"
    let process = try SpawnedProcess(python, [script, input, output], output: handle.fileDescriptor)
    let status = process.waitUntilExit()
    guard status == 0 else {
      let text = (try? String(contentsOfFile: log, encoding: .utf8)) ?? ""
      throw Unavailable(description: "the oracle ended with \(status): \(text.suffix(2_000))")
    }
    let results = try String(contentsOfFile: output, encoding: .utf8)
    return try results.split(separator: "\n").map { line in
      guard case .object(let object) = try JSONReader.read(String(line)).value else {
        return .error("no object")
      }
      if case .string(let text)? = object["output"]?.value { return .output(text) }
      if case .string(let text)? = object["error"]?.value { return .error(text) }
      return .error("neither output nor error")
    }
  }

  /// Compares every case with Jinja2: both must give the same text, or both an error.
  ///
  /// - Returns: How many gave text, how many an error, and how many went beyond a limit that Python does not have.
  @discardableResult
  static func compare(_ cases: [Case], seed: String = "") throws -> (outputs: Int, errors: Int, limited: Int)
  {
    let answers = try answers(to: cases)
    try #require(answers.count == cases.count)
    var counts = (outputs: 0, errors: 0, limited: 0)
    var differences = 0
    for (item, answer) in zip(cases, answers) {
      var ours: Answer
      do {
        let environment = stillEnvironment(wallClock: Int64(item.clock) * 1_000)
        ours = .output(try rendered(item.source, item.context, environment: environment))
      } catch let error as ScriptError {
        if case .limit(let limit) = error.kind, limit != .depth {
          counts.limited += 1
          continue
        }
        // Jinja computes constants beforehand, and then finds nothing there; of variables it is an error to Jinja too.
        if error.description.contains("cannot be sliced") {
          counts.errors += 1
          continue
        }
        ours = .error(error.description)
      } catch { ours = .error("\(error)") }
      switch (ours, answer) {
      case (.output(let a), .output(let b)) where Array(a.utf8) == Array(b.utf8): counts.outputs += 1
      case (.error, .error): counts.errors += 1
      default:
        differences += 1
        if differences <= 20 {
          Issue.record("\(seed)\n  script:  \(item.source)\n  ours:    \(ours)\n  Jinja2:  \(answer)")
        }
      }
    }
    #expect(differences == 0)
    return counts
  }
}
