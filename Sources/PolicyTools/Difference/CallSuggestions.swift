import CallModel
import PatternAnalysis
import PolicyEngine
import PolicyScript

/// Calls that two policies' scripts may treat differently: to what rules, services and devices know and to nobody, and as the texts in
/// the scripts suggest: aliases, beginnings and ends of them, patterns, callers, networks.
struct CallSuggestions {
  private var aliases: [String] = []
  private var callers: [String] = []
  private var sources: [IPAddress] = []
  private var moments: [WallClock] = []
  private var protocols: [CallProtocol]
  private let location: String?
  private let start: WallClock
  private var known: Set<String> = []

  private static let maximumAliases = 600
  private static let perSection = 200
  /// Aliases that other facts are tried with.
  private static let combined = 10

  init(
    _ old: DifferenceSide, _ new: DifferenceSide, _ vocabularies: [ScriptVocabulary], at location: String?,
    start: WallClock, protocols: [CallProtocol]
  ) {
    self.location = location
    self.start = start
    self.protocols =
      vocabularies.contains { $0.attributes.contains("protocol") } ? protocols : Array(protocols.prefix(1))
    let own = new.policy.policy.globals.domain
    let domain = own.isEmpty ? "example.org" : own
    var texts: [String] = []
    for text in vocabularies.flatMap(\.texts)
    where !text.isEmpty && text.utf8.count <= 64 && !texts.contains(text) {
      texts.append(text)
    }
    for text in texts { suggest(text, domain) }
    for side in [new, old] { suggest(side) }
    for alias in ["nobody", "nobody@\(domain)", "100", "+4930123456", "+4930123456@\(domain)"] { add(alias) }
    if vocabularies.contains(where: \.usesTime) {
      // Every hour of a day, and every day of a week.
      moments = (1...24).map { start.advanced(hours: $0) } + (2...7).map { start.advanced(hours: 24 * $0) }
    }
  }

  private mutating func add(_ alias: String) {
    guard !alias.isEmpty, aliases.count < CallSuggestions.maximumAliases, known.insert(alias).inserted else {
      return
    }
    aliases.append(alias)
  }

  /// What a text in a script may be about.
  private mutating func suggest(_ text: String, _ domain: String) {
    if let network = IPNetwork(text) {
      if sources.count < 32 { sources.append(network.someHost) }
      return
    }
    let isPlain = text.utf8.allSatisfy { byte in
      (0x30...0x39).contains(byte) || (0x61...0x7a).contains(byte | 0x20) || ".@+-_#*:".utf8.contains(byte)
    }
    if isPlain {
      suggestAround(text, domain)
    } else if let automaton = try? Automaton(
      pattern: text.pythonCore, universe: RuleLanguages.universe, limits: .standard),
      !automaton.isUniversal, let witness = try? automaton.witness(limits: .standard)
    {
      suggestAround(witness, domain)
    }
  }

  /// A text as a whole, as the beginning and as the end of aliases, and as a caller.
  private mutating func suggestAround(_ text: String, _ domain: String) {
    guard !text.isEmpty else { return }
    let stem = text.hasSuffix("@") ? text + domain : text.hasPrefix("@") ? "someone" + text : text
    add(stem)
    if !stem.contains("@") {
      for alias in ["\(stem)@\(domain)", "\(stem)1@\(domain)", "1\(stem)@\(domain)", "\(stem)1"] {
        add(alias)
      }
    }
    if callers.count < 48 {
      let caller = stem.contains(":") ? stem : "sip:\(stem)"
      callers.append(caller)
      if !stem.contains("@") { callers.append("\(caller)@\(domain)") }
    }
  }

  private mutating func suggest(_ side: DifferenceSide) {
    for service in side.policy.policy.services.prefix(CallSuggestions.perSection) {
      for alias in service.aliases.prefix(2) { add(alias) }
    }
    for (i, rule) in side.rules.enumerated().prefix(CallSuggestions.perSection) where rule.isEnabled {
      if rule.sourceLocation != nil, rule.sourceLocation != location { continue }
      if let text = try? side.language(i)?.witness(limits: .standard) { add(text) }
    }
    for device in side.policy.policy.devices.prefix(CallSuggestions.perSection) { add(device.alias) }
  }

  /// The calls, those of plain strangers and registered devices first.
  func calls(limit: Int) -> [ExplainedCall] {
    var calls: [ExplainedCall] = []
    func call(
      _ alias: String, _ callProtocol: CallProtocol, isRegistered: Bool = false,
      _ change: (inout ExplainedCall) -> Void = { _ in }
    ) {
      guard calls.count < limit else { return }
      var call = ExplainedCall(
        alias: alias, callProtocol: callProtocol, isRegistered: isRegistered, location: location,
        capability: .video, at: start)
      change(&call)
      calls.append(call)
    }
    for callProtocol in protocols {
      for alias in aliases {
        for isRegistered in [false, true] { call(alias, callProtocol, isRegistered: isRegistered) }
      }
    }
    let some = aliases.prefix(CallSuggestions.combined)
    let callProtocol = protocols.first ?? .sip
    for alias in some {
      for caller in callers { call(alias, callProtocol) { $0.from = caller } }
      for source in sources { call(alias, callProtocol) { $0.source = source } }
      for moment in moments { call(alias, callProtocol) { $0.at = moment } }
    }
    return calls
  }
}

extension WallClock {
  fileprivate func advanced(hours: Int) -> WallClock {
    WallClock(milliseconds: milliseconds + Int64(hours) * 3_600_000)
  }
}

extension IPNetwork {
  /// The first host where there is one.
  fileprivate var someHost: IPAddress {
    guard prefixLength < (base.isIPv6 ? 128 : 32) else { return base }
    switch base {
    case .v4(let bits): return .v4(bits | 1)
    default: return base
    }
  }
}

extension String {
  /// A pattern of a script, as it would have to match all of a text.
  fileprivate var pythonCore: String {
    var core = self[...]
    if core.hasPrefix("^") { core = core.dropFirst() }
    if core.hasSuffix("$"), !core.hasSuffix("\\$") { core = core.dropLast() }
    return String(core)
  }
}
