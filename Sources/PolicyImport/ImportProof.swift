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
  /// Calls that reach a service that was left out, or whose pattern takes too much work.
  public private(set) var skipped = 0
  public private(set) var differences: [Difference] = []
  public private(set) var differenceCount = 0
  /// Rules of the export that decided at least one call, and all that are enabled.
  public private(set) var rulesDecided = 0
  public private(set) var ruleCount = 0
  public let seed: UInt64

  public static let maximumListed = 50

  /// - Parameter count: how many calls.
  public init(_ imported: PolicyImport, by policy: PolicySnapshot, count: Int, seed: UInt64 = 1) {
    self.seed = seed
    let reference = ReferenceInterpreter(imported.export)
    var calls = GeneratedCalls(imported.export, seed: seed)
    var decided: Set<String> = []
    let time = WallClock(milliseconds: 1_767_787_200_000)
    for _ in 0..<count {
      let call = calls.next()
      let expected = reference.decide(call)
      if case .decided(let words) = expected {
        if let service = words["service"], imported.leftOutServices.contains(service) {
          skipped += 1
          continue
        }
        if let rule = words["rule"] { decided.insert(rule) }
      }
      guard expected != .open else {
        skipped += 1
        continue
      }
      compared += 1
      let found = ReferenceInterpreter.Outcome(policy.decide(call, now: time).decision)
      let words = expected.differences(from: found)
      guard !words.isEmpty else { continue }
      differenceCount += 1
      if differences.count < ImportProof.maximumListed {
        differences.append(Difference(call: ImportProof.describe(call), words: words))
      }
    }
    rulesDecided = decided.count
    ruleCount = imported.export.all("gateway_routing_rule").count { $0.boolean("enable") }
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
        + (skipped == 0 ? "" : "; \(skipped) not compared"))
    return lines.joined(separator: "\n") + "\n"
  }
}
