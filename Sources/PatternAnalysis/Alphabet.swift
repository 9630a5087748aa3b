/// Scalars sorted into classes that an automaton does not tell apart.
struct Alphabet: Sendable {
  /// First scalar of each interval, ascending, beginning with 0.
  private(set) var bounds: [UInt32] = [0]
  /// Class of each interval; ``none`` for scalars that are not in the universe.
  private(set) var classes: [UInt16] = []
  private(set) var classCount = 0
  private var ascii: [UInt16] = []

  static let none = UInt16.max

  /// Classes told apart by `sets`, within `universe`.
  init(sets: [ScalarSet], universe: ScalarSet) throws(Opaque) {
    // Each set switches on and off along the scalars.
    var switches: [(at: UInt32, set: Int)] = []
    for (i, set) in (sets + [universe]).enumerated() {
      for range in set.ranges {
        switches.append((range.lowerBound, i))
        switches.append((range.upperBound + 1, i))
      }
    }
    switches.sort { $0.at < $1.at }
    var members = [UInt64](repeating: 0, count: sets.count / 64 + 1)
    var known: [[UInt64]: UInt16] = [:]
    var i = 0
    func current() throws(Opaque) -> UInt16 {
      guard members[sets.count / 64] & (1 << UInt64(sets.count % 64)) != 0 else { return Self.none }
      if let number = known[members] { return number }
      guard known.count < Int(Self.none) else { throw Opaque(.tooLarge("too many kinds of character")) }
      let number = UInt16(known.count)
      known[members] = number
      return number
    }
    while i < switches.count, switches[i].at == 0 {
      members[switches[i].set / 64] ^= 1 << UInt64(switches[i].set % 64)
      i += 1
    }
    classes.append(try current())
    while i < switches.count {
      let place = switches[i].at
      while i < switches.count, switches[i].at == place {
        members[switches[i].set / 64] ^= 1 << UInt64(switches[i].set % 64)
        i += 1
      }
      guard place <= 0x10ffff else { break }
      let number = try current()
      if number != classes.last {
        bounds.append(place)
        classes.append(number)
      }
    }
    classCount = known.count
    fillASCII()
  }

  private init(bounds: [UInt32], classes: [UInt16], classCount: Int) {
    self.bounds = bounds
    self.classes = classes
    self.classCount = classCount
    fillASCII()
  }

  private mutating func fillASCII() {
    ascii.reserveCapacity(128)
    var interval = 0
    for value in 0..<UInt32(128) {
      while interval + 1 < bounds.count, bounds[interval + 1] <= value { interval += 1 }
      ascii.append(classes[interval])
    }
  }

  /// nil: not in the universe.
  func classNumber(_ value: UInt32) -> Int? {
    let number: UInt16
    if value < 128 {
      number = ascii[Int(value)]
    } else {
      var low = 0
      var high = bounds.count - 1
      while low < high {
        let middle = (low + high + 1) / 2
        if bounds[middle] <= value { low = middle } else { high = middle - 1 }
      }
      number = classes[low]
    }
    return number == Self.none ? nil : Int(number)
  }

  /// The scalars of each class.
  var members: [ScalarSet] {
    var ranges = [[ClosedRange<UInt32>]](repeating: [], count: classCount)
    for (i, number) in classes.enumerated() where number != Self.none {
      ranges[Int(number)].append(bounds[i]...(i + 1 < bounds.count ? bounds[i + 1] - 1 : 0x10ffff))
    }
    return ranges.map { ScalarSet($0) }
  }

  /// Classes that several alphabets together tell apart. Scalars outside any one's universe are outside the result's.
  /// - Returns: for each class its number in each alphabet.
  static func joint(_ alphabets: [Alphabet]) throws(Opaque) -> (Alphabet, [[UInt16]]) {
    var places: Set<UInt32> = []
    for alphabet in alphabets { places.formUnion(alphabet.bounds) }
    var cursor = [Int](repeating: 0, count: alphabets.count)
    var known: [[UInt16]: UInt16] = [:]
    var tuples: [[UInt16]] = []
    var bounds: [UInt32] = []
    var classes: [UInt16] = []
    var tuple = [UInt16](repeating: 0, count: alphabets.count)
    for place in places.sorted() {
      for (i, alphabet) in alphabets.enumerated() {
        while cursor[i] + 1 < alphabet.bounds.count, alphabet.bounds[cursor[i] + 1] <= place {
          cursor[i] += 1
        }
        tuple[i] = alphabet.classes[cursor[i]]
      }
      var number = none
      if !tuple.contains(none) {
        if let same = known[tuple] {
          number = same
        } else {
          guard known.count < Int(none) else { throw Opaque(.tooLarge("too many kinds of character")) }
          number = UInt16(known.count)
          known[tuple] = number
          tuples.append(tuple)
        }
      }
      if number != classes.last || bounds.isEmpty {
        bounds.append(place)
        classes.append(number)
      }
    }
    return (Alphabet(bounds: bounds, classes: classes, classCount: tuples.count), tuples)
  }
}
