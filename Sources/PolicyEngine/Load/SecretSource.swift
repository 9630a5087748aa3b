import CallModel
import Glibc

/// Where secrets that a policy refers to come from.
public struct SecretSource: Sendable {
  public struct Unavailable: Error, Hashable, Sendable {
    public var reason: String
    public init(_ reason: String) { self.reason = reason }
  }

  /// False: a missing secret is a warning, as in a check on a machine that does not hold them.
  public var areRequired: Bool
  let variable: @Sendable (String) -> Result<String, Unavailable>
  let file: @Sendable (String) -> Result<String, Unavailable>

  /// Longest secret file.
  static let maximumFileSize = 4_096

  /// The environment and the files of this machine.
  public static func system(areRequired: Bool = true) -> SecretSource {
    SecretSource(
      areRequired: areRequired,
      variable: { name in
        guard let value = getenv(name) else { return .failure(Unavailable("it is not set")) }
        return .success(String(cString: value))
      },
      file: { path in
        switch readFile(path, maximumSize: maximumFileSize) {
        case .failure(let error): return .failure(Unavailable(error.reason))
        case .success(let bytes):
          var bytes = bytes[...]
          while let last = bytes.last, last == 0x0a || last == 0x0d { bytes.removeLast() }
          guard !bytes.isEmpty else { return .failure(Unavailable("the file is empty")) }
          guard let text = String(validating: bytes, as: UTF8.self) else {
            return .failure(Unavailable("the file is not UTF-8 text"))
          }
          return .success(text)
        }
      })
  }

  /// Given values only, for tests.
  public static func fixed(
    variables: [String: String] = [:], files: [String: String] = [:], areRequired: Bool = true
  ) -> SecretSource {
    SecretSource(
      areRequired: areRequired,
      variable: { name in variables[name].map { .success($0) } ?? .failure(Unavailable("it is not set")) },
      file: { path in files[path].map { .success($0) } ?? .failure(Unavailable("no such file")) })
  }
}

/// The bytes of a file, or why they cannot be had.
func readFile(_ path: String, maximumSize: Int) -> Result<[UInt8], SecretSource.Unavailable> {
  func failure() -> Result<[UInt8], SecretSource.Unavailable> {
    .failure(SecretSource.Unavailable(String(cString: strerror(errno))))
  }
  // Without O_NONBLOCK the open of a pipe would wait for a writer.
  let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
  guard descriptor >= 0 else { return failure() }
  defer { close(descriptor) }
  var status = stat()
  guard fstat(descriptor, &status) == 0 else { return failure() }
  guard status.st_mode & S_IFMT == S_IFREG else {
    return .failure(SecretSource.Unavailable("it is not a regular file"))
  }
  guard status.st_size <= maximumSize else {
    return .failure(SecretSource.Unavailable("it has more than \(maximumSize) bytes"))
  }
  var bytes = [UInt8](repeating: 0, count: maximumSize < 65_536 ? maximumSize + 1 : Int(status.st_size) + 1)
  var count = 0
  while count < bytes.count {
    let received = bytes.withUnsafeMutableBytes {
      read(descriptor, $0.baseAddress! + count, $0.count - count)
    }
    if received < 0, errno == EINTR { continue }
    guard received >= 0 else { return failure() }
    if received == 0 { break }
    count += received
  }
  guard count <= maximumSize else {
    return .failure(SecretSource.Unavailable("it has more than \(maximumSize) bytes"))
  }
  guard count < bytes.count else {
    return .failure(SecretSource.Unavailable("it changed while it was read"))
  }
  // Somebody who writes in place has written half of it.
  var after = stat()
  guard fstat(descriptor, &after) == 0 else { return failure() }
  guard after.st_size == count, after.st_mtim.tv_sec == status.st_mtim.tv_sec,
    after.st_mtim.tv_nsec == status.st_mtim.tv_nsec
  else { return .failure(SecretSource.Unavailable("it changed while it was read")) }
  bytes.removeSubrange(count...)
  return .success(bytes)
}
