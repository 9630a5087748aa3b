import CallModel

/// The conferences that are over, wherever that is kept.
public protocol ConferenceHistory: Sendable {
  /// The newest first; bounded as ``HistoryQuery`` says.
  /// - Throws: when what is kept cannot be read.
  func conferences(_ query: HistoryQuery) async throws -> [PastConference]
  /// - Throws: when what is kept cannot be read.
  func participants(_ query: HistoryQuery) async throws -> [PastParticipant]
}
