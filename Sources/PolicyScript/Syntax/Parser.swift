/// Reads tokens into statements and expressions.
///
/// An error is reported and ends the tag it stands in; reading goes on behind it, so that all errors are found at once.
final class Parser {
  private let tokens: [Token]
  private var position = 0
  let diagnostics: DiagnosticCollector
  /// Levels of brackets, of expressions in expressions, and of blocks in blocks.
  static let maximumExpressionDepth = 150
  static let maximumBlockDepth = 50
  var nesting = 0
  private var isAbandoned = false
  /// The blocks that are open, innermost last.
  private(set) var blocks: [(tag: String, at: Int, ends: Set<String>)] = []

  /// Thrown after the reason was reported.
  struct Stop: Error {}

  init(_ tokens: [Token], _ diagnostics: DiagnosticCollector) {
    self.tokens = tokens
    self.diagnostics = diagnostics
  }

  // MARK: Tokens

  // The last token is `.end`, and is never passed.
  var current: Token { tokens[position] }
  var following: Token { tokens[min(position + 1, tokens.count - 1)] }

  @discardableResult
  func advance() -> Token {
    let token = tokens[position]
    if position + 1 < tokens.count { position += 1 }
    return token
  }

  func skip(_ symbol: Operator) -> Bool {
    guard current.isOperator(symbol) else { return false }
    advance()
    return true
  }

  func skip(name: String) -> Bool {
    guard current.isName(name) else { return false }
    advance()
    return true
  }

  func stop(
    _ code: String, _ message: String, at: Int, found: String? = nil, expected: String? = nil,
    suggestion: String? = nil
  ) -> Stop {
    diagnostics.add(
      .error, code, message, at: at, found: found, expected: expected, suggestion: suggestion)
    return Stop()
  }

  /// The error that `current` is not what it should be. What the lexer reported is not reported again.
  func unexpected(expected: String, suggestion: String? = nil) -> Stop {
    if case .invalid = current.kind { return Stop() }
    return stop(
      "unexpected-token", "unexpected \(current.described)", at: current.at, expected: expected,
      suggestion: suggestion)
  }

  func expect(_ symbol: Operator) throws(Stop) {
    guard skip(symbol) else { throw unexpected(expected: "“\(symbol.rawValue)”") }
  }

  func expectName(_ expected: String) throws(Stop) -> (name: String, at: Int) {
    guard case .name(let name) = current.kind else { throw unexpected(expected: expected) }
    return (name, advance().at)
  }

  var isAtTagEnd: Bool {
    switch current.kind {
    case .blockEnd, .variableEnd, .end: true
    default: false
    }
  }

  private func skipTag() {
    while !isAtTagEnd { advance() }
    if case .end = current.kind { return }
    advance()
  }

  // MARK: Statements

  static func parse(_ source: ScriptSource, _ diagnostics: DiagnosticCollector) -> [Statement] {
    let parser = Parser(Lexer.tokens(of: source, diagnostics), diagnostics)
    return parser.statements()
  }

  /// Statements up to the end of the script or a tag that `ends` the innermost open block; that tag's name is current then.
  private func statements() -> [Statement] {
    var result: [Statement] = []
    while true {
      switch current.kind {
      case .end: return result
      case .data(let text): result.append(.text(text, at: advance().at))
      case .variableBegin:
        advance()
        result.append(.output(inTag { () throws(Stop) in try self.tuple() } ?? .invalid(at: current.at)))
      case .blockBegin:
        guard case .name(let tag) = following.kind else {
          advance()
          if !isAtTagEnd || !isInvalid { _ = unexpected(expected: "the name of a tag") }
          skipTag()
          continue
        }
        if blocks.last?.ends.contains(tag) == true {
          advance()
          return result
        }
        // The end of a block further out: the inner one was not closed.
        if blocks.contains(where: { $0.ends.contains(tag) && tag.hasPrefix("end") }) { return result }
        advance()
        if let statement = statement(tag) { result.append(statement) }
      default: advance()
      }
    }
  }

  private var isInvalid: Bool { if case .invalid = current.kind { true } else { false } }

