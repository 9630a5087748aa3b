/// Turns statements into closures: names become numbers of slots, filters and tests the functions behind them.
final class Compiler {
  /// Where names are looked up. Blocks that make a scope of their own (`for`, `with`, `filter`, block `set`) begin with the values
  /// from outside, and what they set ends with them, as in Jinja; `if` makes none.
  final class Scope {
    let parent: Scope?
    fileprivate var slots: [String: Int] = [:]
    init(parent: Scope?) { self.parent = parent }

    func slot(_ name: String) -> Int? { slots[name] ?? parent?.slot(name) }
  }

  let diagnostics: DiagnosticCollector
  let patterns = PatternCache()
  /// The variables that the script will be given; nil when that is not known.
  let variables: Set<String>?
  private(set) var slotCount = 0
  private(set) var names: [String] = []
  private var numbers: [String: Int] = [:]
  private var isInLoop = 0

  init(_ diagnostics: DiagnosticCollector, variables: Set<String>?) {
    self.diagnostics = diagnostics
    self.variables = variables
  }

  func program(_ statements: [Statement]) -> Program {
    let body = scoped(statements, parent: nil).run
    return Program(body: body, slotCount: slotCount, names: names, patterns: patterns)
  }

  /// The number of a name in the context.
  func number(_ name: String) -> Int {
    if let number = numbers[name] { return number }
    names.append(name)
    numbers[name] = names.count - 1
    return names.count - 1
  }

  // MARK: Scopes

  private func newSlot() -> Int {
    slotCount += 1
    return slotCount - 1
  }

  /// The names that these statements set in their own scope.
  private func assigned(_ statements: [Statement]) -> [String] {
    var names: [String] = []
    for statement in statements {
      switch statement {
      case .set(let target, _): names += target.names
      case .setBlock(let target, _, _, _): names += target.names
      case .if(let branches, let otherwise):
        for branch in branches { names += assigned(branch.body) }
        names += assigned(otherwise)
      case .text, .output, .for, .with, .filter: break
      }
    }
    return names
  }

  /// A body in a scope of its own.
  ///
  /// - Parameter parameters: Names that the owner of the body sets itself, such as the variables of a loop.
  /// - Returns: The body, which first takes over the values from outside, and the scope.
  private func scoped(
    _ statements: [Statement], parent: Scope?, parameters: [String] = []
  ) -> (run: Execution, scope: Scope) {
    let scope = Scope(parent: parent)
    for name in parameters where scope.slots[name] == nil { scope.slots[name] = newSlot() }
    var inherited: [(slot: Int, value: Evaluation)] = []
    for name in assigned(statements) where scope.slots[name] == nil {
      let outer = load(name, parent, at: 0, isChecked: false)
      let slot = newSlot()
      scope.slots[name] = slot
      inherited.append((slot, outer))
    }
    let body = sequence(statements, scope)
    if inherited.isEmpty { return (body, scope) }
    return (
      { run throws(Fault) in
        for (slot, value) in inherited { run.slots[slot] = try value(run) }
        try body(run)
      }, scope
    )
  }

  /// - Parameter isChecked: Whether an unknown name deserves a warning.
  func load(_ name: String, _ scope: Scope?, at: Int, isChecked: Bool = true) -> Evaluation {
    if let slot = scope?.slot(name) { return { run throws(Fault) in run.slots[slot] } }
    let number = number(name)
    let undefined = Undefined(.variable(name))
    if let function = Functions.all[name] {
      return { run throws(Fault) in try run.variable(number) ?? .function(function) }
    }
    if isChecked, let variables, !variables.contains(name) {
      let nearest = nearestName(to: name, in: Array(variables) + Functions.all.keys + (scope?.visible ?? []))
      diagnostics.add(
        .warning, "unknown-variable", "unknown variable “\(name)” is undefined", at: at,
        suggestion: nearest.map { "did you mean “\($0)”?" })
    }
    return { run throws(Fault) in try run.variable(number) ?? .undefined(undefined) }
  }

  // MARK: Statements

  private func sequence(_ statements: [Statement], _ scope: Scope) -> Execution {
    let all = statements.map { compile($0, scope) }
    switch all.count {
    case 0: return { _ in }
    case 1: return all[0]
    default: return { run throws(Fault) in for statement in all { try statement(run) } }
    }
  }

  private func compile(_ statement: Statement, _ scope: Scope) -> Execution {
    switch statement {
    case .text(let text, let at):
      return { run throws(Fault) in
        run.at = at
        run.output.append(contentsOf: text.bytes)
        try run.checkOutput()
      }
    case .output(let expression):
      let value = compile(expression, scope)
      let at = expression.at
      return { run throws(Fault) in
        let value = try value(run)
        run.at = at
        try run.step()
        try run.write(value, to: &run.output)
        try run.checkOutput()
      }
    case .if(let branches, let otherwise):
      let branches = branches.map { (compile($0.condition, scope), sequence($0.body, scope)) }
      let otherwise = sequence(otherwise, scope)
      return { run throws(Fault) in
        for (condition, body) in branches where try condition(run).isTrue {
          try body(run)
          return
        }
        try otherwise(run)
      }
    case .set(let target, let expression):
      let value = compile(expression, scope)
      let assign = assignment(target, scope)
      let at = expression.at
      return { run throws(Fault) in
        let value = try value(run)
        run.at = at
        try run.step()
        try assign(run, value)
      }
    case .setBlock(let target, let filter, let body, let at):
      let text = captured(body, filter, scope)
      let assign = assignment(target, scope)
      return { run throws(Fault) in
        let value = try text(run)
        run.at = at
        try assign(run, value)
      }
    case .filter(let filter, let body, let at):
      let text = captured(body, filter, scope)
      return { run throws(Fault) in
        let value = try text(run)
        run.at = at
        try run.write(value, to: &run.output)
        try run.checkOutput()
      }
    case .with(let values, let body):
      return with(values, body, scope)
    case .for(let loop): return compile(loop, scope)
    }
  }

