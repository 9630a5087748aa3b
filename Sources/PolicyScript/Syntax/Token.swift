enum Operator: String {
  case add = "+"
  case subtract = "-"
  case divide = "/"
  case floorDivide = "//"
  case multiply = "*"
  case remainder = "%"
  case power = "**"
  case tilde = "~"
  case leftBracket = "["
  case rightBracket = "]"
  case leftParenthesis = "("
  case rightParenthesis = ")"
  case leftBrace = "{"
  case rightBrace = "}"
  case equal = "=="
  case notEqual = "!="
  case greater = ">"
  case greaterOrEqual = ">="
  case less = "<"
  case lessOrEqual = "<="
  case assign = "="
  case dot = "."
  case colon = ":"
  case pipe = "|"
  case comma = ","
  case semicolon = ";"
}

struct Token {
  enum Kind {
    case data(Text)
    case variableBegin, variableEnd
    case blockBegin, blockEnd
    case name(String)
    case string(Text)
    case integer(BigInteger)
    case float(Double)
    case `operator`(Operator)
    /// Something that was reported already; the end of its tag follows.
    case invalid
    case end
  }

  let kind: Kind
  /// Offset in bytes.
  let at: Int

  func isName(_ name: String) -> Bool { if case .name(name) = kind { true } else { false } }
  func isOperator(_ wanted: Operator) -> Bool { if case .operator(wanted) = kind { true } else { false } }

  /// For a message: what was found.
  var described: String {
    switch kind {
    case .data: "text"
    case .variableBegin: "{{"
    case .variableEnd: "the end of the expression"
    case .blockBegin: "{%"
    case .blockEnd: "the end of the tag"
    case .name(let name): "“\(name)”"
    case .string(let text): "the text “\(text.count <= 30 ? text.string : text[0..<27].string + "...")”"
    case .integer(let value): "the number \(value.bitWidth <= 64 ? value.text : "...")"
    case .float(let value): "the number \(FloatText.repr(value))"
    case .operator(let symbol): "“\(symbol.rawValue)”"
    case .invalid: "something that cannot be read"
    case .end: "the end of the script"
    }
  }
}
