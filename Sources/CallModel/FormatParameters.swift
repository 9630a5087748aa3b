/// The value of `fmtp` for the formats that write it as `name=value;name=value` (RFC 4855 §3).
///
/// Names compare without case; values keep theirs. A value without a name (`0-16`, `111/111`) has the empty name.
struct FormatParameters {
  private let text: String

  init(_ text: String?) { self.text = text ?? "" }

  /// The value of a parameter; the empty string for a bare name.
  subscript(_ name: String) -> String? {
    for part in text.split(separator: ";") {
      let pair = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      guard let first = pair.first, FormatParameters.trimmed(first).lowercased() == name else { continue }
      return pair.count == 2 ? String(FormatParameters.trimmed(pair[1])) : ""
    }
    return nil
  }

  func number(_ name: String) -> Int? { self[name].flatMap { Int($0) } }

  private static func trimmed(_ text: Substring) -> Substring {
    var text = text
    while text.first == " " { text.removeFirst() }
    while text.last == " " { text.removeLast() }
    return text
  }
}
