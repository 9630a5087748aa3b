import CallModel
import GRDB
import GRDBSQLite

/// Brings the rows of calls up to date from tapes, with statements prepared once.
///
/// Used inside the store's database queue only, by the writer thread. Values are bound from where they lie in the journal
/// (`SQLITE_STATIC`): the statement is stepped and reset before the entry is released.
final class RecordWriter {
  /// What the writer knows of a call that is up, so that it need not look it up.
  private struct KnownCall {
    var row: Int64
    var attempts: Int
    var media: Int
    var events: Int
  }

  private var known: [CallID: KnownCall] = [:]
  private var nextRow: Int64
  /// Calls that have no end yet.
  var activeCalls: Int { known.count }
  private(set) var firstRow: Int64
  var lastRow: Int64 { nextRow - 1 }

  private let insertCall: Statement
  private let updateCall: Statement
  private let findCall: Statement
  private let replaceDecision: Statement
  private let replaceAttempt: Statement
  private let replaceMedia: Statement
  private let replaceEvent: Statement
  private let replaceParticipant: Statement
  private let insertConference: Statement
  private let noteJournal: Statement

  init(_ db: Database) throws {
    let columns = RecordTables.callColumns
    insertCall = try db.makeStatement(
      sql: """
        INSERT INTO call (\(columns.joined(separator: ", ")), id)
        VALUES (\(RecordWriter.marks(columns.count + 1))) ON CONFLICT (call_id) DO NOTHING
        """)
    // A call that has ended is never opened again, whatever comes late.
    updateCall = try db.makeStatement(
      sql: """
        UPDATE call SET \(columns.map { "\($0) = ?" }.joined(separator: ", "))
        WHERE id = ?\(columns.count + 1) AND (ended IS NULL OR ?4 IS NOT NULL)
        """)
    findCall = try db.makeStatement(sql: "SELECT id FROM call WHERE call_id = ?")
    replaceDecision = try db.makeStatement(sql: "INSERT OR REPLACE INTO decision (json, call) VALUES (?, ?)")
    replaceAttempt = try RecordWriter.replace(db, "attempt", RecordTables.attemptColumns)
    replaceMedia = try RecordWriter.replace(db, "media_quality", RecordTables.mediaColumns)
    replaceEvent = try RecordWriter.replace(db, "event", RecordTables.eventColumns)
    replaceParticipant = try RecordWriter.replace(db, "participant", RecordTables.participantColumns)
    insertConference = try db.makeStatement(
      sql: """
        INSERT INTO conference (\(RecordTables.conferenceColumns.joined(separator: ", ")))
        VALUES (\(RecordWriter.marks(RecordTables.conferenceColumns.count)))
        ON CONFLICT (conference_id) DO UPDATE SET started = min(started, excluded.started)
        """)
    noteJournal = try db.makeStatement(
      sql: "UPDATE journal SET identity = ?, epoch = ?, applied = ?, position = ?")
    nextRow = (try Int64.fetchOne(db, sql: "SELECT max(id) FROM call") ?? 0) + 1
    firstRow = try Int64.fetchOne(db, sql: "SELECT min(id) FROM call") ?? nextRow
    try loadActive(db)
  }

  private static func marks(_ count: Int) -> String {
    Array(repeating: "?", count: count).joined(separator: ", ")
  }

  private static func replace(_ db: Database, _ table: String, _ columns: [String]) throws -> Statement {
    try db.makeStatement(
      sql: """
        INSERT OR REPLACE INTO \(table) (\(columns.joined(separator: ", ")), call, position)
        VALUES (\(marks(columns.count + 2)))
        """)
  }

  /// Forgets what is known and reads it again: after a roll-back, and when the store is opened.
  func loadActive(_ db: Database) throws {
    known.removeAll(keepingCapacity: true)
    nextRow = (try Int64.fetchOne(db, sql: "SELECT max(id) FROM call") ?? nextRow - 1) + 1
    let rows = try Row.fetchCursor(
      db,
      sql: """
        SELECT id, call_id, (SELECT count(*) FROM attempt WHERE call = c.id),
          (SELECT count(*) FROM media_quality WHERE call = c.id), (SELECT count(*) FROM event WHERE call = c.id)
        FROM call c WHERE ended IS NULL
        """)
    while let row = try rows.next() {
      guard let id = CallID(row[1] as String) else { continue }
      known[id] = KnownCall(row: row[0], attempts: row[2], media: row[3], events: row[4])
    }
  }

  func forgetActive() { known.removeAll() }
  func pruned(upTo row: Int64) { firstRow = max(firstRow, row + 1) }

