/// Where in a policy something stands: `rules[3].to.trunks[0].trunk`. The loader turns it into a line and a column.
package struct PolicyPath: Hashable, CustomStringConvertible {
  package enum Step: Hashable {
    case key(String)
    case index(Int)
  }

  package var steps: [Step]

  package init(_ section: String, _ index: Int, _ keys: String...) {
    steps = [.key(section), .index(index)] + keys.map(Step.key)
  }

  package init(keys: String...) { steps = keys.map(Step.key) }

  package func appending(_ keys: String...) -> PolicyPath { appending(keys) }

  package func appending(_ keys: [String]) -> PolicyPath {
    var path = self
    path.steps += keys.map(Step.key)
    return path
  }

  package func appending(_ index: Int) -> PolicyPath {
    var path = self
    path.steps.append(.index(index))
    return path
  }

  package var description: String {
    var text = ""
    for step in steps {
      switch step {
      case .key(let key): text += text.isEmpty ? key : ".\(key)"
      case .index(let index): text += "[\(index)]"
      }
    }
    return text
  }
}

/// A diagnostic that does not know its line yet.
package struct PolicyFinding {
  package var severity = PolicyDiagnostic.Severity.error
  package var code: String
  package var message: String
  package var path: PolicyPath
  /// Bytes from the start of the value, for what is wrong inside a pattern or a replacement.
  package var offset = 0
  package var found: String?
  package var expected: String?
  package var suggestion: String?
  /// An alias that shows it.
  package var witness: String?
  package var related: [(path: PolicyPath, message: String)] = []
  /// For what is wrong inside a script.
  package var scriptPlace: ScriptPlace?

  /// A place in a text of several lines, which stands at the finding's path or in a file of its own.
  package struct ScriptPlace {
    package var file: String?
    /// From 1, as is the column.
    package var line: Int
    package var column: Int
    package var text: String
  }

  package init(
    severity: PolicyDiagnostic.Severity = .error, code: String, message: String, path: PolicyPath,
    offset: Int = 0, found: String? = nil, expected: String? = nil, suggestion: String? = nil,
    witness: String? = nil, related: [(path: PolicyPath, message: String)] = []
  ) {
    self.severity = severity
    self.code = code
    self.message = message
    self.path = path
    self.offset = offset
    self.found = found
    self.expected = expected
    self.suggestion = suggestion
    self.witness = witness
    self.related = related
  }

  /// For a policy made in code: the path takes the place of the line.
  var diagnostic: PolicyDiagnostic {
    PolicyDiagnostic(
      severity, code: code, "\(path): \(message)", file: scriptPlace?.file ?? "",
      line: scriptPlace?.line ?? 0,
      column: scriptPlace?.column ?? 0, found: found, expected: expected, suggestion: suggestion,
      witness: witness)
  }
}
