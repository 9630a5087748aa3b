import Glibc

extension PolicyLoader {
  /// Loads a directory (``load(directory:secrets:lists:)``), or one file as all of a policy.
  public static func load(
    path: String, secrets: SecretSource = .system(), lists: ListSource = .system
  ) -> Outcome {
    var status = stat()
    guard stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
      return load(directory: path, secrets: secrets, lists: lists)
    }
    switch readFile(path, maximumSize: maximumFileSize) {
    case .failure(let failure):
      return Outcome(
        snapshot: nil,
        diagnostics: [
          PolicyDiagnostic(
            .error, code: "unreadable", "the file cannot be read: \(failure.reason)", file: path)
        ])
    case .success(let bytes):
      let parts = path.split(separator: "/", omittingEmptySubsequences: false).dropLast()
      return load(
        files: [File(name: path, bytes: bytes)],
        directory: parts.isEmpty ? "." : parts.joined(separator: "/"),
        secrets: secrets, lists: lists)
    }
  }
}
