/// One thing that is wrong with a policy, or that deserves a look, where it stands.
public struct PolicyDiagnostic: Error, Hashable, Sendable {
  public enum Severity: String, Hashable, Sendable, CaseIterable {
    case error, warning
    /// Says what a check could not look into; counts for nothing, not even with `--strict`.
    case note
  }

  public var severity: Severity
  /// Path as given to the loader; empty for a policy made in code.
  public var file: String
  /// From 1; 0 when the whole file is meant.
  public var line: Int
  /// From 1, in characters; 0 when the whole line is meant.
  public var column: Int
  /// Stable name of the kind of finding, e.g. `unknown-key`.
  public var code: String
  public var message: String
  public var found: String?
  public var expected: String?
  public var suggestion: String?
  /// An alias that shows what the finding says, where one does.
  public var witness: String?
  /// The line as written, for display.
  public var sourceLine: String?
  /// Other places that take part, e.g. where a name was first used.
  public var related: [Related]

  public struct Related: Hashable, Sendable {
    public var file: String
    public var line: Int
    public var column: Int
    public var message: String

    public init(file: String, line: Int, column: Int, message: String) {
      self.file = file
      self.line = line
      self.column = column
      self.message = message
    }
  }

  public init(
    _ severity: Severity, code: String, _ message: String, file: String = "", line: Int = 0, column: Int = 0,
    found: String? = nil, expected: String? = nil, suggestion: String? = nil, witness: String? = nil,
    sourceLine: String? = nil, related: [Related] = []
  ) {
    self.severity = severity
    self.file = file
    self.line = line
    self.column = column
    self.code = code
    self.message = message
    self.found = found
    self.expected = expected
    self.suggestion = suggestion
    self.witness = witness
    self.sourceLine = sourceLine
    self.related = related
  }
}

extension PolicyDiagnostic: CustomStringConvertible {
  private static func place(_ file: String, _ line: Int, _ column: Int) -> String {
    var text = file.isEmpty ? "policy" : file
    if line > 0 { text += ":\(line)" }
    if line > 0, column > 0 { text += ":\(column)" }
    return text
  }

  /// One line: `policies/rules.yaml:12:5: error: unknown key “protcol” [unknown-key]`.
  public var description: String {
    var text = "\(PolicyDiagnostic.place(file, line, column)): \(severity.rawValue): \(message)"
    if let expected { text += "; expected \(expected)" }
    if let found { text += ", found \(found)" }
    return text + " [\(code)]"
  }

  /// The line of ``description``, the source with a caret below the place, related places and the suggestion.
  public var excerpt: String {
    var text = description
    if let sourceLine, line > 0 {
      // Very long lines are shown around the place.
      let characters = Array(sourceLine)
      let start = column > 100 ? column - 80 : 0
      let shown = String(characters.dropFirst(start).prefix(160)).map { $0 == "\t" ? " " : $0 }
      let number = String(line)
      text += "\n  \(number) | \(String(shown))"
      if column > 0 {
        let margin = String(repeating: " ", count: number.count)
        text += "\n  \(margin) | \(String(repeating: " ", count: max(0, column - 1 - start)))^"
      }
    }
    for other in related {
      text += "\n  \(PolicyDiagnostic.place(other.file, other.line, other.column)): note: \(other.message)"
    }
    if let suggestion { text += "\n  help: \(suggestion)" }
    return text
  }
}

/// All that was found wrong with a policy.
public struct PolicyDiagnostics: Error, Hashable, Sendable, CustomStringConvertible {
  public var all: [PolicyDiagnostic]
  public init(_ all: [PolicyDiagnostic]) { self.all = all }
  public var hasErrors: Bool { all.contains { $0.severity == .error } }
  public var description: String { all.map(\.description).joined(separator: "\n") }
}
