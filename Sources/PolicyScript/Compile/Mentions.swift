/// Whether a name is used somewhere in statements.
extension [Statement] {
  func mentions(_ name: String) -> Bool {
    contains { statement in
      switch statement {
      case .text: false
      case .output(let value): value.mentions(name)
      case .if(let branches, let otherwise):
        branches.contains { $0.condition.mentions(name) || $0.body.mentions(name) }
          || otherwise.mentions(name)
      case .for(let loop):
        loop.sequence.mentions(name) || loop.condition?.mentions(name) == true || loop.body.mentions(name)
          || loop.otherwise.mentions(name)
      case .set(_, let value): value.mentions(name)
      case .setBlock(_, let filter, let body, _): filter?.mentions(name) == true || body.mentions(name)
      case .with(let values, let body):
        values.contains { $0.1.mentions(name) } || body.mentions(name)
      case .filter(let filter, let body, _): filter.mentions(name) || body.mentions(name)
      }
    }
  }
}

extension Expression {
  func mentions(_ name: String) -> Bool {
    if case .name(name) = kind { return true }
    return parts.contains { $0.mentions(name) }
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
