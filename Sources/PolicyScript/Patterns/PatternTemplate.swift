/// The replacement of Python's `re.sub`: `\1` to `\99`, `\g<1>`, `\g<name>`, `\g<0>` and the usual escapes.
struct PatternTemplate {
  private enum Part {
    case literal([UInt8])
    case group(Int)
  }

  private var parts: [Part] = []

  init(_ text: Text, for pattern: PythonPattern) throws(Fault) {
    let bytes = text.bytes
    var literal: [UInt8] = []
    var groups: [Part] = []
    func add(_ group: Int) throws(Fault) {
      guard group <= pattern.groupCount else {
        throw Fault(
          .pattern, "the replacement refers to group \(group), and the pattern has \(pattern.groupCount)")
      }
      if !literal.isEmpty { groups.append(.literal(literal)) }
      literal = []
      groups.append(.group(group))
    }
    func octal(_ i: Int) -> UInt32? {
      guard i < bytes.count, (0x30...0x37).contains(bytes[i]) else { return nil }
      return UInt32(bytes[i] - 0x30)
    }
    var i = 0
    while i < bytes.count {
      guard bytes[i] == UInt8(ascii: "\\") else {
        literal.append(bytes[i])
        i += 1
        continue
      }
      guard i + 1 < bytes.count else { throw Fault(.pattern, "the replacement ends in a backslash") }
      let escape = bytes[i + 1]
      i += 2
      switch escape {
      case UInt8(ascii: "g"):
        guard i < bytes.count, bytes[i] == UInt8(ascii: "<"),
          let close = bytes[i...].firstIndex(of: UInt8(ascii: ">"))
        else { throw Fault(.pattern, "\\g in the replacement needs a group in angle brackets") }
        let name = String(decoding: bytes[(i + 1)..<close], as: UTF8.self)
        i = close + 1
        if let number = Int(name), number >= 0, name.allSatisfy(\.isNumber) {
          try add(number)
        } else if let number = pattern.groupNames[name] {
          try add(number)
        } else {
          throw Fault(.pattern, "the replacement refers to group “\(name)”, which the pattern does not have")
        }
      case UInt8(ascii: "0"):
        var value: UInt32 = 0
        var count = 0
        while count < 2, let digit = octal(i) {
          value = value << 3 | digit
          i += 1
          count += 1
        }
        if let scalar = Unicode.Scalar(value) { literal.append(scalar) }
      case UInt8(ascii: "1")...UInt8(ascii: "9"):
        if let a = octal(i - 1), let b = octal(i), let c = octal(i + 1) {
          let value = a << 6 | b << 3 | c
          guard value <= 0xff, let scalar = Unicode.Scalar(value) else {
            throw Fault(.pattern, "an octal escape in the replacement is at most \\377")
          }
          literal.append(scalar)
          i += 2
        } else {
          var group = Int(escape - 0x30)
          if i < bytes.count, (0x30...0x39).contains(bytes[i]) {
            group = group * 10 + Int(bytes[i] - 0x30)
            i += 1
          }
          try add(group)
        }
      case UInt8(ascii: "n"): literal.append(10)
      case UInt8(ascii: "r"): literal.append(13)
      case UInt8(ascii: "t"): literal.append(9)
      case UInt8(ascii: "v"): literal.append(11)
      case UInt8(ascii: "f"): literal.append(12)
      case UInt8(ascii: "a"): literal.append(7)
      case UInt8(ascii: "b"): literal.append(8)
      case UInt8(ascii: "\\"): literal.append(escape)
      case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"):
        throw Fault(
          .pattern, "“\\\(Character(Unicode.Scalar(escape)))” in the replacement means nothing")
      default: literal += [UInt8(ascii: "\\"), escape]
      }
    }
    if !literal.isEmpty { groups.append(.literal(literal)) }
    parts = groups
  }

  func append(_ match: PythonPattern.Match, of subject: [UInt8], to result: inout [UInt8]) {
    for part in parts {
      switch part {
      case .literal(let bytes): result += bytes
      case .group(let group): if let range = match[group] { result += subject[range] }
      }
    }
  }
}
