/// Rewrites a regular expression in Python's syntax (module `re`) for PCRE2, and refuses what Python refuses.
///
/// The two agree on most of it. Rewritten is what they read differently: `\Z`, `\v`, `\u`, octal escapes and references,
/// `{,n}`, brackets inside classes, global flags.
struct PatternTranslation {
  private(set) var result: [UInt8] = []
  /// `(?a)`: classes such as `\d` are ASCII only.
  private(set) var isASCIIOnly = false

  private let pattern: [Unicode.Scalar]
  private var i = 0
  private var groups = 0
  private var names: Set<String> = []
  private var isVerbose = false

  struct Invalid: Error {
    var message: String
  }

  init(_ text: Text) throws(Invalid) {
    pattern = Array(text.scalars)
    try globalFlags()
    while i < pattern.count { try element() }
  }

  private var current: Unicode.Scalar? { i < pattern.count ? pattern[i] : nil }
  private func peek(_ distance: Int) -> Unicode.Scalar? {
    i + distance < pattern.count ? pattern[i + distance] : nil
  }

  private mutating func emit(_ text: String) { result.append(text: text) }
  private mutating func emit(hex value: UInt32) { emit("\\x{\(String(value, radix: 16))}") }

  private mutating func copy() {
    result.append(pattern[i])
    i += 1
  }

  /// `(?aiLmsux)` at the very start.
  private mutating func globalFlags() throws(Invalid) {
    while current == "(", peek(1) == "?", let flag = peek(2), "aiLmsux".unicodeScalars.contains(flag) {
      var end = i + 2
      var flags = ""
      while end < pattern.count, "aiLmsux".unicodeScalars.contains(pattern[end]) {
        flags.unicodeScalars.append(pattern[end])
        end += 1
      }
      guard end < pattern.count, pattern[end] == ")" else { return }
      if flags.contains("L") { throw Invalid(message: "the flag L is not for text") }
      if flags.contains("a"), flags.contains("u") {
        throw Invalid(message: "the flags a and u exclude each other")
      }
      if flags.contains("a") { isASCIIOnly = true }
      if flags.contains("x") { isVerbose = true }
      let known = flags.filter { "imsx".contains($0) }
      if !known.isEmpty { emit("(?\(known))") }
      i = end + 1
    }
  }

  private mutating func element() throws(Invalid) {
    switch pattern[i] {
    case "\\": try escape(isInClass: false)
    case "[": try characterClass()
    case "(": try group()
    case "{":
      // Python's {,n} is {0,n}.
      if peek(1) == ",", let digit = peek(2), ("0"..."9").contains(digit) {
        var end = i + 2
        while end < pattern.count, ("0"..."9").contains(pattern[end]) { end += 1 }
        if end < pattern.count, pattern[end] == "}" {
          emit("{0")
          i += 1
          return
        }
      }
      copy()
    case "#" where isVerbose:
      while let scalar = current, scalar != "\n" {
        _ = scalar
        i += 1
      }
    default: copy()
    }
  }

  private mutating func group() throws(Invalid) {
    guard peek(1) == "?" else {
      if peek(1) == "*" { throw Invalid(message: "there is nothing to repeat after “(”") }
      groups += 1
      copy()
      return
    }
    let rest = String(String.UnicodeScalarView(pattern[(i + 2)...].prefix(40)))
    if rest.hasPrefix("P<") {
      let name = String(rest.dropFirst(2).prefix { $0 != ">" })
      guard isName(name), !names.contains(name) else {
        throw Invalid(message: "“\(name)” is no name for a group, or is used twice")
      }
      names.insert(name)
      groups += 1
      emit("(?P<\(name)>")
      i += 5 + name.unicodeScalars.count
    } else if rest.hasPrefix("P=") {
      let name = String(rest.dropFirst(2).prefix { $0 != ")" })
      guard names.contains(name) else { throw Invalid(message: "there is no group “\(name)”") }
      emit("(?P=\(name))")
      i += 5 + name.unicodeScalars.count
    } else if rest.hasPrefix("#") {
      while let scalar = current, scalar != ")" {
        _ = scalar
        i += 1
      }
      guard current != nil else { throw Invalid(message: "a comment does not end") }
      i += 1
    } else if rest.hasPrefix(":") || rest.hasPrefix("=") || rest.hasPrefix("!") || rest.hasPrefix(">") {
      for _ in 0..<3 { copy() }
    } else if rest.hasPrefix("<=") || rest.hasPrefix("<!") {
      for _ in 0..<4 { copy() }
    } else if rest.hasPrefix("(") {
      try condition(rest)
    } else {
      try scopedFlags(rest)
    }
  }

  /// `(?(1)yes|no)` and `(?(name)yes|no)`.
  private mutating func condition(_ rest: String) throws(Invalid) {
    let reference = String(rest.dropFirst().prefix { $0 != ")" })
    if let number = Int(reference) {
      guard number >= 1, number <= groups else { throw Invalid(message: "there is no group \(reference)") }
      emit("(?(\(number))")
    } else {
      guard names.contains(reference) else { throw Invalid(message: "there is no group “\(reference)”") }
      emit("(?(<\(reference)>)")
    }
    i += 4 + reference.unicodeScalars.count
  }

