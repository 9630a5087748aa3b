import JSONText

/// Takes fields out of a JSON object under the lenient rules of the routing reference §11.4, and notes everything that is
/// wrong. A method that returns nil either noted why, or the field is not set.
struct FieldReader {
  let names: ConfiguredNames
  /// Why a text is no regular expression; nil when it is one.
  let patternFault: @Sendable (String) -> String?
  private(set) var findings: [AnswerFinding] = []

  /// Characters in a string field (routing reference §9).
  static let maximumLength = 250
  /// Findings kept of one answer; a thousand wrong fields say no more.
  static let maximumFindings = 100

  init(names: ConfiguredNames, patternFault: @escaping @Sendable (String) -> String? = { _ in nil }) {
    self.names = names
    self.patternFault = patternFault
  }

  var hasErrors: Bool { findings.contains { $0.severity == .error } }

  mutating func note(
    _ field: String, _ problem: AnswerFinding.Problem, _ severity: AnswerFinding.Severity = .error
  ) {
    // An error is never crowded out by notes: it is what voids the answer.
    if findings.count >= FieldReader.maximumFindings {
      guard severity == .error, !hasErrors else { return }
      findings.removeLast()
    }
    findings.append(AnswerFinding(field, problem, severity))
  }

  /// The members of `node`, the last of each repeated key; nil and noted when it is no object.
  mutating func members(_ node: JSONNode, _ path: String) -> [String: JSONNode]? {
    guard case .object(let object) = node.value else {
      note(path, .wrongType(expected: "an object", found: node.value.kind))
      return nil
    }
    var members: [String: JSONNode] = [:]
    members.reserveCapacity(object.members.count)
    for member in object.members {
      if members.updateValue(member.node, forKey: member.key) != nil {
        note(FieldReader.path(path, member.key), .repeated, .note)
      }
    }
    return members
  }

  static func path(_ path: String, _ key: String) -> String {
    path.isEmpty ? AnswerFinding.shown(key) : "\(path).\(AnswerFinding.shown(key))"
  }

  // MARK: Types

  mutating func text(
    _ node: JSONNode, _ path: String, isEmptyAllowed: Bool = true, isMultiline: Bool = false,
    limit: Int = maximumLength
  ) -> String? {
    guard case .string(let text) = node.value else {
      note(path, .wrongType(expected: "a string", found: node.value.kind))
      return nil
    }
    guard isEmptyAllowed || !text.isEmpty else {
      note(path, .empty)
      return nil
    }
    guard text.utf8.count <= limit || text.unicodeScalars.count <= limit else {
      note(path, .tooLong(limit: limit))
      return nil
    }
    // Most of these texts end in headers of a protocol or on a screen: a line break there is an attack.
    let isClean = text.unicodeScalars.allSatisfy {
      $0.value >= 0x20 && $0.value != 0x7f
        || isMultiline && ($0 == "\n" || $0 == "\r" || $0 == "\t")
    }
    guard isClean else {
      note(path, .controlCharacter)
      return nil
    }
    return text
  }

  /// JSON booleans, and the words `true`, `True`, `false`, `False`.
  mutating func boolean(_ node: JSONNode, _ path: String) -> Bool? {
    switch node.value {
    case .boolean(let value): return value
    case .string("true"), .string("True"): return true
    case .string("false"), .string("False"): return false
    default:
      note(path, .wrongType(expected: "a boolean", found: node.value.kind))
      return nil
    }
  }

  /// Whole numbers, also written as `5.0` or as a string of digits.
  mutating func integer(_ node: JSONNode, _ path: String, _ range: ClosedRange<Int>) -> Int? {
    var value: Int?
    switch node.value {
    case .integer(let integer): value = Int(exactly: integer)
    case .number(let number):
      value = Int(exactly: number)
      if value == nil, number == number.rounded() {
        note(path, .outOfRange(range))
        return nil
      }
    case .string(let text):
      let digits = text.utf8.first == UInt8(ascii: "-") ? text.utf8.dropFirst() : text.utf8[...]
      if !digits.isEmpty, digits.allSatisfy({ (0x30...0x39).contains($0) }) {
        value = Int(text)
        if value == nil {
          note(path, .outOfRange(range))
          return nil
        }
      }
    default: break
    }
    guard let value else {
      note(path, .wrongType(expected: "a whole number", found: node.value.kind))
      return nil
    }
    guard range.contains(value) else {
      note(path, .outOfRange(range))
      return nil
    }
    return value
  }

  mutating func choice(_ node: JSONNode, _ path: String, _ known: [String]) -> String? {
    guard case .string(let text) = node.value else {
      note(path, .wrongType(expected: "a string", found: node.value.kind))
      return nil
    }
    guard known.contains(text) else {
      note(path, .unknownValue(text, known: known))
      return nil
    }
    return text
  }

  /// The name of something configured; empty: not set.
  mutating func name(_ node: JSONNode, _ path: String, _ kind: ConfiguredNames.Kind) -> String? {
    guard let text = text(node, path), !text.isEmpty else { return nil }
    guard names.contains(text, kind) else {
      note(path, .unknownName(kind, text))
      return nil
    }
    return text
  }

  mutating func uuid(_ node: JSONNode, _ path: String) -> String? {
    guard let text = text(node, path) else { return nil }
    let groups = text.split(separator: "-", omittingEmptySubsequences: false)
    guard groups.map(\.count) == [8, 4, 4, 4, 12],
      groups.allSatisfy({
        $0.utf8.allSatisfy { ($0 | 0x20) >= 0x61 && ($0 | 0x20) <= 0x66 || (0x30...0x39).contains($0) }
      })
    else {
      note(path, .notUUID)
      return nil
    }
    return text.lowercased()
  }

  mutating func list(_ node: JSONNode, _ path: String, limit: Int) -> [JSONNode]? {
    guard case .array(let items) = node.value else {
      note(path, .wrongType(expected: "a list", found: node.value.kind))
      return nil
    }
    guard items.count <= limit else {
      note(path, .tooMany(limit: limit))
      return nil
    }
    return items
  }
}
