/// Percent-encoding, base64 and links that mail gateways rewrote.
enum WebText {
  /// RFC 3986 §2.3: all but unreserved characters as upper-case hexadecimal.
  static func percentEncoded(_ text: Text) -> Text {
    var result: [UInt8] = []
    let digits = Array("0123456789ABCDEF".utf8)
    for byte in text.bytes {
      switch byte {
      case 0x30...0x39, 0x41...0x5a, 0x61...0x7a, UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
        UInt8(ascii: "~"):
        result.append(byte)
      default: result += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
      }
    }
    return Text(bytes: result)
  }

  /// What is no escape stays; bytes that are no UTF-8 become U+FFFD.
  static func percentDecoded(_ bytes: some Collection<UInt8>) -> Text {
    let bytes = Array(bytes)
    var result: [UInt8] = []
    var i = 0
    while i < bytes.count {
      if bytes[i] == UInt8(ascii: "%"), i + 2 < bytes.count, let high = BigInteger.digit(bytes[i + 1]),
        high < 16,
        let low = BigInteger.digit(bytes[i + 2]), low < 16
      {
        result.append(UInt8(high << 4 | low))
        i += 3
      } else {
        result.append(bytes[i])
        i += 1
      }
    }
    return Text(String(decoding: result, as: UTF8.self))
  }

  // MARK: Base64

  private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

  static func base64(_ bytes: [UInt8]) -> Text {
    var result: [UInt8] = []
    var i = 0
    while i < bytes.count {
      let count = min(3, bytes.count - i)
      var group = UInt32(0)
      for j in 0..<3 { group = group << 8 | (j < count ? UInt32(bytes[i + j]) : 0) }
      for j in 0..<4 {
        result.append(j <= count ? alphabet[Int(group >> UInt32(18 - 6 * j)) & 63] : UInt8(ascii: "="))
      }
      i += 3
    }
    return Text(bytes: result)
  }

  /// Accepts the URL-safe alphabet too, and missing padding. Nil for anything else.
  static func base64Decoded(_ text: some Sequence<UInt8>) -> [UInt8]? {
    var result: [UInt8] = []
    var group: UInt32 = 0
    var bits = 0
    var isPadded = false
    var count = 0
    for byte in text {
      if byte == UInt8(ascii: "=") {
        isPadded = true
        continue
      }
      guard !isPadded, let value = value(of: byte) else { return nil }
      count += 1
      group = group << 6 | UInt32(value)
      bits += 6
      if bits >= 8 {
        bits -= 8
        result.append(UInt8(truncatingIfNeeded: group >> UInt32(bits)))
      }
    }
    return count % 4 == 1 ? nil : result
  }

  /// Position in the alphabet of base64, URL-safe or not.
  private static func value(of byte: UInt8) -> Int? {
    switch byte {
    case 0x41...0x5a: Int(byte) - 0x41
    case 0x61...0x7a: Int(byte) - 0x61 + 26
    case 0x30...0x39: Int(byte) - 0x30 + 52
    case UInt8(ascii: "+"), UInt8(ascii: "-"): 62
    case UInt8(ascii: "/"), UInt8(ascii: "_"): 63
    default: nil
    }
  }

  // MARK: Rewritten links

  /// The value of a parameter in a query.
  private static func parameter(_ name: String, of url: [UInt8]) -> ArraySlice<UInt8>? {
    guard let query = url.firstIndex(of: UInt8(ascii: "?")) else { return nil }
    let fragment = url[query...].firstIndex(of: UInt8(ascii: "#")) ?? url.endIndex
    for part in url[(query + 1)..<fragment].split(separator: UInt8(ascii: "&")) {
      // Links copied out of HTML have their ampersands as references.
      let part = part.starts(with: "amp;".utf8) ? part.dropFirst(4) : part
      if part.starts(with: name.utf8), part.dropFirst(name.utf8.count).first == UInt8(ascii: "=") {
        return part.dropFirst(name.utf8.count + 1)
      }
    }
    return nil
  }

  /// The original of an Outlook “Safe Links” URL; any other text as it is.
  static func safeLinksDecoded(_ text: Text) -> Text {
    guard text.lowercased.contains(Text("safelinks.protection.")), let url = parameter("url", of: text.bytes)
    else {
      return text
    }
    return percentDecoded(url)
  }

  /// The original of a Proofpoint “URL Defense” link, version 1, 2 or 3; any other text as it is.
  static func urlDefenseDecoded(_ text: Text) -> Text {
    guard text.contains(Text("urldefense")) else { return text }
    if text.contains(Text("/v1/")), let url = parameter("u", of: text.bytes) { return percentDecoded(url) }
    if text.contains(Text("/v2/")), let url = parameter("u", of: text.bytes) {
      return percentDecoded(
        url.map {
          $0 == UInt8(ascii: "-") ? UInt8(ascii: "%") : $0 == UInt8(ascii: "_") ? UInt8(ascii: "/") : $0
        })
    }
    return urlDefenseVersion3(text) ?? text
  }

  /// `.../v3/__URL__;CHARACTERS!...`: in the URL, `*` stands for the next replaced character and `**` with a letter for a run of
  /// them; the characters are base64.
  private static func urlDefenseVersion3(_ text: Text) -> Text? {
    let count = text.bytes.count
    let begin = Text("v3/__")
    guard let start = text.find(begin, from: 0, to: count),
      let end = text.find(Text("__;"), from: start + begin.bytes.count, to: count),
      let close = text.bytes[(end + 3)...].firstIndex(of: UInt8(ascii: "!")),
      let replaced = base64Decoded(text.bytes[(end + 3)..<close])
    else { return nil }
    let characters = Array(String(decoding: replaced, as: UTF8.self).unicodeScalars)
    var url = Array(percentDecoded(text.bytes[(start + begin.bytes.count)..<end]).scalars)
    // Some mail programs join the two slashes of the scheme.
    if let colon = url.firstIndex(of: ":"), colon + 2 < url.count, url[colon + 1] == "/",
      url[colon + 2] != "/",
      url[..<colon].allSatisfy({ $0.isASCII && ($0.properties.isAlphabetic || $0 == "+" || $0 == "-") })
    {
      url.insert("/", at: colon + 1)
    }
    var result: [Unicode.Scalar] = []
    var used = 0
    var i = 0
    while i < url.count {
      guard url[i] == "*" else {
        result.append(url[i])
        i += 1
        continue
      }
      var length = 1
      i += 1
      if i + 1 < url.count, url[i] == "*", url[i + 1].isASCII,
        let value = value(of: UInt8(url[i + 1].value))
      {
        length = value + 2
        i += 2
      }
      guard used + length <= characters.count else { return nil }
      result += characters[used..<(used + length)]
      used += length
    }
    return Text(scalars: result)
  }
}
