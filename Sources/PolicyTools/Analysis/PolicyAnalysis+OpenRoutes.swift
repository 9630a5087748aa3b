import CallModel
import PatternAnalysis
import PolicyEngine

extension PolicyAnalysis {
  /// Reports rules through which an unregistered caller from anywhere reaches a number outside: toll fraud waiting to
  /// happen (reference §22). The number was tried, and no destination limit refuses it.
  ///
  /// A route on which all callers together can only have so many calls or minutes, by a limit of the rule, the trunk or the number, costs no
  /// more than somebody has decided it may: it is a note, with the limits. Limits for each caller do not count, as strangers are as many as
  /// they like; nor do those of the whole service, which are there for another reason.
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
      let limits = limits(onRoute: i, found.target)
      let bounds = limits.words.isEmpty ? "" : "; limits: \(limits.words.joined(separator: "; "))"
      findings.append(
        PolicyFinding(
          severity: limits.bound ? .note : .warning, code: limits.bound ? "open-route-limited" : "open-route",
          message:
            "anybody who can reach Tandem can dial numbers through rule “\(rule.name)”: “\(found.number)” goes out\(way)\(becomes)\(bounds)",
          path: places.rule(i).appending("match"),
          suggestion: limits.bound
            ? nil
            : "set from.registered: true, or from.location, or limits, or send only to registered_device",
          witness: found.number))
    }
  }

  /// The ways out of a number through rule `i`.
  private func ways(_ i: Int, _ target: String) -> [Departure] {
    var gateway = policy.gateway(ofRule: i)
    gateway.remoteAlias = target
    return policy.departures(of: gateway, caller: "")
  }

  /// What limits the calls of strangers on a route, and whether that is a bound for all of them together.
  private func limits(onRoute i: Int, _ target: String) -> (words: [String], bound: Bool) {
    let gateway = policy.gateway(ofRule: i)
    // Any stranger: what is told of each caller is told of everybody.
    let stranger = Caller(alias: "stranger")
    let request = CallRequest(
      id: CallID(high: 0, low: 0), direction: .dialIn, trigger: .invite, callProtocol: .sip,
      alias: Alias(sip: target), caller: stranger)
    let own = policy.ruleLimits(on: request, .gateway(gateway))
    var ways = ways(i, target).filter { !$0.isRefused }.map { own + $0.limits(on: stranger) }
    if ways.isEmpty { ways = [own] }
    func isBound(_ limit: AppliedLimit) -> Bool {
      limit.caller == nil
        && (limit.caps.concurrentCalls != nil || limit.caps.calls != nil || limit.caps.callMinutes != nil)
    }
    let words = (ways.first ?? []).map { limit in
      "\(limit.scope.rawValue) “\(limit.name)”\(limit.caller == nil ? "" : " for each caller"): "
        + limit.caps.words.map(\.text).joined(separator: ", ")
    }
    return (words, ways.allSatisfy { $0.contains(where: isBound) })
  }

  /// Numbers of the rule that a destination limit refuses, to look elsewhere; only where that is plain.
  private func refusedNumbers(_ i: Int) -> [Automaton] {
    let prefixes = policy.destinationPrefixes
    return numbers(i) { prefix in
      policy.destinationLimit(ofPrefix: prefix)?.isRefused == true
        && !prefixes.contains {
          $0.hasPrefix(prefix) && policy.destinationLimit(ofPrefix: $0)?.isRefused != true
        }
    }.filter { $0.count == 1 }.flatMap(\.self)
  }

  /// Numbers that are not refused, though shorter prefixes are.
  private func exceptedNumbers(_ i: Int) -> [[Automaton]] {
    let prefixes = policy.destinationPrefixes
    return numbers(i) { prefix in
      policy.destinationLimit(ofPrefix: prefix)?.isRefused == false
        && prefixes.contains {
          prefix.hasPrefix($0) && policy.destinationLimit(ofPrefix: $0)?.isRefused == true
        }
    }
  }

  /// For each way to write each of some prefixes: the aliases that the rule turns into numbers that begin with it.
  private func numbers(_ i: Int, where isWanted: (String) -> Bool) -> [[Automaton]] {
    guard policy.hasDestinationLimits, rules[i].gateway.trunks.allSatisfy({ $0.calledTransform == nil }),
      let function = AliasFunction(
        rules[i], replacement: policy.replacementParts(ofRule: i),
        expression: rules[i].form.map(\.expression) ?? (try? RegularExpression(parsing: rules[i].pattern)))
    else { return [] }
    return policy.destinationPrefixes.filter(isWanted).prefix(64)
      .flatMap { policy.writtenForms(ofPrefix: $0) }.compactMap { function.preimage(of: $0, limits) }
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
    if let found = openNumber(i, cell, [own.automaton, dialled], outside) { return found }
    // Exceptions from what is refused are few among many numbers: they are looked for by themselves.
    for exception in exceptedNumbers(i) {
      if let found = openNumber(i, cell, [own.automaton, dialled] + exception, outside) { return found }
    }
    return nil
  }

  /// One that all of `within` accept.
  private mutating func openNumber(_ i: Int, _ cell: CallCell, _ within: [Automaton], _ outside: Automaton)
    -> (
      number: String, target: String
    )?
  {
    let rule = rules[i]
    var aside = refusedNumbers(i)
    let limit = aside.count + 6
    for _ in 0..<work.takers {
      let found: String?
      do {
        found = try Automaton.witness(in: within, notIn: aside, limits: limits)
      } catch {
        openQuestions += 1
        return nil
      }
      guard let text = found else { return nil }
      let taken = taker(of: alias(text, for: rule, cell), cell)
      if taken == .rule(i) {
        let target = policy.result(ofRule: i, on: alias(text, for: rule, cell))
        guard let target, outside.accepts(target), ways(i, target).refusal == nil else {
          // This number is turned into something else; others may not be.
          guard let alone = try? Automaton(caselessTexts: [text], universe: RuleLanguages.universe) else {
            return nil
          }
          guard isDialling(i, outside), aside.count < limit else { return nil }
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
        outside.accepts(target), ways(i, target).refusal == nil
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
