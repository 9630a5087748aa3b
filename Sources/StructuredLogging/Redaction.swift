import Foundation
import Logging
import Synchronization

/// Keeps credentials out of the log.
///
/// This is the second line of defence: secrets are values of a type that prints as a placeholder. It is for what reaches
/// the log by another way, such as a SIP message logged at `trace`.
enum Redaction {
  static let placeholder = "[redacted]"

  /// Words that make a metadata key secret: `trunk_password`, `sipAuthorization`, `X-Api-Key`, `guest-pin`.
  private static let secretWords: Set<String> = [
    "password", "passwd", "passphrase", "secret", "authorization", "pin", "token", "credential",
    "credentials",
    "apikey", "cookie", "ha1", "inline",
  ]

  /// The same few keys come with every line: what was found out about them is kept.
  private static let known = Mutex<[String: Bool]>([:])
  private static let knownLimit = 1024

  static func isSecret(key: String) -> Bool {
    if let answer = known.withLock({ $0[key] }) { return answer }
    let answer = hasSecretWord(key)
    known.withLock { if $0.count < knownLimit { $0[key] = answer } }
    return answer
  }

  private static func hasSecretWord(_ key: String) -> Bool {
    var words: [String] = []
    var word = ""
    var wasLower = false
    for character in key {
      if !character.isLetter, !character.isNumber {
        words.append(word)
        word = ""
        wasLower = false
        continue
      }
      if character.isUppercase, wasLower {
        words.append(word)
        word = ""
      }
      wasLower = character.isLowercase
      word += character.lowercased()
    }
    words.append(word)
    if words.contains(where: secretWords.contains) { return true }
    return zip(words, words.dropFirst()).contains {
      $1 == "key" && ["api", "private", "master", "session"].contains($0)
    }
  }

  /// A metadata value as text, secrets inside it replaced.
  static func text(of value: Logger.MetadataValue) -> String {
    switch value {
    case .string(let text): scrub(text)
    case .stringConvertible(let value): scrub(value.description)
    case .array(let values): "[" + values.map(text(of:)).joined(separator: ", ") + "]"
    case .dictionary(let members):
      "{"
        + members.keys.sorted().map { key in
          "\(key): " + (isSecret(key: key) ? placeholder : members[key].map(text(of:)) ?? "")
        }.joined(separator: ", ") + "}"
    }
  }

  /// Text with the credentials of SIP and SDP replaced: values of `Authorization` and `Proxy-Authorization`, SRTP keys,
  /// `k=` lines, passwords in URIs.
  static func scrub(_ text: String) -> String {
    mayHoldCredentials(text) ? scrubLines(text) : text
  }

  /// Whether there is anything to look for at all, from the bytes before each colon and equals sign. Nearly every value in a
  /// log ends here.
  static func mayHoldCredentials(_ text: String) -> Bool {
    var text = text
    return text.withUTF8 { bytes in
      for i in bytes.indices where bytes[i] == UInt8(ascii: "=") || bytes[i] == UInt8(ascii: ":") {
        if bytes[i] == UInt8(ascii: "=") {
          if i >= 1, bytes[i - 1] == UInt8(ascii: "k"), i == 1 || bytes[i - 2] == UInt8(ascii: "\n") {
            return true
          }
          for word in ["password", "secret", "token", "pin"] as [StaticString]
          where ends(bytes, at: i, in: word) { return true }
        } else {
          var end = i
          while end > 0, bytes[end - 1] == UInt8(ascii: " ") { end -= 1 }
          if ends(bytes, at: end, in: "authorization") || ends(bytes, at: i, in: "inline") { return true }
          guard ends(bytes, at: i, in: "sip") || ends(bytes, at: i, in: "sips") else { continue }
          // A password in a URI: a colon between the scheme and the first @.
          let rest = bytes[(i + 1)...].prefix { $0 != UInt8(ascii: "@") && $0 != UInt8(ascii: "\n") }
          if rest.endIndex < bytes.endIndex, rest.contains(UInt8(ascii: ":")) { return true }
        }
      }
      return false
    }
  }

  /// Whether the bytes before `end` are this word, in lower or upper case.
  private static func ends(_ bytes: UnsafeBufferPointer<UInt8>, at end: Int, in word: StaticString) -> Bool {
    let start = end - word.utf8CodeUnitCount
    guard start >= 0 else { return false }
    for i in 0..<word.utf8CodeUnitCount where bytes[start + i] | 0x20 != word.utf8Start[i] { return false }
    return true
  }

