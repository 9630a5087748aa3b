import CallModel
import GRDB

/// Conferences that are over, and who was in them.
///
/// Stays in rooms have rows of their own. A call between two parties is a conference too, and as long as nobody was moved in it, the row
/// of the call says all there is to say of it: nothing more is written for each of a thousand calls a second.
extension CallArchive {
  /// Conferences that are over, the newest first: at most ``HistoryQuery/maximumConferences``.
  public func conferences(_ query: HistoryQuery) throws -> [PastConference] {
    try read { db in
      let all = try rooms(query, db) + gatewayCalls(query, db).map(conference)
      return Array(
        all.filter { query.id == nil || $0.identity.id == query.id }
          .sorted { $0.identity.started > $1.identity.started }.prefix(HistoryQuery.maximumConferences))
    }
  }

  /// Participants that have left, the newest first: at most ``HistoryQuery/maximumParticipants``.
  public func participants(_ query: HistoryQuery) throws -> [PastParticipant] {
    try read { db in
      // What they began with counts, which of a transferred party is later than its call.
      let all =
        try roomParticipants(query, db) + gatewayCalls(query, db, since: "ended").flatMap(participants)
      return Array(
        all.filter { query.id == nil || $0.record.id == query.id }
          .sorted { $0.record.started > $1.record.started }.prefix(HistoryQuery.maximumParticipants))
    }
  }

  // MARK: Rooms

  /// Rows of participants with what is known of their conferences and calls.
  static let participants = """
    SELECT p.*, k.call_id, c.name AS conference_name, c.service_type AS conference_type, c.tag AS conference_tag,
      c.started AS conference_started
    FROM participant p JOIN conference c ON c.conference_id = p.conference_id JOIN call k ON k.id = p.call
    """

  private func rooms(_ query: HistoryQuery, _ db: Database) throws -> [PastConference] {
    guard hasParticipants else { return [] }
    var condition = Condition(query, since: "started", until: "started")
    if let id = query.id { condition.require("conference_id = ?", id) }
    condition.require(
      "NOT EXISTS (SELECT 1 FROM participant p WHERE p.conference_id = c.conference_id AND p.ended IS NULL)")
    let rows = try Row.fetchAll(
      db, sql: "SELECT * FROM conference c \(condition.text) ORDER BY id DESC LIMIT ?",
      arguments: condition.arguments + [HistoryQuery.maximumConferences])
    let find = try db.cachedStatement(
      sql: "SELECT participant_id, ended FROM participant WHERE conference_id = ? ORDER BY call, position")
    return try rows.map { row in
      let identity = ConferenceIdentity(
        id: row["conference_id"], name: row["name"], serviceType: row["service_type"], tag: row["tag"],
        started: WallClock(milliseconds: row["started"]))
      let stays = try Row.fetchAll(find, arguments: [identity.id])
      let ended = stays.compactMap { $0[1] as Int64? }.max() ?? identity.started.milliseconds
      return PastConference(
        identity: identity, ended: WallClock(milliseconds: max(ended, identity.started.milliseconds)),
        participants: stays.map { $0[0] })
    }
  }

  private func roomParticipants(_ query: HistoryQuery, _ db: Database) throws -> [PastParticipant] {
    guard hasParticipants else { return [] }
    var condition = Condition(query, since: "p.ended", until: "p.started")
    condition.require("p.ended IS NOT NULL")
    if let id = query.id {
      condition.require("p.participant_id = ?", id)
    } else {
      condition.require(
        "c.id > (SELECT max(id) FROM conference) - ?", HistoryQuery.maximumConferences)
    }
    return try Row.fetchAll(
      db, sql: "\(CallArchive.participants) \(condition.text) ORDER BY p.call DESC, p.position DESC LIMIT ?",
      arguments: condition.arguments + [HistoryQuery.maximumParticipants]
    ).compactMap { row in
      CallID(row["call_id"] as String).map { PastParticipant(call: $0, record: participant(row)) }
    }
  }

  func participant(_ row: Row) -> ParticipantRecord {
    var record = ParticipantRecord(
      id: row["participant_id"],
      conference: ConferenceIdentity(
        id: row["conference_id"], name: row["conference_name"], serviceType: row["conference_type"],
        tag: row["conference_tag"], started: WallClock(milliseconds: row["conference_started"])),
      isIncoming: row["is_incoming"], role: row["role"], displayName: row["display_name"],
      remoteAlias: row["remote_alias"], localAlias: row["local_alias"],
      callProtocol: CallProtocol(rawValue: row["protocol"]) ?? .sip,
      address: (row["address"] as String?).flatMap { TransportAddress($0) }, vendor: row["vendor"],
      callTag: row["call_tag"], started: WallClock(milliseconds: row["started"]))
    record.isEncrypted = row["is_encrypted"]
    record.hasMedia = row["has_media"]
    record.isStreaming = row["is_streaming"]
    record.connected = (row["connected"] as Int64?).map(WallClock.init(milliseconds:))
    record.ended = (row["ended"] as Int64?).map(WallClock.init(milliseconds:))
    record.disconnect = disconnect(row)
    return record
  }

