/// Cuts a script into tokens by Jinja's rules, with line statements, `trim_blocks` and `lstrip_blocks` off.
///
/// What cannot be read is reported, and lexing goes on behind the end of that tag, so that all errors are found at once.
struct Lexer {
  private let source: ScriptSource
  private let diagnostics: DiagnosticCollector
  private var bytes: [UInt8] { source.bytes }
  private var position = 0
  private var tokens: [Token] = []

  static func tokens(of source: ScriptSource, _ diagnostics: DiagnosticCollector) -> [Token] {
    var lexer = Lexer(source, diagnostics)
    lexer.run()
    return lexer.tokens
  }

  private init(_ source: ScriptSource, _ diagnostics: DiagnosticCollector) {
    self.source = source
    self.diagnostics = diagnostics
  }

  private mutating func add(_ kind: Token.Kind, at: Int) { tokens.append(Token(kind: kind, at: at)) }

  // MARK: Text between tags

  private mutating func run() {
    while position < bytes.count {
      let start = position
      guard let tag = nextTag() else {
        position = bytes.count
        addData(start, bytes.count)
        break
      }
      position = tag + 2
      var strips = false
      if let sign = byte(position), sign == UInt8(ascii: "-") || sign == UInt8(ascii: "+") {
        strips = sign == UInt8(ascii: "-")
        position += 1
      }
      addData(start, strips ? withoutTrailingSpace(start, tag) : tag)
      switch bytes[tag + 1] {
      case UInt8(ascii: "#"): comment(at: tag)
      case UInt8(ascii: "{"): self.tag(at: tag, isBlock: false)
      default: if !raw(at: tag) { self.tag(at: tag, isBlock: true) }
      }
    }
    add(.end, at: bytes.count)
  }

  private func byte(_ position: Int) -> UInt8? { position < bytes.count ? bytes[position] : nil }

  private func nextTag() -> Int? {
    bytes.withUnsafeBufferPointer { bytes in
      var i = position
      while i + 1 < bytes.count {
        if bytes[i] == UInt8(ascii: "{") {
          let next = bytes[i + 1]
          if next == UInt8(ascii: "{") || next == UInt8(ascii: "%") || next == UInt8(ascii: "#") { return i }
        }
        i += 1
      }
      return nil
    }
  }

  private mutating func addData(_ start: Int, _ end: Int) {
    if end > start { add(.data(Text(bytes: bytes[start..<end])), at: start) }
  }

  /// The end of `start..<end` without the white space at its end.
  private func withoutTrailingSpace(_ start: Int, _ end: Int) -> Int {
    var end = end
    while end > start {
      var first = end - 1
      while first > start, bytes[first] & 0xc0 == 0x80 { first -= 1 }
      guard let scalar = source.scalar(at: first), scalar.isPythonSpace else { break }
      end = first
    }
    return end
  }

  private mutating func comment(at tag: Int) {
    guard let end = source.find("#}", from: position) else {
      diagnostics.add(
        .error, "unclosed-comment", "this comment does not end", at: tag, expected: "“#}”")
      position = bytes.count
      return
    }
    let strips = end > position && bytes[end - 1] == UInt8(ascii: "-")
    position = strips ? source.skippingSpace(from: end + 2) : end + 2
  }

  /// `{% raw %}` up to its `{% endraw %}`; false when the tag is another.
  private mutating func raw(at tag: Int) -> Bool {
    guard let start = keyword("raw", from: position, allowsPlus: false) else { return false }
    var i = start
    while let end = source.find("{%", from: i) {
      var after = end + 2
      var strips = false
      if let sign = byte(after), sign == UInt8(ascii: "-") || sign == UInt8(ascii: "+") {
        strips = sign == UInt8(ascii: "-")
        after += 1
      }
      if let next = keyword("endraw", from: after, allowsPlus: true) {
        addData(start, strips ? withoutTrailingSpace(start, end) : end)
        position = next
        return true
      }
      i = end + 2
    }
    diagnostics.add(
      .error, "unclosed-block", "this “raw” block does not end", at: tag, expected: "{% endraw %}")
    position = bytes.count
    return true
  }

