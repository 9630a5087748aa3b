/// Python's `text.format(...)`: fields in braces with a path, a conversion and a format specification.
enum BraceFormat {
  static func apply(_ format: Text, _ arguments: Arguments, _ run: Run) throws(Fault) -> Text {
    var state = State(arguments: arguments)
    let result = try expand(Array(format.scalars), &state, run, depth: 0)
    try run.charge(bytes: result.count)
    return Text(bytes: result)
  }

  private struct State {
    let arguments: Arguments
    var next = 0
    var isAutomatic: Bool?
  }

  private static func expand(
    _ format: [Unicode.Scalar], _ state: inout State, _ run: Run, depth: Int
  ) throws(Fault) -> [UInt8] {
    guard depth < 2 else { throw Fault(.value, "fields of the format are nested too deep") }
    var result: [UInt8] = []
    var i = 0
    while i < format.count {
      let scalar = format[i]
      i += 1
      guard scalar == "{" || scalar == "}" else {
        result.append(scalar)
        continue
      }
      if i < format.count, format[i] == scalar {
        result.append(scalar)
        i += 1
        continue
      }
      guard scalar == "{" else { throw Fault(.value, "a single “}” stands in the format") }
      let start = i
      var level = 1
      while i < format.count {
        if format[i] == "{" { level += 1 }
        if format[i] == "}" { level -= 1 }
        if level == 0 { break }
        i += 1
      }
      guard i < format.count else { throw Fault(.value, "a field of the format does not end") }
      result += try field(Array(format[start..<i]), &state, run, depth: depth)
      try run.step()
      try run.check(bytes: result.count)
      i += 1
    }
    return result
  }

  private static func field(
    _ field: [Unicode.Scalar], _ state: inout State, _ run: Run, depth: Int
  ) throws(Fault) -> [UInt8] {
    var inBrackets = false
    var end = 0
    while end < field.count {
      if field[end] == "[" { inBrackets = true }
      if field[end] == "]" { inBrackets = false }
      if !inBrackets, field[end] == "!" || field[end] == ":" { break }
      end += 1
    }
    var value = try self.value(Array(field[..<end]), &state, run)
    if end < field.count, field[end] == "!" {
      guard end + 1 < field.count else { throw Fault(.value, "the conversion after “!” is missing") }
      var bytes: [UInt8] = []
      switch field[end + 1] {
      case "s": try run.write(value, to: &bytes)
      case "r": try run.writeRepresentation(value, to: &bytes)
      case "a":
        try run.writeRepresentation(value, to: &bytes)
        bytes = Text(bytes: bytes).asciiEscaped
      default: throw Fault(.value, "the conversion “!\(field[end + 1])” is unknown")
      }
      value = .string(Text(bytes: bytes))
      end += 2
    }
    guard end < field.count else { return try FormatSpecification.format(value, "", run) }
    guard field[end] == ":" else { throw Fault(.value, "“:” is missing after the conversion") }
    let specification = try expand(Array(field[(end + 1)...]), &state, run, depth: depth + 1)
    return try FormatSpecification.format(value, String(decoding: specification, as: UTF8.self), run)
  }

  /// The value that `name`, `0.attribute` or `[key]` paths lead to.
  private static func value(_ path: [Unicode.Scalar], _ state: inout State, _ run: Run) throws(Fault) -> Value
  {
    let first = String(String.UnicodeScalarView(path.prefix { $0 != "." && $0 != "[" }))
    var rest = path.dropFirst(first.unicodeScalars.count)
    var value: Value
    if first.isEmpty || first.allSatisfy({ $0.isASCII && $0.isNumber }) {
      guard state.isAutomatic != !first.isEmpty else {
        throw Fault(.value, "numbered and unnumbered fields cannot be mixed")
      }
      state.isAutomatic = first.isEmpty
      let index = first.isEmpty ? state.next : Int(first) ?? .max
      if first.isEmpty { state.next += 1 }
      guard index < state.arguments.positional.count else {
        throw Fault(.value, "the format needs an argument \(index)")
      }
      value = state.arguments.positional[index]
    } else {
      guard let named = state.arguments.keywords.first(where: { $0.name == first }) else {
        throw Fault(.value, "the format needs an argument “\(first)”")
      }
      value = named.value
    }
    while let mark = rest.first {
      rest = rest.dropFirst()
      if mark == "." {
        let name = String(String.UnicodeScalarView(rest.prefix { $0 != "." && $0 != "[" }))
        rest = rest.dropFirst(name.unicodeScalars.count)
        guard !name.isEmpty, !name.hasPrefix("_"), case .object(let object) = value,
          let attribute = try object.attribute(name, run)
        else { throw Fault(.value, "\(value.typeName) has no attribute “\(name)”") }
        value = attribute
      } else if mark == "[" {
        let key = String(String.UnicodeScalarView(rest.prefix { $0 != "]" }))
        rest = rest.dropFirst(key.unicodeScalars.count)
        guard rest.first == "]", !key.isEmpty else { throw Fault(.value, "“]” is missing in the format") }
        rest = rest.dropFirst()
        let index = key.allSatisfy({ $0.isASCII && $0.isNumber }) ? Int(key).map { Value.integer($0) } : nil
        value = try run.element(of: value, at: index ?? .text(key))
        try run.requireDefined(value)
      } else {
        throw Fault(.value, "“.” or “[” is missing in the format")
      }
    }
    return value
  }
}

