import CallModel

/// Where call records are kept, for how long, and how much may wait to be written.
public struct CallRecordStoreConfiguration: Sendable {
  /// The directory of the store, made if missing: `calls.sqlite` (with SQLite's `-wal` and `-shm`) and `calls.journal`.
  public var directory: String
  /// Bytes of records that may wait for SQLite; allocated on disk when the store is opened. At least 256 KiB.
  ///
  /// Eight MiB hold some ten thousand records: at a thousand calls a second, ten seconds of a stuck disk.
  public var journalCapacity: Int
  /// How long a record may wait for others, and for later states of its own call, before it is written to SQLite: a short
  /// call is written once. It is safe from `kill -9` before that; the delay is what `tandem calls` lags behind.
  public var flushInterval: TimeSpan
  /// Records of calls that ended longer ago are deleted; nil keeps them for ever.
  public var maximumAge: TimeSpan?
  /// The oldest records of ended calls beyond this number are deleted; nil keeps all.
  public var maximumCalls: Int?

  public init(
    directory: String, journalCapacity: Int = 8 << 20, flushInterval: TimeSpan = .milliseconds(500),
    maximumAge: TimeSpan? = .seconds(90 * 86400), maximumCalls: Int? = 1_000_000
  ) {
    self.directory = directory
    self.journalCapacity = journalCapacity
    self.flushInterval = flushInterval
    self.maximumAge = maximumAge
    self.maximumCalls = maximumCalls
  }
}

/// Why a store cannot be opened, read or written.
public struct CallRecordStoreError: Error, Hashable, Sendable, CustomStringConvertible {
  public enum Code: Hashable, Sendable {
    /// Another process writes to this store.
    case inUse
    /// The directory or a file cannot be made, opened or written (rights, read-only file system).
    case inaccessible
    /// No room on the device.
    case full
    /// The database is damaged or is not one of ours.
    case damaged
    /// Written by a later version of this program.
    case newerVersion
    /// There is no store at this path.
    case notFound
    case other
  }

  public var code: Code
  /// Says what happened to which file, and what to do about it.
  public var description: String

  init(_ code: Code, _ description: String) {
    self.code = code
    self.description = description
  }
}
