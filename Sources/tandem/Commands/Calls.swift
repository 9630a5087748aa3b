import ArgumentParser
import CallModel
import Foundation
import PolicyEngine
import Records

/// `tandem calls`: the calls that are up, and those that were.
struct CallsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "calls", abstract: "List active and recent calls, or show one in full.",
    discussion: """
      Reads the records while the service runs, and when it does not. Newest first; times are UTC. Exit codes: \
      0 listed, 1 there are no records to read or no such call, 2 wrong usage.
      """)

  @Argument(help: "A call's id, or its beginning: show that call in full.")
  var call: String?

  @Option(help: "The same as naming the call.")
  var id: String?

  @Flag(help: "Only calls that are up.")
  var active = false

  @Option(help: "Only calls since then: ISO 8601 (2026-01-31T08:00:00Z), or a time ago (30s, 15m, 2h, 7d).")
  var since: String?

  @Option(help: "Only calls whose calling or called alias contains this, without case.")
  var alias: String?

  @Option(help: "Only calls taken by this rule or service.")
  var service: String?

  @Option(help: "Only calls that ended for this cause, such as busy or networkFailure.")
  var cause: Cause?

  @Option(help: "At most so many.")
  var limit = 50

  @Flag(help: "Print JSON: an array, or one object for one call.")
  var json = false

  @Option(
    name: [.customLong("state"), .customLong("store"), .customShort("s")], help: "Directory of the records.")
  var state = "var"

  func validate() throws {
    guard limit > 0 else { throw ValidationError("--limit must be at least 1.") }
    if let since, CallsCommand.time(since, now: .zero) == nil {
      throw ValidationError(
        "“\(since)” is no time. Write 2026-01-31T08:00:00Z, or 15m for the last quarter of an hour.")
    }
  }

  func run() throws {
    let archive: CallArchive
    do {
      archive = try CallArchive(directory: state)
    } catch let error as CallRecordStoreError {
      try fail(error.description)
    }
    var query = CallQuery()
    query.isActive = active
    query.alias = alias
    query.service = service
    query.cause = cause
    query.limit = limit
    query.since = since.flatMap { CallsCommand.time($0, now: Date()) }
    if let prefix = call ?? id {
      query.idPrefix = prefix.lowercased()
      query.limit = 2
      let found = try archive.calls(query)
      guard found.count == 1 else {
        try fail(
          found.isEmpty ? "No call has the id \(prefix)…" : "More than one call's id begins with \(prefix).")
      }
      print(json ? found[0].json : found[0].text)
      return
    }
    let calls = try archive.calls(query)
    if json {
      print(CallRecord.json(calls))
    } else if calls.isEmpty {
      print(active ? "No calls are up." : "No calls.")
    } else {
      print(CallRecord.table(calls))
    }
    if !archive.hasWriter, calls.contains(where: { $0.ended == nil }) {
      note(
        "The service is not running: calls without an end were left by it, and are closed when it starts again."
      )
    }
  }

  private func note(_ text: String) { FileHandle.standardError.write(Data((text + "\n").utf8)) }

  private func fail(_ text: String) throws -> Never {
    note(text)
    throw ExitCode(1)
  }

  /// An ISO 8601 time, or a number with `s`, `m`, `h` or `d` before `now`.
  static func time(_ text: String, now: Date) -> WallClock? {
    let units: [Character: Double] = ["s": 1, "m": 60, "h": 3600, "d": 86400]
    if let unit = text.last.flatMap({ units[$0] }), let count = Double(text.dropLast()), count >= 0,
      count < 1e6
    {
      return WallClock(milliseconds: Int64((now.timeIntervalSince1970 - count * unit) * 1000))
    }
    return WallClock(iso8601: text)
  }
}

extension Date {
  fileprivate static let zero = Date(timeIntervalSince1970: 0)
}

extension Cause: ExpressibleByArgument {}