  /// `(?i:...)`, `(?-i:...)`.
  private mutating func scopedFlags(_ rest: String) throws(Invalid) {
    let flags = rest.prefix { "aiLmsux-".contains($0) }
    guard !flags.isEmpty, rest.dropFirst(flags.count).first == ":" else {
      throw Invalid(message: "“(?\(rest.prefix(1))” means nothing, or stands where it may not")
    }
    if flags.contains("a") || flags.contains("u") || flags.contains("L") {
      throw Invalid(message: "the flags a, u and L can only stand at the start")
    }
    if flags.contains("x") { throw Invalid(message: "the flag x can only stand at the start") }
    emit("(?\(flags):")
    i += 3 + flags.count
  }

  private func isName(_ name: String) -> Bool {
    guard let first = name.unicodeScalars.first, first.isASCII, first == "_" || first.properties.isAlphabetic
    else { return false }
    // PCRE2 allows no more than 32.
    return name.utf8.count <= 32
      && name.unicodeScalars.allSatisfy {
        $0.isASCII && ($0 == "_" || $0.properties.isAlphabetic || $0.properties.numericType != nil)
      }
  }

  private mutating func characterClass() throws(Invalid) {
    copy()
    if current == "^" { copy() }
    if current == "]" {
      emit("\\]")
      i += 1
    }
    while let scalar = current, scalar != "]" {
      if scalar == "\\" {
        try escape(isInClass: true)
      } else if scalar == "[" {
        emit("\\[")  // PCRE2 would look for a POSIX class
        i += 1
      } else {
        copy()
      }
    }
    guard current != nil else { throw Invalid(message: "a “[” is not closed") }
    copy()
  }

  private mutating func escape(isInClass: Bool) throws(Invalid) {
    guard let escape = peek(1) else { throw Invalid(message: "the pattern ends in a backslash") }
    switch escape {
    case "d", "D", "s", "S", "w", "W", "n", "r", "t", "f", "a":
      copy()
      copy()
    case "b":
      copy()
      copy()
    case "B" where !isInClass, "A" where !isInClass:
      copy()
      copy()
    case "Z" where !isInClass:
      emit("\\z")
      i += 2
    case "v":
      emit(hex: 0x0b)
      i += 2
    case "x": try hexadecimal(2)
    case "u": try hexadecimal(4)
    case "U": try hexadecimal(8)
    case "0"..."9": try number(isInClass: isInClass)
    case "A"..."Z", "a"..."z": throw Invalid(message: "“\\\(escape)” means nothing")
    default:
      // A letter beyond ASCII needs no backslash, and PCRE2 takes punctuation with one.
      if !escape.isASCII { i += 1 } else { copy() }
      copy()
    }
  }

  private mutating func hexadecimal(_ count: Int) throws(Invalid) {
    var value: UInt32 = 0
    for j in 0..<count {
      guard let scalar = peek(2 + j), scalar.isASCII, let digit = BigInteger.digit(UInt8(scalar.value)),
        digit < 16
      else { throw Invalid(message: "“\\\(pattern[i + 1])” needs \(count) hexadecimal digits") }
      value = value << 4 | UInt32(digit)
    }
    guard Unicode.Scalar(value) != nil else { throw Invalid(message: "an escape is no character") }
    emit(hex: value)
    i += 2 + count
  }

  /// `\0`, `\12`, `\123`: three octal digits, or any after a zero, are a character; else it is a reference.
  private mutating func number(isInClass: Bool) throws(Invalid) {
    func octal(_ distance: Int) -> UInt32? {
      guard let scalar = peek(distance), ("0"..."7").contains(scalar) else { return nil }
      return scalar.value - 0x30
    }
    let first = pattern[i + 1].value - 0x30
    if first == 0 || isInClass {
      guard var value = octal(1) else { throw Invalid(message: "“\\\(first)” means nothing in brackets") }
      var count = 1
      while count < 3, let digit = octal(1 + count) {
        value = value << 3 | digit
        count += 1
      }
      guard value <= 0xff else { throw Invalid(message: "an octal escape is at most \\377") }
      emit(hex: value)
      i += 1 + count
      return
    }
    if let a = octal(1), let b = octal(2), let c = octal(3) {
      let value = a << 6 | b << 3 | c
      guard value <= 0xff else { throw Invalid(message: "an octal escape is at most \\377") }
      emit(hex: value)
      i += 4
      return
    }
    var group = Int(first)
    i += 2
    if let next = current, ("0"..."9").contains(next) {
      group = group * 10 + Int(next.value - 0x30)
      i += 1
    }
    guard group <= groups else { throw Invalid(message: "there is no group \(group)") }
    emit("\\g{\(group)}")
  }
}
