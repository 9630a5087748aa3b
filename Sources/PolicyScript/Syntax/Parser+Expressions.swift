/// Expressions, by Jinja's precedence: conditional, or, and, not, comparison, + and -, ~, * / // %, **, unary, postfix, filter.
extension Parser {
  private func make(_ kind: Expression.Kind, at: Int, _ parts: [Expression]) throws(Stop) -> Expression {
    let depth = (parts.lazy.map(\.depth).max() ?? 0) + 1
    if depth > Parser.maximumExpressionDepth { throw tooDeep(at: at) }
    return Expression(kind, at: at, depth: depth)
  }

  /// One expression, or several with commas between, which are a tuple.
  func tuple(
    allowsConditional: Bool = true, endsAt end: String? = nil, isInParentheses: Bool = false
  ) throws(Stop) -> Expression {
    let at = current.at
    var parts: [Expression] = []
    var isTuple = false
    while !isAtTagEnd, !current.isOperator(.rightParenthesis), end.map(current.isName) != true {
      parts.append(try expression(allowsConditional: allowsConditional))
      guard skip(.comma) else { break }
      isTuple = true
    }
    if !isTuple, let only = parts.first { return only }
    guard isTuple || isInParentheses else { throw unexpected(expected: "an expression") }
    return try make(.tuple(parts), at: at, parts)
  }

  func expression(allowsConditional: Bool = true) throws(Stop) -> Expression {
    nesting += 1
    defer { nesting -= 1 }
    try checkNesting()
    var result = try or()
    guard allowsConditional else { return result }
    while current.isName("if") {
      let at = advance().at
      let condition = try or()
      let otherwise = skip(name: "else") ? try expression() : nil
      result = try make(
        .conditional(condition, then: result, otherwise: otherwise), at: at,
        [result, condition] + (otherwise.map { [$0] } ?? []))
    }
    return result
  }

  private func or() throws(Stop) -> Expression {
    let first = try and()
    guard current.isName("or") else { return first }
    let at = current.at
    var parts = [first]
    while skip(name: "or") { parts.append(try and()) }
    return try make(.or(parts), at: at, parts)
  }

  private func and() throws(Stop) -> Expression {
    let first = try not()
    guard current.isName("and") else { return first }
    let at = current.at
    var parts = [first]
    while skip(name: "and") { parts.append(try not()) }
    return try make(.and(parts), at: at, parts)
  }

  private func not() throws(Stop) -> Expression {
    guard current.isName("not") else { return try comparison() }
    let at = advance().at
    nesting += 1
    defer { nesting -= 1 }
    try checkNesting()
    let operand = try not()
    return try make(.not(operand), at: at, [operand])
  }

  private func comparison() throws(Stop) -> Expression {
    let first = try sum()
    var rest: [(Expression.Comparison, Expression, at: Int)] = []
    while true {
      let at = current.at
      let comparison: Expression.Comparison
      if case .operator(let symbol) = current.kind,
        let known = Expression.Comparison(rawValue: symbol.rawValue)
      {
        comparison = known
      } else if current.isName("in") {
        comparison = .in
      } else if current.isName("not"), following.isName("in") {
        advance()
        comparison = .notIn
      } else {
        break
      }
      advance()
      rest.append((comparison, try sum(), at: at))
    }
    guard let at = rest.first?.at else { return first }
    return try make(.comparison(first, rest), at: at, [first] + rest.map(\.1))
  }

  private func binary(
    _ operators: [Operator: BinaryOperator], _ operand: () throws(Stop) -> Expression
  ) throws(Stop) -> Expression {
    var left = try operand()
    while case .operator(let symbol) = current.kind, let operation = operators[symbol] {
      let at = advance().at
      let right = try operand()
      left = try make(.binary(operation, left, right), at: at, [left, right])
    }
    return left
  }

  private static let sums: [Operator: BinaryOperator] = [.add: .add, .subtract: .subtract]
  private static let products: [Operator: BinaryOperator] = [
    .multiply: .multiply, .divide: .divide, .floorDivide: .floorDivide, .remainder: .remainder,
  ]

  private func sum() throws(Stop) -> Expression {
    try binary(Parser.sums) { () throws(Stop) in try self.concatenation() }
  }

  private func concatenation() throws(Stop) -> Expression {
    let first = try product()
    guard current.isOperator(.tilde) else { return first }
    let at = current.at
    var parts = [first]
    while skip(.tilde) { parts.append(try product()) }
    return try make(.concatenation(parts), at: at, parts)
  }

