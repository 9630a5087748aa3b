import CallModel
import Glibc

extension PolicyImport {
  /// Why a file could not be written.
  public struct WriteError: Error, CustomStringConvertible {
    public var path: String
    public var reason: String
    public var description: String { "\(path): \(reason)" }
  }

  /// Name of the report beside the policy.
  public static let reportName = "import-report.txt"

  /// Writes the policy, its report, and the files of secrets.
  public func write(to directory: String) throws(WriteError) {
    try makeDirectory(directory, 0o755)
    for file in outputs {
      if let slash = file.name.lastIndex(of: "/") {
        try makeDirectory("\(directory)/\(file.name[..<slash])", 0o755)
      }
      try write(Array(file.text.utf8), to: "\(directory)/\(file.name)", mode: 0o644)
    }
    try write(Array(report.text.utf8), to: "\(directory)/\(PolicyImport.reportName)", mode: 0o644)
    guard let secretsDirectory = secrets.directory, !secretFiles.isEmpty else { return }
    try makeDirectory(secretsDirectory, 0o700)
    for file in secretFiles {
      try write(Array(file.secret.reveal().utf8), to: "\(secretsDirectory)/\(file.name)", mode: 0o600)
    }
  }

  private func makeDirectory(_ path: String, _ mode: mode_t) throws(WriteError) {
    var made = path.hasPrefix("/") ? "/" : ""
    for part in path.split(separator: "/") {
      made += made.isEmpty || made.hasSuffix("/") ? part : "/\(part)"
      guard mkdir(made, mode) != 0, errno != EEXIST else { continue }
      throw WriteError(path: made, reason: String(cString: strerror(errno)))
    }
  }

  /// With its mode from the first moment; what stood there is replaced, and a link there is not followed.
  private func write(_ bytes: [UInt8], to path: String, mode: mode_t) throws(WriteError) {
    func fail() -> WriteError { WriteError(path: path, reason: String(cString: strerror(errno))) }
    guard unlink(path) == 0 || errno == ENOENT else { throw fail() }
    let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode)
    guard descriptor >= 0 else { throw fail() }
    defer { close(descriptor) }
    var rest = bytes[...]
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { throw fail() }
      rest = rest.dropFirst(count)
    }
  }
}
