/// A set of Unicode scalars, as sorted ranges that neither touch nor overlap. Surrogates are never in one.
public struct ScalarSet: Hashable, Sendable {
  public private(set) var ranges: [ClosedRange<UInt32>]

  /// Ranges in any order; parts of them that are no scalars are left out.
  public init(_ ranges: [ClosedRange<UInt32>]) {
    if ranges.count == 1, ranges[0].upperBound < 0xd800 {
      self.ranges = ranges
      return
    }
    var pieces: [ClosedRange<UInt32>] = []
    pieces.reserveCapacity(ranges.count)
    for range in ranges {
      if range.lowerBound < 0xd800 { pieces.append(range.lowerBound...min(range.upperBound, 0xd7ff)) }
      if range.upperBound > 0xdfff, range.lowerBound <= 0x10ffff {
        pieces.append(max(range.lowerBound, 0xe000)...min(range.upperBound, 0x10ffff))
      }
    }
    pieces.sort { $0.lowerBound < $1.lowerBound }
    var merged: [ClosedRange<UInt32>] = []
    for piece in pieces {
      if let last = merged.last, piece.lowerBound <= last.upperBound + 1 {
        merged[merged.count - 1] = last.lowerBound...max(last.upperBound, piece.upperBound)
      } else {
        merged.append(piece)
      }
    }
    self.ranges = merged
  }

  public init(_ scalars: some Sequence<Unicode.Scalar>) {
    self.init(scalars.map { $0.value...$0.value })
  }

  public static let empty = ScalarSet([ClosedRange<UInt32>]())
  public static let all = ScalarSet([0...0x10ffff])
  public static let newline = ScalarSet([10...10])
  public static let digits = ScalarSet([0x30...0x39])
  /// What `\w` matches: ASCII letters, digits and the underscore.
  public static let word = ScalarSet([0x30...0x39, 0x41...0x5a, 0x5f...0x5f, 0x61...0x7a])
  /// What `\s` matches.
  public static let space = ScalarSet([9...13, 32...32])
  /// Everything but control characters (C0, DEL and C1): what an alias is made of.
  public static let printable = ScalarSet([0x20...0x7e, 0xa0...0x10ffff])

  public var isEmpty: Bool { ranges.isEmpty }

  public func contains(_ value: UInt32) -> Bool {
    var low = 0
    var high = ranges.count
    while low < high {
      let middle = (low + high) / 2
      if ranges[middle].upperBound < value { low = middle + 1 } else { high = middle }
    }
    return low < ranges.count && ranges[low].lowerBound <= value
  }

  public func contains(_ scalar: Unicode.Scalar) -> Bool { contains(scalar.value) }

  public var complement: ScalarSet {
    var gaps: [ClosedRange<UInt32>] = []
    var next: UInt32 = 0
    for range in ranges {
      if range.lowerBound > next { gaps.append(next...(range.lowerBound - 1)) }
      next = range.upperBound + 1
    }
    if next <= 0x10ffff { gaps.append(next...0x10ffff) }
    return ScalarSet(gaps)
  }

  public func union(_ other: ScalarSet) -> ScalarSet { ScalarSet(ranges + other.ranges) }

  public func intersection(_ other: ScalarSet) -> ScalarSet {
    var common: [ClosedRange<UInt32>] = []
    var i = 0
    var j = 0
    while i < ranges.count, j < other.ranges.count {
      let low = max(ranges[i].lowerBound, other.ranges[j].lowerBound)
      let high = min(ranges[i].upperBound, other.ranges[j].upperBound)
      if low <= high { common.append(low...high) }
      if ranges[i].upperBound < other.ranges[j].upperBound { i += 1 } else { j += 1 }
    }
    return ScalarSet(common)
  }

  public func subtracting(_ other: ScalarSet) -> ScalarSet { intersection(other.complement) }

  public func isDisjoint(with other: ScalarSet) -> Bool { intersection(other).isEmpty }
}
