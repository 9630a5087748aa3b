import CallModel
import Synchronization

/// The compiled patterns of the rules, made when they are first needed.
///
/// Of 100,000 rules a server meets a few thousand; machine code for each would take 50 µs and some 2 kB. All of them have been
/// compiled once, for their errors, before.
final class RulePatterns: Sendable {
  /// In the order of evaluation.
  private let rules: [CallRoutingRule]
  /// Of a small policy: all of them, without a lock.
  private let all: [CompiledTransform]
  private let some: Mutex<[Int32: CompiledTransform]>

  /// Rules that are all kept compiled.
  static let smallPolicy = 1_000
  /// Of a larger policy, how many are.
  static let capacity = 8_192

  init(_ rules: [CallRoutingRule]) {
    self.rules = rules
    let all = rules.count <= RulePatterns.smallPolicy ? rules.compactMap(RulePatterns.compile) : []
    self.all = all.count == rules.count ? all : []
    some = Mutex([:])
  }

  private static func compile(_ rule: CallRoutingRule) -> CompiledTransform? {
    if let form = rule.form {
      let pattern = Pattern(form)
      let replacement =
        rule.replacement.isEmpty
        ? nil
        : try? Replacement(
          rule.replacement, groupCount: pattern.groupCount, groupNames: pattern.groupNames)
      return CompiledTransform(pattern: pattern, replacement: replacement)
    }
    return try? CompiledTransform(AliasTransform(pattern: rule.pattern, replacement: rule.replacement))
  }

  /// Pattern and replacement of a rule; nil only for want of memory.
  subscript(rule: Int) -> CompiledTransform? {
    if !all.isEmpty { return all[rule] }
    let key = Int32(truncatingIfNeeded: rule)
    if let found = some.withLock({ $0[key] }) { return found }
    guard let made = RulePatterns.compile(rules[rule]) else { return nil }
    some.withLock { some in
      // Whoever walks through the whole number plan must not fill the memory with it.
      if some.count >= RulePatterns.capacity { some.removeAll(keepingCapacity: true) }
      some[key] = made
    }
    return made
  }
}
