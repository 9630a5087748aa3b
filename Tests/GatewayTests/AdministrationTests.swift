import CallModel
import MediaRelay
import PolicyEngine
import Router
import Testing

@testable import Gateway

/// Gateway calls as administrators see and move them.
@Suite struct AdministrationTests {
  private final class ServiceHost: CallHost {
    var taken: [IncomingCall] = []
    func take(_ incoming: IncomingCall) { taken.append(incoming) }
  }

  private let bench: GatewayBench
  private let service = ServiceHost()

  init() throws {
    bench = try GatewayBench(
      rules: [
        rule("bob|carol", target: .registration), rule("far", trunks: ["carrier"]),
      ], trunks: [trunk("carrier") { $0.limits.total.concurrentCalls = 1 }], devices: ["bob", "carol"],
      ports: 35_000...35_199,
      services: [
        Service(aliases: ["9100"], configuration: ServiceConfiguration(kind: .conference, name: "Room"))
      ])
    bench.exchange.host(.conference, by: service)
  }

  private func connect(_ alias: String = "bob") throws -> (ScriptedLeg, ScriptedLeg) {
    let ann = bench.call(alias, offer: .audio(port: 20000))
    let bob = try #require(bench.dialer.legs.last)
    bob.does(.answered(media: .audio(port: 25000)))
    _ = ann.take()
    _ = bob.take()
    return (ann, bob)
  }

  private func ids() throws -> [String] {
    let report = try #require(bench.host.reports.first)
    return report.parties.map { report.call.uuid($0.part) }
  }

  private func transfer(_ alias: String = "9100") -> GatewayHost.Command {
    .transfer(Alias(sip: "sip:\(alias)@127.0.0.1"), .chair)
  }

  private func nothingIsLeft(sourceLocation: SourceLocation = #_sourceLocation) {
    #expect(bench.liveCalls == 0 && bench.host.reports.isEmpty, sourceLocation: sourceLocation)
    #expect(bench.host.callCount == 0 && bench.host.remaining.isEmpty, sourceLocation: sourceLocation)
  }

  @Test func aCallIsAConferenceOfTwo() throws {
    let (ann, bob) = try connect()
    let report = try #require(bench.host.reports.first)
    #expect(bench.host.reports.count == 1 && report.isConnected)
    #expect(report.identity.serviceType == "gateway" && report.identity.id == report.call.uuid())
    #expect(report.identity.name == "rule bob|carol_\(report.identity.id.prefix(8))")
    #expect(report.parties.map(\.part) == [1, 2] && report.parties.map(\.party.isIncoming) == [true, false])
    #expect(report.parties.allSatisfy { $0.hasMedia && !$0.isEncrypted && !$0.isOnHold })
    #expect(bench.host.perform(.disconnect, on: try ids()[1]) == .done)
    #expect(ann.take() == [.end(.normal)] && bob.take() == [.end(.normal)])
    // What the record says is enough.
    #expect(bench.finished.last?.participants.isEmpty == true)
    nothingIsLeft()
  }

  @Test func aConferenceOfTwoIsEnded() throws {
    let (ann, _) = try connect()
    let conference = try #require(bench.host.reports.first?.identity.id)
    #expect(bench.host.end(conference: "nothing") == .unknown)
    #expect(bench.host.end(conference: conference) == .done)
    #expect(ann.take() == [.end(.normal)])
    #expect(bench.host.end(conference: conference) == .unknown)
    nothingIsLeft()
  }

