import CallModel
import GRDB
import Logging

/// What opening a store does before it takes records: tables, the journal of a killed process, its calls.
struct RecordRecovery {
  let journal: RecordJournal
  let logger: Logger
  let now: @Sendable () -> WallClock

  /// In one transaction, so that being killed in the middle changes nothing.
  func run(_ db: Database) throws -> RecordWriter {
    var writer: RecordWriter?
    var last = RecordJournal.Position(offset: 0, sequence: 0)
    var recovered = 0
    var interrupted = 0
    let epoch = UInt64.random(in: .min ... .max)
    try db.inTransaction(.immediate) {
      try RecordTables.migrate(db)
      let records = try RecordWriter(db)
      if let noted = try Row.fetchOne(db, sql: "SELECT identity, epoch, applied, position FROM journal") {
        last = RecordJournal.Position(
          offset: Int(noted[3] as Int64), sequence: UInt64(bitPattern: noted[2] as Int64))
        if UInt64(bitPattern: noted[0] as Int64) == journal.identity {
          last = try journal.recover(after: last, epoch: UInt64(bitPattern: noted[1] as Int64)) {
            flags, payload in
            try records.apply(flags: flags, payload: payload)
            recovered += 1
          }
        } else {
          logger.warning("the journal belongs to another database; what it may hold is not brought in")
        }
      } else {
        try db.execute(sql: "INSERT INTO journal VALUES (0, 0, 0, 0)")
      }
      interrupted = try interrupt(db, at: journal.aliveAt)
      records.forgetActive()
      try records.note(
        identity: journal.identity, epoch: epoch, RecordJournal.Position(offset: 0, sequence: last.sequence))
      writer = records
      return .commit
    }
    journal.start(after: last.sequence, epoch: epoch)
    journal.aliveAt = now().milliseconds
    if recovered > 0 || interrupted > 0 {
      logger.notice(
        "call store recovered", metadata: ["entries": "\(recovered)", "interrupted": "\(interrupted)"])
    }
    return writer!
  }

  /// Closes calls without an end: the process that had them is gone, this one has just taken its place.
  private func interrupt(_ db: Database, at aliveAt: Int64) throws -> Int {
    try db.execute(
      sql: """
        INSERT OR REPLACE INTO event (call, position, at, what)
        SELECT id, (SELECT count(*) FROM event WHERE call = c.id), max(started, ?), 'interrupted'
        FROM call c WHERE ended IS NULL
        """, arguments: [aliveAt])
    try db.execute(
      sql: """
        UPDATE attempt SET ended = max(started, ?), cause = 'interrupted'
        WHERE ended IS NULL AND call IN (SELECT id FROM call WHERE ended IS NULL)
        """, arguments: [aliveAt])
    try db.execute(
      sql: """
        UPDATE participant SET ended = max(started, ifnull(connected, 0), ?), cause = 'interrupted',
          disconnect_text = 'the process ended under the call'
        WHERE ended IS NULL AND call IN (SELECT id FROM call WHERE ended IS NULL)
        """, arguments: [aliveAt])
    try db.execute(
      sql: """
        UPDATE call SET ended = max(started, ifnull(connected, 0), ?), cause = 'interrupted', ended_by = 'tandem',
          disconnect_text = 'the process ended under the call'
        WHERE ended IS NULL
        """, arguments: [aliveAt])
    return db.changesCount
  }
}