  private func with(
    _ values: [(Target, Expression)], _ body: [Statement], _ scope: Scope
  ) -> Execution {
    // All values see the outside, as in Jinja since 2.9.
    let evaluations = values.map { compile($0.1, scope) }
    let (body, inner) = scoped(body, parent: scope, parameters: values.flatMap(\.0.names))
    let assignments = values.map { assignment($0.0, inner) }
    return { run throws(Fault) in
      var results: [Value] = []
      for evaluation in evaluations { results.append(try evaluation(run)) }
      for (assign, value) in zip(assignments, results) { try assign(run, value) }
      try body(run)
    }
  }

  /// What a body writes, as a value, after a filter.
  private func captured(_ body: [Statement], _ filter: Expression?, _ scope: Scope) -> Evaluation {
    let body = scoped(body, parent: scope).run
    let text: Evaluation = { run throws(Fault) in
      let outer = run.output
      run.output = []
      defer { run.output = outer }
      try body(run)
      try run.check(bytes: run.output.count)
      try run.charge(bytes: run.output.count)
      return .string(Text(bytes: run.output))
    }
    guard let filter else { return text }
    return compile(filter, scope, blockValue: text)
  }

  func assignment(_ target: Target, _ scope: Scope) -> (Run, Value) throws(Fault) -> Void {
    switch target {
    case .name(let name, _):
      guard let slot = scope.slot(name) else { return { _, _ throws(Fault) in } }
      return { run, value throws(Fault) in run.slots[slot] = value }
    case .attribute(let object, let name, let at):
      let load = load(object, scope, at: at)
      let key = Text(name)
      return { run, value throws(Fault) in
        let object = try load(run)
        run.at = at
        guard case .object(let native) = object, let namespace = native as? Namespace else {
          throw Fault(
            .type, "attributes can only be set on a namespace, found \(object.described)",
            "make one with {% set ns = namespace() %}, or a changed copy with |pex_update")
        }
        try run.set(.string(key), to: value, in: namespace.values)
      }
    case .tuple(let targets, let at):
      let all = targets.map { assignment($0, scope) }
      return { run, value throws(Fault) in
        run.at = at
        if case .undefined(let undefined) = value, !all.isEmpty { throw Fault(undefined) }
        let items = try run.items(of: value)
        guard items.count == all.count else {
          throw Fault(.value, "\(all.count) names cannot take \(items.count) values")
        }
        for (assign, item) in zip(all, items) { try assign(run, item) }
      }
    }
  }

  // MARK: Loops

  private func compile(_ loop: Loop, _ scope: Scope) -> Execution {
    let sequence = compile(loop.sequence, scope)
    let at = loop.at
    let names = loop.target.names
    isInLoop += 1
    // `loop` costs something, so it is made only where it is mentioned.
    let usesLoop = loop.body.mentions("loop")
    let (body, inner) = scoped(
      loop.body, parent: scope, parameters: names + (usesLoop ? ["loop"] : []))
    isInLoop -= 1
    let assign = assignment(loop.target, inner)
    let loopSlot = usesLoop ? inner.slot("loop") : nil
    let otherwise = scoped(loop.otherwise, parent: scope).run
    var condition: ((Run, Value) throws(Fault) -> Bool)?
    if let test = loop.condition {
      // The condition has the loop's variables, but not `loop`.
      let tested = Scope(parent: scope)
      for name in names { tested.slots[name] = newSlot() }
      let assign = assignment(loop.target, tested)
      let value = compile(test, tested)
      condition = { run, item throws(Fault) in
        try assign(run, item)
        return try value(run).isTrue
      }
    }
    return { run throws(Fault) in
      let value = try sequence(run)
      run.at = at
      let source = LoopSource(value, try run.iterator(over: value), condition)
      if let loopSlot {
        let object = LoopObject(source)
        run.own(object)
        var isEmpty = true
        while let item = try object.next(run) {
          isEmpty = false
          run.at = at
          try run.iterate()
          run.slots[loopSlot] = .object(object)
          try assign(run, item)
          try body(run)
        }
        if isEmpty { try otherwise(run) }
      } else {
        var isEmpty = true
        while let item = try source.next(run) {
          isEmpty = false
          run.at = at
          try run.iterate()
          try assign(run, item)
          try body(run)
        }
        if isEmpty { try otherwise(run) }
      }
    }
  }
}

extension Compiler.Scope {
  /// All names that can be seen from here.
  var visible: [String] { Array(slots.keys) + (parent?.visible ?? []) }
}