  /// The end of `WORD %}`, with what its `-` strips; nil when something else stands there.
  private func keyword(_ word: StaticString, from start: Int, allowsPlus: Bool) -> Int? {
    var i = source.skippingSpace(from: start)
    guard source.starts(with: word, at: i) else { return nil }
    i = source.skippingSpace(from: i + word.utf8CodeUnitCount)
    if source.starts(with: "-%}", at: i) { return source.skippingSpace(from: i + 3) }
    if allowsPlus, source.starts(with: "+%}", at: i) { return i + 3 }
    return source.starts(with: "%}", at: i) ? i + 2 : nil
  }

  // MARK: Inside tags

  private struct Invalid: Error {
    var code: String
    var message: String
    var at: Int
    var found: String?
    var expected: String?
    var suggestion: String?
  }

  private mutating func tag(at tag: Int, isBlock: Bool) {
    add(isBlock ? .blockBegin : .variableBegin, at: tag)
    let end: Token.Kind = isBlock ? .blockEnd : .variableEnd
    var brackets: [(closing: Operator, at: Int)] = []
    do throws(Invalid) {
      while true {
        position = source.skippingSpace(from: position)
        guard position < bytes.count else {
          throw Invalid(
            code: "unclosed-tag", message: "this tag does not end", at: tag,
            expected: isBlock ? "“%}”" : "“}}”")
        }
        let start = position
        if brackets.isEmpty, let next = endOfTag(isBlock) {
          add(end, at: start)
          position = next
          return
        }
        try token(&brackets)
      }
    } catch {
      diagnostics.add(
        .error, error.code, error.message, at: error.at, found: error.found, expected: error.expected,
        suggestion: error.suggestion)
      add(.invalid, at: error.at)
      let next = source.find(isBlock ? "%}" : "}}", from: position)
      add(end, at: next ?? bytes.count)
      position = next.map { $0 + 2 } ?? bytes.count
    }
  }

  /// Where the text goes on when the tag ends here.
  private func endOfTag(_ isBlock: Bool) -> Int? {
    if isBlock {
      if source.starts(with: "-%}", at: position) { return source.skippingSpace(from: position + 3) }
      if source.starts(with: "+%}", at: position) { return position + 3 }
      return source.starts(with: "%}", at: position) ? position + 2 : nil
    }
    if source.starts(with: "-}}", at: position) { return source.skippingSpace(from: position + 3) }
    return source.starts(with: "}}", at: position) ? position + 2 : nil
  }

