import CallModel
import PatternAnalysis
import PolicyEngine

extension PolicyAnalysis {
  /// Reports rules through which an unregistered caller from anywhere reaches a number outside: toll fraud waiting to
  /// happen (reference §22). The number was tried.
  mutating func findOpenRoutes() {
    for i in rules.indices where rules[i].isEnabled && !unreachable.contains(i) {
      let rule = rules[i]
      let isGuarded =
        rule.onlyRegistered || rule.sourceLocation != nil || rule.conditions.onlyTrusted
        || !rule.conditions.networks.isEmpty || !rule.conditions.trunks.isEmpty
      guard rule.matchesIncoming, !isGuarded,
        rule.gateway.target == .external, let found = openNumber(i)
      else { continue }
      let way = rule.gateway.trunks.first.map { " over trunk “\($0.trunk)”" } ?? ""
      let becomes = found.target == found.number ? "" : " as “\(found.target)”"
      warn(
        "open-route",
        "anybody who can reach Tandem can dial numbers through rule “\(rule.name)”: “\(found.number)” goes out\(way)\(becomes)",
        i, keys: ["match"], witness: found.number,
        suggestion: "set from.registered: true, or from.location, or send only to registered_device")
    }
  }

  /// A number that an unregistered caller dials through the rule, and as what it goes out.
  private mutating func openNumber(_ i: Int) -> (number: String, target: String)? {
    let rule = rules[i]
    guard let outside = rule.gateway.trunks.isEmpty ? Patterns.number : Patterns.numberWithDomain,
      let dialled = rule.matchesFullAlias ? Patterns.fullNumber : outside
    else { return nil }
    guard
      let callProtocol = CallProtocol.allCases.first(where: {
        rule.protocols.contains($0) && policy.policy.globals.isEnabled($0)
      })
    else { return nil }
    let cell = CallCell(callProtocol: callProtocol, conditions: rule.conditions)
    guard let own = languages[i] else { return openSample(i, cell, outside) }
    var aside: [Automaton] = []
    for _ in 0..<work.takers {
      let found: String?
      do {
        found = try Automaton.witness(in: [own.automaton, dialled], notIn: aside, limits: limits)
      } catch {
        openQuestions += 1
        return nil
      }
      guard let text = found else { return nil }
      let taken = taker(of: alias(text, for: rule, cell), cell)
      if taken == .rule(i) {
        let target = policy.result(ofRule: i, on: alias(text, for: rule, cell))
        guard let target, outside.accepts(target) else {
          // This number is turned into something else; others may not be.
          guard let alone = try? Automaton(caselessTexts: [text], universe: RuleLanguages.universe) else {
            return nil
          }
          guard isDialling(i, outside), aside.count < 6 else { return nil }
          aside.append(alone)
          continue
        }
        return (text, target)
      }
      guard case .rule(let j) = taken, let other = languages[j],
        rules[j].matchesFullAlias == rule.matchesFullAlias
      else {
        guard let alone = try? Automaton(caselessTexts: [text], universe: RuleLanguages.universe) else {
          return nil
        }
        aside.append(alone)
        continue
      }
      aside.append(other.automaton)
    }
    openQuestions += 1
    return nil
  }

  /// Whether the rule can lead to a number at all.
  private func isDialling(_ i: Int, _ outside: Automaton) -> Bool {
    guard let image = image(of: i) else { return true }
    return (try? Automaton.hasText(in: [image, outside], notIn: [], limits: limits)) ?? true
  }

  /// For a pattern that cannot be analysed: numbers that fraudsters dial are tried.
  private func openSample(_ i: Int, _ cell: CallCell, _ outside: Automaton) -> (String, String)? {
    for number in PolicyAnalysis.numberSamples {
      let text = rules[i].matchesFullAlias ? "sip:\(number)@192.0.2.1" : number
      let dialled = alias(text, for: rules[i], cell)
      if taker(of: dialled, cell) == .rule(i), let target = policy.result(ofRule: i, on: dialled),
        outside.accepts(target)
      {
        return (text, target)
      }
    }
    return nil
  }

  private static let numberSamples = [
    "5551234", "95551234", "0095551234", "005551234567", "90015551234567", "0015551234567", "15551234567",
    "+15551234567", "8005551234", "2125551234", "90044555123456", "00447700900123", "0447700900123", "112",
    "911", "1900123456", "9112",
  ]
}
