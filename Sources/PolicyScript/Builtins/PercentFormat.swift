/// Python's `format % values`.
enum PercentFormat {
  private struct Directive {
    var key: Text?
    var isLeftAligned = false
    var hasPlus = false
    var hasSpace = false
    var isAlternate = false
    var isZeroPadded = false
    var width = 0
    var precision: Int?
  }

  /// The widest field and the most digits after the point.
  static let maximumWidth = 10_000
  static let maximumPrecision = 500

  static func apply(_ format: Text, to values: Value, _ run: Run) throws(Fault) -> Text {
    try run.charge(bytes: format.bytes.count)
    var arguments: [Value]
    if case .tuple(let tuple) = values { arguments = tuple.items } else { arguments = [values] }
    var used = 0
    func nextArgument() throws(Fault) -> Value {
      guard used < arguments.count else { throw Fault(.value, "the format needs more values") }
      used += 1
      return arguments[used - 1]
    }
    var result: [UInt8] = []
    let bytes = format.bytes
    var i = 0
    while i < bytes.count {
      guard bytes[i] == UInt8(ascii: "%") else {
        result.append(bytes[i])
        i += 1
        continue
      }
      i += 1
      var directive = Directive()
      if i < bytes.count, bytes[i] == UInt8(ascii: "(") {
        var depth = 1
        let start = i + 1
        i += 1
        while i < bytes.count, depth > 0 {
          if bytes[i] == UInt8(ascii: "(") { depth += 1 }
          if bytes[i] == UInt8(ascii: ")") { depth -= 1 }
          i += 1
        }
        guard depth == 0 else { throw Fault(.value, "the name in the format does not end") }
        directive.key = Text(bytes: bytes[start..<(i - 1)])
      }
      flags: while i < bytes.count {
        switch bytes[i] {
        case UInt8(ascii: "-"): directive.isLeftAligned = true
        case UInt8(ascii: "+"): directive.hasPlus = true
        case UInt8(ascii: " "): directive.hasSpace = true
        case UInt8(ascii: "#"): directive.isAlternate = true
        case UInt8(ascii: "0"): directive.isZeroPadded = true
        default: break flags
        }
        i += 1
      }
      func number(_ maximum: Int) throws(Fault) -> Int {
        if i < bytes.count, bytes[i] == UInt8(ascii: "*") {
          i += 1
          let n = try nextArgument().requireInteger("a width")
          guard n.magnitude <= maximum else { throw Fault(.value, "a width is at most \(maximum)") }
          return n
        }
        var n = 0
        while i < bytes.count, (0x30...0x39).contains(bytes[i]) {
          n = n * 10 + Int(bytes[i] - 0x30)
          guard n <= maximum else { throw Fault(.value, "a width is at most \(maximum)") }
          i += 1
        }
        return n
      }
      directive.width = try number(maximumWidth)
      if directive.width < 0 {
        directive.isLeftAligned = true
        directive.width = -directive.width
      }
      if i < bytes.count, bytes[i] == UInt8(ascii: ".") {
        i += 1
        directive.precision = max(0, try number(maximumPrecision))
      }
      while i < bytes.count, [UInt8(ascii: "h"), UInt8(ascii: "l"), UInt8(ascii: "L")].contains(bytes[i]) {
        i += 1
      }
      guard i < bytes.count else { throw Fault(.value, "the format ends in the middle of a directive") }
      let type = bytes[i]
      i += 1
      if type == UInt8(ascii: "%") {
        result.append(type)
        continue
      }
      let value: Value
      if let key = directive.key {
        guard case .dictionary(let dictionary) = values else {
          throw Fault(.type, "a format with names needs a dict, found \(values.described)")
        }
        guard let found = dictionary[key] else { throw Fault(.value, "the dict has no key “\(key.string)”") }
        value = found
        used = arguments.count
      } else {
        value = try nextArgument()
      }
      try append(value, type, directive, to: &result, run)
      try run.check(bytes: result.count)
    }
    if used < arguments.count {
      // What can be indexed may hold named values, and those may stay unused, as in Python.
      switch values {
      case .dictionary, .list, .range, .undefined: return Text(bytes: result)
      default: break
      }
      throw Fault(.value, "the format does not use all values")
    }
    try run.charge(bytes: result.count)
    return Text(bytes: result)
  }

