import CallModel

/// Readers of the small notations in policy files. Each gives nil for text that is not in its notation.
enum ScalarParsing {
  /// `30s`, `1m30s`, `500ms`, `2h`; nanoseconds never overflow within the limits of the schema.
  static func duration(_ text: String) -> TimeSpan? {
    let units: [(String, Int64)] = [
      ("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000),
    ]
    var rest = text[...]
    guard !rest.isEmpty, rest.utf8.count <= 32 else { return nil }
    var milliseconds: Int64 = 0
    while !rest.isEmpty {
      let digits = rest.prefix { $0.isASCII && $0.isNumber }
      guard let count = Int64(digits), count <= 1_000_000_000 else { return nil }
      rest = rest.dropFirst(digits.count)
      let unit = rest.prefix { $0.isASCII && $0.isLetter }
      guard let factor = units.first(where: { $0.0 == unit })?.1 else { return nil }
      rest = rest.dropFirst(unit.count)
      milliseconds += count * factor
      guard milliseconds <= 1_000_000_000_000 else { return nil }
    }
    return .milliseconds(milliseconds)
  }

  /// `20 per 1h`, `300 per day`.
  static func quota(_ text: String) -> Quota? {
    let parts = text.split(separator: " ")
    guard parts.count == 3, parts[1] == "per", parts[0].utf8.count <= 9, let count = Int(parts[0]) else {
      return nil
    }
    let words = ["second": "1s", "minute": "1m", "hour": "1h", "day": "1d", "week": "7d"]
    let window = String(parts[2])
    return duration(words[window] ?? window).map { Quota(count, per: $0) }
  }

  /// `1920` (kbit/s), `1920 kbps`, `2 Mbps`, `2.5Mbps`, `64000 bps`.
  static func bandwidth(_ text: String) -> Bandwidth? {
    let number = text.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
    let unit = text.dropFirst(number.count).drop { $0 == " " }
    let factor: Double
    switch unit.lowercased() {
    case "", "kbps", "kbit/s": factor = 1_000
    case "mbps", "mbit/s": factor = 1_000_000
    case "bps", "bit/s": factor = 1
    default: return nil
    }
    guard number.utf8.count <= 12, let count = Double(number) else { return nil }
    let bits = count * factor
    guard bits.isFinite, bits >= 0, bits < 1e12 else { return nil }
    return Bandwidth(bitsPerSecond: Int(bits))
  }

  /// A name of RFC 2474, 2597, 3246, 5865 or 8622, or a number from 0 to 63.
  static func dscp(_ text: String) -> Int? {
    if let number = Int(text) { return (0...63).contains(number) ? number : nil }
    let name = Array(text.uppercased())
    switch text.uppercased() {
    case "EF": return 46
    case "VA", "VOICE-ADMIT": return 44
    case "LE": return 1
    case "DF", "BE", "DEFAULT": return 0
    default: break
    }
    if name.count == 3, name.starts(with: "CS"), let digit = name[2].wholeNumberValue, digit <= 7 {
      return digit * 8
    }
    if name.count == 4, name.starts(with: "AF"), let level = name[2].wholeNumberValue,
      let drop = name[3].wholeNumberValue, (1...4).contains(level), (1...3).contains(drop)
    {
      return level * 8 + drop * 2
    }
    return nil
  }

  /// `40000-49999`.
  static func portRange(_ text: String) -> ClosedRange<UInt16>? {
    let ends = text.split(separator: "-", omittingEmptySubsequences: false)
    guard ends.count == 2, let low = UInt16(ends[0]), let high = UInt16(ends[1]), low > 0, low <= high else {
      return nil
    }
    return low...high
  }

  /// A host name (letters, digits, hyphens and underscores between dots) or an IP address.
  static func isHost(_ text: String) -> Bool {
    if IPAddress(text) != nil { return true }
    var name = text[...]
    if name.last == "." { name.removeLast() }
    guard !name.isEmpty, name.utf8.count <= 253 else { return false }
    return name.split(separator: ".", omittingEmptySubsequences: false).allSatisfy { label in
      (1...63).contains(label.utf8.count) && label.first != "-" && label.last != "-"
        && label.utf8.allSatisfy {
          (0x30...0x39).contains($0) || (0x61...0x7a).contains($0 | 0x20) || $0 == 0x2d || $0 == 0x5f
        }
    }
  }
}
