import CallModel
import PatternAnalysis
import PolicyEngine

/// What calls can differ in beside the alias, each kind by one value that stands for it.
extension DifferenceSearch {
  /// Protocols that both policies take; those that no rule tells apart are one.
  func distinctProtocols() -> [CallProtocol] {
    let globals = (old.policy.policy.globals, new.policy.policy.globals)
    let sets = Set((old.rules + new.rules).map(\.protocols))
    var seen: Set<[Bool]> = []
    return [.sip, .h323, .webrtc, .mssip, .rtmp, .api, .teams, .gms].filter { callProtocol in
      guard globals.0.isEnabled(callProtocol), globals.1.isEnabled(callProtocol) else { return false }
      let ruleClass = callProtocol.ruleClass
      return seen.insert(sets.map { $0.contains(ruleClass) }).inserted
    }
  }

  /// Schedules that some rules name, as each policy defines them.
  func schedules(of rules: [CallRoutingRule]) -> [Schedule] {
    let names = Set(rules.flatMap { $0.conditions.schedules + $0.conditions.exceptSchedules })
    guard !names.isEmpty else { return [] }
    var all: [Schedule] = []
    for schedule in old.policy.policy.schedules + new.policy.policy.schedules
    where names.contains(schedule.name) && !all.contains(schedule) {
      all.append(schedule)
    }
    return all
  }

  /// An address for each way to lie in some of the networks and not in others; nil stands for one in none.
  func addresses(_ networks: [IPNetwork]) -> [IPAddress?] {
    [nil] + representatives(Array(Set(networks))).map { $0 }
  }

  /// Networks do not overlap but by one lying in the other: an address of each that is in no smaller one, where there is one.
  private func representatives(_ networks: [IPNetwork]) -> [IPAddress] {
    var known: Set<[Bool]> = [networks.map { _ in false }]
    var result: [IPAddress] = []
    for network in networks {
      for address in network.examples(
        outside: networks.filter { $0 != network && network.contains($0.first) })
      {
        if known.insert(networks.map { $0.contains(address) }).inserted { result.append(address) }
      }
    }
    return result
  }

  /// Addresses that the two policies put into different locations, or take for different trunks.
  func differingOrigins() -> [IPAddress] {
    let (a, b) = (old.policy.policy, new.policy.policy)
    func networks(_ policy: Policy) -> Set<IPNetwork> {
      Set(
        policy.locations.flatMap(\.networks) + policy.trunks.flatMap(\.sources)
          + policy.trunks.compactMap { IPNetwork($0.host) })
    }
    func origin(_ address: IPAddress, _ policy: PolicySnapshot) -> [String?] {
      let trunk = policy.trunk(forSource: address)
      return [
        policy.location(for: address, listenerDefault: nil), trunk?.name, trunk?.isTrusted == true ? "" : nil,
      ]
    }
    guard
      networks(a) != networks(b) || a.trunks.map(\.name) != b.trunks.map(\.name)
        || a.trunks.map(\.isTrusted) != b.trunks.map(\.isTrusted)
        || a.locations.map(\.name) != b.locations.map(\.name)
        || a.locations.map(\.networks) != b.locations.map(\.networks)
        || a.trunks.map(\.sources) != b.trunks.map(\.sources)
    else { return [] }
    var seen: Set<[[String?]]> = []
    return representatives(networks(a).union(networks(b)).sorted { "\($0)" < "\($1)" }).filter { address in
      let places = [origin(address, old.policy), origin(address, new.policy)]
      return places[0] != places[1] && seen.insert(places).inserted
    }
  }

  /// Calling aliases for each way to match some of the patterns and not others.
  func callers(_ patterns: [String]) -> [String] {
    let stranger = "sip:anonymous@anonymous.invalid"
    let distinct = Set(patterns).sorted()
    guard !distinct.isEmpty else { return [stranger] }
    var automata: [Automaton] = []
    for pattern in distinct {
      guard let automaton = try? Automaton(pattern: pattern, universe: RuleLanguages.universe, limits: limits)
      else {
        note(
          "pattern-opaque",
          "the pattern “\(pattern)” for the calling alias is closed to analysis: callers were tried by examples only"
        )
        continue
      }
      automata.append(automaton)
    }
    let everything = Automaton.everything(universe: RuleLanguages.universe)
    var result: [String] = []
    var budget = 128
    // One pattern after the other: matched, or not.
    func descend(_ number: Int, _ within: [Automaton], _ outside: [Automaton]) {
      guard budget > 0 else { return }
      budget -= 1
      guard let text = try? Automaton.witness(in: within, notIn: outside, limits: limits) else { return }
      guard number < automata.count else {
        if Alias(dialled: "sip:\(text)", protocol: .sip).parsed == text {
          result.append("sip:\(text)")
        } else if Alias(dialled: text, protocol: .sip).parsed == text {
          result.append(text)
        }
        return
      }
      descend(number + 1, within, outside + [automata[number]])
      descend(number + 1, within + [automata[number]], outside)
    }
    descend(0, [everything], [])
    if budget == 0 { leaveOpen() }
    return result.isEmpty ? [stranger] : result
  }
}

extension IPNetwork {
  /// Its first address.
  var first: IPAddress { base }

  /// Addresses of the network; one that is in none of the smaller networks comes first, if a few tries find any.
  func examples(outside smaller: [IPNetwork]) -> [IPAddress] {
    var candidates = [base, base.next]
    // Just behind each smaller network lies the next free address, if any does.
    for network in smaller.prefix(64) { candidates.append(network.base.last(of: network.prefixLength).next) }
    let inside = candidates.filter(contains)
    let free = inside.first { address in !smaller.contains { $0.contains(address) } }
    return (free.map { [$0] } ?? []) + inside.prefix(2)
  }
}

extension IPAddress {
  /// The address behind this one; the first one behind the last.
  fileprivate var next: IPAddress {
    switch self {
    case .v4(let value): .v4(value &+ 1)
    case .v6(let high, let low): .v6(low == .max ? high &+ 1 : high, low &+ 1)
    }
  }

  /// The last address of the network of `length` bits that begins here.
  fileprivate func last(of length: Int) -> IPAddress {
    switch self {
    case .v4(let value): .v4(length >= 32 ? value : value | UInt32.max >> UInt32(length))
    case .v6(let high, let low):
      length >= 64
        ? .v6(high, length >= 128 ? low : low | UInt64.max >> UInt64(length - 64))
        : .v6(high | UInt64.max >> UInt64(length), .max)
    }
  }
}
