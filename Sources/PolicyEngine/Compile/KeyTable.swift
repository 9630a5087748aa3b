/// Which rules are filed under a text that an alias is, begins with, ends with or contains.
///
/// Texts are kept as 64-bit hashes only: two texts with one hash make a rule a candidate in vain, no more. The hashes of all
/// beginnings of an alias come from one pass over it, those of its endings from another.
///
/// Budget: 10 ns for each character of an alias, and 30 bytes a key.
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

  private var slots: [UInt64] = []
  private var heads: [Int32] = []
  private var entries: [(rule: Int32, next: Int32)] = []
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

  /// Never 0, which marks a free slot.
  @inline(__always)
  private static func finish(_ hash: UInt64) -> UInt64 { (hash ^ hash >> 29) &* 0xbf58_476d_1ce4_e5b9 | 1 }

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
    slots = [UInt64](repeating: 0, count: 1 << bits)
    heads = [Int32](repeating: -1, count: 1 << bits)
    entries.reserveCapacity(keys.count)
    // The last comes first in its chain, so from the end: chains ascend.
    for (rule, key) in keys.reversed() {
      switch key.kind {
      case .exact: hasExact = true
      case .prefix: prefixLengths |= 1 << UInt64(key.length)
      case .suffix: suffixLengths |= 1 << UInt64(key.length)
      case .inner: hasInner = true
      }
      let slot = slot(of: key.hash)
      slots[slot] = key.hash
      entries.append((rule, heads[slot]))
      heads[slot] = Int32(truncatingIfNeeded: entries.count - 1)
    }
  }

  /// Where a hash is, or would be. At most half of the slots are in use.
  @inline(__always)
  private func slot(of hash: UInt64) -> Int {
    var slot = Int(truncatingIfNeeded: hash >> shift)
    while slots[slot] != 0, slots[slot] != hash { slot = (slot + 1) & (slots.count - 1) }
    return slot
  }

  /// Adds the rules filed under any part of the alias, in no order, perhaps twice.
  func collect(_ alias: [UInt8], into result: inout [Int32]) {
    guard !slots.isEmpty else { return }
    func add(_ hash: UInt64) {
      let slot = slot(of: hash)
      guard slots[slot] != 0 else { return }
      var entry = heads[slot]
      while entry >= 0 {
        result.append(entries[Int(entry)].rule)
        entry = entries[Int(entry)].next
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
