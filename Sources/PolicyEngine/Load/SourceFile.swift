/// The text of one policy file, and its lines for display.
struct SourceFile: Sendable {
  let name: String
  let text: String
  private let lineStarts: [Int]
  private let bytes: [UInt8]

  init(name: String, text: String) {
    self.name = name
    self.text = text
    bytes = Array(text.utf8)
    var starts = [0]
    for (i, byte) in bytes.enumerated() where byte == 0x0a { starts.append(i + 1) }
    lineStarts = starts
  }

  var lineCount: Int { lineStarts.count }
  var byteCount: Int { bytes.count }

  /// Line `number`, from 1, without its end.
  func line(_ number: Int) -> String? {
    guard number >= 1, number <= lineStarts.count else { return nil }
    let start = lineStarts[number - 1]
    var end = number < lineStarts.count ? lineStarts[number] - 1 : bytes.count
    if end > start, bytes[end - 1] == 0x0d { end -= 1 }
    return String(decoding: bytes[start..<end], as: UTF8.self)
  }

  /// A line as diagnostics show it; nil for one that nobody would read. Each finding keeps its own: a long line with a mistake
  /// in every word would fill the memory with copies of itself.
  func shownLine(_ number: Int) -> String? {
    guard number >= 1, number <= lineStarts.count else { return nil }
    let end = number < lineStarts.count ? lineStarts[number] : bytes.count
    return end - lineStarts[number - 1] <= SourceFile.maximumShownLine ? line(number) : nil
  }

  static let maximumShownLine = 4_096

  /// The column of the byte `offset` of a scalar that starts at `position`; its start when the scalar spans lines.
  func column(_ position: SourcePosition, offset: Int) -> Int {
    guard offset > 0, let line = line(position.line) else { return position.column }
    let scalars = Array(line.unicodeScalars)
    var i = position.column - 1
    guard i < scalars.count else { return position.column }
    let quote = scalars[i]
    guard quote != "|", quote != ">" else { return position.column }
    let isQuoted = quote == "'" || quote == "\""
    if isQuoted { i += 1 }
    var remaining = offset
    while remaining > 0, i < scalars.count {
      var width = 1
      if quote == "'", scalars[i] == "'", i + 1 < scalars.count, scalars[i + 1] == "'" { width = 2 }
      // Escapes are two characters here, but for the rare \x, \u and \U.
      if quote == "\"", scalars[i] == "\\" { width = 2 }
      remaining -= isQuoted && width == 2 ? 1 : String(scalars[i]).utf8.count
      i += width
    }
    return i + 1
  }
}

extension SourceFile {
  /// Where a place inside a scalar stands in this file; nil when the scalar's lines are not written as they are.
  func place(
    of script: PolicyFinding.ScriptPlace, inScalarAt position: SourcePosition
  ) -> (line: Int, column: Int)? {
    guard let first = line(position.line) else { return nil }
    let head = first.unicodeScalars.dropFirst(position.column - 1)
    if head.first == "|" {
      // A literal block: its lines follow, indented.
      guard let written = line(position.line + script.line) else { return nil }
      let indent = written.unicodeScalars.count - script.text.unicodeScalars.count
      guard indent >= 0, written.hasSuffix(script.text) else { return nil }
      return (position.line + script.line, script.column + indent)
    }
    let quoted = head.first == "'" || head.first == "\"" ? 1 : 0
    guard script.line == 1,
      String(String.UnicodeScalarView(head.dropFirst(quoted))).hasPrefix(script.text)
    else { return nil }
    return (position.line, position.column + quoted + script.column - 1)
  }
}
