import PatternAnalysis

/// A rule's replacement, compiled: literal text and references to groups, in Python's notation.
///
/// `\1` to `\99`, `\g<1>`, `\g<name>` and `\g<0>` (the whole alias) are references, `\\` is a backslash; all else is
/// literal, `$1` too. A group that took no part in the match is empty.
struct Replacement: Hashable, Sendable {
  enum Part: Hashable, Sendable {
    case literal([UInt8])
    case group(Int)
  }

  let parts: [Part]

  struct Invalid: Error, Equatable {
    var message: String
    /// Bytes from the start of the replacement.
    var offset: Int
    var suggestion: String?
  }

  /// - Parameter groupNames: names to numbers, from the pattern.
  init(_ text: String, groupCount: Int, groupNames: [String: Int]) throws(Invalid) {
    let bytes = Array(text.utf8)
    var parts: [Part] = []
    var literal: [UInt8] = []
    func checked(_ group: Int, _ written: String, at offset: Int) throws(Invalid) -> Int {
      guard group <= groupCount else {
        var suggestion: String?
        if group > 9, group / 10 <= groupCount, written.hasPrefix("\\") {
          suggestion =
            "write \\g<\(group / 10)>\(group % 10) for group \(group / 10) followed by \(group % 10)"
        }
        let groups = groupCount == 0 ? "no group" : groupCount == 1 ? "1 group" : "\(groupCount) groups"
        throw Invalid(
          message: "the replacement refers to group \(group), but the pattern has \(groups)", offset: offset,
          suggestion: suggestion)
      }
      return group
    }
    func add(_ group: Int) {
      if !literal.isEmpty { parts.append(.literal(literal)) }
      literal = []
      parts.append(.group(group))
    }
    var i = 0
    while i < bytes.count {
      guard bytes[i] == UInt8(ascii: "\\") else {
        literal.append(bytes[i])
        i += 1
        continue
      }
      let start = i
      guard i + 1 < bytes.count else {
        throw Invalid(
          message: "a backslash at the end refers to nothing", offset: start,
          suggestion: "write \\\\ for a backslash")
      }
      let next = bytes[i + 1]
      switch next {
      case UInt8(ascii: "0"):
        throw Invalid(
          message: "\\0 is no group", offset: start, suggestion: "write \\g<0> for the whole alias")
      case UInt8(ascii: "1")...UInt8(ascii: "9"):
        var group = Int(next - 0x30)
        i += 2
        if i < bytes.count, (0x30...0x39).contains(bytes[i]) {
          group = group * 10 + Int(bytes[i] - 0x30)
          i += 1
        }
        add(try checked(group, "\\\(group)", at: start))
      case UInt8(ascii: "g"):
        guard i + 2 < bytes.count, bytes[i + 2] == UInt8(ascii: "<"),
          let close = bytes[(i + 3)...].firstIndex(of: UInt8(ascii: ">"))
        else {
          throw Invalid(
            message: "\\g must be followed by a group in angle brackets", offset: start,
            suggestion: "write \\g<1> or \\g<name>")
        }
        let name = String(decoding: bytes[(i + 3)..<close], as: UTF8.self)
        i = close + 1
        if let number = Int(name), number >= 0, number <= Pattern.maximumGroups {
          add(try checked(number, name, at: start))
        } else if let number = groupNames[name] {
          add(number)
        } else {
          throw Invalid(
            message: "the replacement refers to group “\(name)”, which the pattern does not name",
            offset: start, suggestion: nearest(to: name, in: groupNames.keys).map { "did you mean “\($0)”?" })
        }
      case UInt8(ascii: "\\"):
        literal.append(next)
        i += 2
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"):
        throw Invalid(
          message: "\\\(Character(Unicode.Scalar(next))) means nothing in a replacement", offset: start,
          suggestion: "write \\\\ for a backslash")
      default:
        literal.append(bytes[i])
        literal.append(next)
        i += 2
      }
    }
    if !literal.isEmpty { parts.append(.literal(literal)) }
    self.parts = parts
  }

  /// Expands into the alias that results; `vector` holds pairs of offsets as PCRE2 left them.
  func expand(_ subject: UnsafeBufferPointer<UInt8>, _ vector: UnsafeMutablePointer<Int>) -> String {
    if parts.count == 1, case .group(let group) = parts[0] {
      return String(decoding: Replacement.slice(subject, vector, group), as: UTF8.self)
    }
    var result: [UInt8] = []
    result.reserveCapacity(subject.count + 16)
    for part in parts {
      switch part {
      case .literal(let text): result.append(contentsOf: text)
      case .group(let group): result.append(contentsOf: Replacement.slice(subject, vector, group))
      }
    }
    return String(decoding: result, as: UTF8.self)
  }

  private static func slice(
    _ subject: UnsafeBufferPointer<UInt8>, _ vector: UnsafeMutablePointer<Int>, _ group: Int
  ) -> UnsafeBufferPointer<UInt8> {
    let start = vector[2 * group]
    let end = vector[2 * group + 1]
    // PCRE2_UNSET is all ones; `\K` may move a start behind its end.
    guard start >= 0, end >= start, end <= subject.count else {
      return UnsafeBufferPointer(start: nil, count: 0)
    }
    return UnsafeBufferPointer(rebasing: subject[start..<end])
  }
}

extension Replacement {
  /// The parts as analysis takes them.
  var analysed: [ReplacementPart] {
    parts.map { part in
      switch part {
      case .literal(let text): .literal(String(decoding: text, as: UTF8.self))
      case .group(let number): .group(number)
      }
    }
  }
}
