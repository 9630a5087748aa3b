/// Where in a policy something stands: `rules[3].to.trunks[0].trunk`. The loader turns it into a line and a column.
struct PolicyPath: Hashable, CustomStringConvertible {
  enum Step: Hashable {
    case key(String)
    case index(Int)
  }

  var steps: [Step]

  init(_ section: String, _ index: Int, _ keys: String...) {
    steps = [.key(section), .index(index)] + keys.map(Step.key)
  }

  init(keys: String...) { steps = keys.map(Step.key) }

  func appending(_ keys: String...) -> PolicyPath {
    var path = self
    path.steps += keys.map(Step.key)
    return path
  }

  func appending(_ index: Int) -> PolicyPath {
    var path = self
    path.steps.append(.index(index))
    return path
  }

  var description: String {
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
struct PolicyFinding {
  var severity = PolicyDiagnostic.Severity.error
  var code: String
  var message: String
  var path: PolicyPath
  /// Bytes from the start of the value, for what is wrong inside a pattern or a replacement.
  var offset = 0
  var found: String?
  var expected: String?
  var suggestion: String?
  var related: [(path: PolicyPath, message: String)] = []

  /// For a policy made in code: the path takes the place of the line.
  var diagnostic: PolicyDiagnostic {
    PolicyDiagnostic(
      severity, code: code, "\(path): \(message)", found: found, expected: expected, suggestion: suggestion)
  }
}
