extension Compiler {
  /// - Parameter blockValue: What the first filter of a filter block is applied to.
  func compile(_ expression: Expression, _ scope: Scope, blockValue: Evaluation? = nil) -> Evaluation {
    let at = expression.at
    switch expression.kind {
    case .invalid: return { _ throws(Fault) in .none }
    case .constant(let constant):
      let value = Value(constant)
      return { _ throws(Fault) in value }
    case .name(let name): return load(name, scope, at: at)
    case .list(let items):
      let items = items.map { compile($0, scope) }
      return { run throws(Fault) in
        let values = try run.evaluate(items)
        run.at = at
        return try run.list(values)
      }
    case .tuple(let items):
      let items = items.map { compile($0, scope) }
      return { run throws(Fault) in
        let values = try run.evaluate(items)
        run.at = at
        return try run.tuple(values)
      }
    case .dictionary(let pairs):
      let pairs = pairs.map { (compile($0.key, scope), compile($0.value, scope)) }
      return { run throws(Fault) in
        let dictionary = run.makeDictionary()
        for (key, value) in pairs {
          let key = try key(run)
          let value = try value(run)
          run.at = at
          try run.step()
          try run.set(key, to: value, in: dictionary)
        }
        return .dictionary(dictionary)
      }
    case .attribute(let value, let name):
      let value = compile(value, scope)
      let key = Text(name)
      return { run throws(Fault) in
        let value = try value(run)
        run.at = at
        try run.step()
        return try run.attribute(key, name, of: value)
      }
    case .element(let value, let index):
      let value = compile(value, scope)
      let index = compile(index, scope)
      return { run throws(Fault) in
        let value = try value(run)
        let index = try index(run)
        run.at = at
        try run.step()
        return try run.element(of: value, at: index)
      }
    case .slice(let value, let lower, let upper, let step):
      let value = compile(value, scope)
      let lower = lower.map { compile($0, scope) }
      let upper = upper.map { compile($0, scope) }
      let step = step.map { compile($0, scope) }
      return { run throws(Fault) in
        let value = try value(run)
        let a = try lower?(run)
        let b = try upper?(run)
        let c = try step?(run)
        run.at = at
        try run.step()
        return try run.slice(value, a, b, c)
      }
    case .call(let callee, let arguments): return call(callee, arguments, at, scope)
    case .filter(let value, let name, let arguments):
      var input: Evaluation = { _ throws(Fault) in .none }
      if let value {
        input = compile(value, scope, blockValue: blockValue)
      } else if let blockValue {
        input = blockValue
      }
      return filter(input, name, arguments, at, scope)
    case .test(let value, let name, let arguments, let isNegated):
      return test(compile(value, scope), name, arguments, isNegated, at, scope)
    case .not(let value):
      let value = compile(value, scope)
      return { run throws(Fault) in .boolean(try !value(run).isTrue) }
    case .negative(let value):
      let value = compile(value, scope)
      return { run throws(Fault) in
        let value = try value(run)
        run.at = at
        return try run.negated(value)
      }
    case .positive(let value):
      let value = compile(value, scope)
      return { run throws(Fault) in
        let value = try value(run)
        run.at = at
        return try run.asserted(value)
      }
    case .binary(let operation, let a, let b):
      let a = compile(a, scope)
      let b = compile(b, scope)
      return { run throws(Fault) in
        let a = try a(run)
        let b = try b(run)
        run.at = at
        try run.step()
        return try run.apply(operation, a, b)
      }
    case .concatenation(let parts):
      let parts = parts.map { compile($0, scope) }
      return { run throws(Fault) in
        let values = try run.evaluate(parts)
        run.at = at
        var bytes: [UInt8] = []
        for value in values { try run.write(value, to: &bytes) }
        try run.check(bytes: bytes.count)
        try run.charge(bytes: bytes.count)
        return .string(Text(bytes: bytes))
      }
    case .comparison(let first, let rest): return comparison(first, rest, scope)
    case .and(let parts):
      let parts = parts.map { compile($0, scope) }
      return { run throws(Fault) in
        var value = Value.none
        for part in parts {
          value = try part(run)
          if !value.isTrue { return value }
        }
        return value
      }
    case .or(let parts):
      let parts = parts.map { compile($0, scope) }
      return { run throws(Fault) in
        var value = Value.none
        for part in parts {
          value = try part(run)
          if value.isTrue { return value }
        }
        return value
      }
    case .conditional(let condition, let then, let otherwise):
      let condition = compile(condition, scope)
      let then = compile(then, scope)
      let missing = Undefined(.other("the inline “if” is false and has no “else”"))
      var alternative: Evaluation = { _ throws(Fault) in .undefined(missing) }
      if let otherwise { alternative = compile(otherwise, scope) }
      return { [alternative] run throws(Fault) in
        try condition(run).isTrue ? try then(run) : try alternative(run)
      }
    }
  }