/// Python's format specification: `[[fill]align][sign][z][#][0][width][grouping][.precision][type]`.
struct FormatSpecification {
  private var fill: Unicode.Scalar = " "
  private var alignment: Unicode.Scalar?
  private var sign: Unicode.Scalar = "-"
  private var isAlternate = false
  private var isZeroPadded = false
  private var width = 0
  private var grouping: Unicode.Scalar?
  private var precision: Int?
  private var type: Unicode.Scalar?

  static func format(_ value: Value, _ specification: String, _ run: Run) throws(Fault) -> [UInt8] {
    if specification.isEmpty {
      var bytes: [UInt8] = []
      try run.write(value, to: &bytes)
      return bytes
    }
    let parsed = try FormatSpecification(Array(specification.unicodeScalars))
    switch value {
    case .string(let text): return try parsed.format(text)
    case .boolean(let flag) where parsed.type == nil || parsed.type == "s":
      // A truth value is an integer to Python's formats, except where it is written as it is.
      return try parsed.format(flag ? Value.integer(1) : .integer(0), run)
    default:
      guard Number(value) != nil else {
        try run.requireDefined(value)
        throw Fault(.type, "a \(value.typeName) takes no format specification")
      }
      return try parsed.format(value, run)
    }
  }

  private init(_ text: [Unicode.Scalar]) throws(Fault) {
    var i = 0
    let alignments: [Unicode.Scalar] = ["<", ">", "=", "^"]
    let hasFill = text.count > 1 && alignments.contains(text[1])
    if hasFill {
      fill = text[0]
      alignment = text[1]
      i = 2
    } else if let first = text.first, alignments.contains(first) {
      alignment = first
      i = 1
    }
    func at(_ wanted: Unicode.Scalar...) -> Unicode.Scalar? {
      guard i < text.count, wanted.contains(text[i]) else { return nil }
      i += 1
      return text[i - 1]
    }
    func number(_ maximum: Int) throws(Fault) -> Int? {
      var n: Int?
      while i < text.count, ("0"..."9").contains(text[i]) {
        n = (n ?? 0) * 10 + Int(text[i].value - 0x30)
        if n! > maximum { throw Fault(.value, "a width is at most \(maximum)") }  // assigned just above
        i += 1
      }
      return n
    }
    sign = at("+", "-", " ") ?? "-"
    isAlternate = at("#") != nil
    if !hasFill, at("0") != nil {
      fill = "0"
      if alignment == nil {
        alignment = "="
        isZeroPadded = true
      }
    }
    width = try number(PercentFormat.maximumWidth) ?? 0
    grouping = at(",", "_")
    if at(".") != nil {
      guard let digits = try number(PercentFormat.maximumPrecision) else {
        throw Fault(.value, "the precision is missing in the format specification")
      }
      precision = digits
    }
    type = i < text.count ? text[i] : nil
    guard i + 1 >= text.count else {
      throw Fault(.value, "the format specification “\(String(String.UnicodeScalarView(text)))” is invalid")
    }
  }

  private func padded(
    sign: String = "", prefix: String = "", _ body: [UInt8], default alignment: Unicode.Scalar
  )
    -> [UInt8]
  {
    let head = Array((sign + prefix).utf8)
    let count = head.count + Text(bytes: body).count
    let padding = max(0, width - count)
    func fill(_ count: Int) -> [UInt8] {
      Array(String(repeating: String(Character(self.fill)), count: count).utf8)
    }
    switch self.alignment ?? alignment {
    case "<": return head + body + fill(padding)
    case "^": return fill(padding / 2) + head + body + fill(padding - padding / 2)
    case "=": return head + fill(padding) + body
    default: return fill(padding) + head + body
    }
  }

  private func format(_ text: Text) throws(Fault) -> [UInt8] {
    guard type == nil || type == "s", sign == "-", !isAlternate, grouping == nil,
      alignment != "=" || isZeroPadded
    else { throw Fault(.value, "the format specification does not fit text") }
    let part = precision.map { text[0..<min($0, text.count)] } ?? text
    var specification = self
    if alignment == "=" { specification.alignment = "<" }
    return specification.padded(part.bytes, default: "<")
  }

  private func grouped(_ digits: String, every size: Int) -> String {
    guard let grouping else { return digits }
    var result = ""
    for (i, digit) in digits.enumerated() {
      if i > 0, (digits.count - i) % size == 0 { result.unicodeScalars.append(grouping) }
      result.append(digit)
    }
    return result
  }

