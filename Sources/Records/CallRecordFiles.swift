import Foundation
import GRDB

/// The files of a store, and how they are opened.
struct CallRecordFiles {
  let directory: String
  var database: String { "\(directory)/calls.sqlite" }
  var journal: String { "\(directory)/calls.journal" }

  func makeDirectory() throws {
    do {
      try FileManager.default.createDirectory(
        atPath: directory, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o750])
    } catch {
      throw CallRecordStoreError(
        .inaccessible, "Cannot make the directory \(directory): \(error.localizedDescription)")
    }
  }

  func openForWriting() throws -> DatabaseQueue {
    var configuration = Configuration()
    configuration.label = "records"
    configuration.journalMode = .wal
    // Somebody else's write lock (an administrator's sqlite3) is waited for; then the batch is retried.
    configuration.busyMode = .timeout(1)
    configuration.prepareDatabase { db in
      // Commits reach the page cache, which outlives the process; the WAL is synced at checkpoints.
      try db.execute(sql: "PRAGMA synchronous = NORMAL")
      try db.execute(sql: "PRAGMA journal_size_limit = 67108864")
      // The same pages are written again and again: 16 MiB of WAL between checkpoints saves most of those writes.
      try db.execute(sql: "PRAGMA wal_autocheckpoint = 4000")
      try db.execute(sql: "PRAGMA cache_size = -8192")
    }
    let existed = FileManager.default.fileExists(atPath: database)
    let queue = try DatabaseQueue(path: database, configuration: configuration)
    if !existed { chmod(database, 0o640) }
    try queue.read { db in try checkVersion(db) }
    return queue
  }

  func openForReading() throws -> DatabaseQueue {
    guard FileManager.default.fileExists(atPath: database) else {
      throw CallRecordStoreError(.notFound, "There is no call store in \(directory).")
    }
    var configuration = Configuration()
    configuration.label = "records-reader"
    configuration.readonly = true
    configuration.busyMode = .timeout(1)
    let queue = try DatabaseQueue(path: database, configuration: configuration)
    try queue.read { db in try checkVersion(db) }
    return queue
  }

  private func checkVersion(_ db: Database) throws {
    let version = try Int.fetchOne(db, sql: "PRAGMA user_version") ?? 0
    guard version <= RecordTables.version else {
      throw CallRecordStoreError(
        .newerVersion,
        "\(database) was written by a later version of this program (format \(version), this one knows \(RecordTables.version))."
      )
    }
    let tables = try Int.fetchOne(db, sql: "SELECT count(*) FROM sqlite_master WHERE type = 'table'") ?? 0
    guard version > 0 || tables == 0 else {
      throw CallRecordStoreError(.damaged, "\(database) is a database of another program.")
    }
  }

  /// True while a process writes to the store.
  var isInUse: Bool {
    let descriptor = open(journal, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return false }
    defer { close(descriptor) }
    return flock(descriptor, LOCK_SH | LOCK_NB) != 0
  }
}

extension CallRecordStoreError {
  init(_ error: any Error, file: String) {
    switch error {
    case let error as CallRecordStoreError: self = error
    case let error as DatabaseError: self.init(error, file: file)
    default: self.init(.other, "\(file): \(error)")
    }
  }

  init(_ error: DatabaseError, file: String) {
    let reason = error.message ?? "SQLite error \(error.extendedResultCode.rawValue)"
    switch error.resultCode {
    case .SQLITE_FULL: self.init(.full, "\(file) cannot grow: \(reason).")
    case .SQLITE_CANTOPEN, .SQLITE_READONLY, .SQLITE_PERM, .SQLITE_AUTH:
      self.init(.inaccessible, "\(file) cannot be opened or written: \(reason).")
    case .SQLITE_CORRUPT, .SQLITE_NOTADB:
      self.init(.damaged, "\(file) is damaged (\(reason)). Move it away to start a new one.")
    case .SQLITE_BUSY, .SQLITE_LOCKED: self.init(.inUse, "\(file) is locked by another process.")
    default: self.init(.other, "\(file): \(reason).")
    }
  }
}
