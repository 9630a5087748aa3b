import CallModel
import Foundation
import PolicyEngine
import Synchronization

/// The policies that were in force, with their files, and how each came to be: `STATE/policy`.
///
/// Files are kept as they were read, without secrets that stand in them. Only their owner can read any of it. What is
/// written is complete or not there: a crash leaves the state before.
public final class PolicyHistory: Sendable {
  /// One change of the policy in force.
  public struct Entry: Hashable, Sendable {
    public enum Way: String, Hashable, Sendable, CaseIterable {
      /// The service began with it.
      case start
      /// Files changed, or SIGHUP.
      case reload
      case activate, rollback
    }

    public var at: WallClock
    public var version: String
    public var way: Way
    /// Who asked for it; empty when nobody did.
    public var by: String
    /// Where it was loaded from.
    public var directory: String
    public var note: String
    /// What stood against it and was overruled.
    public var overruled: [String]

    public init(
      at: WallClock, version: String, way: Way, by: String = "", directory: String = "", note: String = "",
      overruled: [String] = []
    ) {
      self.at = at
      self.version = version
      self.way = way
      self.by = by
      self.directory = directory
      self.note = note
      self.overruled = overruled
    }
  }

  /// Which policy to begin with.
  public struct Active: Hashable, Sendable {
    public var version: String
    /// The version of the watched directory that is not to act, since another was put in its place.
    public var setAside: String?
    public init(version: String, setAside: String? = nil) {
      self.version = version
      self.setAside = setAside
    }
  }

  public enum Failure: Error, CustomStringConvertible {
    case unknown(String)
    case ambiguous(String, [String])
    case unreadable(String)

    public var description: String {
      switch self {
      case .unknown(let version): "no version \(version) is kept"
      case .ambiguous(let version, let found): "\(version) may be any of \(found.joined(separator: ", "))"
      case .unreadable(let reason): reason
      }
    }
  }

  /// Versions whose files are kept, the newest; entries that are listed.
  public static let maximumVersions = 50
  public static let maximumEntries = 1_000
  /// Bytes of all kept files; the newest version stays, whatever it takes.
  public static let maximumBytes = 512 << 20

  public let directory: String
  private let lock = Mutex(())

  /// Makes the directory if it is missing.
  public init(state: String) throws {
    directory = "\(state)/policy"
    try FileManager.default.createDirectory(
      atPath: "\(directory)/versions", withIntermediateDirectories: true)
    for path in [directory, "\(directory)/versions"] { chmod(path, 0o700) }
  }

  /// For reading only; nothing needs to be there.
  public init(reading state: String) { directory = "\(state)/policy" }

  // MARK: Versions

  private func path(_ version: String) -> String { "\(directory)/versions/\(version)" }

  /// Keeps the files of a policy. What stands in the way of bringing it back later is told; nil: nothing.
  public func keep(_ outcome: PolicyLoader.Outcome, directory source: String, at: WallClock) throws -> String?
  {
    guard let snapshot = outcome.snapshot else {
      throw Failure.unreadable("a policy with errors is not kept")
    }
    return try lock.withLock { _ -> String? in
      let place = path(snapshot.version.description)
      guard !FileManager.default.fileExists(atPath: "\(place)/manifest.json") else { return nil }
      guard let kept = outcome.keptFiles else {
        return "its files are not kept: a secret stands in them over several lines"
      }
      try? FileManager.default.removeItem(atPath: place)
      let temporary = "\(directory)/versions/.\(UUID().uuidString)"
      try FileManager.default.createDirectory(atPath: temporary, withIntermediateDirectories: true)
      chmod(temporary, 0o700)
      var items: [KeptManifest.Item] = []
      for (isList, files) in [(false, kept.files), (true, kept.lists)] {
        for file in files {
          let base = file.name.split(separator: "/").last.map(String.init) ?? "file"
          let name = "\(items.count)-\(base)"
          try PolicyHistory.write(file.bytes, to: "\(temporary)/\(name)")
          items.append(.init(path: file.name, name: name, isList: isList))
        }
      }
      let manifest = KeptManifest(
        hash: snapshot.version.hash, directory: source, at: at, omittedSecrets: kept.omittedSecrets,
        items: items)
      try PolicyHistory.write(Array(manifest.json.utf8), to: "\(temporary)/manifest.json")
      guard rename(temporary, place) == 0 else {
        throw Failure.unreadable("\(place): \(String(cString: strerror(errno)))")
      }
      try dropOldest()
      return kept.omittedSecrets == 0
        ? nil : "\(kept.omittedSecrets) secrets that stand in its files were not kept with them"
    }
  }

