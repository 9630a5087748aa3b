extension PatternKeys {
  /// True when no alias can match both patterns; false when that is not known.
  func excludes(_ other: PatternKeys) -> Bool {
    if !lengths.overlaps(other.lengths) { return true }
    switch (exact, other.exact) {
    case (let own?, let others?): return PatternKeys.differ(own, others) { $0 == $1 }
    case (let own?, nil): return other.excludes(all: own)
    case (nil, let others?): return excludes(all: others)
    case (nil, nil): break
    }
    if let prefixes, let others = other.prefixes,
      PatternKeys.differ(prefixes, others, { $0.starts(with: $1) || $1.starts(with: $0) })
    {
      return true
    }
    guard let suffixes, let others = other.suffixes else { return false }
    return PatternKeys.differ(suffixes, others) {
      $0.reversed().starts(with: $1.reversed()) || $1.reversed().starts(with: $0.reversed())
    }
  }

  /// True when none of these texts has a beginning and an ending that matches need.
  private func excludes(all texts: [[UInt8]]) -> Bool {
    PatternKeys.differ(prefixes ?? [[]], texts) { $1.starts(with: $0) }
      || PatternKeys.differ(suffixes ?? [[]], texts) { $1.reversed().starts(with: $0.reversed()) }
  }

  /// True when no pair meets; false when there are too many to try.
  private static func differ(
    _ a: [[UInt8]], _ b: [[UInt8]], _ meet: ([UInt8], [UInt8]) -> Bool
  ) -> Bool {
    a.count * b.count <= maximumPairs && !a.contains { text in b.contains { meet(text, $0) } }
  }

  private static let maximumPairs = 4_096
}
