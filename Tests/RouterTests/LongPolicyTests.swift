import CallModel
import PolicyEngine
import Synchronization
import Testing

@testable import Router

/// A long policy comes into force while calls go on. 20,000 rules and not 100,000: an unoptimised build takes minutes to load those, and what
/// is compared are ratios, which did not differ. Times are compared with each other, never with a clock on the wall.
@Suite struct LongPolicyTests {
  static let count = 20_000

  /// Rules as number plans have them, each for a number, a range, a domain or a pattern of its own.
  static func yaml(_ count: Int) -> String {
    var text = "trunks: [{ name: one, host: 192.0.2.1 }, { name: two, host: 192.0.2.2 }]\nrules:\n"
    for i in 0..<count {
      let match =
        switch i % 4 {
        case 0: "{ exact: '\(1_000_000 + i)' }"
        case 1: "{ prefix: '00\(1_000_000 + i)', digits: 2-9 }"
        case 2: "{ domain: site\(i).example }"
        default: "'9\(1_000_000 + i)\\d*'"
        }
      text +=
        "  - { name: r\(i), priority: 1, match: \(match), to: { trunks: [\(i % 2 == 0 ? "one" : "two")] } }\n"
    }
    return text
  }

  /// What rule `i` takes.
  static func alias(_ i: Int) -> String {
    switch i % 4 {
    case 0: "\(1_000_000 + i)"
    case 1: "00\(1_000_000 + i)55"
    case 2: "bob@site\(i).example"
    default: "9\(1_000_000 + i)1"
    }
  }

  private func median(_ times: [Duration]) -> Duration { times.sorted()[times.count / 2] }

  @Test(.timeLimit(.minutes(5))) func aLongPolicyIsLoadedBesideTrafficAndActivatedWithoutAPause() async throws
  {
    let clock = ContinuousClock()
    let wall = WallClock(milliseconds: 0)
    let small = try #require(PolicyLoader.load(text: Self.yaml(10)).snapshot)
    let router = Router(policy: small)
    func place(_ i: Int) -> RoutedCall {
      router.route(request(Self.alias(i), registered: "ann"), now: .zero, wallClock: wall)
    }
    func time(_ work: () -> Void) -> Duration { clock.measure(work) }

    // Loading is somebody else's work: calls are decided all the while, by the policy in force.
    let loaded = Mutex<PolicyLoader.Outcome?>(nil)
    let loading = Task.detached {
      let outcome = PolicyLoader.load(text: Self.yaml(Self.count))
      loaded.withLock { $0 = outcome }
    }
    var decided = 0
    while loaded.withLock({ $0 == nil }) {
      let call = place(decided % 10)
      #expect(call.record.rule == "r\(decided % 10)" && call.policy === small)
      router.release(call)
      decided += 1
      // Traffic comes in bursts: the loop is there for them, and does not run through.
      if decided % 20 == 0 { try await Task.sleep(for: .milliseconds(1)) }
    }
    await loading.value
    #expect(decided > 200)
    let long = try #require(loaded.withLock { $0?.snapshot })
    #expect(long.policy.rules.count == Self.count)

    // A call keeps the policy it began with; the next one has the new one.
    let before = place(0)
    router.activate(long)
    #expect(before.policy === small && place(0).policy === long)
    router.release(before)
    for i in [0, 1, 2, 3, Self.count / 2 + 1, Self.count - 2, Self.count - 1] {
      let call = place(i)
      #expect(call.record.rule == "r\(i)", "\(Self.alias(i))")
      #expect(call.hunt.path(failing: .busy) == [[i % 2 == 0 ? "one" : "two"]])
      router.release(call)
    }

    // What the loop does to change over is as much for ten rules as for all of these, and of the order of one decision.
    var toSmall: [Duration] = []
    var toLong: [Duration] = []
    var decisions: (small: [Duration], long: [Duration]) = ([], [])
    for round in 0..<101 {
      toSmall.append(time { router.activate(small) })
      decisions.small.append(time { router.release(place(round % 10)) })
      toLong.append(time { router.activate(long) })
      decisions.long.append(time { router.release(place(round % 10 + Self.count / 2)) })
    }
    let decision = median(decisions.small)
    #expect(median(toLong) < median(toSmall) * 5, "\(median(toLong)), \(median(toSmall))")
    #expect(median(toLong) < decision * 10, "\(median(toLong)), \(decision)")
    #expect(median(decisions.long) < decision * 5, "\(median(decisions.long)), \(decision)")
  }
}
