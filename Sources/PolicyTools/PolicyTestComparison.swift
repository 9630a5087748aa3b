import CallModel
import PolicyEngine

/// What a policy did with a test's call, beside what was expected.
struct PolicyTestComparison {
  let test: PolicyTest
  let record: DecisionRecord
  /// The ways out of a gateway call.
  let ways: CallWays?
  let request: CallRequest
  let policy: PolicySnapshot

  private var expected: PolicyTest.Expectation { test.expectation }

  /// One line a difference.
  var failures: [String] {
    var failures = unknownNames
    func compare(_ what: String, _ expected: String?, _ found: String?) {
      guard let expected, expected != found else { return }
      failures.append("\(what): expected “\(expected)”, got \(found.map { "“\($0)”" } ?? "none")")
    }
    compare("decision", expected.kind?.rawValue, kind)
    compare("rule", expected.rule, record.rule)
    compare("service", expected.service, service)
    compare("alias", expected.alias, alias)
    compare("name", expected.name, nameAndTag?.name)
    compare("tag", expected.tag, nameAndTag?.tag)
    compare("rejection", expected.rejection?.word, rejection)
    compare("target", expected.target?.rawValue, gateway?.target.rawValue)
    compare("capability", expected.capability?.rawValue, capability)
    compare("encryption", expected.encryption?.rawValue, encryption)
    compare("max_bandwidth_in", expected.bandwidthIn.map(kilobits), bandwidth.in.map(kilobits))
    compare("max_bandwidth_out", expected.bandwidthOut.map(kilobits), bandwidth.out.map(kilobits))
    compare("caller", expected.caller, gateway?.localAlias)
    compare("caller_name", expected.callerName, gateway?.localDisplayName)
    compare("server", expected.server, record.policyAnswers.first?.outcome)
    compare("script", expected.script?.rawValue, record.scripts.first?.outcome.rawValue)
    failures += destinationFailures + limitFailures
    if let wanted = expected.attempts { failures += attemptFailures(wanted) }
    if !failures.isEmpty { failures.append("the call: \(outcome)") }
    return failures
  }

  /// A name that the policy does not know would be compared in vain.
  private var unknownNames: [String] {
    func check(_ what: String, _ name: String?, _ known: [String]) -> String? {
      guard let name, !known.contains(name) else { return nil }
      let near = PolicySnapshot.nearestName(to: name, in: known)
      return "the policy has no \(what) named “\(name)”" + (near.map { "; did you mean “\($0)”?" } ?? "")
    }
    let policy = policy.policy
    return [
      check("rule", expected.rule, policy.rules.map(\.name)),
      // Servers and scripts may make services of their own.
      record.policyAnswers.isEmpty && record.scripts.isEmpty
        ? check("service", expected.service, policy.services.map(\.configuration.name)) : nil,
      check("location", test.call.location, policy.locations.map(\.name)),
      check("trunk", test.call.trunk, policy.trunks.map(\.name)),
      expected.destination.flatMap { destination in
        guard case .named(let name) = destination else { return nil }
        return check("destination limit", name, policy.destinationLimits.map(\.name))
      },
    ].compactMap { $0 }
      + test.call.withoutTrunks.compactMap { check("trunk", $0, policy.trunks.map(\.name)) }
      + (expected.attempts ?? []).compactMap { check("trunk", $0.trunk, policy.trunks.map(\.name)) }
  }

  private var gateway: GatewayConfiguration? {
    if case .gateway(let gateway) = record.decision { gateway } else { nil }
  }

  private var service: String? {
    if case .service(let service) = record.decision { service.name } else { record.service }
  }

  /// What is called in the end; of a call that is refused, what a rule had made of the alias.
  private var alias: String? {
    switch record.decision {
    case .gateway(let gateway): gateway.remoteAlias
    case .redirect(let alias): alias
    case .service, .reject: record.replaced
    }
  }

  private var nameAndTag: (name: String, tag: String)? {
    switch record.decision {
    case .gateway(let gateway): (gateway.name, gateway.tag)
    case .service(let service): (service.name, service.tag)
    case .reject, .redirect: nil
    }
  }

  private var bandwidth: (in: Bandwidth?, out: Bandwidth?) {
    switch record.decision {
    case .gateway(let gateway): (gateway.maximumBandwidthIn, gateway.maximumBandwidthOut)
    case .service(let service): (service.maximumBandwidthIn, service.maximumBandwidthOut)
    case .reject, .redirect: (nil, nil)
    }
  }

