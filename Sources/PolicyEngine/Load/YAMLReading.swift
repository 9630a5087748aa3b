import Yams

/// From bytes to YAML nodes, with our words for what can be wrong on the way.
enum YAMLReading {
  /// The text of a file; nil, and a diagnostic, when it is not UTF-8.
  static func source(_ file: PolicyLoader.File, _ diagnostics: inout [PolicyDiagnostic]) -> SourceFile? {
    func refuse(_ code: String, _ message: String, _ line: Int = 0, _ column: Int = 0, _ help: String? = nil)
    {
      diagnostics.append(
        PolicyDiagnostic(
          .error, code: code, message, file: file.name, line: line, column: column, suggestion: help))
    }
    var bytes = file.bytes[...]
    if bytes.count > PolicyLoader.maximumFileSize {
      refuse("too-large", "the file has more than \(PolicyLoader.maximumFileSize) bytes")
      return nil
    }
    if bytes.starts(with: [0xef, 0xbb, 0xbf]) { bytes = bytes.dropFirst(3) }
    if bytes.starts(with: [0xff, 0xfe]) || bytes.starts(with: [0xfe, 0xff]) {
      refuse("encoding", "the file is UTF-16", 0, 0, "save it as UTF-8")
      return nil
    }
    guard let text = String(validating: bytes, as: UTF8.self) else {
      // Find the place: the longest prefix that is valid ends before it.
      let repaired = String(decoding: bytes, as: UTF8.self)
      var line = 1
      var column = 1
      for scalar in repaired.unicodeScalars {
        if scalar == "\u{fffd}" { break }
        if scalar == "\n" {
          line += 1
          column = 1
        } else {
          column += 1
        }
      }
      refuse("encoding", "the file is not valid UTF-8", line, column, "save it as UTF-8")
      return nil
    }
    let source = SourceFile(name: file.name, text: text)
    if let zero = bytes.firstIndex(of: 0) {
      let line = bytes[..<zero].reduce(1) { $1 == 0x0a ? $0 + 1 : $0 }
      refuse("encoding", "the file has a zero byte in it", line, 0)
      return nil
    }
    return source
  }

  /// The one document of a file, nil for an empty one.
  static func root(of source: SourceFile, _ diagnostics: inout [PolicyDiagnostic]) -> Result<
    Node?, YAMLFailure
  > {
    if let line = complexKey(in: source) {
      diagnostics.append(
        PolicyDiagnostic(
          .error, code: "complex-key", "a key must be plain text, not an alias or a mapping",
          file: source.name,
          line: line, sourceLine: source.shownLine(line)))
      return .failure(YAMLFailure())
    }
    do {
      return .success(try Yams.compose(yaml: source.text, .basic, .default, .utf8))
    } catch let error as YamlError {
      diagnostics += explain(error, source)
      return .failure(YAMLFailure())
    } catch {
      diagnostics.append(PolicyDiagnostic(.error, code: "yaml", "\(error)", file: source.name))
      return .failure(YAMLFailure())
    }
  }

  struct YAMLFailure: Error {}

  /// Keys are hashed whole while the document is composed: an alias as a key could make that work for ever, so such
  /// documents are refused before.
  private static func complexKey(in source: SourceFile) -> Int? {
    var number = 1
    for line in source.text.utf8.split(separator: 0x0a, omittingEmptySubsequences: false) {
      defer { number += 1 }
      let line = Array(line)
      guard let first = line.first(where: { $0 != 0x20 && $0 != 0x0d }), first != UInt8(ascii: "#") else {
        continue
      }
      for i in line.indices {
        let isStart = i == 0 || " [{,".utf8.contains(line[i - 1])
        guard isStart else { continue }
        if line[i] == UInt8(ascii: "?"), i + 1 == line.count || line[i + 1] == 0x20 || line[i + 1] == 0x0d {
          return number
        }
        guard line[i] == UInt8(ascii: "*") else { continue }
        let name = line[(i + 1)...].prefix { byte in
          (0x30...0x39).contains(byte) || (0x61...0x7a).contains(byte | 0x20) || byte == 0x2d || byte == 0x5f
            || byte >= 0x80
        }
        let rest = line[name.endIndex...].drop { $0 == 0x20 }
        if !name.isEmpty, rest.first == UInt8(ascii: ":") { return number }
      }
    }
    return nil
  }

  private static func explain(_ error: YamlError, _ source: SourceFile) -> [PolicyDiagnostic] {
    func one(_ code: String, _ message: String, _ mark: Mark?, _ help: String? = nil) -> [PolicyDiagnostic] {
      let line = min(mark?.line ?? 0, source.lineCount)
      return [
        PolicyDiagnostic(
          .error, code: code, message, file: source.name, line: line, column: mark?.column ?? 0,
          suggestion: help, sourceLine: source.shownLine(line))
      ]
    }
    switch error {
    case .scanner(let context, let problem, let mark, _), .parser(let context, let problem, let mark, _),
      .composer(let context, let problem, let mark, _):
      if problem.contains("nesting level") { return one("too-deep", "the file is nested too deeply", mark) }
      let indentation = source.line(mark.line).map { $0.prefix { $0 == " " || $0 == "\t" } } ?? ""
      if indentation.contains("\t") || problem.contains("\\t") {
        return one("tab", "a tab cannot indent in YAML", mark, "indent with spaces")
      }
      if problem.contains("another document") {
        return one(
          "yaml", "a policy file holds one document", mark, "put what follows --- into a file of its own")
      }
      var message = problem
      if let context { message += " \(context.text) (line \(context.mark.line))" }
      return one("yaml", message, mark, hint(problem))
    case .reader(let problem, _, _, _): return one("encoding", problem, nil)
    case .duplicatedKeysInMapping(let duplicates, let context):
      return duplicates.map { key in duplicate(key, context.mark, source) }
    default: return one("yaml", "\(error)", nil)
    }
  }

  private static func hint(_ problem: String) -> String? {
    if problem.contains("mapping values are not allowed") {
      return "look for a missing quote or wrong indentation: a value with “: ” in it must be quoted"
    }
    if problem.contains("unknown escape") { return "use single quotes around patterns: '\\d+'" }
    if problem.contains("cannot start any token") { return "quote the value: '…'" }
    return nil
  }

  /// The parser names the first occurrence; the second is the next line with that key in the same column.
  private static func duplicate(_ key: String, _ mark: Mark, _ source: SourceFile) -> PolicyDiagnostic {
    var diagnostic = PolicyDiagnostic(
      .error, code: "duplicate-key", "key “\(key)” is given twice", file: source.name, line: mark.line,
      column: mark.column, sourceLine: source.shownLine(mark.line))
    let indent = mark.column - 1
    var number = mark.line + 1
    while let line = source.line(number), number < mark.line + 10_000 {
      let scalars = Array(line.unicodeScalars)
      let depth = scalars.prefix { $0 == " " }.count
      if depth < scalars.count, scalars[depth] != "#", depth < indent { break }
      if depth == indent, String(String.UnicodeScalarView(scalars[indent...])).hasPrefix("\(key):") {
        diagnostic.line = number
        diagnostic.sourceLine = line
        diagnostic.related = [
          .init(file: source.name, line: mark.line, column: mark.column, message: "first given here")
        ]
        break
      }
      number += 1
    }
    return diagnostic
  }
}
