import CPCRE2
import Synchronization

/// A regular expression with the meaning of Python's `re`, compiled by PCRE2.
///
/// Immutable after `init`, so threads share it (pcre2api, "Multithreading").
final class PythonPattern: @unchecked Sendable {
  // @unchecked: `code` and `context` are never written after init, and PCRE2 documents both as shareable then; match data is
  // made for each matching. Tested by rendering one script from many threads.
  private let code: OpaquePointer
  private let context: OpaquePointer
  let groupCount: Int
  let groupNames: [String: Int]

  static let maximumLength = 4_096
  static let maximumGroups = 99
  /// Backtracking steps of one match; `(a+)+$` is stopped within a millisecond.
  static let matchLimit: UInt32 = 100_000
  // PCRE2's header writes these as `0x...u` with a cast that Swift does not import.
  private static let noUTFCheck: UInt32 = 0x4000_0000

  struct Invalid: Error {
    var message: String
  }

  init(_ text: Text) throws(Invalid) {
    guard text.bytes.count <= PythonPattern.maximumLength else {
      throw Invalid(message: "it has more than \(PythonPattern.maximumLength) bytes")
    }
    let translation: PatternTranslation
    do throws(PatternTranslation.Invalid) {
      translation = try PatternTranslation(text)
    } catch {
      throw Invalid(message: error.message)
    }
    guard let compileContext = pcre2_compile_context_create_8(nil) else {
      throw Invalid(message: "out of memory")
    }
    defer { pcre2_compile_context_free_8(compileContext) }
    pcre2_set_newline_8(compileContext, UInt32(PCRE2_NEWLINE_LF))
    pcre2_set_parens_nest_limit_8(compileContext, 100)
    var options = PCRE2_UTF | PCRE2_NEVER_BACKSLASH_C
    if !translation.isASCIIOnly { options |= PCRE2_UCP }
    var number: Int32 = 0
    var offset = 0
    let compiled = translation.result.withUnsafeBufferPointer { bytes in
      var empty: UInt8 = 0
      return withUnsafePointer(to: &empty) { fallback in
        pcre2_compile_8(
          bytes.baseAddress ?? fallback, bytes.count, options, &number, &offset, compileContext)
      }
    }
    guard let compiled else { throw Invalid(message: PythonPattern.message(number)) }
    guard let context = pcre2_match_context_create_8(nil) else {
      pcre2_code_free_8(compiled)
      throw Invalid(message: "out of memory")
    }
    code = compiled
    self.context = context
    var groups: UInt32 = 0
    pcre2_pattern_info_8(compiled, UInt32(PCRE2_INFO_CAPTURECOUNT), &groups)
    groupCount = Int(groups)
    groupNames = PythonPattern.names(in: compiled)
    pcre2_set_match_limit_8(context, PythonPattern.matchLimit)
    pcre2_set_heap_limit_8(context, 4_096)
    pcre2_set_depth_limit_8(context, 20_000)
    // Without it the interpreter matches: slower, the same.
    pcre2_jit_compile_8(compiled, PCRE2_JIT_COMPLETE)
    guard groupCount <= PythonPattern.maximumGroups else {
      throw Invalid(message: "it has more than \(PythonPattern.maximumGroups) groups")
    }
  }

  deinit {
    pcre2_code_free_8(code)
    pcre2_match_context_free_8(context)
  }

  private static func message(_ number: Int32) -> String {
    var buffer = [UInt8](repeating: 0, count: 256)
    let length = pcre2_get_error_message_8(number, &buffer, buffer.count)
    return String(decoding: buffer.prefix(max(0, Int(length))), as: UTF8.self)
  }

  /// The name table: entries of a fixed size, two bytes of group number and a zero-terminated name.
  private static func names(in code: OpaquePointer) -> [String: Int] {
    var count: UInt32 = 0
    var size: UInt32 = 0
    var table: UnsafePointer<UInt8>?
    pcre2_pattern_info_8(code, UInt32(PCRE2_INFO_NAMECOUNT), &count)
    pcre2_pattern_info_8(code, UInt32(PCRE2_INFO_NAMEENTRYSIZE), &size)
    pcre2_pattern_info_8(code, UInt32(PCRE2_INFO_NAMETABLE), &table)
    guard let table else { return [:] }
    var names: [String: Int] = [:]
    for i in 0..<Int(count) {
      let entry = table + i * Int(size)
      names[String(cString: entry + 2)] = Int(entry[0]) << 8 | Int(entry[1])
    }
    return names
  }

  // MARK: Matching

  /// Where the groups of a match lie, in bytes; group 0 is the whole. Nil for one that took no part.
  typealias Match = [Range<Int>?]