  /// First one, then the other; neither is called, and each has its own place in the books.
  @Test func bothAreMoved() throws {
    let (ann, bob) = try connect()
    let (first, second) = (try ids()[0], try ids()[1])
    let original = try #require(bench.host.reports.first?.call)
    #expect(bench.host.perform(transfer(), on: first) == .done)
    let moved = try #require(service.taken.first)
    #expect(moved.leg === ann && moved.described == .audio(port: 20000) && moved.role == .chair)
    #expect(moved.call.id != original && moved.request.caller.registeredAlias == "ann")
    #expect(ann.take() == [] && bob.take() == [] && bench.liveCalls == 2)
    // The other is alone in the call.
    #expect(try ids() == [second])
    bob.does(.offer(.audio(port: 25002)))
    #expect(bob.take() == [.refuseOffer(491)])
    #expect(bench.host.perform(transfer(), on: second) == .done)
    let follower = try #require(service.taken.last)
    #expect(follower.leg === bob && follower.call.id == original && follower.described == .audio(port: 25000))
    #expect(follower.request.caller.registeredAlias == "bob" && bob.take() == [])
    #expect(bench.host.reports.isEmpty && bench.liveCalls == 2)
    let stays = follower.call.record.participants
    #expect(stays.map(\.id).sorted() == [first, second].sorted())
    #expect(stays.allSatisfy { $0.ended != nil && $0.disconnect?.cause == .transferred })
    for call in service.taken.map(\.call) { call.finish(Disconnect(.normal), by: .tandem) }
    nothingIsLeft()
  }

  @Test func whoIsLeftAloneGoesInTheEnd() throws {
    let (_, bob) = try connect()
    #expect(bench.host.perform(transfer(), on: try ids()[0]) == .done)
    bench.loop.advance(to: bench.loop.now + RemainingParty.patience + .seconds(1))
    #expect(bob.take() == [.end(.normal)])
    #expect(bench.host.remaining.isEmpty && bench.liveCalls == 1)
    #expect(bench.finished.last?.participants.allSatisfy { $0.ended != nil } == true)
    service.taken.first?.call.finish(Disconnect(.normal), by: .caller)

    let (ann, carol) = try connect("carol")
    #expect(bench.host.perform(transfer(), on: try ids()[1]) == .done)
    ann.does(.ended(Disconnect(.normal)))
    #expect(bench.host.remaining.isEmpty && carol.take() == [])
    service.taken.last?.call.finish(Disconnect(.normal), by: .caller)
    nothingIsLeft()
  }

  @Test func aTrunkIsOccupiedAsLongAsItsPartyIsThere() throws {
    let (ann, _) = try connect("far")
    #expect(bench.host.perform(transfer(), on: try ids()[1]) == .done)
    ann.does(.ended(Disconnect(.normal)))
    #expect(bench.router.concurrentCalls(onTrunk: "carrier") == 1)
    service.taken.last?.call.finish(Disconnect(.normal), by: .caller)
    #expect(bench.router.concurrentCalls(onTrunk: "carrier") == 0)

    let (_, far) = try connect("far")
    #expect(bench.host.perform(transfer(), on: try ids()[0]) == .done)
    #expect(bench.router.concurrentCalls(onTrunk: "carrier") == 1)
    far.does(.ended(Disconnect(.normal)))
    #expect(bench.router.concurrentCalls(onTrunk: "carrier") == 0)
    service.taken.last?.call.finish(Disconnect(.normal), by: .caller)
    nothingIsLeft()
  }

  @Test func whereNobodyIsToBeFoundNobodyIsMoved() throws {
    let (ann, bob) = try connect()
    let first = try ids()[0]
    #expect(bench.host.perform(transfer("nowhere"), on: first) == .done)
    // A phone is no service.
    #expect(bench.host.perform(transfer("carol"), on: first) == .done)
    #expect(bench.host.reports.first?.parties.count == 2 && service.taken.isEmpty)
    #expect(ann.take() == [] && bob.take() == [])
    // Not while they agree on something.
    ann.does(.offer(.audio(port: 21000)))
    #expect(bench.host.perform(transfer(), on: first) == .notNow)
    #expect(bench.host.perform(.disconnect, on: "00000000-0000-4000-8000-000000000001") == .unknown)
    #expect(bench.host.perform(.disconnect, on: "x") == .unknown)
    ann.does(.ended(Disconnect(.normal)))
    nothingIsLeft()
  }
}
