/// Reads JSON (RFC 8259) as it is defined, and keeps the position of every value, so that a message can say where a
/// fault is. The one liberty: a byte order mark in front is passed over (§8.1 allows it).
public struct JSONReader {
  /// What a text may cost. Beyond it the text is refused.
  public struct Limits: Hashable, Sendable {
    public var bytes: Int
    /// Lists and objects inside each other.
    public var depth: Int
    /// Values of all kinds together.
    public var values: Int

    public init(bytes: Int = 1 << 20, depth: Int = 64, values: Int = 100_000) {
      self.bytes = bytes
      self.depth = depth
      self.values = values
    }
  }

  private let bytes: UnsafeBufferPointer<UInt8>
  private let limits: Limits
  private var position = 0
  private var depth = 0
  private var values = 0

  private init(_ bytes: UnsafeBufferPointer<UInt8>, _ limits: Limits) {
    self.bytes = bytes
    self.limits = limits
  }

  public static func read(_ text: String, limits: Limits = Limits()) throws(JSONError) -> JSONNode {
    try read(Array(text.utf8), limits: limits)
  }

  /// The value that `bytes` are the text of.
  public static func read(_ bytes: [UInt8], limits: Limits = Limits()) throws(JSONError) -> JSONNode {
    try bytes.withUnsafeBufferPointer { buffer throws(JSONError) in
      var reader = JSONReader(buffer, limits)
      return try reader.text()
    }
  }

  private mutating func text() throws(JSONError) -> JSONNode {
    guard bytes.count <= limits.bytes else {
      throw error(.textTooLong(limit: limits.bytes), at: limits.bytes)
    }
    if bytes.starts(with: [0xef, 0xbb, 0xbf]) { position = 3 }
    skipSpace()
    guard position < bytes.count else { throw error(.empty) }
    let node = try value()
    skipSpace()
    guard position == bytes.count else { throw error(.unexpected(expected: "the end of the text")) }
    return node
  }

  // MARK: Values

  private mutating func value() throws(JSONError) -> JSONNode {
    values += 1
    guard values <= limits.values else { throw error(.tooManyValues(limit: limits.values)) }
    let start = position
    guard let byte = peek() else { throw error(.endOfText(expected: "a value")) }
    switch byte {
    case UInt8(ascii: "{"): return JSONNode(.object(try object()), offset: start)
    case UInt8(ascii: "["): return JSONNode(.array(try array()), offset: start)
    case UInt8(ascii: "\""): return JSONNode(.string(try string()), offset: start)
    case UInt8(ascii: "-"), 0x30...0x39: return JSONNode(try number(), offset: start)
    case UInt8(ascii: "t"):
      try word("true")
      return JSONNode(.boolean(true), offset: start)
    case UInt8(ascii: "f"):
      try word("false")
      return JSONNode(.boolean(false), offset: start)
    case UInt8(ascii: "n"):
      try word("null")
      return JSONNode(.null, offset: start)
    default: throw error(.unexpected(expected: "a value"))
    }
  }

  private mutating func word(_ word: StaticString) throws(JSONError) {
    let end = position + word.utf8CodeUnitCount
    guard end <= bytes.count, (position..<end).allSatisfy({ bytes[$0] == word.utf8Start[$0 - position] })
    else { throw error(.unexpected(expected: "a value")) }
    position = end
  }

  private mutating func enter() throws(JSONError) {
    depth += 1
    guard depth <= limits.depth else { throw error(.tooDeep(limit: limits.depth)) }
    position += 1
    skipSpace()
  }

  private mutating func leave() {
    depth -= 1
    position += 1
  }

  private mutating func array() throws(JSONError) -> [JSONNode] {
    try enter()
    var items: [JSONNode] = []
    if peek() == UInt8(ascii: "]") {
      leave()
      return items
    }
    while true {
      items.append(try value())
      skipSpace()
      switch peek() {
      case UInt8(ascii: "]"):
        leave()
        return items
      case UInt8(ascii: ","):
        position += 1
        skipSpace()
      case nil: throw error(.endOfText(expected: "“,” or “]”"))
      default: throw error(.unexpected(expected: "“,” or “]”"))
      }
    }
  }

  private mutating func object() throws(JSONError) -> JSONObject {
    try enter()
    var members: [JSONObject.Member] = []
    if peek() == UInt8(ascii: "}") {
      leave()
      return JSONObject()
    }
    while true {
      let offset = position
      guard peek() == UInt8(ascii: "\"") else {
        throw error(peek() == nil ? .endOfText(expected: "a key") : .unexpected(expected: "a key"))
      }
      let key = try string()
      skipSpace()
      guard peek() == UInt8(ascii: ":") else {
        throw error(peek() == nil ? .endOfText(expected: "“:”") : .unexpected(expected: "“:”"))
      }
      position += 1
      skipSpace()
      members.append(.init(key: key, offset: offset, node: try value()))
      skipSpace()
      switch peek() {
      case UInt8(ascii: "}"):
        leave()
        return JSONObject(members)
      case UInt8(ascii: ","):
        position += 1
        skipSpace()
      case nil: throw error(.endOfText(expected: "“,” or “}”"))
      default: throw error(.unexpected(expected: "“,” or “}”"))
      }
    }
  }

  // MARK: Numbers (§6)

