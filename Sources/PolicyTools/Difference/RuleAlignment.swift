import CallModel
import PolicyEngine

/// Which rules of two policies are the same rule: equal in all they ask for and do, in an order common to both.
///
/// If the winner of a call is such a rule on both sides, it is the same one: an earlier match on one side would be an
/// earlier match on the other. So a call is decided differently only where a rule that is *not* aligned wins on one side,
/// or where who wins is the same and what stands behind a name has changed.
struct RuleAlignment {
  /// For each rule, its counterpart; nil for an edited, added, removed or moved one.
  private(set) var newOf: [Int?]
  private(set) var oldOf: [Int?]

  init(_ old: Policy, _ new: Policy) {
    var places: [Key: [Int]] = [:]
    for (j, rule) in new.rules.enumerated() where rule.isEnabled {
      places[Key(rule, new), default: []].append(j)
    }
    // Equal rules in pairs, the first with the first; then the longest run of pairs that keeps the order.
    var used: [Key: Int] = [:]
    var pairs: [(old: Int, new: Int)] = []
    for (i, rule) in old.rules.enumerated() where rule.isEnabled {
      let key = Key(rule, old)
      let number = used[key, default: 0]
      guard let all = places[key], number < all.count else { continue }
      used[key] = number + 1
      pairs.append((i, all[number]))
    }
    newOf = Array(repeating: nil, count: old.rules.count)
    oldOf = Array(repeating: nil, count: new.rules.count)
    for n in RuleAlignment.longestIncrease(pairs.map(\.new)) {
      newOf[pairs[n].old] = pairs[n].new
      oldOf[pairs[n].new] = pairs[n].old
    }
  }

  /// Positions of a longest increasing subsequence (patience sorting).
  static func longestIncrease(_ values: [Int]) -> [Int] {
    var tops: [Int] = []
    var before = [Int](repeating: -1, count: values.count)
    for (i, value) in values.enumerated() {
      var low = 0
      var high = tops.count
      while low < high {
        let middle = (low + high) / 2
        if values[tops[middle]] < value { low = middle + 1 } else { high = middle }
      }
      if low > 0 { before[i] = tops[low - 1] }
      if low == tops.count { tops.append(i) } else { tops[low] = i }
    }
    var result: [Int] = []
    var place = tops.last ?? -1
    while place >= 0 {
      result.append(place)
      place = before[place]
    }
    return result.reversed()
  }

  /// What a rule asks for and does, names that stand for something else resolved; not what it is called, nor its number.
  private struct Key: Hashable {
    let rule: CallRoutingRule
    let schedules: [Schedule?]

    init(_ rule: CallRoutingRule, _ policy: Policy) {
      var plain = rule
      plain.name = ""
      plain.description = ""
      plain.priority = 0
      if !rule.gateway.tag.isEmpty { plain.gateway.tag = "" }
      self.rule = plain
      guard rule.hasConditions else {
        schedules = []
        return
      }
      let names = rule.conditions.schedules + rule.conditions.exceptSchedules
      schedules = names.map { name in
        var schedule = policy.schedules.first { $0.name == name }
        schedule?.description = ""
        return schedule
      }
    }
  }
}