  private mutating func token(_ brackets: inout [(closing: Operator, at: Int)]) throws(Invalid) {
    let start = position
    let first = bytes[start]
    switch first {
    case 0x30...0x39: try number()
    case UInt8(ascii: "\""), UInt8(ascii: "'"): try string(quote: first)
    case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "_"),
      0x80...:
      try name()
    default:
      guard let symbol = symbol() else {
        let scalar = source.scalar(at: start).map { String($0) } ?? ""
        position += 1
        throw Invalid(
          code: "unexpected-character", message: "“\(scalar)” has no meaning here", at: start,
          suggestion: first == UInt8(ascii: "!")
            ? "write “not”" : first == UInt8(ascii: "&") ? "write “and”" : nil)
      }
      switch symbol {
      case .leftBrace: brackets.append((.rightBrace, start))
      case .leftBracket: brackets.append((.rightBracket, start))
      case .leftParenthesis: brackets.append((.rightParenthesis, start))
      case .rightBrace, .rightBracket, .rightParenthesis:
        guard brackets.last?.closing == symbol else {
          throw Invalid(
            code: "unbalanced-bracket", message: "brackets do not match", at: start,
            found: "“\(symbol.rawValue)”", expected: brackets.last.map { "“\($0.closing.rawValue)”" })
        }
        brackets.removeLast()
      default: break
      }
      position = start + symbol.rawValue.utf8.count
      add(.operator(symbol), at: start)
    }
  }

  private func symbol() -> Operator? {
    if position + 1 < bytes.count,
      let two = Operator(rawValue: String(decoding: bytes[position..<(position + 2)], as: UTF8.self))
    {
      return two
    }
    return Operator(rawValue: String(decoding: [bytes[position]], as: UTF8.self))
  }

  private mutating func name() throws(Invalid) {
    let start = position
    var isValid = true
    while let scalar = source.scalar(at: position) {
      if scalar.isASCII {
        guard scalar == "_" || scalar.properties.isAlphabetic || scalar.properties.numericType != nil else {
          break
        }
      } else {
        // Jinja takes word characters and then asks whether they are an identifier.
        guard scalar.properties.isXIDContinue || scalar.properties.isAlphabetic else { break }
        isValid =
          isValid && (position == start ? scalar.properties.isXIDStart : scalar.properties.isXIDContinue)
      }
      position += UTF8.width(scalar)
    }
    guard position > start, isValid else {
      let found = source.scalar(at: start).map { "“\($0)”" }
      position = max(position, start + Text.width(bytes[start]))
      throw Invalid(
        code: "unexpected-character", message: "this cannot be part of a name", at: start, found: found)
    }
    add(.name(String(decoding: bytes[start..<position], as: UTF8.self)), at: start)
  }

  // MARK: Literals

  /// The end of digits from `start` on, single underscores between them allowed; nil without a digit.
  private func digits(from start: Int, radix: Int = 10) -> Int? {
    var i = start
    var end: Int?
    while let byte = byte(i) {
      if let digit = BigInteger.digit(byte), digit < radix {
        i += 1
        end = i
      } else if byte == UInt8(ascii: "_"), end == i {
        i += 1
      } else {
        break
      }
    }
    return end
  }

  /// Digits of a literal: as many as the largest integer of the default limits has.
  private static let maximumDigits = 2_400

  private mutating func number() throws(Invalid) {
    let start = position
    if let end = floatEnd(from: start), byte(start - 1) != UInt8(ascii: ".") {
      let text = String(
        decoding: bytes[start..<end].filter { $0 != UInt8(ascii: "_") }, as: UTF8.self)
      position = end
      add(.float(Double(text) ?? .infinity), at: start)
      return
    }
    var radix = 10
    var from = start
    if bytes[start] == UInt8(ascii: "0"), let mark = byte(start + 1) {
      switch mark | 0x20 {
      case UInt8(ascii: "x"): radix = 16
      case UInt8(ascii: "o"): radix = 8
      case UInt8(ascii: "b"): radix = 2
      default: break
      }
      if radix != 10 {
        from = byte(start + 2) == UInt8(ascii: "_") ? start + 3 : start + 2
        if digits(from: from, radix: radix) == nil {
          radix = 10
          from = start
        }
      }
    }
    guard var end = digits(from: from, radix: radix) else { return }
    if radix == 10, bytes[start] == UInt8(ascii: "0") {
      // A zero, or zeros: 012 is two numbers, hence an error.
      var zeros = start
      while byte(zeros) == UInt8(ascii: "0") || byte(zeros) == UInt8(ascii: "_") && zeros < end { zeros += 1 }
      end = min(end, zeros)
    }
    let literal = bytes[from..<end].filter { $0 != UInt8(ascii: "_") }
    position = end
    guard literal.count <= Lexer.maximumDigits, let value = BigInteger(digits: literal, radix: radix) else {
      throw Invalid(
        code: "number-too-long", message: "a number has at most \(Lexer.maximumDigits) digits", at: start)
    }
    add(.integer(value), at: start)
  }

  private func floatEnd(from start: Int) -> Int? {
    guard let whole = digits(from: start) else { return nil }
    var end = whole
    var isFloat = false
    if byte(end) == UInt8(ascii: "."), let fraction = digits(from: end + 1) {
      end = fraction
      isFloat = true
    }
    if byte(end).map({ $0 | 0x20 }) == UInt8(ascii: "e") {
      var from = end + 1
      if byte(from) == UInt8(ascii: "+") || byte(from) == UInt8(ascii: "-") { from += 1 }
      if let exponent = digits(from: from) {
        end = exponent
        isFloat = true
      }
    }
    return isFloat ? end : nil
  }

  private mutating func string(quote: UInt8) throws(Invalid) {
    let start = position
    var end = start + 1
    while let byte = byte(end), byte != quote { end += byte == UInt8(ascii: "\\") ? 2 : 1 }
    guard end < bytes.count else {
      position = start + 1
      throw Invalid(
        code: "unclosed-string", message: "this text does not end", at: start,
        expected: "“\(Character(Unicode.Scalar(quote)))”")
    }
    position = end + 1
    do throws(StringLiteral.Invalid) {
      add(.string(try StringLiteral.decode(bytes[(start + 1)..<end])), at: start)
    } catch {
      throw Invalid(
        code: "bad-escape", message: error.message, at: error.at, suggestion: error.suggestion)
    }
  }
}
