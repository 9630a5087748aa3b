import CPCRE2

/// A regular expression as the reference system uses it: without case, on the whole text, Python's notation for groups
/// in the replacement. Shares no code with the engine that it is compared with.
final class ReferencePattern {
  private let code: OpaquePointer
  private let context: OpaquePointer
  private let groupCount: Int
  private var groupNames: [String: Int] = [:]

  enum Result: Equatable {
    /// The text of each group, the whole first; nil for a group that took no part.
    case matched([String?])
    case unmatched
    /// It would take too much work.
    case failed
  }

  /// Nil when it is invalid.
  init?(_ pattern: String) {
    func compile(_ text: String) -> OpaquePointer? {
      var number: Int32 = 0
      var offset = 0
      let bytes = Array(text.utf8)
      return pcre2_compile_8(bytes, bytes.count, PCRE2_UTF | PCRE2_CASELESS, &number, &offset, nil)
    }
    // Alone first: a stray parenthesis must not find its other half in the frame.
    guard let alone = compile(pattern) else { return nil }
    pcre2_code_free_8(alone)
    guard let code = compile("\\A(?:\(pattern))\\z"),
      let context = pcre2_match_context_create_8(nil)
    else { return nil }
    self.code = code
    self.context = context
    pcre2_set_match_limit_8(context, 1_000_000)
    var groups: UInt32 = 0
    pcre2_pattern_info_8(code, UInt32(PCRE2_INFO_CAPTURECOUNT), &groups)
    groupCount = Int(groups)
    readNames()
  }

  deinit {
    pcre2_code_free_8(code)
    pcre2_match_context_free_8(context)
  }

  private func readNames() {
    var count: UInt32 = 0
    var size: UInt32 = 0
    var table: UnsafePointer<UInt8>?
    pcre2_pattern_info_8(code, UInt32(PCRE2_INFO_NAMECOUNT), &count)
    pcre2_pattern_info_8(code, UInt32(PCRE2_INFO_NAMEENTRYSIZE), &size)
    pcre2_pattern_info_8(code, UInt32(PCRE2_INFO_NAMETABLE), &table)
    guard let table else { return }
    for i in 0..<Int(count) {
      let entry = table + i * Int(size)
      groupNames[String(cString: entry + 2)] = Int(entry[0]) << 8 | Int(entry[1])
    }
  }

  func match(_ text: String) -> Result {
    let bytes = Array(text.utf8)
    guard let data = pcre2_match_data_create_from_pattern_8(code, nil) else { return .failed }
    defer { pcre2_match_data_free_8(data) }
    // PCRE2 wants an address even for no bytes.
    let status = (bytes + [0]).withUnsafeBufferPointer {
      pcre2_match_8(code, $0.baseAddress, bytes.count, 0, 0, data, context)
    }
    guard status >= 0, let vector = pcre2_get_ovector_pointer_8(data) else {
      return status == PCRE2_ERROR_NOMATCH ? .unmatched : .failed
    }
    return .matched(
      (0...groupCount).map { group in
        let (start, end) = (vector[2 * group], vector[2 * group + 1])
        // -1 for a group that took no part.
        guard start >= 0, start <= end, end <= bytes.count else { return nil }
        return String(decoding: bytes[start..<end], as: UTF8.self)
      })
  }

  /// Python's `expand`: `\1`, `\g<1>`, `\g<name>`; all else is literal.
  func expand(_ replacement: String, _ groups: [String?]) -> String? {
    var result = ""
    var rest = Array(replacement)[...]
    while let character = rest.popFirst() {
      guard character == "\\", let next = rest.popFirst() else {
        result.append(character)
        continue
      }
      var name = ""
      if next.isASCII, next.isNumber {
        name.append(next)
        if let second = rest.first, second.isASCII, second.isNumber { name.append(rest.removeFirst()) }
      } else if next == "g", rest.first == "<", let close = rest.firstIndex(of: ">") {
        name = String(rest[rest.index(after: rest.startIndex)..<close])
        rest = rest[(close + 1)...]
      } else if next == "\\" {
        result += "\\"
        continue
      } else {
        result += "\\\(next)"
        continue
      }
      guard let number = Int(name) ?? groupNames[name], groups.indices.contains(number) else { return nil }
      result += groups[number] ?? ""
    }
    return result
  }
}
