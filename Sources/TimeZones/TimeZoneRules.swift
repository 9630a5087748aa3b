/// The offsets of a time zone from UTC, from a file of the time zone database (RFC 9636, “TZif”).
public struct TimeZoneRules: Hashable, Sendable {
  public struct Period: Hashable, Sendable {
    /// Seconds east of UTC.
    public var offset: Int
    public var isDaylightSaving: Bool
    public var abbreviation: String
  }

  private var initial: Period
  private var times: [Int64] = []
  private var periods: [Period] = []
  private var afterwards: PosixTimeZone?

  public static let utc = TimeZoneRules(
    initial: Period(offset: 0, isDaylightSaving: false, abbreviation: "UTC"), times: [], periods: [],
    afterwards: nil)

  private init(initial: Period, times: [Int64], periods: [Period], afterwards: PosixTimeZone?) {
    self.initial = initial
    self.times = times
    self.periods = periods
    self.afterwards = afterwards
  }

  /// Nil for anything but a well-formed file of version 2 or later.
  public init?(file: [UInt8]) {
    var reader = Reader(bytes: file)
    // The first block has 32-bit times, for old readers.
    guard let first = reader.header(), first.version >= UInt8(ascii: "2") else { return nil }
    reader.position += first.size(timeBytes: 4)
    guard let header = reader.header(), header.typeCount > 0, header.typeCount <= 256,
      header.timeCount <= 10_000
    else { return nil }
    var times: [Int64] = []
    for _ in 0..<header.timeCount {
      guard let time = reader.integer(8), times.last.map({ $0 < time }) ?? true else { return nil }
      times.append(time)
    }
    var indices: [Int] = []
    for _ in 0..<header.timeCount {
      guard let index = reader.integer(1) else { return nil }
      indices.append(Int(index & 0xff))
    }
    var types: [(offset: Int, isDaylightSaving: Bool, name: Int)] = []
    for _ in 0..<header.typeCount {
      guard let offset = reader.integer(4), abs(offset) <= 26 * 3_600,
        let isDaylightSaving = reader.integer(1),
        let name = reader.integer(1)
      else { return nil }
      types.append((Int(offset), isDaylightSaving != 0, Int(name & 0xff)))
    }
    guard reader.position + header.nameBytes <= file.count else { return nil }
    let names = file[reader.position..<(reader.position + header.nameBytes)]
    reader.position += header.nameBytes + header.leapCount * 12 + header.standardCount + header.universalCount
    let all = types.map { type in
      let name = names.dropFirst(type.name).prefix { $0 != 0 }
      return Period(
        offset: type.offset, isDaylightSaving: type.isDaylightSaving,
        abbreviation: String(decoding: name, as: UTF8.self))
    }
    guard indices.allSatisfy({ $0 < all.count }) else { return nil }
    var footer: [UInt8] = []
    if reader.position < file.count, file[reader.position] == UInt8(ascii: "\n") {
      footer = Array(file[(reader.position + 1)...].prefix { $0 != UInt8(ascii: "\n") })
    }
    let rule = footer.isEmpty ? nil : PosixTimeZone(String(decoding: footer, as: UTF8.self))
    if !footer.isEmpty, rule == nil { return nil }
    self.init(initial: all[0], times: times, periods: indices.map { all[$0] }, afterwards: rule)
  }

  /// - Parameter time: Seconds since 1970-01-01T00:00:00Z.
  public func period(at time: Int64) -> Period {
    guard let last = times.last else { return afterwards?.period(at: time) ?? initial }
    if time >= last, let afterwards { return afterwards.period(at: time) }
    var low = 0
    var high = times.count
    while low < high {
      let middle = (low + high) / 2
      if times[middle] <= time { low = middle + 1 } else { high = middle }
    }
    return low == 0 ? initial : periods[low - 1]
  }

  private struct Header {
    var version: UInt8
    var universalCount: Int
    var standardCount: Int
    var leapCount: Int
    var timeCount: Int
    var typeCount: Int
    var nameBytes: Int

    func size(timeBytes: Int) -> Int {
      timeCount * (timeBytes + 1) + typeCount * 6 + nameBytes + leapCount * (timeBytes + 4) + standardCount
        + universalCount
    }
  }

  private struct Reader {
    let bytes: [UInt8]
    var position = 0

    mutating func integer(_ count: Int) -> Int64? {
      guard position >= 0, position + count <= bytes.count else { return nil }
      var value = Int64(Int8(bitPattern: bytes[position]))
      for i in 1..<max(count, 1) where i < count { value = value << 8 | Int64(bytes[position + i]) }
      position += count
      return value
    }

    mutating func header() -> Header? {
      guard position >= 0, position + 44 <= bytes.count, bytes[position...].starts(with: "TZif".utf8) else {
        return nil
      }
      let version = bytes[position + 4]
      position += 20
      var counts: [Int] = []
      for _ in 0..<6 {
        guard let count = integer(4), (0...1_000_000).contains(count) else { return nil }
        counts.append(Int(count))
      }
      return Header(
        version: version, universalCount: counts[0], standardCount: counts[1], leapCount: counts[2],
        timeCount: counts[3], typeCount: counts[4], nameBytes: counts[5])
    }
  }
}
