import Yams

extension SchemaReader {
  /// A mapping or a list as JSON text; text as it is, also when it is no JSON.
  mutating func json(_ node: Node) -> CheckedValue.Content {
    switch node {
    case .scalar(let scalar) where !isNull(scalar): return .text(scalar.string)
    case .mapping, .sequence: return jsonText(node).map { .text($0.text) } ?? .invalid
    default:
      wrongType(node, expected: SchemaType.json.expectation)
      return .invalid
    }
  }

  private mutating func jsonText(_ node: Node) -> JSONText? {
    guard visit(node) else { return nil }
    switch node {
    case .scalar(let scalar):
      guard scalar.style == .plain else { return .string(scalar.string) }
      if isNull(scalar) { return .null }
      if scalar.string == "true" || scalar.string == "false" { return .boolean(scalar.string == "true") }
      if let number = Int(scalar.string) { return .integer(number) }
      if let number = Double(scalar.string), number.isFinite { return .number(number) }
      return .string(scalar.string)
    case .sequence(let sequence):
      var items: [JSONText] = []
      for item in sequence {
        guard let item = jsonText(item) else { return nil }
        items.append(item)
      }
      return .array(items)
    case .mapping(let mapping):
      var members: [(String, JSONText)] = []
      for (key, value) in mapping {
        guard let name = key.scalar?.string else {
          report("wrong-type", "a key must be text", at: key)
          return nil
        }
        guard let value = jsonText(value) else { return nil }
        members.append((name, value))
      }
      return .object(members)
    case .alias: return nil
    }
  }
}
