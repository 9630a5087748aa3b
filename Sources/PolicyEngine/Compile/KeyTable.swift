/// Which rules are filed under a text that an alias is, begins with, ends with or contains.
///
/// Texts are kept as parts of their hashes only: two texts that agree in them make a rule a candidate in vain, no more. The hashes of all
/// beginnings of an alias come from one pass over it, those of its endings from another.
///
/// Budget: 10 ns for each character of an alias, and 16 to 32 bytes a key.
struct KeyTable: Sendable {
  /// Which part of an alias a key is compared with.
  enum Kind: UInt64 {
    case exact = 0x9ae1_6a3b_2f90_404f
    case prefix = 0xcbf2_9ce4_8422_2325
    case suffix = 0x84222325_cbf29ce4
    case inner = 0xff51_afd7_ed55_8ccd
  }

  /// Bytes of a key of kind ``Kind/inner``.
  static let windowLength = 5

  /// One text. Of its hash the lower half is kept, the upper half is in its place.
  private struct Slot {
    var tag: UInt32 = 0
    /// The rule, or -1 - the index of the first of several in ``more``.
    var rule: Int32 = 0
  }

  private var slots: [Slot] = []
  /// Rules that share a text: each with the next one's index, -1 at the end.
  private var more: [(rule: Int32, next: Int32)] = []
  /// One bit in eight for each text: most parts of an alias are no rule's, and a look here, which stays in the cache, tells.
  private var filter: [UInt64] = []
  private var shift: UInt64 = 0
  // Which lengths occur, as bits.
  private var prefixLengths: UInt64 = 0
  private var suffixLengths: UInt64 = 0
  private var hasExact = false
  private var hasInner = false

  static func hash(_ kind: Kind, _ key: some Sequence<UInt8>) -> UInt64 {
    var hash = kind.rawValue
    for byte in key { hash = step(hash, byte) }
    return finish(hash)
  }

  @inline(__always)
  private static func step(_ hash: UInt64, _ byte: UInt8) -> UInt64 {
    (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01b3
  }

  @inline(__always)
  private static func finish(_ hash: UInt64) -> UInt64 {
    let mixed = (hash ^ hash >> 29) &* 0xbf58_476d_1ce4_e5b9
    return mixed ^ mixed >> 32
  }

  struct Key {
    var kind: Kind
    var hash: UInt64
    var length: Int
  }

  static func key(_ kind: Kind, _ text: [UInt8]) -> Key {
    // An ending is hashed from the end.
    Key(
      kind: kind, hash: kind == .suffix ? hash(kind, text.reversed()) : hash(kind, text), length: text.count)
  }

  /// - Parameter keys: in ascending order of the rules.
  init(_ keys: [(rule: Int32, key: Key)]) {
    guard !keys.isEmpty else { return }
    var bits: UInt64 = 4
    while 1 << bits < keys.count * 2 { bits += 1 }
    shift = 64 - bits
    slots = [Slot](repeating: Slot(), count: 1 << bits)
    filter = [UInt64](repeating: 0, count: 1 << (bits + 2) / 64 + 1)
    // The last comes first in its chain, so from the end: chains ascend.
    for (rule, key) in keys.reversed() {
      switch key.kind {
      case .exact: hasExact = true
      case .prefix: prefixLengths |= 1 << UInt64(key.length)
      case .suffix: suffixLengths |= 1 << UInt64(key.length)
      case .inner: hasInner = true
      }
      let bit = filterBit(key.hash)
      filter[bit >> 6] |= 1 << UInt64(bit & 63)
      let slot = slot(of: key.hash)
      guard slots[slot].tag != 0 else {
        slots[slot] = Slot(tag: KeyTable.tag(key.hash), rule: rule)
        continue
      }
      if slots[slot].rule >= 0 {
        more.append((slots[slot].rule, -1))
        slots[slot].rule = Int32(truncatingIfNeeded: -more.count)
      }
      more.append((rule, -1 - slots[slot].rule))
      slots[slot].rule = Int32(truncatingIfNeeded: -more.count)
    }
  }

  /// Where a hash is, or would be. At most half of the slots are in use.
  @inline(__always)
  private func slot(of hash: UInt64) -> Int {
    var slot = Int(truncatingIfNeeded: hash >> shift)
    let tag = KeyTable.tag(hash)
    while slots[slot].tag != 0, slots[slot].tag != tag { slot = (slot + 1) & (slots.count - 1) }
    return slot
  }

  /// Never 0, which marks a free slot.
  @inline(__always)
  private static func tag(_ hash: UInt64) -> UInt32 { UInt32(truncatingIfNeeded: hash) | 1 }

  @inline(__always)
  private func filterBit(_ hash: UInt64) -> Int { Int(truncatingIfNeeded: hash >> (shift - 2)) }

  /// Adds the rules filed under any part of the alias, in no order, perhaps twice.
  func collect(_ alias: [UInt8], into result: inout [Int32]) {
    guard !slots.isEmpty else { return }
    func add(_ hash: UInt64) {
      let bit = filterBit(hash)
      guard filter[bit >> 6] >> UInt64(bit & 63) & 1 != 0 else { return }
      let slot = slots[slot(of: hash)]
      guard slot.tag != 0 else { return }
      guard slot.rule < 0 else { return result.append(slot.rule) }
      var entry = -1 - slot.rule
      while entry >= 0 {
        result.append(more[Int(entry)].rule)
        entry = more[Int(entry)].next
      }
    }
    if hasExact { add(KeyTable.hash(.exact, alias)) }
    func addParts(_ kind: Kind, _ lengths: UInt64, _ byte: (Int) -> UInt8) {
      guard lengths != 0 else { return }
      let longest = min(alias.count, 63 - lengths.leadingZeroBitCount)
      guard longest > 0 else { return }
      var hash = kind.rawValue
      for i in 0..<longest {
        hash = KeyTable.step(hash, byte(i))
        if lengths >> UInt64(i + 1) & 1 != 0 { add(KeyTable.finish(hash)) }
      }
    }
    addParts(.prefix, prefixLengths) { alias[$0] }
    addParts(.suffix, suffixLengths) { alias[alias.count - 1 - $0] }
    if hasInner, alias.count >= KeyTable.windowLength {
      for start in 0...(alias.count - KeyTable.windowLength) {
        add(KeyTable.hash(.inner, alias[start..<start + KeyTable.windowLength]))
      }
    }
  }
}
