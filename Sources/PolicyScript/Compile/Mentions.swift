/// What stands somewhere in statements.
extension [Statement] {
  /// Whether `predicate` holds of some expression in them, at any depth.
  func hasExpression(_ predicate: (Expression) -> Bool) -> Bool {
    contains { statement in
      switch statement {
      case .text: false
      case .output(let value), .set(_, let value): value.has(predicate)
      case .if(let branches, let otherwise):
        branches.contains { $0.condition.has(predicate) || $0.body.hasExpression(predicate) }
          || otherwise.hasExpression(predicate)
      case .for(let loop):
        loop.sequence.has(predicate) || loop.condition?.has(predicate) == true
          || loop.body.hasExpression(predicate) || loop.otherwise.hasExpression(predicate)
      case .setBlock(_, let filter, let body, _):
        filter?.has(predicate) == true || body.hasExpression(predicate)
      case .with(let values, let body):
        values.contains { $0.1.has(predicate) } || body.hasExpression(predicate)
      case .filter(let filter, let body, _): filter.has(predicate) || body.hasExpression(predicate)
      }
    }
  }

  /// Whether a name is used.
  func mentions(_ name: String) -> Bool { hasExpression { $0.isName(name) } }
}

extension Expression {
  func mentions(_ name: String) -> Bool { has { $0.isName(name) } }

  func has(_ predicate: (Expression) -> Bool) -> Bool {
    predicate(self) || parts.contains { $0.has(predicate) }
  }

  fileprivate func isName(_ name: String) -> Bool {
    if case .name(name) = kind { true } else { false }
  }

  /// The expressions directly in this one.
  var parts: [Expression] {
    switch kind {
    case .constant, .name, .invalid: []
    case .list(let items), .tuple(let items), .concatenation(let items), .and(let items), .or(let items):
      items
    case .dictionary(let pairs): pairs.flatMap { [$0.key, $0.value] }
    case .attribute(let value, _), .not(let value), .negative(let value), .positive(let value): [value]
    case .element(let value, let index): [value, index]
    case .slice(let value, let lower, let upper, let step): [value] + [lower, upper, step].compactMap { $0 }
    case .call(let value, let arguments): [value] + arguments.all
    case .filter(let value, _, let arguments): (value.map { [$0] } ?? []) + arguments.all
    case .test(let value, _, let arguments, _): [value] + arguments.all
    case .binary(_, let a, let b): [a, b]
    case .comparison(let first, let rest): [first] + rest.map(\.1)
    case .conditional(let condition, let then, let otherwise):
      [condition, then] + (otherwise.map { [$0] } ?? [])
    }
  }
}
