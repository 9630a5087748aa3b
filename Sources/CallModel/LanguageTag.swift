/// The name of a language, as prompts are kept by (RFC 5646).
public struct LanguageTag: Hashable, Sendable, CustomStringConvertible {
  /// In lower case: case tells nothing (RFC 5646 §2.1.1).
  public let description: String

  /// Characters of a tag.
  public static let lengths = 2...35

  /// Subtags of letters and digits, of one to eight each, the first of letters; nil for anything else. Whether they are
  /// registered is not asked.
  public init?(_ text: some StringProtocol) {
    guard LanguageTag.lengths.contains(text.utf8.count) else { return nil }
    let lower = text.lowercased()
    let subtags = lower.utf8.split(separator: UInt8(ascii: "-"), omittingEmptySubsequences: false)
    let isTag = subtags.allSatisfy { subtag in
      (1...8).contains(subtag.count)
        && subtag.allSatisfy { (0x61...0x7a).contains($0) || (0x30...0x39).contains($0) }
    }
    guard isTag, let primary = subtags.first, primary.count >= 2,
      primary.allSatisfy({ (0x61...0x7a).contains($0) })
    else { return nil }
    description = lower
  }

  /// Itself, then ever less specific: what is looked for when there is nothing in exactly this language (RFC 4647 §3.4).
  public var lookupOrder: [String] {
    var subtags = description.split(separator: "-")
    var order: [String] = []
    while !subtags.isEmpty {
      order.append(subtags.joined(separator: "-"))
      subtags.removeLast()
      // A single character says what kind the next one is, and nothing by itself.
      if subtags.last?.count == 1 { subtags.removeLast() }
    }
    return order
  }
}
