/// Reading and writing `;name=value` lists: those of URIs and those of header fields.
extension SIPURI.Parameter {
  /// Parameters of a URI whose bytes were scanned.
  static func uriParameters(_ bytes: Bytes, _ range: Range<Int>) -> [SIPURI.Parameter] {
    guard !range.isEmpty else { return [] }
    var result: [SIPURI.Parameter] = []
    var start = range.lowerBound + 1
    while start <= range.upperBound {
      let end = bytes.firstIndex(of: .semicolon, in: start..<range.upperBound) ?? range.upperBound
      if start < end {
        if let equals = bytes.firstIndex(of: .equals, in: start..<end) {
          result.append(.init(bytes.text(start..<equals), bytes.text(equals + 1..<end)))
        } else {
          result.append(.init(bytes.text(start..<end)))
        }
      }
      start = end + 1
    }
    return result
  }

  static func append(uriParameters: [SIPURI.Parameter], to bytes: inout [UInt8]) {
    for parameter in uriParameters {
      bytes.append(.semicolon)
      bytes.append(escaping: parameter.name, except: .uriParameter)
      if let value = parameter.value {
        bytes.append(.equals)
        bytes.append(escaping: value, except: .uriParameterValue)
      }
    }
  }

  /// One parameter of a header field, at the places its parts have in the bytes.
  struct Layout {
    var name: Range<Int>
    /// Inside the quotes, if it is quoted.
    var value: Range<Int>?
    var isQuoted: Bool
  }

  /// Reads `*( SEMI generic-param )` from `position` (RFC 3261 §25.1) and returns where it ends: at `end`, or
  /// at a comma outside quotes.
  @discardableResult
  static func scan(
    _ bytes: Bytes, _ position: Int, _ end: Int, _ body: (Layout) throws(SyntaxFault) -> Void
  ) throws(SyntaxFault) -> Int {
    var i = position
    while true {
      i = bytes.skipBlanks(i, end)
      guard i < end, bytes[i] != .comma else { return i }
      guard bytes[i] == .semicolon else { throw SyntaxFault(.malformedHeader, i) }
      i = bytes.skipBlanks(i + 1, end)
      var parameter: Layout
      (parameter, i) = try scanOne(bytes, i, end)
      try body(parameter)
    }
  }

  /// Reads `token [ EQUAL gen-value ]`.
  static func scanOne(
    _ bytes: Bytes, _ position: Int, _ end: Int
  ) throws(SyntaxFault) -> (Layout, Int) {
    let nameEnd = bytes.skipToken(position, end)
    guard nameEnd > position else { throw SyntaxFault(.malformedHeader, position) }
    var layout = Layout(name: position..<nameEnd, value: nil, isQuoted: false)
    let equals = bytes.skipBlanks(nameEnd, end)
    guard equals < end, bytes[equals] == .equals else { return (layout, nameEnd) }
    let start = bytes.skipBlanks(equals + 1, end)
    if start < end, bytes[start] == .doubleQuote {
      let close = try bytes.skipQuotedString(start, end)
      layout.value = start + 1..<close - 1
      layout.isQuoted = true
      return (layout, close)
    }
    // Wider than `token / host`: peers put base64 and paths in tags and branches.
    var i = start
    let characters = ASCIIClass.parameterValue
    while i < end, characters.contains(bytes[i]) || bytes[i] >= 0x80 { i += 1 }
    guard i > start else { throw SyntaxFault(.malformedHeader, start) }
    layout.value = start..<i
    return (layout, i)
  }

  init(_ bytes: Bytes, _ layout: Layout) {
    self.init(
      bytes.text(layout.name),
      layout.value.map { layout.isQuoted ? bytes.unquoted($0) : bytes.text($0) })
    isQuoted = layout.isQuoted
  }

  /// Reads all parameters from `position` to `end`.
  static func all(_ bytes: Bytes, _ range: Range<Int>) -> [SIPURI.Parameter] {
    guard !range.isEmpty else { return [] }
    var result: [SIPURI.Parameter] = []
    // The range was validated when its layout was made; what a fault would leave out is nothing.
    _ = try? scan(bytes, range.lowerBound, range.upperBound) { layout in
      result.append(SIPURI.Parameter(bytes, layout))
    }
    return result
  }

  /// Writes `name`, or `name=value` with quotes where the value needs them or had them.
  func append(to bytes: inout [UInt8]) {
    bytes.append(name)
    guard let value else { return }
    bytes.append(.equals)
    if isQuoted || value.isEmpty || !value.utf8.allSatisfy(ASCIIClass.unquotedValue.contains) {
      bytes.append(quoted: value)
    } else {
      bytes.append(value)
    }
  }

  static func append(headerParameters: [SIPURI.Parameter], to bytes: inout [UInt8]) {
    for parameter in headerParameters {
      bytes.append(.semicolon)
      parameter.append(to: &bytes)
    }
  }
}

extension [SIPURI.Parameter] {
  /// The value of the first parameter with this name, compared without case; empty for one without a value.
  public func value(of name: String) -> String? {
    for parameter in self where equalIgnoringASCIICase(parameter.name, name) { return parameter.value ?? "" }
    return nil
  }

  /// Sets, adds or (with nil) removes the parameter of this name. An empty string makes it one without a
  /// value.
  public mutating func set(_ name: String, to value: String?) {
    guard let value else { return removeAll { equalIgnoringASCIICase($0.name, name) } }
    let parameter = SIPURI.Parameter(name, value.isEmpty ? nil : value)
    if let index = firstIndex(where: { equalIgnoringASCIICase($0.name, name) }) {
      self[index].value = parameter.value
    } else {
      append(parameter)
    }
  }
}

extension ASCIIClass {
  static let parameterValue = ASCIIClass("-.!%*_+`'~[]:/=@?&$#(){}|^")
  /// What a header parameter's value may have without quotes: `token`, or a host with its IPv6 colons and
  /// brackets.
  static let unquotedValue = ASCIIClass("-.!%*_+`'~[]:")
  static let uriParameterValue = ASCIIClass("-_.!~*'()[]/:&+$=,@")
}
