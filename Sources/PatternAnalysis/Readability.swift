/// What makes one witness easier to read than another: names, numbers and addresses rather than odd characters.
enum Readability {
  /// Tried first, in this order.
  static let favourites = [
    "alice@example.com", "meet.alice@example.com", "5551234", "95551234", "alice", "meet.alice", "1234",
    "101",
    "+15551234567", "0015551234567", "sip:alice@example.com", "sip:5551234@example.com",
  ]

  /// Steps of a search. A word is dearer than one character and cheaper than two: it is taken where something must
  /// stand, and not where nothing need.
  static let words: [(text: String, cost: Int)] = [
    ("alice", 9), ("5551234", 10), (domain, 11), ("example", 12), ("meet", 12), ("1234", 12),
  ]

  /// Stands behind an at sign only.
  static let domain = "example.com"

  static let emptyCost = 60

  /// An address hardly begins with a sign.
  static func startCost(_ text: String) -> Int {
    switch text {
    case "@", ".", "-", "_", ":", ";": 40
    default: 0
    }
  }

  static func endCost(_ text: String) -> Int { text == "@" || text == "." || text == ":" ? 30 : 0 }

  /// The character that stands for a class.
  static func representative(_ set: ScalarSet) -> (text: String, cost: Int) {
    var best: (value: UInt32, cost: Int)?
    for value in order where set.contains(value) {
      let cost = cost(value)
      if best == nil || cost < best!.cost { best = (value, cost) }
    }
    if best == nil {
      let visible = set.ranges.lazy.filter { $0.upperBound >= 0xa1 }
        .flatMap { max($0.lowerBound, 0xa1)...$0.upperBound }.prefix(64)
      let small = visible.first { Unicode.Scalar($0)?.properties.isLowercase == true }
      best = (small ?? visible.first).map { ($0, 45) } ?? set.ranges.first.map { ($0.lowerBound, 200) }
    }
    guard let best, let scalar = Unicode.Scalar(best.value) else { return ("", 1_000) }
    return (String(scalar), best.cost)
  }

  /// ASCII, in the order of preference among equals.
  private static let order: [UInt32] = {
    let first = Array("abcdefghijklmnopqrstuvwxyz5123467890".unicodeScalars).map(\.value)
    return first + (0x20...0x7e).filter { !first.contains($0) }
  }()

  private static func cost(_ value: UInt32) -> Int {
    switch value {
    case 0x61...0x7a: 10
    case 0x30...0x39: 11
    case 0x40: 13
    case 0x2e, 0x2d, 0x5f, 0x2b: 14
    case 0x3a, 0x2a, 0x23: 16
    case 0x41...0x5a: 18
    case 0x20: 26
    default: 21
    }
  }
}
