/// JSON text as Python's `json.dumps` writes it: `", "` and `": "` between, and ASCII only.
enum JSONWriter {
  static func write(_ string: Text, to bytes: inout [UInt8]) {
    bytes.append(UInt8(ascii: "\""))
    for scalar in string.scalars {
      switch scalar {
      case "\"": bytes.append(text: "\\\"")
      case "\\": bytes.append(text: "\\\\")
      case "\n": bytes.append(text: "\\n")
      case "\r": bytes.append(text: "\\r")
      case "\t": bytes.append(text: "\\t")
      case "\u{8}": bytes.append(text: "\\b")
      case "\u{c}": bytes.append(text: "\\f")
      case " "..."~": bytes.append(UInt8(truncatingIfNeeded: scalar.value))
      default: for unit in Character(scalar).utf16 { bytes.append(text: escape(unit)) }
      }
    }
    bytes.append(UInt8(ascii: "\""))
  }

  private static func escape(_ unit: UInt16) -> String {
    let digits = String(unit, radix: 16)
    return "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
  }
}

extension Run {
  /// `pex_to_json`.
  func writeJSON(_ value: Value, to bytes: inout [UInt8], depth: Int = 0) throws(Fault) {
    guard depth < ScriptLimits.valueDepth else { throw .tooDeep }
    try step()
    try check(bytes: bytes.count)
    switch value {
    case .none: bytes.append(text: "null")
    case .boolean(let value): bytes.append(text: value ? "true" : "false")
    case .integer, .bigInteger: try write(value, to: &bytes)
    case .float(let value): bytes.append(text: jsonText(value))
    case .string(let text):
      try charge(bytes: text.bytes.count)
      JSONWriter.write(text, to: &bytes)
    case .list(let list): try writeJSON(list.items, to: &bytes, depth: depth)
    case .tuple(let tuple): try writeJSON(tuple.items, to: &bytes, depth: depth)
    case .dictionary(let dictionary):
      bytes.append(UInt8(ascii: "{"))
      for (i, entry) in dictionary.entries.enumerated() {
        if i > 0 { bytes.append(text: ", ") }
        switch entry.key {
        case .string(let text): JSONWriter.write(text, to: &bytes)
        case .none, .boolean, .integer, .bigInteger, .float:
          bytes.append(UInt8(ascii: "\""))
          try writeJSON(entry.key, to: &bytes, depth: depth + 1)
          bytes.append(UInt8(ascii: "\""))
        default: throw Fault(.type, "\(entry.key.described) cannot be a key in JSON")
        }
        bytes.append(text: ": ")
        try writeJSON(entry.value, to: &bytes, depth: depth + 1)
      }
      bytes.append(UInt8(ascii: "}"))
    case .undefined(let undefined): throw Fault(undefined)
    case .view, .range, .function, .object: throw Fault(.type, "\(value.described) cannot be written as JSON")
    }
  }

  private func writeJSON(_ items: [Value], to bytes: inout [UInt8], depth: Int) throws(Fault) {
    bytes.append(UInt8(ascii: "["))
    for (i, item) in items.enumerated() {
      if i > 0 { bytes.append(text: ", ") }
      try writeJSON(item, to: &bytes, depth: depth + 1)
    }
    bytes.append(UInt8(ascii: "]"))
  }

  /// What is no number is written as Python does, which no reader of JSON accepts: the script is not applied then.
  private func jsonText(_ value: Double) -> String {
    if value.isFinite { return FloatText.repr(value) }
    return value.isNaN ? "NaN" : value < 0 ? "-Infinity" : "Infinity"
  }
}

extension ScriptValue {
  /// JSON text on one line.
  public var jsonText: String {
    var bytes: [UInt8] = []
    write(to: &bytes)
    return String(decoding: bytes, as: UTF8.self)
  }

  private func write(to bytes: inout [UInt8]) {
    switch self {
    case .null: bytes.append(text: "null")
    case .boolean(let value): bytes.append(text: value ? "true" : "false")
    case .integer(let value): bytes.append(text: String(value))
    case .number(let value): bytes.append(text: value.isFinite ? FloatText.repr(value) : "null")
    case .string(let value): JSONWriter.write(Text(value), to: &bytes)
    case .list(let values):
      bytes.append(UInt8(ascii: "["))
      for (i, value) in values.enumerated() {
        if i > 0 { bytes.append(text: ", ") }
        value.write(to: &bytes)
      }
      bytes.append(UInt8(ascii: "]"))
    case .object(let object):
      bytes.append(UInt8(ascii: "{"))
      for (i, (key, value)) in object.enumerated() {
        if i > 0 { bytes.append(text: ", ") }
        JSONWriter.write(Text(key), to: &bytes)
        bytes.append(text: ": ")
        value.write(to: &bytes)
      }
      bytes.append(UInt8(ascii: "}"))
    }
  }
}
