import Glibc
import Synchronization

/// Time zones by IANA name, from the files of the time zone database of the system. Each is read once.
public final class ZoneDirectory: Sendable {
  private let path: String
  private let known = Mutex<[String: TimeZoneRules?]>([:])

  public init(path: String = "/usr/share/zoneinfo") { self.path = path }

  /// Nil for an unknown name, and for one that is not a name but a path.
  public func rules(_ name: String) -> TimeZoneRules? {
    if name == "UTC" { return .utc }
    guard ZoneDirectory.isName(name) else { return nil }
    if let rules = known.withLock({ $0[name] }) { return rules }
    let rules = ZoneDirectory.read("\(path)/\(name)").flatMap { TimeZoneRules(file: $0) }
    known.withLock { known in
      // Names come from scripts: few. Wrong ones, made from call data, are not worth remembering without end.
      if known.count >= 1_000 { known = [:] }
      known[name] = .some(rules)
    }
    return rules
  }

  /// The names an admin may mean, for suggestions.
  public func names() -> [String] {
    guard let bytes = ZoneDirectory.read("\(path)/zone1970.tab") else { return ["UTC"] }
    let lines = String(decoding: bytes, as: UTF8.self).split(separator: "\n")
    return ["UTC"]
      + lines.filter { !$0.hasPrefix("#") }.compactMap { line in
        let columns = line.split(separator: "\t")
        return columns.count > 2 ? String(columns[2]) : nil
      }
  }

  private static func isName(_ name: String) -> Bool {
    guard let first = name.utf8.first, name.utf8.count <= 64, first | 0x20 >= 0x61, first | 0x20 <= 0x7a
    else { return false }
    return !name.contains("//") && !name.hasSuffix("/")
      && name.utf8.allSatisfy {
        (0x30...0x39).contains($0) || (0x61...0x7a).contains($0 | 0x20) || "_+-/".utf8.contains($0)
      }
  }

  private static func read(_ path: String) -> [UInt8]? {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    var bytes = [UInt8](repeating: 0, count: 1 << 16)
    var count = 0
    while count < bytes.count {
      let space = bytes.count - count
      let n = bytes.withUnsafeMutableBytes { buffer in
        Glibc.read(descriptor, buffer.baseAddress.map { $0 + count }, space)
      }
      if n < 0 { return nil }
      if n == 0 { return Array(bytes[..<count]) }
      count += n
    }
    return nil
  }
}