  /// Zero padding counts as digits to group.
  private func zeroFilled(_ digits: String, head: Int, tail: Int, every size: Int) -> String {
    guard grouping != nil, fill == "0", alignment == "=" else { return grouped(digits, every: size) }
    var digits = digits
    while true {
      let candidate = grouped(digits, every: size)
      if head + candidate.count + tail >= width { return candidate }
      digits = "0" + digits
    }
  }

  private func format(_ value: Value, _ run: Run) throws(Fault) -> [UInt8] {
    guard let number = Number(value) else { return [] }
    var type = type
    if case .float = number {
    } else {
      switch type {
      case nil, "d", "b", "o", "x", "X", "n":
        guard precision == nil else { throw Fault(.value, "an integer has no precision") }
        return try integer(number, run)
      case "c":
        guard sign == "-", !isAlternate, grouping == nil, precision == nil else {
          throw Fault(.value, "a character has no sign, grouping or precision")
        }
        guard case .integer(let n) = number, let code = UInt32(exactly: n), let scalar = Unicode.Scalar(code)
        else {
          throw Fault(.value, "\(value.described) is no character")
        }
        return padded(Array(String(scalar).utf8), default: "<")
      case "e", "E", "f", "F", "g", "G", "%": break
      default: throw Fault(.value, "the format specification does not fit an integer")
      }
    }
    guard let n = try Conversion.float(value, run) else { return [] }
    var text: String
    var suffix = ""
    let magnitude = n.magnitude
    let sign = signText(isNegative: n.sign == .minus && !n.isNaN)
    if type == "n" { type = "g" }
    if !n.isFinite {
      text = FloatText.repr(magnitude)
      if let type, "EFG".unicodeScalars.contains(type) { text = text.uppercased() }
      if type == "%" { suffix = "%" }
    } else {
      switch type {
      case nil:
        if let precision {
          text = general(magnitude, digits: max(1, precision))
        } else {
          text = FloatText.repr(magnitude)
        }
      case "%":
        text = FloatText.printf(magnitude * 100, precision: precision ?? 6, type: "f", alternate: isAlternate)
        suffix = "%"
      case let letter? where "eEfFgG".unicodeScalars.contains(letter):
        text = FloatText.printf(
          magnitude, precision: precision ?? 6, type: Character(letter), alternate: isAlternate)
      default: throw Fault(.value, "the format specification does not fit a float")
      }
    }
    let whole = String(text.prefix { $0.isNumber })
    let rest = String(text.dropFirst(whole.count)) + suffix
    let digits = whole.isEmpty ? "" : zeroFilled(whole, head: sign.count, tail: rest.count, every: 3)
    return padded(sign: sign, Array((digits + rest).utf8), default: ">")
  }

  /// Without a type, Python keeps a digit behind the point, and therefore turns to an exponent one digit earlier than `g`.
  private func general(_ magnitude: Double, digits: Int) -> String {
    let scientific = FloatText.printf(magnitude, precision: digits - 1, type: "e", alternate: isAlternate)
    guard let mark = scientific.lastIndex(of: "e"),
      let exponent = Int(scientific[scientific.index(after: mark)...])
    else { return scientific }
    if magnitude != 0, exponent < -4 || exponent >= digits - 1 {
      var fraction = scientific[..<mark]
      if !isAlternate, fraction.contains(".") {
        while fraction.last == "0" { fraction.removeLast() }
        if fraction.last == "." { fraction.removeLast() }
      }
      return String(fraction + scientific[mark...])
    }
    let text = FloatText.printf(magnitude, precision: digits, type: "g", alternate: isAlternate)
    return text.contains(".") ? text : text + ".0"
  }

  private func signText(isNegative: Bool) -> String {
    isNegative ? "-" : sign == "-" ? "" : String(sign)
  }

  private func integer(_ number: Number, _ run: Run) throws(Fault) -> [UInt8] {
    guard let big = number.asBig else { return [] }
    try run.charge(big.limbs.count * big.limbs.count / 16)
    let radix: Int
    switch type {
    case "b": radix = 2
    case "o": radix = 8
    case "x", "X": radix = 16
    default: radix = 10
    }
    if radix != 10, grouping == "," { throw Fault(.value, "only decimal digits are grouped by commas") }
    var digits = big.magnitudeText(radix: radix)
    if type == "X" { digits = digits.uppercased() }
    let prefix = isAlternate && radix != 10 ? "0\(type.map { String($0) } ?? "")" : ""
    let sign = signText(isNegative: big.isNegative)
    let text = zeroFilled(
      digits, head: sign.count + prefix.count, tail: 0, every: radix == 10 ? 3 : 4)
    return padded(sign: sign, prefix: prefix, Array(text.utf8), default: ">")
  }
}