  private func product() throws(Stop) -> Expression {
    try binary(Parser.products) { () throws(Stop) in try self.power() }
  }

  private func power() throws(Stop) -> Expression {
    try binary([.power: .power]) { () throws(Stop) in try self.unary() }
  }

  private func unary(allowsFilter: Bool = true) throws(Stop) -> Expression {
    nesting += 1
    defer { nesting -= 1 }
    try checkNesting()
    var result: Expression
    if current.isOperator(.subtract) {
      let at = advance().at
      let operand = try unary(allowsFilter: false)
      result = try make(.negative(operand), at: at, [operand])
    } else if current.isOperator(.add) {
      let at = advance().at
      let operand = try unary(allowsFilter: false)
      result = try make(.positive(operand), at: at, [operand])
    } else {
      result = try primary()
    }
    result = try postfix(result)
    return allowsFilter ? try filtersAndTests(on: result) : result
  }

  /// Words that stand between expressions, and never for one.
  private static let keywords: Set<String> = ["and", "or", "not", "in", "is", "if", "else", "elif"]

  private func primary() throws(Stop) -> Expression {
    let token = current
    switch token.kind {
    case .name(let name):
      guard !Parser.keywords.contains(name) else { break }
      advance()
      switch name {
      case "true", "True": return try make(.constant(.boolean(true)), at: token.at, [])
      case "false", "False": return try make(.constant(.boolean(false)), at: token.at, [])
      case "none", "None": return try make(.constant(.none), at: token.at, [])
      default: return try make(.name(name), at: token.at, [])
      }
    case .string(let first):
      advance()
      var bytes = first.bytes
      while case .string(let next) = current.kind {
        bytes += next.bytes
        advance()
      }
      return try make(.constant(.string(Text(bytes: bytes))), at: token.at, [])
    case .integer(let value):
      advance()
      return try make(.constant(.integer(value)), at: token.at, [])
    case .float(let value):
      advance()
      return try make(.constant(.float(value)), at: token.at, [])
    case .operator(.leftParenthesis):
      advance()
      let result = try tuple(isInParentheses: true)
      try expect(.rightParenthesis)
      return result
    case .operator(.leftBracket):
      advance()
      var items: [Expression] = []
      while !current.isOperator(.rightBracket) {
        if !items.isEmpty {
          try expect(.comma)
          if current.isOperator(.rightBracket) { break }
        }
        items.append(try expression())
      }
      try expect(.rightBracket)
      return try make(.list(items), at: token.at, items)
    case .operator(.leftBrace): return try dictionary()
    default: break
    }
    throw unexpected(
      expected: "an expression",
      suggestion: token.isOperator(.assign) || token.isOperator(.equal) ? "compare with ==" : nil)
  }

  private func dictionary() throws(Stop) -> Expression {
    let at = advance().at
    var pairs: [(key: Expression, value: Expression)] = []
    while !current.isOperator(.rightBrace) {
      if !pairs.isEmpty {
        try expect(.comma)
        if current.isOperator(.rightBrace) { break }
      }
      let key = try expression()
      try expect(.colon)
      pairs.append((key, try expression()))
    }
    try expect(.rightBrace)
    return try make(.dictionary(pairs), at: at, pairs.flatMap { [$0.key, $0.value] })
  }

  // MARK: What follows an expression

  private func postfix(_ first: Expression) throws(Stop) -> Expression {
    var result = first
    while true {
      if current.isOperator(.dot) {
        let at = advance().at
        switch current.kind {
        case .name(let name):
          let nameAt = advance().at
          guard !name.hasPrefix("_") else {
            throw stop(
              "private-attribute", "attributes that begin with an underscore are not available", at: nameAt,
              found: "“\(name)”", suggestion: "write [\"\(name)\"] for the key of a dictionary")
          }
          result = try make(.attribute(result, name), at: nameAt, [result])
        case .integer(let value):
          advance()
          let index = try make(.constant(.integer(value)), at: at, [])
          result = try make(.element(result, index), at: at, [result, index])
        default: throw unexpected(expected: "the name of an attribute")
        }
      } else if current.isOperator(.leftBracket) {
        result = try subscripted(result)
      } else if current.isOperator(.leftParenthesis) {
        let at = current.at
        let arguments = try callArguments()
        result = try make(.call(result, arguments), at: at, [result] + arguments.all)
      } else {
        return result
      }
    }
  }

