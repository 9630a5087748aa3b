/// Something about one field of an answer: what makes the answer void, or what was passed over.
public struct AnswerFinding: Hashable, Sendable, CustomStringConvertible {
  public enum Severity: Hashable, Sendable {
    /// The whole answer is void.
    case error
    /// Passed over; the answer stands.
    case note
  }

  public enum Problem: Hashable, Sendable {
    // MARK: Errors

    /// Not JSON at all; the text says why and where.
    case notJSON(String)
    case missing
    case wrongType(expected: String, found: String)
    case empty
    case tooLong(limit: Int)
    case controlCharacter
    case unknownValue(String, known: [String])
    case outOfRange(ClosedRange<Int>)
    /// A `*_name` that names nothing that is configured. Case matters.
    case unknownName(ConfiguredNames.Kind, String)
    case tooMany(limit: Int)
    /// Two fields do not go together (the PIN table and others).
    case conflict(String)
    case notPattern(String)
    case notUUID
    case notDigits(String)
    case notImage(String)
    /// An HTTP status that is neither 2xx nor 404.
    case status(Int)

    // MARK: Notes

    case unknownField
    /// Belongs to other service types.
    case otherServiceType
    case repeated
    case unknownAction(String)
    case statusIsNotSuccess(String)
    /// For another service than the one the call is placed from (routing reference §11.5).
    case otherService
    case cut(limit: Int)
  }

  /// `result.automatic_participants[0].protocol`; empty for the answer as a whole.
  public var field: String
  public var problem: Problem
  public var severity: Severity

  public init(_ field: String, _ problem: Problem, _ severity: Severity = .error) {
    self.field = field
    self.problem = problem
    self.severity = severity
  }

  public var description: String { field.isEmpty ? "\(problem)" : "\(field): \(problem)" }
}

/// Values are quoted only where they are names or words of the interface: never PINs, passwords, aliases or free text.
extension AnswerFinding.Problem: CustomStringConvertible {
  public var description: String {
    switch self {
    case .notJSON(let reason): "not JSON: \(reason)"
    case .missing: "is required and missing"
    case .wrongType(let expected, let found): "must be \(expected), is \(found)"
    case .empty: "must not be empty"
    case .tooLong(let limit): "longer than \(limit) characters"
    case .controlCharacter: "contains a control character"
    case .unknownValue(let value, let known):
      "“\(AnswerFinding.shown(value))” is not one of \(known.joined(separator: ", "))"
    case .outOfRange(let range): "not between \(range.lowerBound) and \(range.upperBound)"
    case .unknownName(let kind, let name): "there is no \(kind.noun) named “\(AnswerFinding.shown(name))”"
    case .tooMany(let limit): "more than \(limit) elements"
    case .conflict(let text): text
    case .notPattern(let reason): "not a regular expression: \(reason)"
    case .notUUID: "not a UUID"
    case .notDigits(let expected): "must be \(expected)"
    case .notImage(let reason): reason
    case .status(let status):
      switch status {
      case 300..<400: "a redirection, which is not followed"
      case 401, 403, 407: "the server does not accept our user name and password"
      case 429: "the server is asked too often"
      case 500...: "the server failed"
      default: "the server does not understand the question"
      }
    case .unknownField: "unknown, passed over"
    case .otherServiceType: "belongs to other service types, passed over"
    case .repeated: "repeated, the last one counts"
    case .unknownAction(let action): "unknown action “\(AnswerFinding.shown(action))”"
    case .statusIsNotSuccess(let status): "“\(AnswerFinding.shown(status))” is not success"
    case .otherService: "another service than the one the call is placed from: the answer is ignored"
    case .cut(let limit): "only the first \(limit) count"
    }
  }
}

extension AnswerFinding {
  /// Text from a server, short and without control characters.
  static func shown(_ text: String) -> String {
    let clean = String(
      String.UnicodeScalarView(
        text.unicodeScalars.prefix(81).map {
          $0.properties.isNoncharacterCodePoint || $0.value < 0x20 || $0.value == 0x7f ? "?" : $0
        }))
    return clean.count > 80 ? clean.prefix(80) + "…" : clean
  }
}
