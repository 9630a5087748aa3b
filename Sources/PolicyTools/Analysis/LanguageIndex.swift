import PatternAnalysis

/// Finds the rules whose language can meet another's, by what they all begin or end with.
struct LanguageIndex {
  private struct Tree {
    struct Node {
      var children: [UInt32: Int] = [:]
      var members: [Int] = []
      /// Members here and below.
      var total = 0
    }
    var nodes = [Node()]

    mutating func add(_ key: some Sequence<UInt32>, _ member: Int) {
      var place = 0
      nodes[0].total += 1
      for scalar in key {
        if let child = nodes[place].children[scalar] {
          place = child
        } else {
          nodes.append(Node())
          nodes[place].children[scalar] = nodes.count - 1
          place = nodes.count - 1
        }
        nodes[place].total += 1
      }
      nodes[place].members.append(member)
    }

    /// The nodes that hold what can meet `key`: on the way to it, and all below.
    func meeting(_ key: some Sequence<UInt32>) -> (onWay: [Int], below: Int?, count: Int) {
      var onWay: [Int] = []
      var place = 0
      var count = 0
      for scalar in key {
        onWay.append(place)
        count += nodes[place].members.count
        guard let child = nodes[place].children[scalar] else { return (onWay, nil, count) }
        place = child
      }
      return (onWay, place, count + nodes[place].total)
    }

    func members(onWay: [Int], below: Int?) -> [Int] {
      var all = onWay.flatMap { nodes[$0].members }
      var queue = below.map { [$0] } ?? []
      while let place = queue.popLast() {
        all += nodes[place].members
        queue += nodes[place].children.values
      }
      return all
    }
  }

  private var prefixes = Tree()
  private var suffixes = Tree()

  mutating func add(_ ends: LiteralEnds, _ member: Int) {
    prefixes.add(ends.prefix, member)
    suffixes.add(ends.suffix.reversed(), member)
  }

  /// Members that may meet a language with these ends, in ascending order.
  func candidates(_ ends: LiteralEnds) -> [Int] {
    let byPrefix = prefixes.meeting(ends.prefix)
    let bySuffix = suffixes.meeting(ends.suffix.reversed())
    let all =
      byPrefix.count <= bySuffix.count
      ? prefixes.members(onWay: byPrefix.onWay, below: byPrefix.below)
      : suffixes.members(onWay: bySuffix.onWay, below: bySuffix.below)
    return all.sorted()
  }
}