  private mutating func number() throws(JSONError) -> JSONValue {
    let start = position
    var isInteger = true
    if peek() == UInt8(ascii: "-") { position += 1 }
    if peek() == UInt8(ascii: "0") {
      position += 1
    } else {
      guard skipDigits() else { throw error(.invalidNumber, at: start) }
    }
    if peek() == UInt8(ascii: ".") {
      isInteger = false
      position += 1
      guard skipDigits() else { throw error(.invalidNumber, at: start) }
    }
    if let byte = peek(), byte | 0x20 == UInt8(ascii: "e") {
      isInteger = false
      position += 1
      if let sign = peek(), sign == UInt8(ascii: "+") || sign == UInt8(ascii: "-") { position += 1 }
      guard skipDigits() else { throw error(.invalidNumber, at: start) }
    }
    if let next = peek(), (0x30...0x39).contains(next) { throw error(.invalidNumber, at: start) }
    let text = String(decoding: bytes[start..<position], as: UTF8.self)
    if isInteger, let integer = Int64(text) { return .integer(integer) }
    guard let number = Double(text) else { throw error(.invalidNumber, at: start) }
    guard number.isFinite else { throw error(.numberTooLarge, at: start) }
    return .number(number)
  }

  private mutating func skipDigits() -> Bool {
    let start = position
    while let byte = peek(), (0x30...0x39).contains(byte) { position += 1 }
    return position > start
  }

  // MARK: Strings (§7)

  private mutating func string() throws(JSONError) -> String {
    let start = position
    position += 1
    let first = position
    while let byte = peek(), byte != UInt8(ascii: "\""), byte != UInt8(ascii: "\\"), byte >= 0x20 {
      position += 1
    }
    if peek() == UInt8(ascii: "\"") {
      defer { position += 1 }
      return try utf8(UnsafeBufferPointer(rebasing: bytes[first..<position]), from: first)
    }
    var content = Array(bytes[first..<position])
    while true {
      guard let byte = peek() else { throw error(.endOfText(expected: "the end of the string"), at: start) }
      switch byte {
      case UInt8(ascii: "\""):
        position += 1
        return try content.withUnsafeBufferPointer { buffer throws(JSONError) in
          try utf8(buffer, from: first)
        }
      case UInt8(ascii: "\\"): try escape(into: &content)
      case ..<0x20: throw error(.controlCharacter)
      default:
        content.append(byte)
        position += 1
      }
    }
  }

  private func utf8(_ content: UnsafeBufferPointer<UInt8>, from offset: Int) throws(JSONError) -> String {
    guard let text = String(validating: content, as: UTF8.self) else { throw error(.invalidUTF8, at: offset) }
    return text
  }

  private mutating func escape(into content: inout [UInt8]) throws(JSONError) {
    let start = position
    position += 1
    guard let byte = peek() else { throw error(.endOfText(expected: "an escape sequence")) }
    position += 1
    switch byte {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): content.append(byte)
    case UInt8(ascii: "b"): content.append(0x08)
    case UInt8(ascii: "f"): content.append(0x0c)
    case UInt8(ascii: "n"): content.append(0x0a)
    case UInt8(ascii: "r"): content.append(0x0d)
    case UInt8(ascii: "t"): content.append(0x09)
    case UInt8(ascii: "u"):
      var code = UInt32(try hexDigits(start))
      if (0xd800...0xdbff).contains(code) {
        guard peek() == UInt8(ascii: "\\"), position + 1 < bytes.count,
          bytes[position + 1] == UInt8(ascii: "u")
        else { throw error(.unpairedSurrogate, at: start) }
        position += 2
        let low = UInt32(try hexDigits(start))
        guard (0xdc00...0xdfff).contains(low) else { throw error(.unpairedSurrogate, at: start) }
        code = 0x10000 + (code - 0xd800) << 10 + (low - 0xdc00)
      }
      guard let scalar = Unicode.Scalar(code) else { throw error(.unpairedSurrogate, at: start) }
      content.append(contentsOf: UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter)
    default: throw error(.invalidEscape, at: start)
    }
  }

  private mutating func hexDigits(_ start: Int) throws(JSONError) -> UInt16 {
    var code: UInt16 = 0
    for _ in 0..<4 {
      guard let byte = peek() else { throw error(.endOfText(expected: "four hexadecimal digits")) }
      let digit: UInt8
      switch byte {
      case 0x30...0x39: digit = byte - 0x30
      case 0x41...0x46: digit = byte - 0x37
      case 0x61...0x66: digit = byte - 0x57
      default: throw error(.invalidEscape, at: start)
      }
      code = code << 4 | UInt16(digit)
      position += 1
    }
    return code
  }

  // MARK: Position

  private func peek() -> UInt8? { position < bytes.count ? bytes[position] : nil }

  private mutating func skipSpace() {
    while let byte = peek(), byte == 0x20 || byte == 0x0a || byte == 0x0d || byte == 0x09 { position += 1 }
  }

  private func error(_ reason: JSONError.Reason, at offset: Int? = nil) -> JSONError {
    let offset = min(offset ?? position, bytes.count)
    let (line, column) = JSONReader.place(of: offset, in: bytes)
    return JSONError(reason, offset: offset, line: line, column: column)
  }

  /// Line and column, both from 1, of the byte at `offset`.
  public static func place(of offset: Int, in bytes: some Sequence<UInt8>) -> (line: Int, column: Int) {
    var line = 1
    var column = 1
    for byte in bytes.prefix(offset) {
      column += 1
      if byte == 0x0a {
        line += 1
        column = 1
      }
    }
    return (line, column)
  }
}
