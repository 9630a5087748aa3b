/// A header field name: compared without case, compact forms are the same name (RFC 3261 §7.3.3).
public struct SIPHeaderName: Hashable, Sendable, CustomStringConvertible {
  /// Index into the table of names we know; 0 for any other.
  let index: UInt8
  /// How an unknown name was written; empty for a known one.
  let spelling: String

  init(known index: UInt8) {
    self.index = index
    spelling = ""
  }

  init(unknown spelling: String) {
    index = 0
    self.spelling = spelling
  }

  /// The name in any case, in full or in its compact form. Whether it is a token is checked where a message
  /// is parsed.
  public init(_ text: some StringProtocol) {
    var text = String(text)
    self = text.withUTF8 { SIPHeaderName(bytes: UnsafeRawBufferPointer($0)) }
  }

  /// The name as it stands in a message. A known name costs no allocation.
  init(bytes: UnsafeRawBufferPointer) {
    let index = HeaderNameTable.shared.find(bytes)
    self =
      index != 0
      ? SIPHeaderName(known: index) : SIPHeaderName(unknown: String(decoding: bytes, as: UTF8.self))
  }

  /// The canonical spelling of a known name; any other as it was written.
  public var description: String {
    index == 0 ? spelling : HeaderNameTable.shared.spellings[Int(index)]
  }

  public static func == (a: Self, b: Self) -> Bool {
    a.index == b.index && (a.index != 0 || equalIgnoringASCIICase(a.spelling, b.spelling))
  }

  public func hash(into hasher: inout Hasher) {
    hasher.combine(index)
    if index == 0 { for byte in spelling.utf8 { hasher.combine(byte.asciiLowercased) } }
  }
}

/// Finds a known name from its bytes: an open-addressed table on length and three of its letters.
struct HeaderNameTable: Sendable {
  static let shared = HeaderNameTable()

  let spellings: [String]
  /// Each name in lower case, then its number, in the slots its hash leads to. Empty slots have number 0.
  private let slots: [Slot]
  /// Longest name in the table.
  private let longest: Int

  private struct Slot: Sendable {
    var number: UInt8 = 0
    var lowercased: [UInt8] = []
  }

  private static let mask = 511

  private init() {
    spellings = knownHeaderSpellings.map { "\($0)" }
    var slots = [Slot](repeating: Slot(), count: HeaderNameTable.mask + 1)
    var longest = 1
    func insert(_ text: String, _ number: UInt8) {
      let lowercased = text.utf8.map(\.asciiLowercased)
      longest = max(longest, lowercased.count)
      var slot = lowercased.withUnsafeBytes { HeaderNameTable.hash($0) }
      while slots[slot].number != 0 { slot = (slot + 1) & HeaderNameTable.mask }
      slots[slot] = Slot(number: number, lowercased: lowercased)
    }
    for (number, text) in spellings.enumerated() where number > 0 { insert(text, UInt8(number)) }
    for form in compactHeaderForms { insert("\(form.letter)", form.name.index) }
    self.slots = slots
    self.longest = longest
  }

  /// The bytes must not be empty.
  private static func hash(_ bytes: UnsafeRawBufferPointer) -> Int {
    let count = bytes.count
    let first = Int(bytes[0] | 0x20)
    let last = Int(bytes[count - 1] | 0x20)
    let middle = Int(bytes[count / 2] | 0x20)
    return (count &* 37 &+ first &* 11 &+ last &* 131 &+ middle &* 59) & mask
  }

  /// The number of the name, in full or compact form and any case; 0 when it is not known.
  func find(_ bytes: UnsafeRawBufferPointer) -> UInt8 {
    let count = bytes.count
    guard count > 0, count <= longest else { return 0 }
    var slot = HeaderNameTable.hash(bytes)
    while slots[slot].number != 0 {
      let candidate = slots[slot].lowercased
      if candidate.count == count {
        var i = 0
        while i < count, bytes[i].asciiLowercased == candidate[i] { i += 1 }
        if i == count { return slots[slot].number }
      }
      slot = (slot + 1) & HeaderNameTable.mask
    }
    return 0
  }
}