  /// Reads the rest of a tag and its end; nil after an error.
  private func inTag<T>(_ body: () throws(Stop) -> T) -> T? {
    do throws(Stop) {
      let result = try body()
      guard isAtTagEnd else { throw unexpected(expected: "the end of the tag") }
      skipTag()
      return result
    } catch {
      skipTag()
      return nil
    }
  }

  /// Tags of Jinja that policy scripts do not have.
  private static let unavailable: Set<String> = [
    "autoescape", "block", "break", "call", "continue", "debug", "do", "extends", "from", "import", "include",
    "macro", "pluralize", "trans",
  ]
  private static let available = ["if", "for", "set", "with", "filter", "raw"]

  private func statement(_ tag: String) -> Statement? {
    let at = advance().at
    switch tag {
    case "if": return ifStatement(at)
    case "for": return forStatement(at)
    case "set": return setStatement(at)
    case "with": return withStatement(at)
    case "filter":
      let filter = inTag { () throws(Stop) in try self.filters(on: nil, startsInline: true) }
      let body = block("filter", at, ends: ["endfilter"])
      closeBlock()
      return .filter(filter ?? .invalid(at: at), body, at: at)
    default: break
    }
    if tag == "else" || tag == "elif" || tag.hasPrefix("end") {
      let open = blocks.last.map { $0.ends.sorted().map { "“\($0)”" }.joined(separator: " or ") }
      _ = stop(
        "unexpected-tag", open == nil ? "“\(tag)” closes nothing" : "“\(tag)” does not belong here", at: at,
        expected: open)
    } else if Parser.unavailable.contains(tag) {
      _ = stop(
        "unavailable-tag", "the tag “\(tag)” is not available in policy scripts", at: at,
        suggestion: tag == "do" ? "write {{ expression or \"\" }}" : nil)
    } else {
      let nearest = nearestName(to: tag, in: Parser.available)
      _ = stop(
        "unknown-tag", "unknown tag “\(tag)”", at: at, suggestion: nearest.map { "did you mean “\($0)”?" })
    }
    skipTag()
    return nil
  }

  /// The body of a block whose head was read.
  private func block(_ tag: String, _ at: Int, ends: Set<String>) -> [Statement] {
    blocks.append((tag, at, ends))
    defer { blocks.removeLast() }
    if blocks.count > Parser.maximumBlockDepth {
      _ = stop(
        "too-deep", "blocks are nested more than \(Parser.maximumBlockDepth) deep", at: at)
      // Nothing good comes of going on, nor of saying that all these blocks do not end.
      position = tokens.count - 1
      isAbandoned = true
      return []
    }
    let body = statements()
    if isAbandoned { return body }
    if !isAtEnd(ends), case .end = current.kind {
      let wanted = ends.filter { $0.hasPrefix("end") }.sorted().joined(separator: " or ")
      _ = stop(
        "unclosed-block", "this “\(tag)” block does not end", at: at, expected: "{% \(wanted) %}")
    } else if !isAtEnd(ends) {
      let wanted = ends.filter { $0.hasPrefix("end") }.sorted().joined(separator: " or ")
      _ = stop(
        "unclosed-block", "this “\(tag)” block does not end before an outer block does", at: at,
        found: following.described, expected: "{% \(wanted) %}")
    }
    return body
  }

  private func isAtEnd(_ ends: Set<String>) -> Bool {
    if case .name(let name) = current.kind { ends.contains(name) } else { false }
  }

  /// Passes the tag that closes a block, when it is there.
  private func closeBlock() {
    if case .name = current.kind {
      advance()
      _ = inTag { () throws(Stop) in }
    }
  }

  private func ifStatement(_ at: Int) -> Statement {
    var branches: [(condition: Expression, body: [Statement])] = []
    var otherwise: [Statement] = []
    var condition = inTag { () throws(Stop) in try self.tuple(allowsConditional: false) }
    while true {
      let body = block("if", at, ends: ["elif", "else", "endif"])
      branches.append((condition ?? .invalid(at: at), body))
      if current.isName("elif") {
        advance()
        condition = inTag { () throws(Stop) in try self.tuple(allowsConditional: false) }
      } else if current.isName("else") {
        advance()
        _ = inTag { () throws(Stop) in }
        otherwise = block("if", at, ends: ["endif"])
        break
      } else {
        break
      }
    }
    closeBlock()
    return .if(branches, otherwise: otherwise)
  }

