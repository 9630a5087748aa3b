import CPCRE2

/// A pattern as the engine of rules matches it: caseless, UTF, the whole subject.
final class PCRE2Oracle {
  private let code: OpaquePointer
  private let data: OpaquePointer

  init?(_ text: String) {
    var number: Int32 = 0
    var offset = 0
    var text = text
    // Anchored and end-anchored: 0x80000000 and 0x20000000, which Swift does not import.
    let options = PCRE2_UTF | PCRE2_CASELESS | PCRE2_NEVER_BACKSLASH_C | 0x8000_0000 | 0x2000_0000
    let compiled = text.withUTF8 {
      pcre2_compile_8($0.baseAddress, $0.count, options, &number, &offset, nil)
    }
    guard let compiled, let data = pcre2_match_data_create_from_pattern_8(compiled, nil) else { return nil }
    code = compiled
    self.data = data
  }

  deinit {
    pcre2_match_data_free_8(data)
    pcre2_code_free_8(code)
  }

  /// nil: more than `limit` steps.
  func matches(_ subject: String, limit: UInt32 = 10_000_000) -> Bool? {
    let status = run(subject, limit)
    if status >= 0 { return true }
    return status == PCRE2_ERROR_NOMATCH ? false : nil
  }

  /// Text of a group after a match; nil when it took no part.
  func group(_ number: Int, _ subject: String) -> String? {
    guard run(subject, 10_000_000) > 0, let vector = pcre2_get_ovector_pointer_8(data) else { return nil }
    let bytes = Array(subject.utf8)
    let (start, end) = (vector[2 * number], vector[2 * number + 1])
    guard start >= 0, start <= end, end <= bytes.count else { return nil }
    return String(decoding: bytes[start..<end], as: UTF8.self)
  }

  /// The least limit under which a match ends, to within 5 %: what PCRE2 counts as its work.
  func cost(_ subject: String, atMost ceiling: UInt32 = 4_000_000) -> UInt32 {
    guard matches(subject, limit: ceiling) != nil else { return ceiling }
    var low: UInt32 = 0
    var high = ceiling
    while high - low > max(1, high / 20) {
      let middle = low + (high - low) / 2
      if matches(subject, limit: middle) == nil { low = middle } else { high = middle }
    }
    return high
  }

  private func run(_ subject: String, _ limit: UInt32) -> Int32 {
    guard let context = pcre2_match_context_create_8(nil) else { return -1 }
    defer { pcre2_match_context_free_8(context) }
    pcre2_set_match_limit_8(context, limit)
    var subject = subject
    return subject.withUTF8 { bytes in
      var empty: UInt8 = 0
      return withUnsafePointer(to: &empty) {
        pcre2_match_8(code, bytes.baseAddress ?? $0, bytes.count, 0, 0, data, context)
      }
    }
  }
}
