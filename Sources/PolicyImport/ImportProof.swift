import CallModel
import PolicyEngine

/// Generated calls, decided by the export as it stands and by the policy made of it.
public struct ImportProof: Sendable {
  public struct Difference: Sendable {
    public var call: String
    /// What differs: in the export, in the policy.
    public var words: [String]
  }

  public private(set) var compared = 0
  /// Calls that reach a service or a rule that was left out, or whose pattern takes too much work.
  public private(set) var skipped = 0
  public private(set) var differences: [Difference] = []
  public private(set) var differenceCount = 0
  /// Rules of the export that decided at least one call, and all that are enabled.
  public private(set) var rulesDecided = 0
  public private(set) var ruleCount = 0
  /// Services of the export that took at least one call, and all that have an alias.
  public private(set) var servicesDecided = 0
  public private(set) var serviceCount = 0
  public let seed: UInt64

  public static let maximumListed = 50

  /// - Parameter count: how many calls.
  public init(_ imported: PolicyImport, by policy: PolicySnapshot, count: Int, seed: UInt64 = 1) {
    self.seed = seed
    let reference = ReferenceInterpreter(imported.export)
    var calls = GeneratedCalls(imported.export, seed: seed)
    var decided: Set<String> = []
    var reached: Set<String> = []
    let time = WallClock(milliseconds: 1_767_787_200_000)
    for _ in 0..<count {
      let call = calls.next()
      let expected = reference.decide(call)
      if case .decided(let words) = expected {
        if words["service"].map(imported.leftOutServices.contains) ?? false
          || words["rule"].map(imported.leftOutRules.contains) ?? false
        {
          skipped += 1
          continue
        }
        if let rule = words["rule"] { decided.insert(rule) }
        if let service = words["service"] { reached.insert(service) }
      }
      guard expected != .open else {
        skipped += 1
        continue
      }
      compared += 1
      let decision = policy.decide(call, now: time).decision
      var words = expected.differences(from: ReferenceInterpreter.Outcome(decision))
      if words.isEmpty, case .service(let service) = decision, service.kind == .twoStageDialing {
        words = ImportProof.differences(
          at: service, entered: calls.entry(at: service.name), call, reference, policy, imported, time)
      }
      guard !words.isEmpty else { continue }
      differenceCount += 1
      if differences.count < ImportProof.maximumListed {
        differences.append(Difference(call: ImportProof.describe(call), words: words))
      }
    }
    rulesDecided = decided.count
    ruleCount = imported.export.all("gateway_routing_rule").count { $0.boolean("enable") }
    servicesDecided = reached.count
    serviceCount = reference.serviceNames.subtracting(imported.leftOutServices).count
  }

  /// What becomes of an entry at a reception: the alias it makes, and who takes that.
  private static func differences(
    at service: ServiceConfiguration, entered text: String, _ call: CallRequest,
    _ reference: ReferenceInterpreter, _ policy: PolicySnapshot, _ imported: PolicyImport, _ time: WallClock
  ) -> [String] {
    guard let own = reference.service(alias: call.alias.parsed) else { return [] }
    let (expected, isOpen) = reference.entered(text, at: own)
    if isOpen { return [] }
    let transform = service.reception.match
    let found = transform.pattern.isEmpty ? text : policy.apply(transform, to: text)
    guard expected == found else {
      return ["entry “\(text)”: \(expected ?? "not valid"), \(found ?? "not valid")"]
    }
    // Other receptions look the code up first.
    guard let alias = found, !alias.isEmpty, service.reception.dialType == .regular else { return [] }
    var onward = call
    onward.alias = Alias(dialled: alias, protocol: call.callProtocol)
    onward.direction = .dialIn
    let next = reference.decide(onward)
    if case .decided(let words) = next,
      words["service"].map(imported.leftOutServices.contains) ?? false
        || words["rule"].map(imported.leftOutRules.contains) ?? false
    {
      return []
    }
    guard next != .open else { return [] }
    return next.differences(from: ReferenceInterpreter.Outcome(policy.decide(onward, now: time).decision)).map
    {
      "entry “\(text)”: \($0)"
    }
  }

  private static func describe(_ call: CallRequest) -> String {
    "\(call.alias.full) (\(call.direction.rawValue), \(call.callProtocol.rawValue)"
      + (call.caller.isRegistered ? ", registered" : "") + (call.location.map { ", \($0)" } ?? "") + ")"
  }

  public var text: String {
    var lines: [String] = []
    for difference in differences {
      lines.append("differs: \(difference.call)")
      lines += difference.words.map { "    \($0)" }
    }
    if differenceCount > differences.count {
      lines.append("… and \(differenceCount - differences.count) more")
    }
    let verdict =
      differenceCount == 0
      ? "all decided equally by the export and by the policy" : "\(differenceCount) decided differently"
    lines.append(
      "\(compared) generated calls (seed \(seed)), \(verdict); \(rulesDecided) of \(ruleCount) rules decided one"
        + (serviceCount == 0 ? "" : ", \(servicesDecided) of \(serviceCount) services took one")
        + (skipped == 0 ? "" : "; \(skipped) not compared"))
    return lines.joined(separator: "\n") + "\n"
  }
}
