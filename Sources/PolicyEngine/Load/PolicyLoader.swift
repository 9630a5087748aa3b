/// Reads the YAML files of a policy and compiles them, or says everything that is wrong with them.
public enum PolicyLoader {
  /// What came of loading: a snapshot unless there are errors, and all errors and warnings in the order of the files.
  public struct Outcome: Sendable {
    public var snapshot: PolicySnapshot?
    public var diagnostics: [PolicyDiagnostic]
    /// Where everything stands; nil without a snapshot.
    package var places: PolicyPlaces?
    /// What the version was made of, as read: the policy files, then the lists they name.
    package var files: [File] = []
    package var listFiles: [File] = []

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

  /// What a policy may cost to read. Beyond it the policy is refused.
  public struct Limits: Hashable, Sendable {
    /// Files of the policy, those included with them.
    public var files = 1_000
    /// Bytes of one file, and of all.
    public var fileSize = 32 << 20
    public var totalSize = 128 << 20
    /// Files between one of the directory and what it leads to by `include`.
    public var includeDepth = 16

    public init() {}
  }

  public static let maximumFiles = Limits().files
  public static let maximumFileSize = Limits().fileSize
  /// Diagnostics that are kept; one wrong indentation should not print a thousand pages.
  public static let maximumDiagnostics = 1_000

  /// Loads all `*.yaml` and `*.yml` files of a directory, in the order of their names, and what they include; of the
  /// directories below it only what is included.
  public static func load(
    directory: String, secrets: SecretSource = .system(), lists: ListSource = .system,
    files: PolicyFileSource = .system, limits: Limits = Limits()
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
    switch files.yamlFiles(in: directory) {
    case .success(let found): names = found
    case .failure(let error): return failure("unreadable", "the directory cannot be read: \(error.reason)")
    }
    guard !names.isEmpty else {
      return failure(
        "no-files", "there are no *.yaml files in this directory", "write a policy, or name another directory"
      )
    }
    guard names.count <= limits.files else {
      return failure("too-large", "there are \(names.count) files; at most \(limits.files) are read")
    }
    var reading = PolicyReading(
      directory: directory, source: files, secrets: secrets, lists: lists, limits: limits)
    for name in names { reading.read(name) }
    return reading.outcome()
  }

  /// Loads one file that is in memory.
  public static func load(
    text: String, name: String = "policy.yaml", secrets: SecretSource = .fixed(),
    lists: ListSource = .fixed()
  ) -> Outcome {
    load(files: [File(name: name, text: text)], secrets: secrets, lists: lists)
  }

  /// Loads files that are in memory; what they include must be among them.
  /// - Parameter directory: where relative paths in the policy start.
  public static func load(
    files: [File], directory: String = "", secrets: SecretSource = .fixed(), lists: ListSource = .fixed(),
    limits: Limits = Limits()
  ) -> Outcome {
    let source = PolicyFileSource.fixed(
      Dictionary(files.map { ($0.name, $0.bytes) }, uniquingKeysWith: { first, _ in first }))
    var reading = PolicyReading(
      directory: directory, source: source, secrets: secrets, lists: lists, limits: limits)
    for file in files { reading.add(file) }
    return reading.outcome()
  }
}