  private static func append(
    _ value: Value, _ type: UInt8, _ directive: Directive, to result: inout [UInt8], _ run: Run
  ) throws(Fault) {
    var sign = ""
    var body: [UInt8] = []
    var isNumber = true
    switch Character(Unicode.Scalar(type)) {
    case "s", "r", "a":
      isNumber = false
      if type == UInt8(ascii: "s") {
        try run.write(value, to: &body)
      } else {
        try run.writeRepresentation(value, to: &body)
        if type == UInt8(ascii: "a") { body = Text(bytes: body).asciiEscaped }
      }
      if let precision = directive.precision {
        let text = Text(bytes: body)
        body = text[0..<min(precision, text.count)].bytes
      }
    case "c":
      isNumber = false
      switch value {
      case .string(let text) where text.count == 1: body = text.bytes
      default:
        guard let n = UInt32(exactly: try value.requireInteger("the value of %c")),
          let scalar = Unicode.Scalar(n)
        else {
          throw Fault(.value, "\(value.described) is no character")
        }
        body.append(scalar)
      }
    case "d", "i", "u": (sign, body) = try integer(value, 10, directive, truncates: true, run)
    case "o": (sign, body) = try integer(value, 8, directive, truncates: false, run)
    case "x": (sign, body) = try integer(value, 16, directive, truncates: false, run)
    case "X":
      (sign, body) = try integer(value, 16, directive, truncates: false, run)
      body = body.map { (0x61...0x7a).contains($0) ? $0 & 0xdf : $0 }
    case let letter where "eEfFgG".contains(letter):
      guard let n = try Conversion.float(value, run), Number(value) != nil else {
        throw Fault(.type, "%\(letter) needs a number, found \(value.described)")
      }
      sign = n.sign == .minus && !n.isNaN ? "-" : ""
      body = Array(
        (n.isFinite
          ? FloatText.printf(
            n.magnitude, precision: directive.precision ?? 6, type: letter, alternate: directive.isAlternate)
          : letter.isUppercase ? FloatText.repr(n.magnitude).uppercased() : FloatText.repr(n.magnitude)).utf8)
    case let letter: throw Fault(.value, "“%\(letter)” is no format")
    }
    if isNumber, sign.isEmpty { sign = directive.hasPlus ? "+" : directive.hasSpace ? " " : "" }
    let count = sign.utf8.count + Text(bytes: body).count
    let padding = max(0, directive.width - count)
    if directive.isLeftAligned {
      result.append(text: sign)
      result += body
      result += [UInt8](repeating: UInt8(ascii: " "), count: padding)
    } else if directive.isZeroPadded, isNumber {
      result.append(text: sign)
      // The prefix of a hexadecimal number stands before the zeros.
      let prefix = directive.isAlternate && "xXo".utf8.contains(type) ? 2 : 0
      result += body.prefix(prefix)
      result += [UInt8](repeating: UInt8(ascii: "0"), count: padding)
      result += body.dropFirst(prefix)
    } else {
      result += [UInt8](repeating: UInt8(ascii: " "), count: padding)
      result.append(text: sign)
      result += body
    }
  }

  private static func integer(
    _ value: Value, _ radix: Int, _ directive: Directive, truncates: Bool, _ run: Run
  ) throws(Fault) -> (sign: String, [UInt8]) {
    let big: BigInteger
    switch Number(value) {
    case .float(let n) where truncates:
      guard n.isFinite else { throw Fault(.value, "\(FloatText.repr(n)) is no integer") }
      big = BigInteger(n)
    case .integer(let n): big = BigInteger(n)
    case .big(let n): big = n
    default:
      try run.requireDefined(value)
      throw Fault(.type, "a number is needed here, found \(value.described)")
    }
    try run.charge(big.limbs.count * big.limbs.count / 16)
    var digits = big.magnitudeText(radix: radix)
    if let precision = directive.precision, digits.count < precision {
      digits = String(repeating: "0", count: precision - digits.count) + digits
    }
    if directive.isAlternate { digits = (radix == 16 ? "0x" : radix == 8 ? "0o" : "") + digits }
    return (big.isNegative ? "-" : "", Array(digits.utf8))
  }
}

extension Text {
  /// Python's `ascii`: other characters as escapes.
  var asciiEscaped: [UInt8] {
    var result: [UInt8] = []
    for scalar in scalars {
      if scalar.isASCII { result.append(scalar) } else { result.append(text: scalar.pythonEscape) }
    }
    return result
  }
}
