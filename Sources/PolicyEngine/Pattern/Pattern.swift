import CPCRE2

/// A rule's regular expression (or form), compiled: matches a whole alias, without case, in bounded time.
///
/// Syntax is PCRE2's, which covers what Python and Perl patterns use. `\d`, `\w` and `\s` are ASCII: a number plan means
/// the digits 0-9. Immutable after `init`, so threads share it (pcre2api, "Multithreading").
final class Pattern: @unchecked Sendable {
  // @unchecked: `code` is never written after init; PCRE2 documents compiled code as shareable between threads, and the
  // match data, which is written, is a thread's own (MatchWorkspace). Tested by matching from many threads at once.
  let code: OpaquePointer?
  /// Takes the place of ``code`` for a form.
  let form: FormMatcher?
  let isCompiledToMachineCode: Bool
  /// Capturing groups.
  let groupCount: Int
  let groupNames: [String: Int]

  /// Characters of a pattern (the reference system allows 250; Tandem's longer ones are still bounded).
  static let maximumLength = 2_000
  static let maximumGroups = 99
  /// Bytes of an alias. Longer ones are not matched at all.
  static let maximumSubjectLength = 4_096
  // PCRE2's header writes these three as `0x...u` with a cast that Swift does not import.
  private static let anchored: UInt32 = 0x8000_0000
  private static let endAnchored: UInt32 = 0x2000_0000
  static let noUTFCheck: UInt32 = 0x4000_0000

  /// What is wrong with a pattern, and where.
  struct Invalid: Error, Equatable {
    var message: String
    /// Bytes from the start of the pattern.
    var offset: Int
  }

  /// A form: matched without PCRE2.
  init(_ form: PatternForm) {
    self.form = FormMatcher(form)
    code = nil
    isCompiledToMachineCode = false
    groupCount = PatternForm.groupCount
    groupNames = PatternForm.groupNames
  }

  /// - Parameter isForUse: false when only the errors are wanted.
  init(_ text: String, isForUse: Bool = true) throws(Invalid) {
    form = nil
    guard text.utf8.count <= Pattern.maximumLength else {
      throw Invalid(message: "the pattern has more than \(Pattern.maximumLength) bytes", offset: 0)
    }
    // Anchoring by option rather than by wrapping in `(?:...)\z`: a stray parenthesis stays an error, a trailing
    // comment of an extended pattern cannot swallow the anchor, and error offsets are those of the text as written.
    let options =
      PCRE2_UTF | PCRE2_CASELESS | PCRE2_NEVER_BACKSLASH_C | Pattern.anchored | Pattern.endAnchored
    var number: Int32 = 0
    var offset = 0
    var text = text
    let compiled = text.withUTF8 { bytes in
      pcre2_compile_8(bytes.baseAddress, bytes.count, options, &number, &offset, nil)
    }
    guard let compiled else {
      throw Invalid(message: Pattern.message(number), offset: min(offset, text.utf8.count))
    }
    code = compiled
    var groups: UInt32 = 0
    pcre2_pattern_info_8(compiled, UInt32(PCRE2_INFO_CAPTURECOUNT), &groups)
    groupCount = Int(groups)
    groupNames = Pattern.names(in: compiled)
    isCompiledToMachineCode = isForUse && pcre2_jit_compile_8(compiled, PCRE2_JIT_COMPLETE) == 0
    guard groupCount <= Pattern.maximumGroups else {
      throw Invalid(message: "the pattern has more than \(Pattern.maximumGroups) groups", offset: 0)
    }
  }

  deinit { if let code { pcre2_code_free_8(code) } }

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
}
