import CallModel
import GRDB

/// Which calls to list. All conditions must hold; nil and false ask for nothing.
public struct CallQuery: Hashable, Sendable {
  /// Only calls without an end.
  public var isActive = false
  /// Calls that started at or after this.
  public var since: WallClock?
  /// Calls that started before this.
  public var until: WallClock?
  /// Text that the calling or the called alias contains, compared without case (ASCII letters).
  public var alias: String?
  /// The name of the rule or service that took the call.
  public var service: String?
  public var cause: Cause?
  /// The beginning of the call's id.
  public var idPrefix: String?
  /// At most so many, the newest.
  public var limit = 50

  public init() {}
}

/// Reads a store, also while another process writes it.
public final class CallArchive: Sendable {
  private let database: DatabaseQueue
  private let files: CallRecordFiles
  /// False: the store was last written by a version that did not know of participants.
  let hasParticipants: Bool

  /// - Throws: ``CallRecordStoreError`` if there is no store, or it cannot be read.
  public init(directory: String) throws {
    files = CallRecordFiles(directory: directory)
    do {
      database = try files.openForReading()
      hasParticipants = try database.read { try Int.fetchOne($0, sql: "PRAGMA user_version") ?? 0 } >= 2
    } catch {
      throw CallRecordStoreError(error, file: files.database)
    }
  }

  /// True while a process writes to the store; when not, calls without an end were left by one that died.
  public var hasWriter: Bool { files.isInUse }

  /// The newest calls that the query allows, newest first, in full.
  public func calls(_ query: CallQuery) throws -> [CallRecord] {
    var conditions: [String] = []
    var arguments: [any DatabaseValueConvertible] = []
    func require(_ condition: String, _ values: any DatabaseValueConvertible...) {
      conditions.append(condition)
      arguments += values
    }
    if query.isActive { require("ended IS NULL") }
    if let since = query.since { require("started >= ?", since.milliseconds) }
    if let until = query.until { require("started < ?", until.milliseconds) }
    if let alias = query.alias {
      let pattern = "%\(CallArchive.escaped(alias))%"
      require("(caller_alias LIKE ? ESCAPE '\\' OR called_alias LIKE ? ESCAPE '\\')", pattern, pattern)
    }
    if let service = query.service { require("service_name = ?", service) }
    if let cause = query.cause { require("cause = ?", cause.rawValue) }
    if let prefix = query.idPrefix { require("call_id >= ? AND call_id < ?", prefix, prefix + "~") }
    arguments.append(max(query.limit, 0))
    let sql = """
      SELECT * FROM call \(conditions.isEmpty ? "" : "WHERE \(conditions.joined(separator: " AND "))")
      ORDER BY id DESC LIMIT ?
      """
    return try read { db in
      try Row.fetchAll(db, sql: sql, arguments: StatementArguments(arguments)).map { try record($0, db) }
    }
  }

  /// One call in full; nil when the store does not have it.
  public func call(_ id: CallID) throws -> CallRecord? {
    try read { db in
      try Row.fetchOne(db, sql: "SELECT * FROM call WHERE call_id = ?", arguments: [id.description])
        .map { try record($0, db) }
    }
  }

  public func numberOfCalls() throws -> Int {
    try read { try Int.fetchOne($0, sql: "SELECT count(*) FROM call") ?? 0 }
  }

  func read<Value>(_ body: (Database) throws -> Value) throws -> Value {
    do {
      return try database.read(body)
    } catch {
      throw CallRecordStoreError(error, file: files.database)
    }
  }

  private static func escaped(_ text: String) -> String {
    text.reduce(into: "") { result, character in
      if "%_\\".contains(character) { result.append("\\") }
      result.append(character)
    }
  }
}

extension CallArchive {
  private func record(_ row: Row, _ db: Database) throws -> CallRecord {
    let key: Int64 = row["id"]
    guard let id = CallID(row["call_id"] as String) else {
      throw damaged("a call has the id \"\(row["call_id"] as String)\"")
    }
    guard
      let json = try String.fetchOne(db, sql: "SELECT json FROM decision WHERE call = ?", arguments: [key])
    else { throw damaged("call \(id) has no decision") }
    let decision: DecisionRecord
    do { decision = try DecisionRecord(json: json) } catch {
      throw damaged("the decision of call \(id): \(error)")
    }
    var record = CallRecord(
      id: id, started: WallClock(milliseconds: row["started"]),
      caller: LegParty(
        callProtocol: CallProtocol(rawValue: row["caller_protocol"]) ?? .sip,
        isIncoming: row["caller_is_incoming"], alias: row["caller_alias"],
        displayName: row["caller_display_name"],
        address: (row["caller_address"] as String?).flatMap { TransportAddress($0) },
        vendor: row["caller_vendor"], protocolCallID: row["caller_protocol_call_id"]),
      calledAlias: row["called_alias"], serviceName: row["service_name"], serviceType: row["service_type"],
      tag: row["tag"], decision: decision)
    record.connected = (row["connected"] as Int64?).map(WallClock.init(milliseconds:))
    record.ended = (row["ended"] as Int64?).map(WallClock.init(milliseconds:))
    record.endedBy = (row["ended_by"] as String?).flatMap(CallRecord.Side.init(rawValue:))
    record.disconnect = disconnect(row)
    record.attempts = try rows("attempt", key, db).map(attempt)
    record.media = try rows("media_quality", key, db).map(quality)
    record.events = try rows("event", key, db).map {
      CallEvent(at: WallClock(milliseconds: $0["at"]), what: $0["what"])
    }
    guard hasParticipants else { return record }
    record.participants = try Row.fetchAll(
      db, sql: CallArchive.participants + " WHERE p.call = ? ORDER BY p.position", arguments: [key]
    ).map(participant)
    return record
  }

  func rows(_ table: String, _ key: Int64, _ db: Database) throws -> [Row] {
    try Row.fetchAll(db, sql: "SELECT * FROM \(table) WHERE call = ? ORDER BY position", arguments: [key])
  }

  func disconnect(_ row: Row) -> Disconnect? {
    guard let name = row["cause"] as String?, let cause = Cause(rawValue: name) else { return nil }
    return Disconnect(
      cause, protocolCode: row["protocol_code"], text: row["disconnect_text"], q850: row["q850"])
  }

  func attempt(_ row: Row) -> CallAttempt {
    var attempt = CallAttempt(
      via: row["via"], alias: row["alias"],
      address: (row["address"] as String?).flatMap { TransportAddress($0) },
      started: WallClock(milliseconds: row["started"]))
    attempt.rang = (row["rang"] as Int64?).map(WallClock.init(milliseconds:))
    attempt.answered = (row["answered"] as Int64?).map(WallClock.init(milliseconds:))
    attempt.ended = (row["ended"] as Int64?).map(WallClock.init(milliseconds:))
    attempt.disconnect = disconnect(row)
    return attempt
  }

  func quality(_ row: Row) -> MediaQuality {
    MediaQuality(
      side: CallRecord.Side(rawValue: row["side"]) ?? .tandem, kind: row["kind"], codec: row["codec"],
      isEncrypted: row["is_encrypted"], packetsReceived: UInt64(clamping: row["packets_received"] as Int64),
      packetsSent: UInt64(clamping: row["packets_sent"] as Int64),
      bytesReceived: UInt64(clamping: row["bytes_received"] as Int64), packetsLost: row["packets_lost"],
      jitter: row["jitter"] ?? 0, roundTrip: row["round_trip"])
  }

  private func damaged(_ what: String) -> CallRecordStoreError {
    CallRecordStoreError(.damaged, "\(files.database): \(what).")
  }
}