  /// Names of versions whose files are kept, oldest first.
  public var versions: [String] {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: "\(directory)/versions")) ?? []
    return names.filter { !$0.hasPrefix(".") }
      .compactMap { name in (try? manifest(name)).map { (name, $0.at.milliseconds) } }
      .sorted { ($0.1, $0.0) < ($1.1, $1.0) }.map(\.0)
  }

  private func dropOldest() throws {
    var all = versions
    func size(_ version: String) -> Int {
      let names = (try? FileManager.default.contentsOfDirectory(atPath: path(version))) ?? []
      return names.reduce(0) { sum, name in
        var status = stat()
        return stat("\(path(version))/\(name)", &status) == 0 ? sum + Int(status.st_size) : sum
      }
    }
    var total = all.reduce(0) { $0 + size($1) }
    let active = active?.version
    while all.count > 1, all.count > PolicyHistory.maximumVersions || total > PolicyHistory.maximumBytes {
      let oldest = all.removeFirst()
      guard oldest != active else { continue }
      total -= size(oldest)
      try? FileManager.default.removeItem(atPath: path(oldest))
    }
  }

  private func manifest(_ version: String) throws -> KeptManifest {
    guard let data = FileManager.default.contents(atPath: "\(path(version))/manifest.json") else {
      throw Failure.unknown(version)
    }
    return try KeptManifest(parsing: Array(data))
  }

  /// The one kept version that begins so.
  public func version(beginning prefix: String) throws -> String {
    let found = versions.filter { $0.hasPrefix(prefix.lowercased()) }
    guard let only = found.first else { throw Failure.unknown(prefix) }
    guard found.count == 1 else { throw Failure.ambiguous(prefix, found) }
    return only
  }

  /// The files of a kept version, by the paths they were read from.
  public func files(of version: String) throws -> [(path: String, bytes: [UInt8])] {
    try manifest(version).items.map { item in
      guard let data = FileManager.default.contents(atPath: "\(path(version))/\(item.name)") else {
        throw Failure.unreadable("\(item.name) of version \(version) is missing")
      }
      return (item.path, Array(data))
    }
  }

  /// Compiles a kept version again, with the secrets of today.
  public func load(_ version: String, secrets: SecretSource = .system()) throws -> (
    outcome: PolicyLoader.Outcome, directory: String
  ) {
    let manifest = try manifest(version)
    let files = try files(of: version)
    var kept = PolicyLoader.Outcome.KeptFiles(files: [], lists: [], omittedSecrets: manifest.omittedSecrets)
    for (item, file) in zip(manifest.items, files) {
      let file = PolicyLoader.File(name: file.path, bytes: file.bytes)
      if item.isList { kept.lists.append(file) } else { kept.files.append(file) }
    }
    let outcome = PolicyLoader.load(
      kept: kept, version: PolicyVersion(hash: manifest.hash), directory: manifest.directory,
      secrets: secrets)
    return (outcome, manifest.directory)
  }

  // MARK: Entries

  private var entriesFile: String { "\(directory)/history.jsonl" }

  public func append(_ entry: Entry) throws {
    try lock.withLock { _ in
      let descriptor = open(entriesFile, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0o600)
      guard descriptor >= 0 else {
        throw Failure.unreadable("\(entriesFile): \(String(cString: strerror(errno)))")
      }
      defer { close(descriptor) }
      // One write a line: a reader beside us sees whole lines, and a crash leaves at most one half.
      let line = Array(entry.line.utf8)
      guard Foundation.write(descriptor, line, line.count) == line.count, fsync(descriptor) == 0 else {
        throw Failure.unreadable("\(entriesFile): \(String(cString: strerror(errno)))")
      }
    }
  }

  /// Oldest first; lines that a crash cut short are passed over.
  public var entries: [Entry] {
    guard let data = FileManager.default.contents(atPath: entriesFile) else { return [] }
    return data.split(separator: 0x0a).suffix(PolicyHistory.maximumEntries).compactMap {
      try? Entry(parsing: Array($0))
    }
  }

  // MARK: In force

  private var activeFile: String { "\(directory)/active.json" }

  public var active: Active? {
    FileManager.default.contents(atPath: activeFile).flatMap { try? Active(parsing: Array($0)) }
  }

  public func setActive(_ active: Active) throws {
    let temporary = "\(activeFile).new"
    try PolicyHistory.write(Array(active.json.utf8), to: temporary)
    guard rename(temporary, activeFile) == 0 else {
      throw Failure.unreadable("\(activeFile): \(String(cString: strerror(errno)))")
    }
  }

  /// Writes a file that only its owner can read, and waits until it is on the disk.
  static func write(_ bytes: [UInt8], to path: String) throws {
    func failure() -> Failure { .unreadable("\(path): \(String(cString: strerror(errno)))") }
    let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw failure() }
    defer { close(descriptor) }
    var done = 0
    while done < bytes.count {
      let written = bytes[done...].withUnsafeBytes { Foundation.write(descriptor, $0.baseAddress, $0.count) }
      if written < 0, errno == EINTR { continue }
      guard written > 0 else { throw failure() }
      done += written
    }
    guard fsync(descriptor) == 0 else { throw failure() }
  }
}
