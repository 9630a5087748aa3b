import GRDB

/// The database's tables and their history.
///
/// A version once released is never edited: changes are new migrations. Times are milliseconds since 1970, UTC.
enum RecordTables {
  /// Columns of `call` after `id`, in the order of ``RecordTape``.
  static let callColumns = [
    "call_id", "started", "connected", "ended", "caller_protocol", "caller_is_incoming", "caller_alias",
    "caller_display_name", "caller_address", "caller_vendor", "caller_protocol_call_id", "called_alias",
    "service_name", "service_type", "tag", "ended_by", "cause", "protocol_code", "disconnect_text", "q850",
  ]
  /// Columns after `call` and `position`.
  static let attemptColumns = [
    "via", "alias", "address", "started", "rang", "answered", "ended", "cause", "protocol_code",
    "disconnect_text", "q850",
  ]
  static let mediaColumns = [
    "side", "kind", "codec", "is_encrypted", "packets_received", "packets_sent", "bytes_received",
    "packets_lost", "jitter", "round_trip",
  ]
  static let eventColumns = ["at", "what"]
  static let participantColumns = [
    "participant_id", "conference_id", "is_incoming", "role", "display_name", "remote_alias", "local_alias",
    "protocol", "address", "vendor", "call_tag", "is_encrypted", "has_media", "is_streaming", "started",
    "connected", "ended", "cause", "protocol_code", "disconnect_text", "q850",
  ]
  /// After the columns of `participant` come those of its conference.
  static let conferenceColumns = ["conference_id", "name", "service_type", "tag", "started"]

  /// The version this program writes (`PRAGMA user_version`).
  static let version = 2

  static func migrate(_ db: Database) throws {
    let found = try Int.fetchOne(db, sql: "PRAGMA user_version") ?? 0
    if found < 1 { try makeVersion1(db) }
    if found < 2 { try makeVersion2(db) }
    if found < version { try db.execute(sql: "PRAGMA user_version = \(version)") }
  }

  /// `call.id` counts in the order of acceptance, so listings walk the table backwards, and the rows of one call's
  /// attempts lie together. Indexes are few on purpose: each on something random (an alias) costs every call a page.
  private static func makeVersion1(_ db: Database) throws {
    try db.execute(
      sql: """
        CREATE TABLE call (
          id INTEGER PRIMARY KEY,
          call_id TEXT NOT NULL,
          started INTEGER NOT NULL,
          connected INTEGER,
          ended INTEGER,
          caller_protocol TEXT NOT NULL,
          caller_is_incoming INTEGER NOT NULL,
          caller_alias TEXT NOT NULL,
          caller_display_name TEXT NOT NULL,
          caller_address TEXT,
          caller_vendor TEXT NOT NULL,
          caller_protocol_call_id TEXT NOT NULL,
          called_alias TEXT NOT NULL,
          service_name TEXT NOT NULL,
          service_type TEXT NOT NULL,
          tag TEXT NOT NULL,
          ended_by TEXT,
          cause TEXT,
          protocol_code INTEGER,
          disconnect_text TEXT,
          q850 INTEGER
        ) STRICT;
        CREATE UNIQUE INDEX call_by_call_id ON call (call_id);
        CREATE INDEX call_by_started ON call (started);
        CREATE INDEX call_active ON call (id) WHERE ended IS NULL;
        CREATE TABLE decision (
          call INTEGER PRIMARY KEY,
          json TEXT NOT NULL
        ) STRICT;
        CREATE TABLE attempt (
          call INTEGER NOT NULL,
          position INTEGER NOT NULL,
          via TEXT NOT NULL,
          alias TEXT NOT NULL,
          address TEXT,
          started INTEGER NOT NULL,
          rang INTEGER,
          answered INTEGER,
          ended INTEGER,
          cause TEXT,
          protocol_code INTEGER,
          disconnect_text TEXT,
          q850 INTEGER,
          PRIMARY KEY (call, position)
        ) STRICT, WITHOUT ROWID;
        CREATE TABLE media_quality (
          call INTEGER NOT NULL,
          position INTEGER NOT NULL,
          side TEXT NOT NULL,
          kind TEXT NOT NULL,
          codec TEXT NOT NULL,
          is_encrypted INTEGER NOT NULL,
          packets_received INTEGER NOT NULL,
          packets_sent INTEGER NOT NULL,
          bytes_received INTEGER NOT NULL,
          packets_lost INTEGER NOT NULL,
          jitter REAL,
          round_trip REAL,
          PRIMARY KEY (call, position)
        ) STRICT, WITHOUT ROWID;
        CREATE TABLE event (
          call INTEGER NOT NULL,
          position INTEGER NOT NULL,
          at INTEGER NOT NULL,
          what TEXT NOT NULL,
          PRIMARY KEY (call, position)
        ) STRICT, WITHOUT ROWID;
        CREATE TABLE journal (
          identity INTEGER NOT NULL,
          epoch INTEGER NOT NULL,
          applied INTEGER NOT NULL,
          position INTEGER NOT NULL
        ) STRICT;
        """)
  }

  /// Who was in which conference. `conference.id` counts in the order in which conferences were first seen. Calls of before have
  /// no participants.
  private static func makeVersion2(_ db: Database) throws {
    try db.execute(
      sql: """
        CREATE TABLE conference (
          id INTEGER PRIMARY KEY,
          conference_id TEXT NOT NULL,
          name TEXT NOT NULL,
          service_type TEXT NOT NULL,
          tag TEXT NOT NULL,
          started INTEGER NOT NULL
        ) STRICT;
        CREATE UNIQUE INDEX conference_by_conference_id ON conference (conference_id);
        CREATE TABLE participant (
          call INTEGER NOT NULL,
          position INTEGER NOT NULL,
          participant_id TEXT NOT NULL,
          conference_id TEXT NOT NULL,
          is_incoming INTEGER NOT NULL,
          role TEXT NOT NULL,
          display_name TEXT NOT NULL,
          remote_alias TEXT NOT NULL,
          local_alias TEXT NOT NULL,
          protocol TEXT NOT NULL,
          address TEXT,
          vendor TEXT NOT NULL,
          call_tag TEXT NOT NULL,
          is_encrypted INTEGER NOT NULL,
          has_media INTEGER NOT NULL,
          is_streaming INTEGER NOT NULL,
          started INTEGER NOT NULL,
          connected INTEGER,
          ended INTEGER,
          cause TEXT,
          protocol_code INTEGER,
          disconnect_text TEXT,
          q850 INTEGER,
          PRIMARY KEY (call, position)
        ) STRICT, WITHOUT ROWID;
        CREATE INDEX participant_by_conference ON participant (conference_id);
        CREATE INDEX participant_by_id ON participant (participant_id);
        """)
  }
}
