/// The text of a script: line ends are `\n`, and one at the end is dropped, as Jinja does.
struct ScriptSource: Sendable {
  let name: String
  let bytes: [UInt8]

  init(_ text: String, name: String) {
    self.name = name
    var bytes: [UInt8] = []
    bytes.reserveCapacity(text.utf8.count)
    var previous: UInt8 = 0
    for byte in text.utf8 {
      if byte == UInt8(ascii: "\r") {
        bytes.append(UInt8(ascii: "\n"))
      } else if byte != UInt8(ascii: "\n") || previous != UInt8(ascii: "\r") {
        bytes.append(byte)
      }
      previous = byte
    }
    if bytes.last == UInt8(ascii: "\n") { bytes.removeLast() }
    self.bytes = bytes
  }

  /// - Parameter at: Offset in bytes.
  func diagnostic(
    _ severity: ScriptDiagnostic.Severity, _ code: String, _ message: String, at: Int, found: String? = nil,
    expected: String? = nil, suggestion: String? = nil
  ) -> ScriptDiagnostic {
    let at = min(max(at, 0), bytes.count)
    let newline = UInt8(ascii: "\n")
    let line = bytes[..<at].count { $0 == newline } + 1
    let start = bytes[..<at].lastIndex(of: newline).map { $0 + 1 } ?? 0
    let end = bytes[at...].firstIndex(of: newline) ?? bytes.count
    return ScriptDiagnostic(
      severity: severity, code: code, message: message, found: found, expected: expected,
      suggestion: suggestion, script: name, line: line,
      column: String(decoding: bytes[start..<at], as: UTF8.self).count + 1,
      sourceLine: String(decoding: bytes[start..<end], as: UTF8.self))
  }

  func error(_ fault: Fault, at: Int) -> ScriptError {
    ScriptError(
      kind: fault.kind,
      diagnostic: diagnostic(.error, fault.kind.code, fault.message, at: at, suggestion: fault.suggestion))
  }

  func starts(with text: StaticString, at position: Int) -> Bool {
    let count = text.utf8CodeUnitCount
    guard position >= 0, position + count <= bytes.count else { return false }
    for i in 0..<count where bytes[position + i] != text.utf8Start[i] { return false }
    return true
  }

  func find(_ text: StaticString, from position: Int) -> Int? {
    var i = position
    while i < bytes.count {
      if starts(with: text, at: i) { return i }
      i += 1
    }
    return nil
  }

  func scalar(at position: Int) -> Unicode.Scalar? {
    guard position < bytes.count else { return nil }
    let byte = bytes[position]
    if byte < 0x80 { return Unicode.Scalar(byte) }
    let end = min(position + Text.width(byte), bytes.count)
    return String(decoding: bytes[position..<end], as: UTF8.self).unicodeScalars.first
  }

  /// The first position from `position` on that is no white space.
  func skippingSpace(from position: Int) -> Int {
    var i = position
    while let scalar = scalar(at: i), scalar.isPythonSpace { i += UTF8.width(scalar) }
    return i
  }
}

/// The findings while a script is read.
final class DiagnosticCollector {
  let source: ScriptSource
  private(set) var all: [ScriptDiagnostic] = []
  /// More than this many help nobody.
  static let maximum = 100

  init(_ source: ScriptSource) { self.source = source }

  func add(
    _ severity: ScriptDiagnostic.Severity, _ code: String, _ message: String, at: Int, found: String? = nil,
    expected: String? = nil, suggestion: String? = nil
  ) {
    guard all.count < DiagnosticCollector.maximum else { return }
    let diagnostic = source.diagnostic(
      severity, code, message, at: at, found: found, expected: expected, suggestion: suggestion)
    if !all.contains(diagnostic) { all.append(diagnostic) }
  }
}
