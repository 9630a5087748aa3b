/// An expression as written.
final class Expression {
  indirect enum Kind {
    case constant(Constant)
    case name(String)
    case list([Expression])
    case tuple([Expression])
    case dictionary([(key: Expression, value: Expression)])
    case attribute(Expression, String)
    case element(Expression, Expression)
    case slice(Expression, lower: Expression?, upper: Expression?, step: Expression?)
    case call(Expression, CallArguments)
    /// Without a value in the head of a filter or set block: the block is the value.
    case filter(Expression?, String, CallArguments)
    case test(Expression, String, CallArguments, isNegated: Bool)
    case not(Expression)
    case negative(Expression)
    case positive(Expression)
    case binary(BinaryOperator, Expression, Expression)
    case concatenation([Expression])
    case comparison(Expression, [(Comparison, Expression, at: Int)])
    case and([Expression])
    case or([Expression])
    case conditional(Expression, then: Expression, otherwise: Expression?)
    /// What could not be read, and was reported.
    case invalid
  }

  enum Constant {
    case none
    case boolean(Bool)
    case integer(BigInteger)
    case float(Double)
    case string(Text)
  }

  enum Comparison: String {
    case equal = "=="
    case notEqual = "!="
    case less = "<"
    case lessOrEqual = "<="
    case greater = ">"
    case greaterOrEqual = ">="
    case `in` = "in"
    case notIn = "not in"
  }

  let kind: Kind
  /// Where it, or its operator, stands: an offset in bytes.
  let at: Int
  /// Levels of expressions in it.
  let depth: Int

  init(_ kind: Kind, at: Int, depth: Int) {
    self.kind = kind
    self.at = at
    self.depth = depth
  }

  static func invalid(at: Int) -> Expression { Expression(.invalid, at: at, depth: 1) }
}

struct CallArguments {
  var positional: [Expression] = []
  var keywords: [(name: String, value: Expression)] = []
  var spread: Expression?
  var keywordSpread: Expression?

  var all: [Expression] {
    positional + keywords.map(\.value) + [spread, keywordSpread].compactMap { $0 }
  }
}

/// What `set` and `for` assign to.
indirect enum Target {
  case name(String, at: Int)
  case attribute(of: String, String, at: Int)
  case tuple([Target], at: Int)

  var names: [String] {
    switch self {
    case .name(let name, _): [name]
    case .attribute: []
    case .tuple(let targets, _): targets.flatMap(\.names)
    }
  }
}

indirect enum Statement {
  case text(Text, at: Int)
  case output(Expression)
  case `if`([(condition: Expression, body: [Statement])], otherwise: [Statement])
  case `for`(Loop)
  case set(Target, Expression)
  case setBlock(Target, filter: Expression?, [Statement], at: Int)
  case with([(Target, Expression)], [Statement])
  case filter(Expression, [Statement], at: Int)
}

struct Loop {
  var target: Target
  var sequence: Expression
  var condition: Expression?
  var body: [Statement]
  var otherwise: [Statement]
  var at: Int
}
