import Glibc

/// How the files of a policy are reached: those of this machine, or given ones in tests.
public struct PolicyFileSource: Sendable {
  /// The names in a directory, in any order.
  let names: @Sendable (_ directory: String) -> Result<[String], SecretSource.Unavailable>
  let read: @Sendable (_ path: String, _ maximumSize: Int) -> Result<[UInt8], SecretSource.Unavailable>
  /// The same text for one file, whatever name it goes by.
  let identity: @Sendable (_ path: String) -> String

  /// The files of this machine.
  public static let system = PolicyFileSource(
    names: { directory in
      guard let stream = opendir(directory) else {
        return .failure(SecretSource.Unavailable(String(cString: strerror(errno))))
      }
      defer { closedir(stream) }
      var names: [String] = []
      while let entry = Glibc.readdir(stream) {
        names.append(
          withUnsafePointer(to: &entry.pointee.d_name) {
            $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
          })
      }
      return .success(names)
    },
    read: { readFile($0, maximumSize: $1) },
    identity: { path in
      guard let resolved = realpath(path, nil) else { return path }
      defer { free(resolved) }
      return String(cString: resolved)
    })

  /// Given files only.
  static func fixed(_ files: [String: [UInt8]]) -> PolicyFileSource {
    PolicyFileSource(
      names: { directory in
        let prefix = directory == "." ? "" : "\(directory)/"
        let names = files.keys.filter { $0.hasPrefix(prefix) }.compactMap {
          $0.dropFirst(prefix.count).split(separator: "/").first.map(String.init)
        }
        return names.isEmpty ? .failure(.init("No such file or directory")) : .success(Array(Set(names)))
      },
      read: { path, maximumSize in
        guard let bytes = files[path] else { return .failure(.init("No such file or directory")) }
        guard bytes.count <= maximumSize else {
          return .failure(.init("it has more than \(maximumSize) bytes"))
        }
        return .success(bytes)
      },
      identity: { $0 })
  }

  /// The names in a directory of this machine.
  package static func names(in directory: String) -> Result<[String], SecretSource.Unavailable> {
    system.names(directory)
  }

  /// The bytes of a regular file of this machine, or why they cannot be had.
  package static func contents(of path: String, maximumSize: Int) -> Result<
    [UInt8], SecretSource.Unavailable
  > { readFile(path, maximumSize: maximumSize) }

  /// The names of all `*.yaml` and `*.yml` files of a directory, sorted.
  func yamlFiles(in directory: String) -> Result<[String], SecretSource.Unavailable> {
    names(directory).map { $0.filter(PolicyFileSource.isYAML).sorted() }
  }

  static func isYAML(_ name: String) -> Bool {
    !name.hasPrefix(".") && (name.hasSuffix(".yaml") || name.hasSuffix(".yml"))
  }
}
