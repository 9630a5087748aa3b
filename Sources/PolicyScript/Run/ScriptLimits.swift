import CallModel

/// What one rendering of a script may use. Exceeding one is an error that names it and where; nothing of the output is used then.
public struct ScriptLimits: Hashable, Sendable {
  /// Evaluated operations; large values cost more: one step for each 64 bytes copied or each element.
  public var steps = 500_000
  /// Passes of all loops together.
  public var iterations = 20_000
  /// UTF-8 bytes of the output.
  public var outputBytes = 1 << 20
  /// UTF-8 bytes of one text.
  public var textBytes = 1 << 20
  /// Elements of one list, tuple or dictionary.
  public var elements = 50_000
  /// UTF-8 bytes of a text that a regular expression is applied to: the time of some grows with the square of it.
  public var patternTextBytes = 16 << 10
  /// Bits of one integer.
  public var integerBits = 8_192
  /// Bytes written to the debug log.
  public var logBytes = 16 << 10
  /// Time by ``ScriptEnvironment/clock``.
  public var time = TimeSpan.milliseconds(100)

  public init() {}

  /// Levels of lists and dictionaries in each other that can be written or compared.
  static let valueDepth = 100

  public enum Name: String, Hashable, Sendable, CaseIterable {
    case steps, iterations
    case output = "output bytes"
    case text = "text bytes"
    case elements
    case integer = "integer bits"
    case log = "log bytes"
    case time
    case depth
    /// Backtracking of one regular expression.
    case pattern = "pattern work"
  }
}
