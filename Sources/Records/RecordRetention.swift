import CallModel
import GRDB

/// Deletes records that are too old or too many, a few hundred at a time, between batches.
///
/// Used by the writer thread only.
final class RecordRetention {
  let maximumAge: TimeSpan?
  let maximumCalls: Int?
  /// The last step found as many as it might delete: another should follow soon.
  private(set) var hasMore = false
  private var nextAgeCheck = MonotonicInstant.zero

  /// Calls deleted in one transaction: some milliseconds.
  static let stepLimit = 500
  private static let ageCheckInterval = TimeSpan.seconds(10)

  init(maximumAge: TimeSpan?, maximumCalls: Int?) {
    self.maximumAge = maximumAge
    self.maximumCalls = maximumCalls
  }

  /// One step. Calls that are up are never deleted.
  ///
  /// - Returns: How many calls were deleted.
  func prune(_ db: Database, writer: RecordWriter, now: WallClock, at instant: MonotonicInstant) throws -> Int
  {
    var deleted = 0
    hasMore = false
    if let maximumCalls, writer.lastRow - writer.firstRow + 1 > Int64(maximumCalls) {
      let bound = writer.lastRow - Int64(maximumCalls)
      let rows = try Int64.fetchAll(
        db, sql: "SELECT id FROM call WHERE id <= ? AND ended IS NOT NULL ORDER BY id LIMIT ?",
        arguments: [bound, RecordRetention.stepLimit])
      try delete(rows, db)
      deleted += rows.count
      if rows.count == RecordRetention.stepLimit {
        hasMore = true
      } else {
        // What is left below are calls that are up; they are looked at again when they are the only ones missing.
        writer.pruned(upTo: try Int64.fetchOne(db, sql: "SELECT min(id) FROM call").map { $0 - 1 } ?? bound)
      }
    }
    if let maximumAge, hasMore || instant >= nextAgeCheck {
      let rows = try Int64.fetchAll(
        db, sql: "SELECT id FROM call WHERE started < ? AND ended < ?1 ORDER BY started LIMIT ?2",
        arguments: [now.milliseconds - maximumAge.milliseconds, RecordRetention.stepLimit])
      try delete(rows, db)
      deleted += rows.count
      if rows.count == RecordRetention.stepLimit {
        hasMore = true
      } else {
        nextAgeCheck = instant + RecordRetention.ageCheckInterval
      }
    }
    return deleted
  }

  private func delete(_ rows: [Int64], _ db: Database) throws {
    guard !rows.isEmpty else { return }
    try db.inTransaction(.immediate) {
      var conferences: Set<String> = []
      let find = try db.cachedStatement(sql: "SELECT conference_id FROM participant WHERE call = ?")
      for row in rows { conferences.formUnion(try String.fetchAll(find, arguments: [row])) }
      for table in ["decision", "attempt", "media_quality", "event", "participant"] {
        let statement = try db.cachedStatement(sql: "DELETE FROM \(table) WHERE call = ?")
        for row in rows { try statement.execute(arguments: [row]) }
      }
      let statement = try db.cachedStatement(sql: "DELETE FROM call WHERE id = ?")
      for row in rows { try statement.execute(arguments: [row]) }
      // A conference is remembered as long as somebody who was in it.
      let forget = try db.cachedStatement(
        sql: """
          DELETE FROM conference WHERE conference_id = ?1
            AND NOT EXISTS (SELECT 1 FROM participant WHERE conference_id = ?1)
          """)
      for conference in conferences { try forget.execute(arguments: [conference]) }
      return .commit
    }
  }
}