  /// The same, looking at all of it.
  static func scrubLines(_ text: String) -> String {
    // By scalars: as characters, a carriage return and line feed are one.
    var lines = text.unicodeScalars.split(separator: "\n", omittingEmptySubsequences: false).map(
      Substring.init)
    var changed = false
    var isInSecretHeader = false
    for i in lines.indices {
      let line = lines[i]
      let isFolded = line.first == " " || line.first == "\t"
      if isInSecretHeader, isFolded {
        lines[i] = line.unicodeScalars.last == "\r" ? " \(placeholder)\r" : " \(placeholder)"
        changed = true
        continue
      }
      isInSecretHeader = false
      if let scrubbed = scrub(line: line, isInSecretHeader: &isInSecretHeader) {
        lines[i] = Substring(scrubbed)
        changed = true
      }
    }
    return changed ? lines.joined(separator: "\n") : text
  }

  private static func scrub(line: Substring, isInSecretHeader: inout Bool) -> String? {
    if let colon = line.firstIndex(of: ":") {
      var end = colon
      while end > line.startIndex, line[line.index(before: end)] == " " { end = line.index(before: end) }
      let name = line[..<end].lowercased()
      if name.hasSuffix("authorization") {
        isInSecretHeader = true
        let lineEnd = line.unicodeScalars.last == "\r" ? "\r" : ""
        return line[...colon] + " \(placeholder)" + lineEnd
      }
    }
    if line.hasPrefix("k=") { return "k=\(placeholder)" + (line.unicodeScalars.last == "\r" ? "\r" : "") }
    var result: String?
    for marker in ["inline:", "password=", "secret=", "token=", "pin="] {
      result = scrub(result ?? String(line), after: marker) ?? result
    }
    return scrubURIPassword(result ?? String(line)) ?? result
  }

  /// Replaces what follows each marker up to white space, a quote or a separator.
  private static func scrub(_ line: String, after marker: String) -> String? {
    let lower = line.lowercased()
    guard lower.contains(marker), lower.utf8.count == line.utf8.count else { return nil }
    var result = ""
    var rest = line.utf8[...]
    var search = lower.utf8[...]
    let wanted = Array(marker.utf8)
    var found = false
    while let start = firstRange(of: wanted, in: search) {
      let offset = search.distance(from: search.startIndex, to: start) + wanted.count
      let valueStart = rest.index(rest.startIndex, offsetBy: offset)
      result += String(decoding: rest[..<valueStart], as: UTF8.self) + placeholder
      var valueEnd = valueStart
      if valueEnd < rest.endIndex, rest[valueEnd] == UInt8(ascii: "\"") {
        valueEnd = rest.index(after: valueEnd)
      }
      while valueEnd < rest.endIndex, !" \t\r\";,&|>".utf8.contains(rest[valueEnd]) {
        valueEnd = rest.index(after: valueEnd)
      }
      let consumed = rest.distance(from: rest.startIndex, to: valueEnd)
      rest = rest[valueEnd...]
      search = search.dropFirst(consumed)
      found = true
    }
    return found ? result + String(decoding: rest, as: UTF8.self) : nil
  }

  private static func firstRange(of wanted: [UInt8], in text: Substring.UTF8View) -> Substring.UTF8View.Index?
  {
    var index = text.startIndex
    while index < text.endIndex {
      if text[index...].starts(with: wanted) { return index }
      index = text.index(after: index)
    }
    return nil
  }

  /// `sip:user:password@host` (RFC 3261 §19.1.1 allows it, §19.1.1 also warns of it).
  private static func scrubURIPassword(_ line: String) -> String? {
    guard line.contains("@"),
      let scheme = ["sip:", "sips:"].first(where: { line.lowercased().contains($0) }),
      let start = line.lowercased().range(of: scheme)
    else { return nil }
    let offset = line.lowercased().distance(from: line.lowercased().startIndex, to: start.upperBound)
    let userStart = line.index(line.startIndex, offsetBy: offset, limitedBy: line.endIndex) ?? line.endIndex
    guard let at = line[userStart...].firstIndex(of: "@"),
      let colon = line[userStart..<at].firstIndex(of: ":"),
      !line[userStart..<at].contains(where: { " \t<>\"".contains($0) })
    else { return nil }
    return line[...colon] + placeholder + line[at...]
  }
}
