/// Where the files that a policy refers to come from: lists of aliases, and scripts.
public struct ListSource: Sendable {
  let read: @Sendable (String) -> Result<[UInt8], SecretSource.Unavailable>

  /// Bytes of one list.
  public static let maximumSize = 32 << 20
  /// Aliases of one list.
  public static let maximumCount = 200_000
  public static let maximumLength = 250

  /// The files of this machine.
  public static let system = ListSource { readFile($0, maximumSize: maximumSize) }

  /// Given files only, for tests.
  public static func fixed(_ files: [String: String] = [:]) -> ListSource {
    ListSource { path in
      files[path].map { .success(Array($0.utf8)) } ?? .failure(.init("No such file or directory"))
    }
  }
}
