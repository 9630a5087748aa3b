/// The filter `striptags`, as MarkupSafe does it.
enum HTMLText {
  /// Removes comments and tags, joins words with single spaces and resolves character references.
  static func withoutTags(_ text: Text, _ run: Run) throws(Fault) -> Text {
    let text = try removingTags(from: try removingComments(from: text, run), run)
    var bytes: [UInt8] = []
    for (i, word) in text.words().enumerated() {
      if i > 0 { bytes.append(UInt8(ascii: " ")) }
      bytes += word.bytes
    }
    return unescaped(Text(bytes: bytes))
  }

  /// One by one and from the start each time: what a removed comment joins can be a comment again.
  private static func removingComments(from text: Text, _ run: Run) throws(Fault) -> Text {
    let begin = Text("<!--")
    let end = Text("-->")
    var text = text
    while let start = text.find(begin, from: 0, to: text.bytes.count),
      let stop = text.find(end, from: start, to: text.bytes.count)
    {
      try run.charge(bytes: 64 + text.bytes.count)
      text = Text(bytes: text.bytes[..<start] + text.bytes[(stop + 3)...])
    }
    return text
  }

  private static func removingTags(from text: Text, _ run: Run) throws(Fault) -> Text {
    var result: [UInt8] = []
    var rest = text.bytes[...]
    while let start = rest.firstIndex(of: UInt8(ascii: "<")),
      let stop = rest[start...].firstIndex(of: UInt8(ascii: ">"))
    {
      try run.step()
      result += rest[..<start]
      rest = rest[(stop + 1)...]
    }
    return Text(bytes: result + rest)
  }

  private static let named: [String: String] = [
    "amp": "&", "lt": "<", "gt": ">", "quot": "\"", "apos": "'", "nbsp": "\u{a0}", "copy": "©", "reg": "®",
    "trade": "™", "hellip": "…", "ndash": "–", "mdash": "—", "lsquo": "‘", "rsquo": "’", "ldquo": "“",
    "rdquo": "”", "laquo": "«", "raquo": "»", "middot": "·", "bull": "•", "euro": "€", "pound": "£",
    "yen": "¥",
    "cent": "¢", "sect": "§", "deg": "°", "plusmn": "±", "times": "×", "divide": "÷", "szlig": "ß",
    "auml": "ä",
    "ouml": "ö", "uuml": "ü", "Auml": "Ä", "Ouml": "Ö", "Uuml": "Ü", "eacute": "é", "egrave": "è",
    "ecirc": "ê",
    "euml": "ë", "aacute": "á", "agrave": "à", "acirc": "â", "aring": "å", "Aring": "Å", "aelig": "æ",
    "AElig": "Æ",
    "ccedil": "ç", "Ccedil": "Ç", "iacute": "í", "icirc": "î", "iuml": "ï", "ntilde": "ñ", "Ntilde": "Ñ",
    "oacute": "ó", "ocirc": "ô", "oslash": "ø", "Oslash": "Ø", "uacute": "ú", "ugrave": "ù", "ucirc": "û",
    "Eacute": "É", "Agrave": "À", "shy": "\u{ad}", "zwnj": "\u{200c}", "zwj": "\u{200d}", "ensp": "\u{2002}",
    "emsp": "\u{2003}", "thinsp": "\u{2009}",
  ]

  private static func unescaped(_ text: Text) -> Text {
    guard text.bytes.contains(UInt8(ascii: "&")) else { return text }
    var result: [UInt8] = []
    let bytes = text.bytes
    var i = 0
    while i < bytes.count {
      guard bytes[i] == UInt8(ascii: "&"), let (replacement, next) = reference(bytes, i) else {
        result.append(bytes[i])
        i += 1
        continue
      }
      result.append(text: replacement)
      i = next
    }
    return Text(bytes: result)
  }

  /// The character reference at `start`, and where the text goes on behind it.
  private static func reference(_ bytes: [UInt8], _ start: Int) -> (String, Int)? {
    guard start + 2 < bytes.count else { return nil }
    if bytes[start + 1] == UInt8(ascii: "#") {
      let isHexadecimal = bytes[start + 2] | 0x20 == UInt8(ascii: "x")
      var i = start + (isHexadecimal ? 3 : 2)
      let first = i
      var code = 0
      while i < bytes.count, let digit = BigInteger.digit(bytes[i]), digit < (isHexadecimal ? 16 : 10) {
        code = min(code * (isHexadecimal ? 16 : 10) + digit, 0x11_0000)
        i += 1
      }
      guard i > first else { return nil }
      if i < bytes.count, bytes[i] == UInt8(ascii: ";") { i += 1 }
      // Controls are dropped, and what is no character becomes U+FFFD (WHATWG HTML, "numeric character reference end state").
      let windows1252 = Array("€\u{81}‚ƒ„…†‡ˆ‰Š‹Œ\u{8d}Ž\u{8f}\u{90}‘’“”•–—˜™š›œ\u{9d}žŸ".unicodeScalars)
      if (0x80...0x9f).contains(code) { return (String(windows1252[code - 0x80]), i) }
      guard code != 0, let scalar = Unicode.Scalar(UInt32(code)) else { return ("\u{fffd}", i) }
      let isControl =
        code < 9 || code == 0xb || (0xe...0x1f).contains(code) || code == 0x7f
        || (0xfdd0...0xfdef).contains(code)
        || code & 0xfffe == 0xfffe
      return (isControl ? "" : String(scalar), i)
    }
    guard let end = bytes[start...].prefix(12).firstIndex(of: UInt8(ascii: ";")),
      let replacement = named[String(decoding: bytes[(start + 1)..<end], as: UTF8.self)]
    else { return nil }
    return (replacement, end + 1)
  }
}