  /// Brings one call's rows to the state on the tape.
  ///
  /// - Parameter decision: JSON, from an earlier tape of the call when this one leaves it out.
  func apply(flags: UInt32, payload: UnsafeRawBufferPointer, decision: UnsafeRawBufferPointer? = nil) throws {
    guard var tape = RecordTapeReader(payload) else { return }
    let hasEnded = flags & RecordJournal.Flags.hasEnded != 0
    var call: KnownCall
    if let found = known[tape.id] {
      call = found
      try run(updateCall, &tape, RecordTables.callColumns.count, call.row)
    } else {
      var copy = tape
      call = KnownCall(row: nextRow, attempts: 0, media: 0, events: 0)
      try run(insertCall, &tape, RecordTables.callColumns.count, nextRow)
      if sqlite3_changes(sqlite3_db_handle(insertCall.sqliteStatement)) == 1 {
        nextRow += 1
      } else {
        // Its record is there and closed: this one came late, or again.
        guard hasEnded, let row = try find(tape.id) else { return }
        call.row = row
        try run(updateCall, &copy, RecordTables.callColumns.count, row)
        tape = copy
      }
    }
    if let json = tape.decision ?? decision { try keepDecision(json, call.row) }
    call.attempts = try applyRows(replaceAttempt, RecordTables.attemptColumns.count, &tape, call.row, from: 0)
    call.media = try applyRows(replaceMedia, RecordTables.mediaColumns.count, &tape, call.row, from: 0)
    // Events are only ever added.
    call.events = try applyRows(
      replaceEvent, RecordTables.eventColumns.count, &tape, call.row, from: max(call.events - 1, 0))
    try applyParticipants(&tape, call.row)
    known[tape.id] = hasEnded ? nil : call
  }

  private func applyParticipants(_ tape: inout RecordTapeReader, _ call: Int64) throws {
    let columns = RecordTables.participantColumns.count
    for position in 0..<tape.count() {
      try bind(replaceParticipant, Int32(columns) + 2, .integer(Int64(position)))
      try run(replaceParticipant, &tape, columns, call)
      for index in RecordTables.conferenceColumns.indices {
        try bind(insertConference, Int32(index) + 1, tape.next())
      }
      try step(insertConference)
    }
  }

  private func keepDecision(_ json: UnsafeRawBufferPointer, _ call: Int64) throws {
    try bind(replaceDecision, 1, .text(json))
    try bind(replaceDecision, 2, .integer(call))
    try step(replaceDecision)
  }

  private func applyRows(
    _ statement: Statement, _ columns: Int, _ tape: inout RecordTapeReader, _ call: Int64, from first: Int
  ) throws -> Int {
    let count = tape.count()
    for position in 0..<count {
      guard position >= first else {
        for _ in 0..<columns { _ = tape.next() }
        continue
      }
      try bind(statement, Int32(columns) + 2, .integer(Int64(position)))
      try run(statement, &tape, columns, call)
    }
    return count
  }

  private func find(_ id: CallID) throws -> Int64? {
    var text = id.description
    return try text.withUTF8 { bytes in
      try bind(findCall, 1, .text(UnsafeRawBufferPointer(bytes)))
      defer { sqlite3_reset(findCall.sqliteStatement) }
      switch sqlite3_step(findCall.sqliteStatement) {
      case SQLITE_ROW: return sqlite3_column_int64(findCall.sqliteStatement, 0)
      case SQLITE_DONE: return nil
      default: throw failure(findCall)
      }
    }
  }

  func note(identity: UInt64, epoch: UInt64, _ applied: RecordJournal.Position) throws {
    try bind(noteJournal, 1, .integer(Int64(bitPattern: identity)))
    try bind(noteJournal, 2, .integer(Int64(bitPattern: epoch)))
    try bind(noteJournal, 3, .integer(Int64(bitPattern: applied.sequence)))
    try bind(noteJournal, 4, .integer(Int64(applied.offset)))
    try step(noteJournal)
  }

  // MARK: Statements

  /// Binds the next values of the tape to the first parameters, `key` to the one after, and runs the statement.
  private func run(_ statement: Statement, _ tape: inout RecordTapeReader, _ columns: Int, _ key: Int64)
    throws
  {
    for index in 1...columns { try bind(statement, Int32(index), tape.next()) }
    try bind(statement, Int32(columns + 1), .integer(key))
    try step(statement)
  }

  private func bind(_ statement: Statement, _ index: Int32, _ value: RecordTapeReader.Value) throws {
    let handle = statement.sqliteStatement
    let code =
      switch value {
      case .null: sqlite3_bind_null(handle, index)
      case .integer(let number): sqlite3_bind_int64(handle, index, number)
      case .real(let number): sqlite3_bind_double(handle, index, number)
      case .text(let bytes):
        // A null pointer would bind NULL, and these columns take empty text.
        sqlite3_bind_text(
          handle, index,
          (bytes.baseAddress ?? UnsafeRawPointer(bitPattern: 1)!).assumingMemoryBound(to: CChar.self),
          Int32(bytes.count), nil)
      }
    guard code == SQLITE_OK else { throw failure(statement) }
  }

  private func step(_ statement: Statement) throws {
    let code = sqlite3_step(statement.sqliteStatement)
    sqlite3_reset(statement.sqliteStatement)
    guard code == SQLITE_DONE else { throw failure(statement) }
  }

  private func failure(_ statement: Statement) -> DatabaseError {
    let connection = sqlite3_db_handle(statement.sqliteStatement)
    return DatabaseError(
      resultCode: ResultCode(rawValue: sqlite3_extended_errcode(connection)),
      message: String(cString: sqlite3_errmsg(connection)))
  }
}
