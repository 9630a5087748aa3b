import ArgumentParser
import CallModel
import Conferences
import Foundation
import ManagementAPI
import PolicyEngine
import Records

/// `tandem conferences history`: what was, from the call records.
struct ConferencesHistoryCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "history", abstract: "List the conferences that are over, or show who was in them.",
    discussion: """
      Reads the records while the service runs, and when it does not: the newest 10,000 conferences, as long as their calls are \
      kept. Newest first; times are UTC. A call between two parties is a conference of type gateway. Exit codes: 0 listed, 1 there \
      are no records to read or no such conference, 2 wrong usage.
      """)

  @Argument(help: "A conference's name, id, or the beginning of its id: show who was in it.")
  var conference: String?

  @Option(
    help:
      "Only conferences that began since then: ISO 8601 (2026-01-31T08:00:00Z), or a time ago (15m, 2h, 7d).")
  var since: String?

  @Option(help: "Only conferences of this type: conference, lecture, gateway …")
  var type: String?

  @Option(help: "At most so many.")
  var limit = 50

  @OptionGroup var options: StateOption

  func validate() throws {
    guard limit > 0 else { throw ValidationError("--limit must be at least 1.") }
    if let since, CallsCommand.time(since, now: Date()) == nil {
      throw ValidationError("“\(since)” is no time. Write 2026-01-31T08:00:00Z, or 15m.")
    }
  }

  func run() throws {
    let archive: CallArchive
    do {
      archive = try CallArchive(directory: options.state)
    } catch let error as CallRecordStoreError {
      try fail(error.description)
    }
    let query = HistoryQuery(since: since.flatMap { CallsCommand.time($0, now: Date()) })
    let found = try archive.conferences(query).filter { past in
      (type == nil || past.identity.serviceType == type) && (conference.map { past.isMeant(by: $0) } ?? true)
    }
    if let conference, found.isEmpty { try fail("No conference of the past is “\(conference)”.") }
    let shown = found.prefix(limit)
    conference == nil ? list(Array(shown)) : try show(Array(shown), archive)
  }

  private func list(_ shown: [PastConference]) {
    if options.json {
      print(JSONText.array(shown.map { HistoryConference($0).json }).text, terminator: "")
    } else if shown.isEmpty {
      print("No conferences.")
    } else {
      let rows = [HistoryConference.header] + shown.map { HistoryConference($0).line }
      print(ConferenceReport.columns(rows).joined(separator: "\n"))
    }
  }

  private func show(_ shown: [PastConference], _ archive: CallArchive) throws {
    let participants = Dictionary(
      grouping: try archive.participants(
        HistoryQuery(since: shown.map(\.identity.started).min())), by: \.record.conference.id
    ).mapValues { $0.sorted { $0.record.started < $1.record.started }.map(HistoryParticipant.init) }
    if options.json {
      let objects = shown.map { past -> JSONText in
        guard case .object(let fields) = HistoryConference(past).json else { return .null }
        let rows = participants[past.identity.id] ?? []
        return .object(
          fields.map { $0.0 == "participants" ? ($0.0, .array(rows.map(\.json))) : $0 })
      }
      print(JSONText.array(objects).text, terminator: "")
      return
    }
    for past in shown {
      let line = HistoryConference(past).line
      print("\(line[2]), \(line[3]), from \(line[0]) for \(line[1]) s, id \(line[5])")
      for row in ConferenceReport.columns((participants[past.identity.id] ?? []).map(\.line)) {
        print("  \(row)")
      }
    }
  }

  private func fail(_ text: String) throws -> Never {
    FileHandle.standardError.write(Data((text + "\n").utf8))
    throw ExitCode(1)
  }
}

extension PastConference {
  fileprivate func isMeant(by text: String) -> Bool {
    identity.name == text || text.count >= 4 && identity.id.hasPrefix(text.lowercased())
  }
}