  private func forStatement(_ at: Int) -> Statement {
    let head = inTag { () throws(Stop) -> (Target, Expression, Expression?) in
      let target = try self.target(allowsAttribute: false)
      guard self.skip(name: "in") else { throw self.unexpected(expected: "“in”") }
      let sequence = try self.tuple(allowsConditional: false, endsAt: "recursive")
      let condition = self.skip(name: "if") ? try self.expression() : nil
      if self.current.isName("recursive") {
        throw self.stop(
          "unavailable-tag", "recursive loops are not available in policy scripts", at: self.current.at)
      }
      return (target, sequence, condition)
    }
    let body = block("for", at, ends: ["else", "endfor"])
    var otherwise: [Statement] = []
    if current.isName("else") {
      advance()
      _ = inTag { () throws(Stop) in }
      otherwise = block("for", at, ends: ["endfor"])
    }
    closeBlock()
    return .for(
      Loop(
        target: head?.0 ?? .tuple([], at: at), sequence: head?.1 ?? .invalid(at: at), condition: head?.2,
        body: body, otherwise: otherwise, at: at))
  }

  private func setStatement(_ at: Int) -> Statement? {
    enum Head { case value(Target, Expression), block(Target, Expression?) }
    let head = inTag { () throws(Stop) -> Head in
      let target = try self.target(allowsAttribute: true)
      if self.skip(.assign) { return .value(target, try self.tuple()) }
      if self.current.isOperator(.pipe) { return .block(target, try self.filters(on: nil)) }
      guard self.isAtTagEnd else { throw self.unexpected(expected: "“=”") }
      return .block(target, nil)
    }
    switch head {
    case .value(let target, let value)?: return .set(target, value)
    case .block(let target, let filter)?:
      let body = block("set", at, ends: ["endset"])
      closeBlock()
      return .setBlock(target, filter: filter, body, at: at)
    case nil: return nil
    }
  }

  private func withStatement(_ at: Int) -> Statement {
    let values = inTag { () throws(Stop) -> [(Target, Expression)] in
      var values: [(Target, Expression)] = []
      while !self.isAtTagEnd {
        if !values.isEmpty { try self.expect(.comma) }
        let target = try self.target(allowsAttribute: false)
        try self.expect(.assign)
        values.append((target, try self.expression()))
      }
      return values
    }
    let body = block("with", at, ends: ["endwith"])
    closeBlock()
    return .with(values ?? [], body)
  }

  // MARK: Targets

  private static let reserved: Set<String> = ["true", "false", "none", "True", "False", "None"]

  private func target(allowsAttribute: Bool) throws(Stop) -> Target {
    let at = current.at
    var targets: [Target] = []
    var isTuple = false
    while !isAtTagEnd, !current.isOperator(.assign), !current.isName("in"),
      !current.isOperator(.rightParenthesis)
    {
      targets.append(try simpleTarget(allowsAttribute: allowsAttribute))
      guard skip(.comma) else { break }
      isTuple = true
    }
    guard !targets.isEmpty else { throw unexpected(expected: "a name") }
    return isTuple ? .tuple(targets, at: at) : targets[0]
  }

  private func simpleTarget(allowsAttribute: Bool) throws(Stop) -> Target {
    if current.isOperator(.leftParenthesis) {
      advance()
      nesting += 1
      defer { nesting -= 1 }
      try checkNesting()
      let target = try target(allowsAttribute: false)
      try expect(.rightParenthesis)
      return target
    }
    let (name, at) = try expectName("a name")
    guard !Parser.reserved.contains(name) else {
      throw stop("unexpected-token", "“\(name)” cannot be assigned to", at: at)
    }
    guard current.isOperator(.dot) else { return .name(name, at: at) }
    guard allowsAttribute else { throw unexpected(expected: "a plain name") }
    advance()
    return .attribute(of: name, try expectName("the name of an attribute").name, at: at)
  }

  func checkNesting() throws(Stop) {
    if nesting > Parser.maximumExpressionDepth { throw tooDeep(at: current.at) }
  }

  func tooDeep(at: Int) -> Stop {
    stop(
      "too-deep", "the expression is nested more than \(Parser.maximumExpressionDepth) deep", at: at,
      suggestion: "take a part of it into a variable with {% set %}")
  }
}
