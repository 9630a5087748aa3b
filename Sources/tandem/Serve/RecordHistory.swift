import CallModel
import ManagementAPI
import NIOCore
import NIOPosix
import Records

/// The conferences of the past, from the call records. Read on a thread that may wait for the disk, with a connection of its own.
final class RecordHistory: ConferenceHistory {
  private let directory: String

  /// - Parameter directory: of the records.
  init(directory: String) { self.directory = directory }

  func conferences(_ query: HistoryQuery) async throws -> [PastConference] {
    try await read { try $0.conferences(query) }
  }

  func participants(_ query: HistoryQuery) async throws -> [PastParticipant] {
    try await read { try $0.participants(query) }
  }

  private func read<Rows: Sendable>(_ ask: @escaping @Sendable (CallArchive) throws -> Rows) async throws
    -> Rows
  {
    let directory = directory
    return try await NIOThreadPool.singleton.runIfActive { try ask(CallArchive(directory: directory)) }
  }
}
