/// What a call passes.
struct Arguments {
  var positional: [Value]
  var keywords: [(name: String, value: Value)]

  init(_ positional: [Value] = [], keywords: [(name: String, value: Value)] = []) {
    self.positional = positional
    self.keywords = keywords
  }
}

/// What a function takes.
struct Signature: Sendable {
  /// In order; names that end in `?` are optional.
  let parameters: [(name: String, isOptional: Bool)]
  /// Takes any further arguments: the body looks at them itself.
  let isVariadic: Bool

  init(_ parameters: String..., isVariadic: Bool = false) {
    self.parameters = parameters.map { name in
      name.hasSuffix("?") ? (String(name.dropLast()), true) : (name, false)
    }
    self.isVariadic = isVariadic
  }

  static func variadic(_ parameters: String...) -> Signature {
    var names: [(String, Bool)] = []
    for name in parameters { names.append((name, false)) }
    return Signature(parameters: names, isVariadic: true)
  }

  private init(parameters: [(name: String, isOptional: Bool)], isVariadic: Bool) {
    self.parameters = parameters
    self.isVariadic = isVariadic
  }

  /// A value, or nil where an optional one is left out, for each parameter.
  func bind(_ arguments: Arguments, to function: String) throws(Fault) -> [Value?] {
    if let problem = problem(count: arguments.positional.count, keywords: arguments.keywords.map(\.name)) {
      throw Fault(.type, "“\(function)” \(problem)")
    }
    var bound = [Value?](repeating: nil, count: parameters.count)
    for (i, value) in arguments.positional.prefix(parameters.count).enumerated() { bound[i] = value }
    for (name, value) in arguments.keywords {
      if let i = parameters.firstIndex(where: { $0.name == name }) { bound[i] = value }
    }
    return bound
  }

  /// What is wrong with a call, known before it runs; nil when nothing is.
  func problem(count: Int, keywords: [String]) -> String? {
    if count > parameters.count, !isVariadic {
      return "takes at most \(Signature.number(parameters.count)), found \(count)"
    }
    var isGiven = parameters.indices.map { $0 < count }
    for name in keywords {
      guard let i = parameters.firstIndex(where: { $0.name == name }) else {
        if isVariadic { continue }
        return "has no argument “\(name)”"
      }
      if isGiven[i] { return "is given its argument “\(name)” twice" }
      isGiven[i] = true
    }
    for (i, parameter) in parameters.enumerated() where !isGiven[i] && !parameter.isOptional {
      return "needs its argument “\(parameter.name)”"
    }
    return nil
  }

  private static func number(_ count: Int) -> String { count == 1 ? "1 argument" : "\(count) arguments" }
}

extension Value {
  /// An argument that must be a whole number that fits an `Int`; larger ones are cut to its range.
  func requireInteger(_ what: String) throws(Fault) -> Int {
    switch Number(self) {
    case .integer(let n): return n
    case .big(let n): return n.isNegative ? .min : .max
    case .float, nil:
      if case .undefined(let undefined) = self { throw Fault(undefined) }
      throw Fault(.type, "\(what) must be an integer, found \(described)")
    }
  }

  func requireText(_ what: String) throws(Fault) -> Text {
    if case .string(let text) = self { return text }
    if case .undefined(let undefined) = self { throw Fault(undefined) }
    throw Fault(.type, "\(what) must be text, found \(described)")
  }
}