  // MARK: Calls between two parties

  private struct GatewayCall {
    var id: CallID
    var row: Row
    var answered: [CallAttempt]
    var media: [MediaQuality]
  }

  private func gatewayCalls(
    _ query: HistoryQuery, _ db: Database, since: String = "started"
  ) throws -> [GatewayCall] {
    var condition = Condition(query, since: since, until: "started")
    // What a room has dialled is a participant of the room.
    condition.require("service_type = 'gateway' AND caller_is_incoming AND ended IS NOT NULL")
    if hasParticipants { condition.require("NOT EXISTS (SELECT 1 FROM participant WHERE call = c.id)") }
    if let id = query.id {
      guard let candidates = CallID.candidates(forUUID: id) else { return [] }
      condition.require("call_id BETWEEN ? AND ?", candidates.lowerBound, candidates.upperBound)
    }
    let attempts = try db.cachedStatement(
      sql: "SELECT * FROM attempt WHERE call = ? AND answered IS NOT NULL ORDER BY position")
    let media = try db.cachedStatement(sql: "SELECT * FROM media_quality WHERE call = ? ORDER BY position")
    return try Row.fetchAll(
      db, sql: "SELECT * FROM call c \(condition.text) ORDER BY id DESC LIMIT ?",
      arguments: condition.arguments + [HistoryQuery.maximumConferences]
    ).compactMap { row in
      guard let id = CallID(row["call_id"] as String) else { return nil }
      let key: Int64 = row["id"]
      return GatewayCall(
        id: id, row: row, answered: try Row.fetchAll(attempts, arguments: [key]).map(attempt),
        media: try Row.fetchAll(media, arguments: [key]).map(quality))
    }
  }

  private func identity(_ call: GatewayCall) -> ConferenceIdentity {
    ConferenceIdentity(
      gateway: call.id, service: call.row["service_name"], tag: call.row["tag"],
      started: WallClock(milliseconds: call.row["started"]))
  }

  private func conference(_ call: GatewayCall) -> PastConference {
    PastConference(
      identity: identity(call), ended: WallClock(milliseconds: call.row["ended"]),
      participants: participants(call).map(\.record.id))
  }

  private func participants(_ call: GatewayCall) -> [PastParticipant] {
    let (row, identity) = (call.row, identity(call))
    let ended = WallClock(milliseconds: row["ended"])
    func isEncrypted(_ side: CallRecord.Side) -> Bool {
      let streams = call.media.filter { $0.side == side }
      return !streams.isEmpty && streams.allSatisfy(\.isEncrypted)
    }
    var caller = ParticipantRecord(
      id: call.id.uuid(1), conference: identity, isIncoming: true, role: "unknown",
      displayName: row["caller_display_name"], remoteAlias: row["caller_alias"],
      localAlias: row["called_alias"],
      callProtocol: CallProtocol(rawValue: row["caller_protocol"]) ?? .sip,
      address: (row["caller_address"] as String?).flatMap { TransportAddress($0) },
      vendor: row["caller_vendor"], started: identity.started)
    caller.connected = (row["connected"] as Int64?).map(WallClock.init(milliseconds:))
    caller.ended = ended
    caller.disconnect = disconnect(row)
    caller.isEncrypted = isEncrypted(.caller)
    caller.hasMedia = call.media.contains { $0.side == .caller }
    var all = [caller]
    for (index, attempt) in call.answered.enumerated() {
      var called = ParticipantRecord(
        id: call.id.uuid(2 + UInt64(index)), conference: identity, isIncoming: false, role: "unknown",
        displayName: "", remoteAlias: attempt.alias, localAlias: row["caller_alias"],
        callProtocol: .sip, address: attempt.address, started: attempt.started)
      called.connected = attempt.answered
      // Whoever answers later takes its place.
      called.ended = call.answered.dropFirst(index + 1).first?.answered ?? ended
      called.disconnect = index + 1 < call.answered.count ? Disconnect(.transferred) : disconnect(row)
      called.isEncrypted = isEncrypted(.called)
      called.hasMedia = call.media.contains { $0.side == .called }
      all.append(called)
    }
    return all.map { PastParticipant(call: call.id, record: $0) }
  }

  // MARK: Conditions

  private struct Condition {
    private var conditions: [String] = []
    private(set) var arguments = StatementArguments()

    init(_ query: HistoryQuery, since column: String, until started: String) {
      if let since = query.since { require("\(column) >= ?", since.milliseconds) }
      if let until = query.until { require("\(started) <= ?", until.milliseconds) }
    }

    mutating func require(_ condition: String, _ values: any DatabaseValueConvertible...) {
      conditions.append(condition)
      arguments += StatementArguments(values)
    }

    var text: String { conditions.isEmpty ? "" : "WHERE \(conditions.joined(separator: " AND "))" }
  }
}
