// The compiler takes `timespec` for a type of whichever C module it met first.
import CCares
import CallModel
import Glibc

/// The hosts file (`hosts(5)`): names with fixed addresses. Read again when its size or time changes.
struct HostsFile {
  /// Larger files are cut: the file is the operator's, but reading it must not stall the resolver.
  static let maximumSize = 1 << 20

  private struct Stamp: Equatable {
    var seconds: Int
    var nanoseconds: Int
    var size: Int
  }

  private let path: String
  private var stamp: Stamp?
  private var addresses: [String: [IPAddress]] = [:]
  private var nextCheck = MonotonicInstant.zero

  init(path: String) { self.path = path }

  /// The addresses of a name; empty when the file has none.
  mutating func addresses(of name: String, now: MonotonicInstant) -> [IPAddress] {
    if now >= nextCheck {
      nextCheck = now + .seconds(1)
      refresh()
    }
    return addresses[name] ?? []
  }

  private mutating func refresh() {
    var status = stat()
    guard stat(path, &status) == 0 else {
      stamp = nil
      addresses = [:]
      return
    }
    let stamp = Stamp(
      seconds: status.st_mtim.tv_sec, nanoseconds: status.st_mtim.tv_nsec, size: Int(status.st_size))
    guard stamp != self.stamp else { return }
    guard let text = HostsFile.read(path) else { return }
    self.stamp = stamp
    addresses = HostsFile.parse(text)
  }

  /// One address and its names a line; `#` begins a comment.
  static func parse(_ text: String) -> [String: [IPAddress]] {
    var result: [String: [IPAddress]] = [:]
    for line in text.split(whereSeparator: \.isNewline) {
      let content = line.prefix { $0 != "#" }
      let words = content.split { $0 == " " || $0 == "\t" }
      guard words.count >= 2, let ip = IPAddress(words[0]) else { continue }
      for word in words.dropFirst() {
        let name = DNSQuestion(String(word), .a).name
        if result[name]?.contains(ip) != true { result[name, default: []].append(ip) }
      }
    }
    return result
  }

  private static func read(_ path: String) -> String? {
    let file = open(path, O_RDONLY | O_CLOEXEC)
    guard file >= 0 else { return nil }
    defer { close(file) }
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 16_384)
    while bytes.count < maximumSize {
      let count = Glibc.read(file, &chunk, chunk.count)
      guard count > 0 else { break }
      bytes += chunk[..<count]
    }
    return String(decoding: bytes, as: UTF8.self)
  }
}
