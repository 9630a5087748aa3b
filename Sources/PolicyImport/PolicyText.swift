import PolicyEngine

/// YAML as an admin would write it: mappings in blocks, short ones in braces, comments above what they are about.
indirect enum PolicyText {
  /// Written as it stands: numbers, words of the language.
  case word(String)
  /// Quoted where it needs to be.
  case text(String)
  /// Always in single quotes where it can be: backslashes stay as they are.
  case pattern(String)
  case list([PolicyText])
  case mapping(Mapping)

  struct Mapping {
    struct Pair {
      var key: String
      var value: PolicyText
    }

    var pairs: [Pair] = []
    /// Lines above it.
    var comments: [String] = []
    /// In braces on one line.
    var isShort = false

    mutating func add(_ key: String, _ value: PolicyText?) {
      if let value { pairs.append(Pair(key: key, value: value)) }
    }

    mutating func add(_ key: String, text: String?) {
      if let text, !text.isEmpty { add(key, .text(text)) }
    }

    /// Only what differs from the standard is written.
    mutating func add(_ key: String, _ value: Bool, standard: Bool) {
      if value != standard { add(key, .word(value ? "true" : "false")) }
    }

    mutating func add(_ key: String, number: Int?) {
      if let number { add(key, .word(String(number))) }
    }

    mutating func add(_ key: String, _ mapping: Mapping) {
      if !mapping.pairs.isEmpty { add(key, .mapping(mapping)) }
    }
  }

  static func short(_ pairs: KeyValuePairs<String, PolicyText>) -> PolicyText {
    .mapping(Mapping(pairs: pairs.map { .init(key: $0.key, value: $0.value) }, isShort: true))
  }

  // MARK: Writing

  /// A section of a file: `rules:` and its items.
  static func section(_ key: String, _ items: [Mapping]) -> String {
    guard !items.isEmpty else { return "" }
    var text = "\(key):\n"
    for (number, item) in items.enumerated() {
      if number > 0, item.pairs.count > 3 || !item.comments.isEmpty { text += "\n" }
      text += comments(item.comments, "  ")
      if item.isShort {
        text += "  - \(PolicyText.mapping(item).inline)\n"
        continue
      }
      var lines = block(item, "    ")
      lines.replaceSubrange(lines.startIndex..<lines.index(lines.startIndex, offsetBy: 4), with: "  - ")
      text += lines
    }
    return text
  }

  /// A mapping's pairs, one a line.
  static func block(_ mapping: Mapping, _ indent: String) -> String {
    var text = ""
    for pair in mapping.pairs {
      let value = pair.value
      if case .mapping(let inner) = value, !(inner.isShort || value.fits) {
        text +=
          "\(indent)\(pair.key):\n" + comments(inner.comments, indent + "  ") + block(inner, indent + "  ")
      } else if case .list(let items) = value, !value.fits, !items.isEmpty {
        text += "\(indent)\(pair.key):\n" + items.map { "\(indent)  - \($0.inline)\n" }.joined()
      } else {
        text += "\(indent)\(pair.key): \(value.inline)\n"
      }
    }
    return text
  }

  static func comments(_ lines: [String], _ indent: String) -> String {
    lines.map { line in
      let clean = line.unicodeScalars.map { $0.value < 0x20 || $0.value == 0x7f ? " " : String($0) }.joined()
      return "\(indent)# \(clean)\n"
    }.joined()
  }

  /// True for what is read at a glance on one line.
  private var fits: Bool {
    switch self {
    case .word, .text, .pattern: return true
    case .list(let items):
      return inline.count <= 70 && items.allSatisfy { if case .mapping = $0 { false } else { true } }
    case .mapping(let mapping):
      return mapping.comments.isEmpty && mapping.pairs.count <= 3 && inline.count <= 60
        && mapping.pairs.allSatisfy { if case .mapping(let inner) = $0.value { inner.isShort } else { true } }
    }
  }

  var inline: String {
    switch self {
    case .word(let word): return word
    case .text(let text): return PolicyText.quoted(text)
    case .pattern(let text):
      return text.unicodeScalars.allSatisfy(PolicyText.isPrintable)
        ? "'\(text.replacing("'", with: "''"))'" : PolicyText.escaped(text)
    case .list(let items): return "[" + items.map(\.inline).joined(separator: ", ") + "]"
    case .mapping(let mapping):
      return mapping.pairs.isEmpty
        ? "{}" : "{ " + mapping.pairs.map { "\($0.key): \($0.value.inline)" }.joined(separator: ", ") + " }"
    }
  }

  // MARK: Scalars

  /// Words that YAML, or a reader of it, takes for something else than text.
  private static let taken: Set<String> = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"]

  /// Plain where nobody can take it for anything else.
  static func quoted(_ text: String) -> String {
    let isPlain =
      text.utf8.first.map { ($0 | 0x20) >= 0x61 && ($0 | 0x20) <= 0x7a } ?? false
      && text.utf8.allSatisfy { byte in
        (0x30...0x39).contains(byte) || (0x61...0x7a).contains(byte | 0x20) || " ._-+/@".utf8.contains(byte)
      } && text.utf8.last != 0x20 && !taken.contains(text.lowercased())
    if isPlain { return text }
    guard text.unicodeScalars.allSatisfy(isPrintable) else { return escaped(text) }
    return text.contains("\"") || text.contains("\\")
      ? "'\(text.replacing("'", with: "''"))'" : "\"\(text)\""
  }

  private static func isPrintable(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.value {
    case 0x20...0x7e, 0xa0...0x2027, 0x202a...0xd7ff, 0xe000...0xfefe, 0xff00...0xfffd, 0x1_0000...0x10_ffff:
      true
    default: false
    }
  }

  private static func escaped(_ text: String) -> String {
    JSONText.quoted(text) { !isPrintable($0) }
  }
}