  private func kilobits(_ bandwidth: Bandwidth) -> String { "\(bandwidth.kilobitsPerSecond) kbit/s" }

  private var kind: String {
    switch record.decision {
    case .gateway: "gateway"
    case .service: "service"
    case .reject: "reject"
    case .redirect: "redirect"
    }
  }

  private var rejection: String? {
    if case .reject(let rejection) = record.decision { rejection.word } else { nil }
  }

  private var capability: String? {
    switch record.decision {
    case .gateway(let gateway): gateway.callCapability.rawValue
    case .service(let service): service.callCapability.rawValue
    case .reject, .redirect: nil
    }
  }

  private var encryption: String? {
    switch record.decision {
    case .gateway(let gateway): gateway.mediaEncryption.rawValue
    case .service(let service): service.mediaEncryption.rawValue
    case .reject, .redirect: nil
    }
  }

  /// What became of the call, in one line.
  private var outcome: String {
    switch record.decision {
    case .gateway(let gateway):
      record.rule.map { "rule “\($0)” takes it to “\(gateway.remoteAlias)”" }
        ?? "it goes out as “\(gateway.name)” to “\(gateway.remoteAlias)”"
    case .service(let service): "service “\(service.name)” takes it"
    case .reject(let rejection): "refused: \(rejection.word)"
    case .redirect(let alias): "redirected to “\(alias)”"
    }
  }

  // MARK: Limits

  private var destinationFailures: [String] {
    guard let expected = expected.destination else { return [] }
    let found = ways?.first?.departure.destination?.name
    let wanted: String? = if case .named(let name) = expected { name } else { nil }
    func text(_ name: String?) -> String { name.map { "“\($0)”" } ?? "none" }
    return wanted == found ? [] : ["destination: expected \(text(wanted)), got \(text(found))"]
  }

  private var limitFailures: [String] {
    let applied = (ways?.limits ?? policy.admissionLimits(on: request)) + (ways?.first?.limits ?? [])
    return LimitReached.Scope.allCases.flatMap { scope -> [String] in
      guard let wanted = expected.limits[scope] else { return [] }
      // Of the trunks, the one that is called: that the call came over is limited by what stands before the attempts.
      let own = scope == .trunk ? ways?.first?.limits ?? [] : applied
      func caps(_ isCallers: Bool) -> CallCaps {
        own.first { $0.scope == scope && ($0.caller != nil) == isCallers }?.caps ?? CallCaps()
      }
      return differences(scope.rawValue, wanted.caps.total, wanted.isUnlimited, caps(false))
        + differences(
          "\(scope.rawValue).per_caller", wanted.caps.perCaller, wanted.isUnlimitedPerCaller, caps(true))
    }
  }

  /// Where caps are not what was expected of them.
  private func differences(_ place: String, _ wanted: CallCaps, _ isUnlimited: Bool, _ found: CallCaps)
    -> [String]
  {
    let (a, b) = (wanted.words, found.words)
    var failures = a.compactMap { cap, text, _ -> String? in
      let got = b.first { $0.cap == cap }?.text
      return got == text
        ? nil : "limits.\(place).\(cap.rawValue): expected \(text), got \(got ?? "no such limit")"
    }
    if isUnlimited, let got = b.first(where: { $0.cap == .concurrentCalls }) {
      failures.append("limits.\(place).concurrent_calls: expected no limit, got \(got.text)")
    }
    return failures
  }

  // MARK: Attempts

  private func attemptFailures(_ wanted: [PolicyTest.Attempt]) -> [String] {
    let caller = Alias(dialled: test.call.from, protocol: test.call.callProtocol).parsed
    let found = (ways?.ways ?? []).filter { $0.isOpen && $0.departure.trunk != nil }.map(\.departure)
    guard found.map(\.via) == wanted.map(\.trunk) else {
      func list(_ names: [String]) -> String { "[\(names.joined(separator: ", "))]" }
      return ["attempts: expected \(list(wanted.map(\.trunk))), got \(list(found.map(\.via)))"]
    }
    var failures: [String] = []
    for (want, got) in zip(wanted, found) {
      if let called = want.called, called != got.called {
        failures.append("called on “\(want.trunk)”: expected “\(called)”, got “\(got.called)”")
      }
      let calling = got.calling ?? caller
      if let wanted = want.calling, wanted != calling {
        failures.append("calling on “\(want.trunk)”: expected “\(wanted)”, got “\(calling)”")
      }
    }
    return failures
  }
}
