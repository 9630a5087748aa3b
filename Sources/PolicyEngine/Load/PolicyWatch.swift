import Glibc

/// Tells when the files of a policy directory, and of those below it, have changed and come to rest.
///
/// Asked once a second, it looks at names, sizes and times: that works on every file system, for editors that write in
/// place and for those that rename, and costs a few system calls. A change counts once two looks in a row agree, so that a
/// half-written set of files is not loaded. Links are followed, since files that are included may be reached by them.
public struct PolicyWatch {
  private struct Entry: Hashable {
    var name: String
    var size: Int
    var seconds: Int
    var nanoseconds: Int
    var inode: UInt64
  }

  private let directory: String
  private var loaded: Set<Entry>
  private var previous: Set<Entry>

  /// Files and directories that are looked at; nobody's policy has more.
  static let maximumEntries = 20_000
  static let maximumDepth = 32

  public init(directory: String) {
    self.directory = directory
    loaded = PolicyWatch.look(directory)
    previous = loaded
  }

  /// True when the files differ from those last loaded and have not changed since the last look.
  public mutating func hasChanged() -> Bool {
    let current = PolicyWatch.look(directory)
    defer { previous = current }
    guard current != loaded, current == previous else { return false }
    loaded = current
    return true
  }

  private static func look(_ directory: String) -> Set<Entry> {
    struct Identity: Hashable {
      var device: UInt64
      var inode: UInt64
    }
    var entries: Set<Entry> = []
    var seen: Set<Identity> = []
    var waiting = [(name: "", depth: 0)]
    var looked = 0
    while let next = waiting.popLast() {
      let path = next.name.isEmpty ? directory : "\(directory)/\(next.name)"
      for name in (try? PolicyFileSource.system.names(path).get()) ?? [] where name != "." && name != ".." {
        looked += 1
        guard looked <= maximumEntries else { return entries }
        let name = next.name.isEmpty ? name : "\(next.name)/\(name)"
        var status = stat()
        guard stat("\(directory)/\(name)", &status) == 0 else { continue }
        switch status.st_mode & S_IFMT {
        case S_IFREG:
          entries.insert(
            Entry(
              name: name, size: Int(status.st_size), seconds: status.st_mtim.tv_sec,
              nanoseconds: status.st_mtim.tv_nsec, inode: UInt64(status.st_ino)))
        case S_IFDIR:
          let identity = Identity(device: UInt64(status.st_dev), inode: UInt64(status.st_ino))
          guard next.depth < maximumDepth, seen.insert(identity).inserted else { continue }
          waiting.append((name, next.depth + 1))
        default: break
        }
      }
    }
    return entries
  }
}
