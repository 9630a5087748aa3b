/// The offsets of one time zone from UTC, read from the system's time zone database (RFC 9636).
///
/// Read once, when a policy is compiled: `decide` then needs no system call, and gives the same answer for an instant in the
/// past or the future as on the day itself.
struct TimeZoneRules: Sendable {
  private let times: [Int64]
  private let offsets: [Int32]
  /// Before the first transition.
  private let initialOffset: Int32
  /// After the last one.
  private let rest: POSIXTimeZone?

  static let directory = "/usr/share/zoneinfo/"
  /// The largest file of the database has some 4 kB.
  private static let maximumSize = 256 << 10

  /// Reads a zone of the database; nil when there is none of this name, or its file is not understood.
  init?(named name: String) {
    guard TimeZoneRules.isName(name), let bytes = TimeZoneRules.contents(TimeZoneRules.directory + name)
    else {
      return nil
    }
    self.init(tzif: bytes)
  }

  /// Letters, digits and `_+-` between slashes: no way out of the directory.
  private static func isName(_ name: String) -> Bool {
    !name.isEmpty && name.utf8.count <= 100
      && name.split(separator: "/", omittingEmptySubsequences: false).allSatisfy { part in
        !part.isEmpty
          && part.utf8.allSatisfy {
            (0x30...0x39).contains($0) || (0x61...0x7a).contains($0 | 0x20) || $0 == 0x5f || $0 == 0x2b
              || $0 == 0x2d
          }
      }
  }

  /// The names an admin may mean, for suggestions.
  static func knownNames() -> [String] {
    guard let bytes = contents(directory + "zone1970.tab") else { return ["UTC"] }
    let lines = String(decoding: bytes, as: UTF8.self).split(separator: "\n")
    return ["UTC"]
      + lines.filter { !$0.hasPrefix("#") }.compactMap { line in
        let columns = line.split(separator: "\t")
        return columns.count > 2 ? String(columns[2]) : nil
      }
  }

  private static func contents(_ path: String) -> [UInt8]? {
    try? readFile(path, maximumSize: maximumSize).get()
  }

  /// Reads a TZif file; version 1, whose times end in 2038, only when there is no more.
  init?(tzif bytes: [UInt8]) {
    var reader = TZifReader(bytes)
    guard var header = reader.header() else { return nil }
    var isWide = false
    if header.version >= 2 {
      reader.skip(header.size(timeSize: 4))
      guard let second = reader.header() else { return nil }
      header = second
      isWide = true
    }
    guard header.typeCount > 0, let block = reader.block(header, isWide: isWide) else { return nil }
    times = block.times
    offsets = block.offsets
    initialOffset = block.initialOffset
    rest = isWide ? POSIXTimeZone(reader.footer()) : nil
  }

  /// Seconds to add to UTC.
  func offset(at instant: Int64) -> Int64 {
    guard let last = times.last, instant < last else {
      return rest?.offset(at: instant) ?? Int64(offsets.last ?? initialOffset)
    }
    // The last transition at or before the instant.
    var low = 0
    var high = times.count
    while low < high {
      let middle = (low + high) / 2
      if times[middle] <= instant { low = middle + 1 } else { high = middle }
    }
    return Int64(low == 0 ? initialOffset : offsets[low - 1])
  }
}

/// Reads the parts of a TZif file (RFC 9636 §3), never beyond its end.
private struct TZifReader {
  struct Header {
    var version: Int
    var utCount: Int
    var standardCount: Int
    var leapCount: Int
    var timeCount: Int
    var typeCount: Int
    var characterCount: Int

    func size(timeSize: Int) -> Int {
      timeCount * (timeSize + 1) + typeCount * 6 + characterCount + leapCount * (timeSize + 4)
        + standardCount + utCount
    }
  }

  private let bytes: [UInt8]
  private var position = 0

  init(_ bytes: [UInt8]) { self.bytes = bytes }

  mutating func skip(_ count: Int) { position = min(bytes.count, position + count) }

  private mutating func number(_ size: Int) -> Int64? {
    guard position + size <= bytes.count else { return nil }
    var value: UInt64 = size == 4 && bytes[position] & 0x80 != 0 ? 0xffff_ffff : 0
    for byte in bytes[position..<position + size] { value = value << 8 | UInt64(byte) }
    position += size
    return Int64(bitPattern: value)
  }

  mutating func header() -> Header? {
    guard position + 44 <= bytes.count, bytes[position..<position + 4].elementsEqual("TZif".utf8) else {
      return nil
    }
    let version = bytes[position + 4] >= 0x32 ? Int(bytes[position + 4] - 0x30) : 1
    position += 20
    var counts: [Int] = []
    for _ in 0..<6 {
      guard let count = number(4), (0...100_000).contains(count) else { return nil }
      counts.append(Int(count))
    }
    return Header(
      version: version, utCount: counts[0], standardCount: counts[1], leapCount: counts[2],
      timeCount: counts[3], typeCount: counts[4], characterCount: counts[5])
  }

  mutating func block(
    _ header: Header, isWide: Bool
  ) -> (times: [Int64], offsets: [Int32], initialOffset: Int32)? {
    let end = position + header.size(timeSize: isWide ? 8 : 4)
    guard end <= bytes.count else { return nil }
    var times: [Int64] = []
    for _ in 0..<header.timeCount {
      guard let time = number(isWide ? 8 : 4), times.last.map({ $0 < time }) ?? true else { return nil }
      times.append(time)
    }
    let types = bytes[position..<position + header.timeCount]
    position += header.timeCount
    var offsetOfType: [Int32] = []
    for _ in 0..<header.typeCount {
      guard let offset = number(4), abs(offset) <= 7 * 86_400 else { return nil }
      offsetOfType.append(Int32(offset))
      position += 2
    }
    guard types.allSatisfy({ $0 < header.typeCount }) else { return nil }
    position = end
    return (times, types.map { offsetOfType[Int($0)] }, offsetOfType[0])
  }

  /// The text between the line ends after the second block.
  mutating func footer() -> ArraySlice<UInt8> {
    guard position < bytes.count, bytes[position] == 0x0a else { return [] }
    let text = bytes[(position + 1)...]
    return text.prefix { $0 != 0x0a }
  }
}
