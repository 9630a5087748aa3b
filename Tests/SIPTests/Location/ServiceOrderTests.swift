import CallModel
import TestSupport
import Testing

@testable import SIP

@Suite struct ServiceOrderTests {
  private func record(_ priority: UInt16, _ weight: UInt16, _ target: String) -> DNSRecord.ServiceRecord {
    .init(priority: priority, weight: weight, port: 5060, target: target)
  }

  @Test func priorityIsStrictAndNothingIsLost() {
    var random = SplitMix(seed: 42)
    let records = (0..<30).map { record(UInt16($0 % 3), UInt16($0), "t\($0)") }
    for _ in 0..<200 {
      let order = ServiceOrder.arrange(records, random: &random)
      #expect(Set(order) == Set(records) && order.count == records.count)
      #expect(order.map(\.priority) == order.map(\.priority).sorted())
    }
  }

  /// RFC 2782: the share of first tries is proportional to the weight.
  @Test func weightsShareTheLoad() {
    var random = SplitMix(seed: 7)
    let records = [record(1, 10, "a"), record(1, 30, "b"), record(1, 60, "c")]
    var first: [String: Int] = [:]
    let rounds = 20_000
    for _ in 0..<rounds { first[ServiceOrder.arrange(records, random: &random)[0].target, default: 0] += 1 }
    for (target, share) in [("a", 0.1), ("b", 0.3), ("c", 0.6)] {
      let seen = Double(first[target] ?? 0) / Double(rounds)
      #expect(abs(seen - share) < 0.02, "\(target): \(seen)")
    }
  }

  @Test func weightZeroHasASmallChance() {
    var random = SplitMix(seed: 9)
    let records = [record(1, 0, "zero"), record(1, 100, "heavy")]
    var zeroFirst = 0
    for _ in 0..<20_000 where ServiceOrder.arrange(records, random: &random)[0].target == "zero" {
      zeroFirst += 1
    }
    #expect((50...600).contains(zeroFirst))
  }

  @Test func equalWeightsOfZeroAreShuffled() {
    var random = SplitMix(seed: 3)
    let records = [record(1, 0, "a"), record(1, 0, "b"), record(1, 0, "c")]
    var first: [String: Int] = [:]
    for _ in 0..<3_000 { first[ServiceOrder.arrange(records, random: &random)[0].target, default: 0] += 1 }
    for target in ["a", "b", "c"] { #expect((800...1200).contains(first[target] ?? 0)) }
  }

  @Test func theSameSeedGivesTheSameOrder() {
    let records = (0..<10).map { record(1, UInt16($0), "t\($0)") }
    var one = SplitMix(seed: 5)
    var two = SplitMix(seed: 5)
    #expect(ServiceOrder.arrange(records, random: &one) == ServiceOrder.arrange(records, random: &two))
  }
}
