import Foundation

/// Tells when the files of a policy directory have changed and come to rest.
///
/// Looks once a second at names, sizes and times: that works on every file system, for editors that write in place and for
/// those that rename, and costs a few system calls. A change counts once two looks in a row agree, so that a half-written
/// set of files is not loaded.
struct PolicyWatch {
  private struct Entry: Hashable {
    var name: String
    var size: Int
    var modified: Double
    var inode: Int
  }

  private let directory: String
  private var loaded: Set<Entry>
  private var previous: Set<Entry>

  init(directory: String) {
    self.directory = directory
    loaded = PolicyWatch.look(directory)
    previous = loaded
  }

  /// True when the files differ from those last loaded and have not changed since the last look.
  mutating func hasChanged() -> Bool {
    let current = PolicyWatch.look(directory)
    defer { previous = current }
    guard current != loaded, current == previous else { return false }
    loaded = current
    return true
  }

  private static func look(_ directory: String) -> Set<Entry> {
    let names = (try? FileManager.default.subpathsOfDirectory(atPath: directory)) ?? []
    return Set(
      names.compactMap { name in
        var status = stat()
        guard stat("\(directory)/\(name)", &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
          return nil
        }
        let time = Double(status.st_mtim.tv_sec) + Double(status.st_mtim.tv_nsec) / 1e9
        return Entry(name: name, size: Int(status.st_size), modified: time, inode: Int(status.st_ino))
      })
  }
}
