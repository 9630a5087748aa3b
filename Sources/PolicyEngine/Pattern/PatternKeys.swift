/// Text that every match of a pattern must have, read off the pattern's own text, for ``RuleIndex``.
///
/// Sound, not complete: what is not understood gives no keys, and its rule is always tried. Everything here is about the
/// *folded* alias (``FoldedAlias``): letters are small, and a character beyond ASCII is one byte.
struct PatternKeys {
  /// All the texts that match; nil when there are too many to list.
  var exact: [[UInt8]]?
  /// Every match begins (ends) with one of these; nil when nothing is known.
  private(set) var prefixes: [[UInt8]]?
  private(set) var suffixes: [[UInt8]]?
  /// Every match has this somewhere.
  private(set) var inner: [UInt8] = []
  /// Characters of a match.
  private(set) var lengths = 0...Int(UInt16.max)
  /// What a match may begin with.
  private(set) var first = ByteSet.all

  /// Bytes of a key.
  static let longestKey = 63
  /// Alternatives that are written out.
  static let maximumKeys = 16

  init(_ pattern: String) {
    var parser = PatternParser(Array(pattern.utf8))
    // What is not understood may be anything.
    self.init(parser.parse() ?? [.gap(minimum: 0, maximum: nil)])
  }

  init(_ elements: [PatternElement]) {
    let forward = PatternKeys.expand(elements, isReversed: false)
    if forward.allSatisfy(\.isOpen) {
      exact = forward.map(\.bytes)
    }
    prefixes = PatternKeys.keys(forward)
    let backward = PatternKeys.expand(elements, isReversed: true)
    suffixes = PatternKeys.keys(backward.map { Growing(bytes: $0.bytes.reversed(), isOpen: $0.isOpen) })
    var run: [UInt8] = []
    for element in elements {
      if case .byte(let byte) = element { run.append(byte) } else { run = [] }
      if run.count > inner.count { inner = run }
    }
    let span = PatternKeys.span(elements)
    lengths = min(span.low, Int(UInt16.max))...min(span.high ?? .max, Int(UInt16.max))
    first = PatternKeys.first(elements).set
  }

  private static func keys(_ items: [Growing]) -> [[UInt8]]? {
    items.contains { $0.bytes.isEmpty } ? nil : items.map(\.bytes)
  }

  // MARK: Texts

  /// A text that grows while it is followed by what is known.
  private struct Growing {
    var bytes: [UInt8] = []
    var isOpen = true
  }

  private static func expand(_ elements: [PatternElement], isReversed: Bool) -> [Growing] {
    var items = [Growing()]
    expand(elements[...], isReversed: isReversed, &items)
    return items
  }

  private static func expand(
    _ elements: ArraySlice<PatternElement>, isReversed: Bool, _ items: inout [Growing]
  ) {
    func close() { for i in items.indices { items[i].isOpen = false } }
    for element in isReversed ? Array(elements.reversed()) : Array(elements) {
      guard items.contains(where: \.isOpen) else { return }
      switch element {
      case .byte(let byte):
        // The usual case: nothing is copied.
        for i in items.indices where items[i].isOpen {
          if items[i].bytes.count < longestKey {
            items[i].bytes.append(byte)
          } else {
            items[i].isOpen = false
          }
        }
      case .set(let set):
        guard let members = set.members(atMost: 4) else {
          close()
          return
        }
        append(members)
      case .gap(_, let maximum):
        guard maximum == 0 else {
          close()
          return
        }
      case .choice(let alternatives):
        var result = items.filter { !$0.isOpen }
        let open = items.filter(\.isOpen)
        for alternative in alternatives {
          var branch = open
          expand(alternative[...], isReversed: isReversed, &branch)
          result += branch
        }
        guard result.count <= maximumKeys else {
          close()
          return
        }
        items = result
      }
    }
    /// Each open text with each of these bytes after it.
    func append(_ bytes: [UInt8]) {
      let open = items.count { $0.isOpen }
      guard items.count + open * (bytes.count - 1) <= maximumKeys else { return close() }
      var result: [Growing] = []
      for item in items {
        guard item.isOpen, item.bytes.count < longestKey else {
          result.append(Growing(bytes: item.bytes, isOpen: false))
          continue
        }
        for byte in bytes { result.append(Growing(bytes: item.bytes + [byte], isOpen: true)) }
      }
      items = result
    }
  }