  private func comparison(
    _ first: Expression, _ rest: [(Expression.Comparison, Expression, at: Int)], _ scope: Scope
  ) -> Evaluation {
    let first = compile(first, scope)
    let rest = rest.map { ($0.0, compile($0.1, scope), $0.at) }
    return { run throws(Fault) in
      var left = try first(run)
      for (comparison, operand, at) in rest {
        let right = try operand(run)
        run.at = at
        try run.step()
        let holds: Bool
        switch comparison {
        case .equal: holds = try run.isEqual(left, right)
        case .notEqual: holds = try !run.isEqual(left, right)
        case .less: holds = try run.isOrdered(left, .less, right)
        case .lessOrEqual: holds = try run.isOrdered(left, .lessOrEqual, right)
        case .greater: holds = try run.isOrdered(left, .greater, right)
        case .greaterOrEqual: holds = try run.isOrdered(left, .greaterOrEqual, right)
        case .in: holds = try run.contains(right, left)
        case .notIn: holds = try !run.contains(right, left)
        }
        if !holds { return .boolean(false) }
        left = right
      }
      return .boolean(true)
    }
  }

  // MARK: Calls

  private func compile(_ arguments: CallArguments, _ scope: Scope) -> (Run) throws(Fault) -> Arguments {
    let positional = arguments.positional.map { compile($0, scope) }
    if arguments.keywords.isEmpty, arguments.spread == nil, arguments.keywordSpread == nil {
      return { run throws(Fault) in Arguments(try run.evaluate(positional)) }
    }
    let keywords = arguments.keywords.map { ($0.name, compile($0.value, scope)) }
    let spread = arguments.spread.map { compile($0, scope) }
    let keywordSpread = arguments.keywordSpread.map { compile($0, scope) }
    return { run throws(Fault) in
      var result = Arguments(try run.evaluate(positional))
      for (name, value) in keywords { result.keywords.append((name, try value(run))) }
      if let spread {
        let value = try spread(run)
        result.positional += try run.items(of: value)
      }
      if let keywordSpread {
        let value = try keywordSpread(run)
        guard case .dictionary(let dictionary) = value else {
          throw Fault(.type, "** needs a dict, found \(value.described)")
        }
        for entry in dictionary.entries {
          let name = try entry.key.requireText("the name of an argument").string
          guard !result.keywords.contains(where: { $0.name == name }) else {
            throw Fault(.type, "the argument “\(name)” is given twice")
          }
          result.keywords.append((name, entry.value))
        }
      }
      return result
    }
  }

  private func call(
    _ callee: Expression, _ arguments: CallArguments, _ at: Int, _ scope: Scope
  ) -> Evaluation {
    let evaluate = compile(arguments, scope)
    if case .attribute(let object, let name) = callee.kind {
      checkMethod(name, at: callee.at)
      let object = compile(object, scope)
      let at = callee.at
      return { run throws(Fault) in
        let object = try object(run)
        run.at = at
        try run.step()
        if case .undefined(let undefined) = object { throw Fault(undefined) }
        let arguments = try evaluate(run)
        run.at = at
        return try run.call(name, of: object, arguments)
      }
    }
    if case .name(let name) = callee.kind, scope.slot(name) == nil {
      if let function = Functions.all[name] {
        check(function, arguments, at: callee.at, adding: 0)
        patternArgument(function, arguments, isFilter: false)
      } else if variables != nil {
        let nearest = nearestName(to: name, in: Functions.all.keys)
        diagnostics.add(
          .warning, "unknown-function", "unknown function “\(name)”", at: callee.at,
          suggestion: nearest.map { "did you mean “\($0)”?" })
      }
    }
    let function = compile(callee, scope)
    return { run throws(Fault) in
      let function = try function(run)
      let arguments = try evaluate(run)
      run.at = at
      try run.step()
      return try run.call(function, arguments)
    }
  }

  private func checkMethod(_ name: String, at: Int) {
    guard !Methods.names.contains(name) else { return }
    let nearest = nearestName(to: name, in: Methods.names)
    diagnostics.add(
      .warning, "unknown-method", "no value has a method “\(name)” in policy scripts", at: at,
      suggestion: nearest.map { "did you mean “\($0)”?" })
  }

  /// Warns of a call that cannot succeed. No error: it may stand where it is never reached.
  private func check(_ function: Function, _ arguments: CallArguments, at: Int, adding: Int) {
    guard arguments.spread == nil, arguments.keywordSpread == nil else { return }
    let problem = function.signature.problem(
      count: arguments.positional.count + adding, keywords: arguments.keywords.map(\.name))
    if let problem {
      diagnostics.add(.warning, "bad-arguments", "“\(function.name)” \(problem)", at: at)
    }
  }

