extension Run {
  /// Python's `str(value)`.
  func text(_ value: Value) throws(Fault) -> Text {
    if case .string(let text) = value { return text }
    var bytes: [UInt8] = []
    try write(value, to: &bytes)
    return Text(bytes: bytes)
  }

  /// Appends `str(value)`.
  func write(_ value: Value, to bytes: inout [UInt8]) throws(Fault) {
    switch value {
    case .undefined: break
    case .none: bytes.append(text: "None")
    case .boolean(let value): bytes.append(text: value ? "True" : "False")
    case .integer(let value): bytes.append(text: String(value))
    case .bigInteger(let value): bytes.append(text: value.text)
    case .float(let value): bytes.append(text: FloatText.repr(value))
    case .string(let text): bytes.append(contentsOf: text.bytes)
    default: try writeRepresentation(value, to: &bytes, depth: 0)
    }
  }

  /// Appends Python's `repr(value)`.
  func writeRepresentation(_ value: Value, to bytes: inout [UInt8], depth: Int = 0) throws(Fault) {
    guard depth < ScriptLimits.valueDepth else { throw .tooDeep }
    try step()
    try check(bytes: bytes.count)
    switch value {
    case .undefined: bytes.append(text: "Undefined")
    case .none, .boolean, .integer, .bigInteger, .float: try write(value, to: &bytes)
    case .string(let text): text.writeRepresentation(to: &bytes)
    case .list(let list):
      try writeSequence(list.items, "[", "]", of: list, to: &bytes, depth: depth)
    case .tuple(let tuple):
      let end = tuple.items.count == 1 ? ",)" : ")"
      try writeSequence(tuple.items, "(", end, of: tuple, to: &bytes, depth: depth)
    case .dictionary(let dictionary):
      try enclosing(dictionary, circular: "{...}", to: &bytes) { bytes throws(Fault) in
        bytes.append(UInt8(ascii: "{"))
        for (i, entry) in dictionary.entries.enumerated() {
          if i > 0 { bytes.append(text: ", ") }
          try self.writeRepresentation(entry.key, to: &bytes, depth: depth + 1)
          bytes.append(text: ": ")
          try self.writeRepresentation(entry.value, to: &bytes, depth: depth + 1)
        }
        bytes.append(UInt8(ascii: "}"))
      }
    case .view(let dictionary, let view):
      bytes.append(text: "\(value.typeName)([")
      for (i, entry) in dictionary.entries.enumerated() {
        if i > 0 { bytes.append(text: ", ") }
        if view == .items { bytes.append(UInt8(ascii: "(")) }
        if view != .values { try writeRepresentation(entry.key, to: &bytes, depth: depth + 1) }
        if view == .items { bytes.append(text: ", ") }
        if view != .keys { try writeRepresentation(entry.value, to: &bytes, depth: depth + 1) }
        if view == .items { bytes.append(UInt8(ascii: ")")) }
      }
      bytes.append(text: "])")
    case .range(let range):
      bytes.append(text: "range(\(range.start), \(range.stop)\(range.step == 1 ? "" : ", \(range.step)"))")
    case .function(let function): bytes.append(text: "<function \(function.name)>")
    case .object(let namespace as Namespace):
      bytes.append(text: "<Namespace ")
      try writeRepresentation(.dictionary(namespace.values), to: &bytes, depth: depth + 1)
      bytes.append(UInt8(ascii: ">"))
    case .object(let object): bytes.append(text: object.text)
    }
  }

  private func writeSequence(
    _ items: [Value], _ begin: String, _ end: String, of container: Container, to bytes: inout [UInt8],
    depth: Int
  ) throws(Fault) {
    try enclosing(container, circular: begin + "..." + end, to: &bytes) { bytes throws(Fault) in
      bytes.append(text: begin)
      for (i, item) in items.enumerated() {
        if i > 0 { bytes.append(text: ", ") }
        try self.writeRepresentation(item, to: &bytes, depth: depth + 1)
      }
      bytes.append(text: end)
    }
  }

  /// A container inside itself is written as dots, as Python does.
  private func enclosing(
    _ container: Container, circular: String, to bytes: inout [UInt8],
    _ body: (inout [UInt8]) throws(Fault) -> Void
  ) throws(Fault) {
    if written.contains(where: { $0 === container }) {
      bytes.append(text: circular)
      return
    }
    written.append(container)
    defer { written.removeLast() }
    try body(&bytes)
  }
}

extension Text {
  /// Appends Python's `repr`: single quotes unless that needs an escape and double ones do not.
  func writeRepresentation(to result: inout [UInt8]) {
    let hasSingle = bytes.contains(UInt8(ascii: "'"))
    let quote = UInt8(ascii: hasSingle && !bytes.contains(UInt8(ascii: "\"")) ? "\"" : "'")
    result.append(quote)
    for scalar in scalars {
      switch scalar {
      case "\n": result.append(text: "\\n")
      case "\r": result.append(text: "\\r")
      case "\t": result.append(text: "\\t")
      case "\\": result.append(text: "\\\\")
      case _ where scalar.value == UInt32(quote):
        result.append(UInt8(ascii: "\\"))
        result.append(quote)
      case _ where scalar.isPythonPrintable: result.append(scalar)
      default: result.append(text: scalar.pythonEscape)
      }
    }
    result.append(quote)
  }
}

extension Unicode.Scalar {
  /// `\x1b`, `\u200b` or `\U000e0001`.
  var pythonEscape: String {
    let digits = String(value, radix: 16)
    let (mark, width) = value < 0x100 ? ("\\x", 2) : value < 0x1_0000 ? ("\\u", 4) : ("\\U", 8)
    return mark + String(repeating: "0", count: width - digits.count) + digits
  }
}