  // MARK: Length and beginning

  private static func span(_ elements: [PatternElement]) -> (low: Int, high: Int?) {
    var low = 0
    var high: Int? = 0
    for element in elements {
      let span: (low: Int, high: Int?)
      switch element {
      case .byte, .set: span = (1, 1)
      case .gap(let minimum, let maximum): span = (minimum, maximum)
      case .choice(let alternatives):
        let spans = alternatives.map(PatternKeys.span)
        span = (
          spans.map(\.low).min() ?? 0,
          spans.contains { $0.high == nil } ? nil : spans.compactMap(\.high).max() ?? 0
        )
      }
      low = min(low + span.low, 1 << 20)
      high = high.flatMap { high in span.high.map { min(high + $0, 1 << 20) } }
    }
    return (low, high)
  }

  /// - Returns: what may come first, and whether nothing may come at all.
  private static func first(_ elements: [PatternElement]) -> (set: ByteSet, isOptional: Bool) {
    var set = ByteSet()
    for element in elements {
      switch element {
      case .byte(let byte):
        set.insert(byte)
        return (set, false)
      case .set(let members):
        set.formUnion(members)
        return (set, false)
      case .gap(_, let maximum):
        guard maximum == 0 else { return (.all, false) }
      case .choice(let alternatives):
        var isOptional = false
        for alternative in alternatives {
          let first = PatternKeys.first(alternative)
          set.formUnion(first.set)
          if first.isOptional { isOptional = true }
        }
        if !isOptional { return (set, false) }
      }
    }
    return (set, true)
  }
}

/// A part of a pattern, as far as keys need to know.
indirect enum PatternElement {
  /// One character, folded.
  case byte(UInt8)
  /// One character of a set.
  case set(ByteSet)
  /// Anything of a number of characters; maximum nil: without end.
  case gap(minimum: Int, maximum: Int?)
  case choice([[PatternElement]])
}

/// A set of folded characters: ASCII, and all others together.
struct ByteSet: Hashable, Sendable {
  private var low: UInt64 = 0
  private var high: UInt64 = 0
  /// Characters beyond ASCII.
  private(set) var hasOthers = false

  init() {}

  static let all: ByteSet = {
    var set = ByteSet()
    set.low = .max
    set.high = .max
    set.hasOthers = true
    return set
  }()

  func contains(_ byte: UInt8) -> Bool {
    byte < 64 ? low >> UInt64(byte) & 1 != 0 : byte < 128 ? high >> UInt64(byte - 64) & 1 != 0 : hasOthers
  }

  mutating func insert(_ byte: UInt8) {
    if byte < 64 { low |= 1 << UInt64(byte) } else if byte < 128 { high |= 1 << UInt64(byte - 64) }
  }

  mutating func formUnion(_ other: ByteSet) {
    low |= other.low
    high |= other.high
    hasOthers = hasOthers || other.hasOthers
  }

  /// What is not in the set; characters beyond ASCII always are, since a set does not tell them apart.
  var complement: ByteSet {
    var set = ByteSet()
    set.low = ~low
    set.high = ~high
    set.hasOthers = true
    return set
  }

  /// Nil when there are more, or characters beyond ASCII.
  func members(atMost count: Int) -> [UInt8]? {
    guard !hasOthers, low.nonzeroBitCount + high.nonzeroBitCount <= count else { return nil }
    return (0..<UInt8(128)).filter(contains)
  }
}