  /// Searches one text, again and again.
  struct Searching: ~Copyable {
    private let pattern: PythonPattern
    private let data: OpaquePointer
    private let subject: [UInt8]

    init(_ pattern: PythonPattern, in text: Text) throws(Fault) {
      guard let data = pcre2_match_data_create_from_pattern_8(pattern.code, nil) else {
        throw Fault(.pattern, "out of memory")
      }
      self.pattern = pattern
      self.data = data
      subject = text.bytes
    }

    deinit { pcre2_match_data_free_8(data) }

    /// The first match that begins at or after `offset`.
    ///
    /// - Parameter isEmptyAllowed: Whether it may be empty at `offset` itself.
    func next(from offset: Int, isEmptyAllowed: Bool) throws(Fault) -> Match? {
      let options = PythonPattern.noUTFCheck | (isEmptyAllowed ? 0 : PCRE2_NOTEMPTY_ATSTART)
      var status = match(offset, options)
      if status == PCRE2_ERROR_JIT_STACKLIMIT { status = match(offset, options | PCRE2_NO_JIT) }
      if status == PCRE2_ERROR_NOMATCH { return nil }
      guard status > 0 else {
        throw Fault(
          .limit(.pattern), "the regular expression takes too much work on this text",
          "avoid a repetition inside a repetition")
      }
      guard let vector = pcre2_get_ovector_pointer_8(data) else { return nil }
      return (0...pattern.groupCount).map { group in
        let start = Int(vector[2 * group])
        let end = Int(vector[2 * group + 1])
        // PCRE2_UNSET is the largest number.
        guard group < Int(status), start >= 0, start <= end, end <= subject.count else { return nil }
        return start..<end
      }
    }

    private func match(_ offset: Int, _ options: UInt32) -> Int32 {
      subject.withUnsafeBufferPointer { bytes in
        var empty: UInt8 = 0
        return withUnsafePointer(to: &empty) { fallback in
          pcre2_match_8(
            pattern.code, bytes.baseAddress ?? fallback, bytes.count, offset, options, data, pattern.context)
        }
      }
    }
  }
}

/// The compiled patterns of one script: most are literals, and the same on every run.
final class PatternCache: Sendable {
  private let patterns = Mutex<[Text: PythonPattern]>([:])
  /// Patterns made from variables could be many: then it begins anew.
  private static let maximum = 64

  func pattern(_ text: Text) throws(PythonPattern.Invalid) -> PythonPattern {
    if let known = patterns.withLock({ $0[text] }) { return known }
    let pattern = try PythonPattern(text)
    patterns.withLock { patterns in
      if patterns.count >= PatternCache.maximum { patterns = [:] }
      patterns[text] = pattern
    }
    return pattern
  }
}

extension Run {
  func pattern(_ text: Text) throws(Fault) -> PythonPattern {
    do throws(PythonPattern.Invalid) {
      return try patterns.pattern(text)
    } catch {
      throw Fault(.pattern, "the regular expression cannot be used: \(error.message)")
    }
  }

  private func checkSubject(_ text: Text) throws(Fault) {
    try charge(bytes: text.bytes.count)
    guard text.bytes.count <= limits.patternTextBytes else {
      throw Fault(
        .limit(.pattern), "the text for a regular expression has more than \(limits.patternTextBytes) bytes")
    }
  }

  /// The first match anywhere in `text`.
  func search(_ pattern: PythonPattern, in text: Text) throws(Fault) -> PythonPattern.Match? {
    try checkSubject(text)
    let match = try PythonPattern.Searching(pattern, in: text).next(from: 0, isEmptyAllowed: true)
    try checkTime()
    return match
  }

  /// Python's `re.sub`: all matches that do not overlap, empty ones too, but none at the end of an empty one.
  func replace(_ pattern: PythonPattern, in text: Text, with template: PatternTemplate) throws(Fault) -> Text
  {
    try checkSubject(text)
    let searching = try PythonPattern.Searching(pattern, in: text)
    let bytes = text.bytes
    var result: [UInt8] = []
    var copied = 0
    var position = 0
    var isEmptyAllowed = true
    while let match = try searching.next(from: position, isEmptyAllowed: isEmptyAllowed), let whole = match[0]
    {
      try charge(16)
      try checkTime()
      result += bytes[copied..<whole.lowerBound]
      template.append(match, of: bytes, to: &result)
      try check(bytes: result.count)
      copied = whole.upperBound
      position = whole.upperBound
      isEmptyAllowed = !whole.isEmpty
    }
    result += bytes[copied...]
    try check(bytes: result.count)
    try charge(bytes: result.count)
    return Text(bytes: result)
  }
}
