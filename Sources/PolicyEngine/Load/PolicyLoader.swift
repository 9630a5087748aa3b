import CallModel
import Glibc

/// Reads the YAML files of a policy and compiles them, or says everything that is wrong with them.
public enum PolicyLoader {
  /// What came of loading: a snapshot unless there are errors, and all errors and warnings in the order of the files.
  public struct Outcome: Sendable {
    public var snapshot: PolicySnapshot?
    public var diagnostics: [PolicyDiagnostic]
    /// Where everything stands; nil without a snapshot.
    package var places: PolicyPlaces?

    public init(snapshot: PolicySnapshot?, diagnostics: [PolicyDiagnostic]) {
      self.snapshot = snapshot
      self.diagnostics = diagnostics
    }

    public var errors: [PolicyDiagnostic] { diagnostics.filter { $0.severity == .error } }
    public var warnings: [PolicyDiagnostic] { diagnostics.filter { $0.severity == .warning } }
  }

  /// One file, in memory.
  public struct File: Sendable {
    public var name: String
    public var bytes: [UInt8]

    public init(name: String, bytes: [UInt8]) {
      self.name = name
      self.bytes = bytes
    }

    public init(name: String, text: String) { self.init(name: name, bytes: Array(text.utf8)) }
  }

  public static let maximumFiles = 1_000
  /// Bytes of one file, and of all.
  public static let maximumFileSize = 32 << 20
  public static let maximumTotalSize = 128 << 20
  /// Diagnostics that are kept; one wrong indentation should not print a thousand pages.
  public static let maximumDiagnostics = 1_000

  /// Loads all `*.yaml` and `*.yml` files of a directory, not of those below it, in the order of their names.
  public static func load(
    directory: String, secrets: SecretSource = .system(), lists: ListSource = .system
  ) -> Outcome {
    func failure(_ code: String, _ message: String, _ suggestion: String? = nil) -> Outcome {
      Outcome(
        snapshot: nil,
        diagnostics: [
          PolicyDiagnostic(.error, code: code, message, file: directory, suggestion: suggestion)
        ])
    }
    var directory = directory
    while directory.count > 1, directory.hasSuffix("/") { directory.removeLast() }
    let names: [String]
    switch yamlFiles(in: directory) {
    case .success(let found): names = found
    case .failure(let error): return failure("unreadable", "the directory cannot be read: \(error.reason)")
    }
    guard !names.isEmpty else {
      return failure(
        "no-files", "there are no *.yaml files in this directory", "write a policy, or name another directory"
      )
    }
    guard names.count <= maximumFiles else {
      return failure("too-large", "there are \(names.count) files; at most \(maximumFiles) are read")
    }
    var files: [File] = []
    var diagnostics: [PolicyDiagnostic] = []
    var total = 0
    for name in names {
      let path = "\(directory)/\(name)"
      switch readFile(path, maximumSize: maximumFileSize) {
      case .success(let bytes):
        total += bytes.count
        files.append(File(name: path, bytes: bytes))
      case .failure(let failure):
        diagnostics.append(
          PolicyDiagnostic(
            .error, code: "unreadable", "the file cannot be read: \(failure.reason)", file: path))
      }
      guard total <= maximumTotalSize else {
        return failure("too-large", "the files together have more than \(maximumTotalSize) bytes")
      }
    }
    var outcome = load(files: files, directory: directory, secrets: secrets, lists: lists)
    if !diagnostics.isEmpty {
      // A file that vanished may have held anything: the rest alone is not the policy.
      outcome.snapshot = nil
      outcome.diagnostics = diagnostics + outcome.diagnostics
    }
    return outcome
  }

  /// The names of all `*.yaml` and `*.yml` files of a directory, sorted.
  static func yamlFiles(in directory: String) -> Result<[String], SecretSource.Unavailable> {
    guard let stream = opendir(directory) else {
      return .failure(SecretSource.Unavailable(String(cString: strerror(errno))))
    }
    defer { closedir(stream) }
    var names: [String] = []
    while let entry = Glibc.readdir(stream) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      if !name.hasPrefix("."), name.hasSuffix(".yaml") || name.hasSuffix(".yml") { names.append(name) }
    }
    return .success(names.sorted())
  }

  /// Loads one file that is in memory.
  public static func load(
    text: String, name: String = "policy.yaml", secrets: SecretSource = .fixed(),
    lists: ListSource = .fixed()
  ) -> Outcome {
    load(files: [File(name: name, text: text)], secrets: secrets, lists: lists)
  }

  /// Loads files that are in memory.
  /// - Parameter directory: where relative paths in the policy start.
  public static func load(
    files: [File], directory: String = "", secrets: SecretSource = .fixed(), lists: ListSource = .fixed()
  ) -> Outcome {
    var assembly = PolicyAssembly()
    for file in files { assembly.add(file, directory: directory, secrets: secrets, lists: lists) }
    let version = PolicyVersion(
      files: (files + assembly.listFiles).map { (baseName($0.name), $0.bytes) })
    return assembly.finish(version: version)
  }

  /// The version names content, not the place it was loaded from.
  private static func baseName(_ path: String) -> String {
    path.split(separator: "/").last.map(String.init) ?? path
  }
}
