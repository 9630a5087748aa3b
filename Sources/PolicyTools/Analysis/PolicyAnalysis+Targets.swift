import CallModel
import PatternAnalysis
import PolicyEngine

extension PolicyAnalysis {
  /// What a rule can turn an alias into; never too small. nil when its pattern cannot be analysed.
  func image(of i: Int) -> Automaton? {
    guard let language = languages[i] else { return nil }
    guard let parts = policy.replacementParts(ofRule: i) else {
      // The alias stays as it is, without scheme and parameters: of a full one that is another text.
      return rules[i].matchesFullAlias ? .everything(universe: RuleLanguages.universe) : language.automaton
    }
    guard let image = try? ReplacementImage(of: language.expression, replacedBy: parts, limits: limits) else {
      return nil
    }
    return try? Automaton(image.node, universe: RuleLanguages.universe, limits: limits)
  }

  /// Reports rules whose calls have nowhere to go, whatever alias leads to them.
  mutating func findImpossibleTargets() {
    let devices = policy.policy.devices
    let aliases = try? Automaton(caselessTexts: devices.map(\.alias), universe: RuleLanguages.universe)
    for i in rules.indices where rules[i].isEnabled && !unreachable.contains(i) {
      guard let image = image(of: i), !image.isEmpty else { continue }
      /// True when what the rule leads to never lies in `language`; false also when that took too much work.
      func never(_ language: Automaton?) -> Bool {
        guard let language else { return false }
        return (try? Automaton.hasText(in: [image, language], notIn: [], limits: limits)) == false
      }
      func report(_ reason: String, _ suggestion: String? = nil) {
        guard let result = example(i, image) else { return }
        let becomes = result.alias == result.target ? "" : " becomes “\(result.target)”, which"
        warn(
          "target-cannot-exist",
          "no call of rule “\(rules[i].name)” can arrive: “\(result.alias)”\(becomes) \(reason)", i,
          keys: ["to"], witness: result.alias, suggestion: suggestion)
      }
      if image.accepts(""), never(Patterns.notEmpty) {
        report("leaves nothing to call", "let replace keep a part of the alias")
        continue
      }
      let gateway = rules[i].gateway
      switch gateway.target {
      case .registration where !devices.isEmpty:
        if never(aliases) {
          report(
            "is no alias of any device", "define the device under devices:, or correct replace")
        }
      case .external where gateway.trunks.isEmpty && gateway.usesDNS:
        guard devices.isEmpty || never(aliases) else { continue }
        if never(Patterns.withDomain) {
          // A bare number without a way out is reported where anybody may dial it, too.
          report("has no domain, and the rule names no trunk", "name the trunks, or let replace add a domain")
        } else if never(Patterns.withPossibleDomain) {
          report("has no domain that can exist", "correct the domain in replace")
        }
      case .mssipConferenceID where never(Patterns.digits):
        report("is no conference ID", "let replace keep the digits of the conference ID only")
      default: break
      }
    }
  }

  /// An alias that the rule takes, and what it becomes.
  private func example(_ i: Int, _ image: Automaton) -> (alias: String, target: String)? {
    guard let text = try? languages[i]?.automaton.witness(limits: limits) else { return nil }
    for cell in cells(of: i).prefix(8) {
      let dialled = alias(text, for: rules[i], cell)
      if taker(of: dialled, cell) == .rule(i) { return (text, policy.result(ofRule: i, on: dialled) ?? "") }
    }
    // Others take this one: any result will do as an example of the rule's own.
    guard let target = try? image.witness(limits: limits), let parts = policy.replacementParts(ofRule: i)
    else {
      return (text, text)
    }
    let origins = languages[i]?.expression.origins(of: target, replacedBy: parts) ?? []
    for origin in origins {
      let automaton = try? Automaton(origin, universe: RuleLanguages.universe, limits: limits)
      if let alias = try? automaton?.witness(limits: limits) { return (alias, target) }
    }
    return (text, target)
  }

  enum Patterns {
    private static func automaton(_ pattern: String) -> Automaton? {
      try? Automaton(pattern: pattern, universe: RuleLanguages.universe)
    }

    static let notEmpty = automaton(".+")
    static let withDomain = automaton(".*@.+")
    /// A host name of RFC 1123 §2.1, or an address in brackets.
    static let withPossibleDomain = automaton(
      ".*@(?:(?:[a-z0-9_](?:[a-z0-9_-]*[a-z0-9])?\\.)*[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\\.?|\\[[0-9a-f:.]+\\])(?::\\d+)?"
    )
    static let digits = automaton("\\d+")
    /// What a carrier takes for a number, alone or with a domain.
    static let number = automaton("\\+?[0-9]{3,}")
    static let numberWithDomain = automaton("\\+?[0-9]{3,}(?:@.*)?")
    static let fullNumber = automaton("(?:(?:sips?:)?\\+?[0-9]{3,}(?:@.*)?|tel:\\+?[0-9]{3,}.*)")
  }
}

extension GatewayConfiguration {
  /// True when nothing but the alias' own domain says where the call goes.
  var usesDNS: Bool {
    switch outgoingProtocol {
    case .sip: true
    case .h323: h323Gatekeeper == nil
    case .mssip: mssipProxy == nil
    case .rtmp, .teams, .gms, .webrtc, .api: false
    }
  }
}