  /// A pattern that is written in the script is compiled with it.
  private func patternArgument(_ function: Function, _ arguments: CallArguments, isFilter: Bool) {
    guard let position = Functions.patternPosition(function.name, isFilter: isFilter),
      position < arguments.positional.count,
      case .constant(.string(let text)) = arguments.positional[position].kind
    else { return }
    do throws(PythonPattern.Invalid) {
      _ = try patterns.pattern(text)
    } catch {
      diagnostics.add(
        .warning, "bad-pattern", "the regular expression cannot be used: \(error.message)",
        at: arguments.positional[position].at)
    }
  }

  private func filter(
    _ value: @escaping Evaluation, _ name: String, _ arguments: CallArguments, _ at: Int, _ scope: Scope
  ) -> Evaluation {
    let evaluate = compile(arguments, scope)
    guard let function = Filters.all[name] else {
      let nearest = nearestName(to: name, in: Filters.all.keys)
      let isStandard = Filters.disabled.contains(name)
      diagnostics.add(
        .error, "unknown-filter",
        isStandard
          ? "the filter “\(name)” is not available in policy scripts" : "unknown filter “\(name)”", at: at,
        suggestion: isStandard ? nil : nearest.map { "did you mean “\($0)”?" })
      return { _ throws(Fault) in .none }
    }
    check(function, arguments, at: at, adding: 1)
    patternArgument(function, arguments, isFilter: true)
    return { run throws(Fault) in
      let value = try value(run)
      var arguments = try evaluate(run)
      arguments.positional.insert(value, at: 0)
      run.at = at
      try run.step()
      return try function.call(arguments, run)
    }
  }

  private func test(
    _ value: @escaping Evaluation, _ name: String, _ arguments: CallArguments, _ isNegated: Bool, _ at: Int,
    _ scope: Scope
  ) -> Evaluation {
    // The two that every script uses need no call.
    if arguments.all.isEmpty {
      switch name {
      case "defined": return { run throws(Fault) in .boolean(try value(run).isUndefined == isNegated) }
      case "undefined": return { run throws(Fault) in .boolean(try value(run).isUndefined != isNegated) }
      default: break
      }
    }
    guard let function = Tests.all[name] else {
      let nearest = nearestName(to: name, in: Tests.all.keys)
      diagnostics.add(
        .error, "unknown-test", "unknown test “\(name)”", at: at,
        suggestion: nearest.map { "did you mean “\($0)”?" })
      return { _ throws(Fault) in .none }
    }
    check(function, arguments, at: at, adding: 1)
    let evaluate = compile(arguments, scope)
    return { run throws(Fault) in
      let value = try value(run)
      var arguments = try evaluate(run)
      arguments.positional.insert(value, at: 0)
      run.at = at
      try run.step()
      return .boolean(try function.call(arguments, run).isTrue != isNegated)
    }
  }
}

extension Value {
  init(_ constant: Expression.Constant) {
    switch constant {
    case .none: self = .none
    case .boolean(let value): self = .boolean(value)
    case .integer(let value): self = Value(value)
    case .float(let value): self = .float(value)
    case .string(let text): self = .string(text)
    }
  }
}

extension Run {
  func evaluate(_ expressions: [Evaluation]) throws(Fault) -> [Value] {
    var values: [Value] = []
    values.reserveCapacity(expressions.count)
    for expression in expressions {
      try step()
      values.append(try expression(self))
    }
    return values
  }

  func call(_ function: Value, _ arguments: Arguments) throws(Fault) -> Value {
    switch function {
    case .function(let function): return try function.call(arguments, self)
    case .object(let object):
      if let method = object as? BoundMethod { return try call(method.name, of: method.receiver, arguments) }
    case .undefined(let undefined): throw Fault(undefined)
    default: break
    }
    throw Fault(.type, "\(function.described) cannot be called")
  }

  /// Calls a method, or what a dictionary holds under its name.
  func call(_ name: String, of value: Value, _ arguments: Arguments) throws(Fault) -> Value {
    if case .object(let object) = value, let result = try object.call(name, arguments, self) { return result }
    if let result = try Methods.call(name, value, arguments, self) { return result }
    let attribute = try attribute(Text(name), name, of: value)
    if case .undefined = attribute {
      let methods = Methods.names(of: value)
      throw Fault(
        .type, "\(value.typeName) has no method “\(name)”",
        methods.isEmpty ? nil : "it has \(methods.sorted().joined(separator: ", "))")
    }
    return try call(attribute, arguments)
  }
}
