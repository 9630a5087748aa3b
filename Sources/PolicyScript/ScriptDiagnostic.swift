/// One thing that is wrong with a script, or that deserves a look, where it stands.
public struct ScriptDiagnostic: Error, Hashable, Sendable {
  public enum Severity: String, Hashable, Sendable, CaseIterable { case error, warning }

  public var severity: Severity
  /// Stable name of the kind of finding, e.g. `unknown-filter`.
  public var code: String
  public var message: String
  public var found: String?
  public var expected: String?
  public var suggestion: String?
  /// As given to ``PolicyScript/compile(_:name:)``.
  public var script: String
  /// From 1.
  public var line: Int
  /// From 1, in characters.
  public var column: Int
  /// The line as written, for display.
  public var sourceLine: String
}

extension ScriptDiagnostic: CustomStringConvertible {
  /// One line: `service.j2:12:5: error: unknown filter “pex_tojson” [unknown-filter]`.
  public var description: String {
    var text = "\(script):\(line):\(column): \(severity.rawValue): \(message)"
    if let expected { text += "; expected \(expected)" }
    if let found { text += ", found \(found)" }
    return text + " [\(code)]"
  }

  /// The line of ``description``, the source with a caret below the place, and the suggestion.
  public var excerpt: String {
    // Very long lines are shown around the place.
    let start = column > 100 ? column - 80 : 0
    let shown = String(sourceLine.dropFirst(start).prefix(160).map { $0 == "\t" ? " " : $0 })
    let number = String(line)
    let margin = String(repeating: " ", count: number.count)
    var text = "\(description)\n  \(number) | \(shown)"
    text += "\n  \(margin) | \(String(repeating: " ", count: max(0, column - 1 - start)))^"
    if let suggestion { text += "\n  help: \(suggestion)" }
    return text
  }
}

/// All that keeps a script from running.
public struct ScriptDiagnostics: Error, Hashable, Sendable, CustomStringConvertible {
  public var all: [ScriptDiagnostic]
  public init(_ all: [ScriptDiagnostic]) { self.all = all }
  public var description: String { all.map(\.description).joined(separator: "\n") }
}

/// Why a rendering failed, and where in the script. The script then counts as not applied.
public struct ScriptError: Error, Hashable, Sendable, CustomStringConvertible {
  public enum Kind: Hashable, Sendable {
    /// Something undefined was used for more than printing or testing it.
    case undefined
    /// An operation, filter or function was given a value of a kind it does not take.
    case type
    /// A value of the right kind that cannot be used.
    case value
    case arithmetic
    case limit(ScriptLimits.Name)
    /// A regular expression that is none.
    case pattern
    /// The script wanted to change what it may read only.
    case readOnly
    /// The script asked not to be applied: `pex_require_min_length`.
    case notApplied

    var code: String {
      switch self {
      case .undefined: "undefined"
      case .type: "type"
      case .value: "value"
      case .arithmetic: "arithmetic"
      case .limit(let name):
        "limit-" + String(name.rawValue.map { $0 == " " ? "-" : $0 })
      case .pattern: "pattern"
      case .readOnly: "read-only"
      case .notApplied: "not-applied"
      }
    }
  }

  public var kind: Kind
  public var diagnostic: ScriptDiagnostic
  public var description: String { diagnostic.description }
}
