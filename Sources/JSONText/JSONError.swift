/// Why a text is not JSON, and where.
public struct JSONError: Error, Hashable, Sendable, CustomStringConvertible {
  public enum Reason: Hashable, Sendable {
    case empty
    /// A byte that cannot stand here; `expected` says what could.
    case unexpected(expected: String)
    case endOfText(expected: String)
    case invalidUTF8
    case controlCharacter
    case invalidEscape
    /// `\ud800` without its other half names no character.
    case unpairedSurrogate
    case invalidNumber
    /// Larger than a 64-bit floating point number can be.
    case numberTooLarge
    case textTooLong(limit: Int)
    case tooDeep(limit: Int)
    case tooManyValues(limit: Int)
  }

  public var reason: Reason
  /// Bytes before the fault.
  public var offset: Int
  /// From 1.
  public var line: Int
  /// From 1, in bytes.
  public var column: Int

  public init(_ reason: Reason, offset: Int, line: Int, column: Int) {
    self.reason = reason
    self.offset = offset
    self.line = line
    self.column = column
  }

  public var description: String { "\(line):\(column): \(reason)" }
}

extension JSONError.Reason: CustomStringConvertible {
  public var description: String {
    switch self {
    case .empty: "the text is empty"
    case .unexpected(let expected): "expected \(expected)"
    case .endOfText(let expected): "the text ends where \(expected) is expected"
    case .invalidUTF8: "not UTF-8"
    case .controlCharacter: "a control character stands in a string"
    case .invalidEscape: "not an escape sequence"
    case .unpairedSurrogate: "half a surrogate pair names no character"
    case .invalidNumber: "not a number"
    case .numberTooLarge: "the number is too large"
    case .textTooLong(let limit): "the text has more than \(limit) bytes"
    case .tooDeep(let limit): "nested more than \(limit) deep"
    case .tooManyValues(let limit): "more than \(limit) values"
    }
  }
}
