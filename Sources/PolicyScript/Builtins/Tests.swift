/// Jinja's tests: `value is NAME`.
enum Tests {
  static let all: [String: Function] = {
    var all: [String: Function] = [:]
    func add(
      _ names: String..., signature: Signature,
      _ body: @escaping @Sendable ([Value], Run) throws(Fault) -> Bool
    ) {
      for name in names {
        all[name] = Function(name, signature) { bound, _, run throws(Fault) in
          .boolean(try body(bound.map { $0 ?? .none }, run))
        }
      }
    }
    let one = Signature("value")
    let two = Signature("value", "other")
    add("defined", signature: one) { values, _ throws(Fault) in !values[0].isUndefined }
    add("undefined", signature: one) { values, _ throws(Fault) in values[0].isUndefined }
    add("none", signature: one) { values, _ throws(Fault) in
      if case .none = values[0] { true } else { false }
    }
    add("boolean", signature: one) { values, _ throws(Fault) in
      if case .boolean = values[0] { true } else { false }
    }
    add("true", signature: one) { values, _ throws(Fault) in
      if case .boolean(true) = values[0] { true } else { false }
    }
    add("false", signature: one) { values, _ throws(Fault) in
      if case .boolean(false) = values[0] { true } else { false }
    }
    add("integer", signature: one) { values, _ throws(Fault) in
      switch values[0] {
      case .integer, .bigInteger: true
      default: false
      }
    }
    add("float", signature: one) { values, _ throws(Fault) in
      if case .float = values[0] { true } else { false }
    }
    add("number", signature: one) { values, _ throws(Fault) in Number(values[0]) != nil }
    add("string", signature: one) { values, _ throws(Fault) in
      if case .string = values[0] { true } else { false }
    }
    add("mapping", signature: one) { values, _ throws(Fault) in
      if case .dictionary = values[0] { true } else { false }
    }
    add("sequence", signature: one) { values, _ throws(Fault) in
      switch values[0] {
      case .string, .list, .tuple, .dictionary, .range, .undefined: true
      default: false
      }
    }
    add("iterable", signature: one) { values, run throws(Fault) in (try? run.iterator(over: values[0])) != nil
    }
    add("callable", signature: one) { values, _ throws(Fault) in
      switch values[0] {
      case .function, .undefined: true
      case .object(let object): object is BoundMethod
      default: false
      }
    }
    add("escaped", signature: one) { _, _ throws(Fault) in false }
    add("odd", signature: one) { values, run throws(Fault) in
      try run.isEqual(try run.apply(.remainder, values[0], .integer(2)), .integer(1))
    }
    add("even", signature: one) { values, run throws(Fault) in
      try run.isEqual(try run.apply(.remainder, values[0], .integer(2)), .integer(0))
    }
    add("divisibleby", signature: Signature("value", "num")) { values, run throws(Fault) in
      try run.isEqual(try run.apply(.remainder, values[0], values[1]), .integer(0))
    }
    add("lower", signature: one) { values, run throws(Fault) in
      try run.text(values[0]).hasOnlyCase(upper: false)
    }
    add("upper", signature: one) { values, run throws(Fault) in
      try run.text(values[0]).hasOnlyCase(upper: true)
    }
    add("filter", signature: one) { values, _ throws(Fault) in
      if case .string(let name) = values[0] { Filters.all[name.string] != nil } else { false }
    }
    add("test", signature: one) { values, _ throws(Fault) in
      if case .string(let name) = values[0] { names.contains(name.string) } else { false }
    }
    add("in", signature: Signature("value", "seq")) { values, run throws(Fault) in
      try run.contains(values[1], values[0])
    }
    add("sameas", signature: two) { values, run throws(Fault) in try run.isIdentical(values[0], values[1]) }
    add("eq", "equalto", "==", signature: two) { values, run throws(Fault) in
      try run.isEqual(values[0], values[1])
    }
    add("ne", "!=", signature: two) { values, run throws(Fault) in try !run.isEqual(values[0], values[1]) }
    add("lt", "lessthan", "<", signature: two) { values, run throws(Fault) in
      try run.isOrdered(values[0], .less, values[1])
    }
    add("le", "<=", signature: two) { values, run throws(Fault) in
      try run.isOrdered(values[0], .lessOrEqual, values[1])
    }
    add("gt", "greaterthan", ">", signature: two) { values, run throws(Fault) in
      try run.isOrdered(values[0], .greater, values[1])
    }
    add("ge", ">=", signature: two) { values, run throws(Fault) in
      try run.isOrdered(values[0], .greaterOrEqual, values[1])
    }
    return all
  }()

  /// The names that a script can write, apart from ``all``: that one is not made yet when its functions are.
  private static let names: Set<String> = [
    "defined", "undefined", "none", "boolean", "true", "false", "integer", "float", "number", "string",
    "mapping",
    "sequence", "iterable", "callable", "escaped", "odd", "even", "divisibleby", "lower", "upper", "filter",
    "test",
    "in", "sameas", "eq", "equalto", "ne", "lt", "lessthan", "le", "gt", "greaterthan", "ge",
  ]
}