  private func subscripted(_ value: Expression) throws(Stop) -> Expression {
    let at = advance().at
    var lower: Expression?
    if !current.isOperator(.colon) {
      let first = try expression()
      if current.isOperator(.comma) {
        var parts = [first]
        while skip(.comma), !current.isOperator(.rightBracket) { parts.append(try expression()) }
        try expect(.rightBracket)
        let index = try make(.tuple(parts), at: at, parts)
        return try make(.element(value, index), at: at, [value, index])
      }
      if skip(.rightBracket) { return try make(.element(value, first), at: at, [value, first]) }
      lower = first
    }
    try expect(.colon)
    var upper: Expression?
    var step: Expression?
    if !current.isOperator(.colon), !current.isOperator(.rightBracket) { upper = try expression() }
    if skip(.colon), !current.isOperator(.rightBracket) { step = try expression() }
    try expect(.rightBracket)
    return try make(
      .slice(value, lower: lower, upper: upper, step: step), at: at,
      [value] + [lower, upper, step].compactMap { $0 })
  }

  private func callArguments() throws(Stop) -> CallArguments {
    let at = current.at
    try expect(.leftParenthesis)
    var arguments = CallArguments()
    var isFirst = true
    func require(_ isAllowed: Bool) throws(Stop) {
      if !isAllowed {
        throw stop(
          "bad-arguments", "arguments stand in the wrong order", at: current.at,
          expected: "plain arguments before named ones, *list and **dict at the end")
      }
    }
    while !current.isOperator(.rightParenthesis) {
      if !isFirst {
        try expect(.comma)
        if current.isOperator(.rightParenthesis) { break }
      }
      isFirst = false
      if skip(.multiply) {
        try require(arguments.spread == nil && arguments.keywordSpread == nil)
        arguments.spread = try expression()
      } else if skip(.power) {
        try require(arguments.keywordSpread == nil)
        arguments.keywordSpread = try expression()
      } else if case .name(let name) = current.kind, following.isOperator(.assign) {
        try require(arguments.keywordSpread == nil)
        if arguments.keywords.contains(where: { $0.name == name }) {
          throw stop("bad-arguments", "the argument “\(name)” is given twice", at: current.at)
        }
        advance()
        advance()
        arguments.keywords.append((name, try expression()))
      } else {
        try require(
          arguments.keywords.isEmpty && arguments.spread == nil && arguments.keywordSpread == nil)
        arguments.positional.append(try expression())
      }
      guard arguments.positional.count + arguments.keywords.count <= 500 else {
        throw stop("bad-arguments", "there are more than 500 arguments", at: at)
      }
    }
    try expect(.rightParenthesis)
    return arguments
  }

  private func filtersAndTests(on first: Expression) throws(Stop) -> Expression {
    var result = first
    while true {
      if current.isOperator(.pipe) {
        result = try filters(on: result)
      } else if current.isName("is") {
        result = try test(result)
      } else if current.isOperator(.leftParenthesis) {
        let at = current.at
        let arguments = try callArguments()
        result = try make(.call(result, arguments), at: at, [result] + arguments.all)
      } else {
        return result
      }
    }
  }

  /// A chain of filters; without a value when the block that follows is the value.
  func filters(on value: Expression?, startsInline: Bool = false) throws(Stop) -> Expression {
    var result = value
    var isInline = startsInline
    while isInline || current.isOperator(.pipe) {
      if !isInline { advance() }
      isInline = false
      let (name, at) = try dottedName("the name of a filter")
      let arguments = current.isOperator(.leftParenthesis) ? try callArguments() : CallArguments()
      result = try make(
        .filter(result, name, arguments), at: at, (result.map { [$0] } ?? []) + arguments.all)
    }
    guard let result else { throw unexpected(expected: "a filter") }
    return result
  }

  private func dottedName(_ expected: String) throws(Stop) -> (String, at: Int) {
    var (name, at) = try expectName(expected)
    while skip(.dot) { name += "." + (try expectName(expected).name) }
    return (name, at)
  }

  private func test(_ value: Expression) throws(Stop) -> Expression {
    advance()
    let isNegated = skip(name: "not")
    let (name, at) = try dottedName("the name of a test")
    var arguments = CallArguments()
    switch current.kind {
    case .operator(.leftParenthesis): arguments = try callArguments()
    case .name("else"), .name("or"), .name("and"): break
    case .name("is"):
      throw stop("unexpected-token", "tests with “is” cannot be chained", at: current.at)
    case .name(let word) where Parser.keywords.contains(word): break
    case .name, .string, .integer, .float, .operator(.leftBracket), .operator(.leftBrace):
      arguments.positional = [try postfix(primary())]
    default: break
    }
    return try make(
      .test(value, name, arguments, isNegated: isNegated), at: at, [value] + arguments.all)
  }
}
