/// Which scalars are equal to each other without case, as PCRE2 has it: simple folding (CaseFolding.txt, status C and S)
/// of Unicode 14.
enum CaseOrbits {
  /// The set with every scalar that differs from one of its members by case only.
  static func closure(_ set: ScalarSet) -> ScalarSet {
    var more: [ClosedRange<UInt32>] = []
    for range in set.ranges {
      // ASCII letters have the other case, and k and s a third form beyond ASCII.
      addASCII(range, 0x41, 0x5a, 0x20, &more)
      addASCII(range, 0x61, 0x7a, 0 &- 0x20, &more)
      for scalar: UInt32 in [0x4b, 0x6b] where range.contains(scalar) { more.append(0x212a...0x212a) }
      for scalar: UInt32 in [0x53, 0x73] where range.contains(scalar) { more.append(0x17f...0x17f) }
      guard range.upperBound >= 0x80 else { continue }
      if range.lowerBound <= 0x80, range.upperBound >= lastCased {
        // Nearly everything: whatever is equal to a member is one, but for what belongs to ASCII letters above.
        more.append(contentsOf: [0x4b...0x4b, 0x6b...0x6b, 0x53...0x53, 0x73...0x73])
        continue
      }
      for (scalar, others) in beyondASCII[from: range.lowerBound] {
        guard scalar <= range.upperBound else { break }
        for other in others { more.append(other...other) }
      }
    }
    return more.isEmpty ? set : ScalarSet(set.ranges + more)
  }

  private static func addASCII(
    _ range: ClosedRange<UInt32>, _ low: UInt32, _ high: UInt32, _ shift: UInt32,
    _ more: inout [ClosedRange<UInt32>]
  ) {
    let low = max(low, range.lowerBound)
    let high = min(high, range.upperBound)
    if low <= high { more.append((low &+ shift)...(high &+ shift)) }
  }

  /// The last block with cased letters ends before this.
  private static let lastCased: UInt32 = 0x1e944

  private struct Table {
    var entries: [(UInt32, [UInt32])]

    subscript(from value: UInt32) -> ArraySlice<(UInt32, [UInt32])> {
      var low = 0
      var high = entries.count
      while low < high {
        let middle = (low + high) / 2
        if entries[middle].0 < value { low = middle + 1 } else { high = middle }
      }
      return entries[low...]
    }
  }

  /// Scalars from U+0080 with those equal to them, ascending. Made when the first pattern needs it.
  private static let beyondASCII: Table = {
    var parent: [UInt32: UInt32] = [:]
    func root(_ value: UInt32) -> UInt32 {
      var value = value
      while let next = parent[value], next != value { value = next }
      return value
    }
    func join(_ a: UInt32, _ b: UInt32) {
      if parent[a] == nil { parent[a] = a }
      if parent[b] == nil { parent[b] = b }
      let (a, b) = (root(a), root(b))
      if a != b { parent[max(a, b)] = min(a, b) }
    }
    for value in 0x80...lastCased {
      guard let scalar = Unicode.Scalar(value) else { continue }
      let properties = scalar.properties
      guard properties.changesWhenCaseMapped, let age = properties.age, age.major <= 14 else { continue }
      // Dotless i equals only itself (CaseFolding.txt gives it no folding), though its capital is I.
      guard value != 0x131 else { continue }
      for mapping in [properties.lowercaseMapping, properties.uppercaseMapping, properties.titlecaseMapping] {
        let scalars = mapping.unicodeScalars
        guard let other = scalars.first, scalars.count == 1, other != scalar else { continue }
        // An old letter may have got its other case later.
        guard let age = other.properties.age, age.major <= 14 else { continue }
        join(value, other.value)
      }
    }
    var members: [UInt32: [UInt32]] = [:]
    for value in parent.keys { members[root(value), default: []].append(value) }
    // The ASCII letters of an orbit bring their other case.
    for (root, values) in members where values.contains(where: { $0 < 0x80 }) {
      for value in values where value < 0x80 { members[root]?.append(value ^ 0x20) }
    }
    var entries: [(UInt32, [UInt32])] = []
    for values in members.values {
      let all = Set(values)
      for value in all where value >= 0x80 { entries.append((value, all.subtracting([value]).sorted())) }
    }
    return Table(entries: entries.sorted { $0.0 < $1.0 })
  }()
}
