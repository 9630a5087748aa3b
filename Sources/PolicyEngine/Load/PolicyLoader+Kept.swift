extension PolicyLoader {
  /// Loads a policy from copies of its files, as if they stood where they once did: relative paths lead from there, and lists
  /// come from the copies, not from what those files say now.
  ///
  /// - Parameters:
  ///   - version: the one it was kept under; secrets that were left out changed the files.
  ///   - directory: where the files stood; empty for a policy of one file.
  package static func load(
    kept: Outcome.KeptFiles, version: PolicyVersion, directory: String, secrets: SecretSource = .system()
  ) -> Outcome {
    let lists = Dictionary(kept.lists.map { ($0.name, $0.bytes) }, uniquingKeysWith: { first, _ in first })
    let source = PolicyFileSource.fixed(
      Dictionary(kept.files.map { ($0.name, $0.bytes) }, uniquingKeysWith: { first, _ in first }))
    var reading = PolicyReading(
      directory: directory, source: source, secrets: secrets,
      lists: ListSource { path in
        lists[path].map { .success($0) } ?? .failure(.init("it was not kept"))
      }, limits: Limits())
    // In the order in which they were read, so that what is included is where it was.
    for file in kept.files { reading.add(file) }
    return reading.outcome(as: version)
  }
}
