/// A JSON value that keeps the order of its keys, so that generated files are stable.
package indirect enum JSONText: Sendable {
  case string(String)
  case integer(Int)
  case number(Double)
  case boolean(Bool)
  case array([JSONText])
  case object([(String, JSONText)])
  case null

  /// Nil is `null`.
  package init(_ text: String?) { self = text.map(JSONText.string) ?? .null }

  package var text: String {
    var text = ""
    write(into: &text)
    return text + "\n"
  }

  /// Without line breaks and spaces between its parts.
  package var line: String {
    switch self {
    case .array(let items): "[" + items.map(\.line).joined(separator: ",") + "]"
    case .object(let pairs):
      "{" + pairs.map { JSONText.quoted($0.0) + ":" + $0.1.line }.joined(separator: ",") + "}"
    default: String(text.dropLast())
    }
  }

  package func write(into text: inout String, indent: Int = 0) {
    let inner = String(repeating: "  ", count: indent + 1)
    let outer = String(repeating: "  ", count: indent)
    switch self {
    case .null: text += "null"
    case .string(let value): text += JSONText.quoted(value)
    case .integer(let value): text += String(value)
    case .number(let value):
      text += value == value.rounded() && abs(value) < 1e15 ? String(Int(value)) : String(value)
    case .boolean(let value): text += value ? "true" : "false"
    case .array(let items):
      if items.isEmpty {
        text += "[]"
        return
      }
      text += "[\n"
      for (i, item) in items.enumerated() {
        text += inner
        item.write(into: &text, indent: indent + 1)
        text += i + 1 < items.count ? ",\n" : "\n"
      }
      text += outer + "]"
    case .object(let pairs):
      if pairs.isEmpty {
        text += "{}"
        return
      }
      text += "{\n"
      for (i, pair) in pairs.enumerated() {
        text += inner + JSONText.quoted(pair.0) + ": "
        pair.1.write(into: &text, indent: indent + 1)
        text += i + 1 < pairs.count ? ",\n" : "\n"
      }
      text += outer + "}"
    }
  }

  /// As a JSON string, which YAML reads as well.
  ///
  /// - Parameter isEscaped: what is written as `\u`, beside what must be; only of the first 65,536 scalars.
  package static func quoted(
    _ value: String, escaping isEscaped: (Unicode.Scalar) -> Bool = { $0.value < 0x20 }
  ) -> String {
    var text = "\""
    for scalar in value.unicodeScalars {
      switch scalar {
      case "\"": text += "\\\""
      case "\\": text += "\\\\"
      case "\n": text += "\\n"
      case "\t": text += "\\t"
      case _ where isEscaped(scalar):
        let digits = String(scalar.value, radix: 16)
        text += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      default: text.unicodeScalars.append(scalar)
      }
    }
    return text + "\""
  }
}
