import ArgumentParser
import CallModel
import Foundation
import PolicyEngine
import PolicyTools
import Records

/// `tandem replay`: recorded calls, decided by a policy that does not take calls yet.
struct ReplayCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "replay", abstract: "Decide recorded calls again, by another policy.",
    discussion: """
      Lists the calls that would have gone elsewhere, been refused or been let through. Exit codes: 0 no more differ than \
      allowed, 1 more do, the policy has errors or there are no records, 2 wrong usage.
      """)

  @Argument(help: "Directory with the candidate policy's *.yaml files.")
  var directory = "policies"

  @Option(
    name: [.customLong("state"), .customLong("store"), .customShort("s")], help: "Directory of the records.")
  var state = "var"

  @Option(help: "Only calls since then: ISO 8601 (2026-01-31T08:00:00Z), or a time ago (30s, 15m, 2h, 7d).")
  var since: String?

  @Option(help: "At most so many calls, the newest.")
  var limit = 100_000

  @Option(help: "Per cent of the calls that may be decided differently.")
  var maximumShare = 0.0

  @Option(help: "Differences to list.")
  var list = 50

  @Flag(help: "Print JSON.")
  var json = false

  func validate() throws {
    guard limit > 0, list >= 0 else {
      throw ValidationError("--limit must be at least 1, --list at least 0.")
    }
    if let since, CallsCommand.time(since, now: Date()) == nil {
      throw ValidationError(
        "“\(since)” is no time. Write 2026-01-31T08:00:00Z, or 15m for the last quarter of an hour.")
    }
  }

  func run() throws {
    let snapshot = try loadPolicy(directory)
    var query = CallQuery()
    query.limit = limit
    query.since = since.flatMap { CallsCommand.time($0, now: Date()) }
    let calls: [CallRecord]
    do {
      calls = try CallArchive(directory: state).calls(query)
    } catch let error as CallRecordStoreError {
      FileHandle.standardError.write(Data("\(error.description)\n".utf8))
      throw ExitCode(1)
    }
    let report = PolicyReplayReport(
      replay: PolicyReplay(calls.reversed(), by: snapshot), version: snapshot.version.description,
      maximumShare: maximumShare, listed: list)
    print(json ? report.json : report.text, terminator: "")
    throw ExitCode(report.exitCode)
  }
}
