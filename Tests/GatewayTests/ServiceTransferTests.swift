import CallModel
import MediaRelay
import PolicyEngine
import Router
import Testing

@testable import Gateway

/// Redirections and transfers that lead to a service of ours.
@Suite struct ServiceTransferTests {
  /// A host that writes down what it is given.
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
      ports: 34000...34999,
      services: [
        Service(aliases: ["9196"], configuration: ServiceConfiguration(kind: .testCall, name: "Echo")),
        Service(aliases: ["9100"], configuration: ServiceConfiguration(kind: .conference, name: "Room")),
      ])
    bench.exchange.host(.testCall, by: service)
  }

  private func transfer(_ alias: String, replacing: String? = nil) -> CallLegEvent {
    .transferRequested(
      CallModel.TransferRequest(alias: Alias(sip: "sip:\(alias)@127.0.0.1"), replacingElsewhere: replacing))
  }

  private func connect(_ alias: String = "bob") throws -> (ScriptedLeg, ScriptedLeg) {
    let ann = bench.call(alias, offer: .video(port: 20000))
    let bob = try #require(bench.dialer.legs.last)
    bob.does(.answered(media: .video(port: 25000)))
    _ = ann.take()
    _ = bob.take()
    return (ann, bob)
  }

  private func nothingIsLeft(sourceLocation: SourceLocation = #_sourceLocation) {
    #expect(bench.liveCalls == 0 && bench.host.callCount == 0, sourceLocation: sourceLocation)
  }

  @Test func aTransferToAServiceLeavesTheOtherPartyThere() throws {
    let (ann, bob) = try connect()
    bob.does(transfer("9196"))
    #expect(
      bob.take() == [.transferProgress(.accepted), .transferProgress(.succeeded), .end(.transferred)])
    let incoming = try #require(service.taken.first)
    #expect(incoming.leg === ann && incoming.offer == nil && ann.observer == nil)
    // What it is to be offered media from: the party has been answered.
    #expect(incoming.described == .video(port: 20000))
    #expect(incoming.request.previousServiceName == "rule bob|carol" && incoming.request.resolutions == 1)
    #expect(bench.liveCalls == 1 && bench.host.callCount == 0)
    // The call is the service's now, and so is its end.
    incoming.call.finish(Disconnect(.normal), by: .caller)
    #expect(bench.finished.last?.events.contains { $0.what.contains("service Echo") } == true)
    nothingIsLeft()
  }

  @Test func theCallerMayTransferToAServiceToo() throws {
    let (ann, bob) = try connect()
    ann.does(transfer("9196"))
    #expect(ann.take().last == .end(.transferred))
    let incoming = try #require(service.taken.first)
    #expect(incoming.leg === bob && incoming.described == .video(port: 25000))
    #expect(incoming.request.caller.registeredAlias == "bob")
    incoming.call.finish(Disconnect(.normal), by: .called)
    nothingIsLeft()
  }

  /// A service sends somebody on who was answered there: what it described last is offered on, and the answer offered to it.
  @Test func aPartyOfAServiceGoesOnToAPhone() throws {
    let ann = ScriptedLeg(id: bench.exchange.makeLegID(), isIncoming: true)
    let request = CallRequest(
      id: bench.exchange.makeCallID(), direction: .dialIn, trigger: .twoStageDialing, callProtocol: .sip,
      alias: Alias(sip: "sip:bob@127.0.0.1"), caller: Caller(alias: "sip:ann@example.org"), resolutions: 1)
    let routed = bench.router.route(request, now: bench.loop.now, wallClock: bench.loop.wallClock)
    let live = try #require(bench.exchange.ledger.begin(request, routed, caller: ann.party))
    var incoming = IncomingCall(request: request, routed: routed, leg: ann, offer: nil, call: live)
    incoming.described = .video(port: 20000)
    bench.exchange.pass(incoming, isExternal: false)
    let bob = try #require(bench.dialer.legs.last)
    #expect(bob.call?.offer?.streams.count == 2)
    // Nothing of what happens before the answer concerns somebody who was answered long ago.
    bob.does(.progress(.ringing, media: .video(port: 25000)))
    #expect(ann.take() == [])
    bob.does(.answered(media: .video(port: 25000)))
    #expect(ann.take() == [.offer])
    ann.does(.answer(.video(port: 20000)))
    #expect(bench.host.callCount == 1 && bob.take() == [])
    bob.does(.ended(Disconnect(.normal)))
    #expect(ann.take() == [.end(.normal)])
    nothingIsLeft()
  }

  @Test func aPartyOfAServiceThatReachesNobodyIsHungUp() throws {
    let ann = ScriptedLeg(id: bench.exchange.makeLegID(), isIncoming: true)
    let request = CallRequest(
      id: bench.exchange.makeCallID(), direction: .dialIn, trigger: .twoStageDialing, callProtocol: .sip,
      alias: Alias(sip: "sip:bob@127.0.0.1"), caller: Caller(alias: "sip:ann@example.org"), resolutions: 1)
    let routed = bench.router.route(request, now: bench.loop.now, wallClock: bench.loop.wallClock)
    let live = try #require(bench.exchange.ledger.begin(request, routed, caller: ann.party))
    var incoming = IncomingCall(request: request, routed: routed, leg: ann, offer: nil, call: live)
    incoming.described = .video(port: 20000)
    bench.exchange.pass(incoming, isExternal: false)
    bench.dialer.legs.last?.does(.ended(Disconnect(.busy, protocolCode: 486)))
    #expect(ann.take() == [.end(.busy)])
    nothingIsLeft()
  }

  @Test func aTrunkStaysOccupiedAsLongAsItsPartyIsThere() throws {
    let (ann, _) = try connect("far")
    #expect(bench.router.concurrentCalls(onTrunk: "carrier") == 1)
    ann.does(transfer("9196"))
    #expect(bench.router.concurrentCalls(onTrunk: "carrier") == 1)
    service.taken.first?.call.finish(Disconnect(.normal), by: .called)
    #expect(bench.router.concurrentCalls(onTrunk: "carrier") == 0)

    let (_, far) = try connect("far")
    far.does(transfer("9196"))
    #expect(bench.router.concurrentCalls(onTrunk: "carrier") == 0)
    service.taken.last?.call.finish(Disconnect(.normal), by: .caller)
    nothingIsLeft()
  }

  @Test func aServiceThatNobodyHostsLeavesTheCallAsItWas() throws {
    let (ann, bob) = try connect()
    bob.does(transfer("9100"))
    #expect(bob.take() == [.transferProgress(.failed(Disconnect(.temporarilyUnavailable)))])
    // Nor can a call be taken over that is none of ours.
    bob.does(transfer("9196", replacing: "abc;to-tag=1;from-tag=2"))
    #expect(bob.take() == [.transferProgress(.failed(Disconnect(.gone)))])
    #expect(service.taken.isEmpty && ann.take().isEmpty)
    ann.does(.ended(Disconnect(.normal)))
    #expect(bob.take() == [.end(.normal)])
    nothingIsLeft()
  }

  @Test func anOfferThatWaitsForWhoLeavesIsRefused() throws {
    let (ann, bob) = try connect()
    bench.router.consultant = nil
    ann.does(.offer(.audio(port: 21000)))
    #expect(bob.take() == [.offer])
    // While an exchange is under way nothing is transferred.
    bob.does(transfer("9196"))
    #expect(
      bob.take().last == .transferProgress(.failed(Disconnect(.temporarilyUnavailable, protocolCode: 491))))
    bob.does(.answer(.audio(port: 25000)))
    _ = ann.take()
    bob.does(transfer("9196"))
    #expect(service.taken.first?.described == .audio(port: 21000))
    service.taken.first?.call.finish(Disconnect(.normal), by: .caller)
    nothingIsLeft()
  }

  // MARK: Redirection

  private func moved(_ targets: String...) -> CallLegEvent {
    var disconnect = Disconnect(.moved, protocolCode: 302)
    disconnect.redirectTargets = targets.map { "sip:\($0)@127.0.0.1" }
    return .ended(disconnect)
  }

  @Test func aRedirectionToAServiceLeavesTheCallerThere() throws {
    let ann = bench.call("bob")
    bench.dialer.legs[0].does(moved("nobody", "9196"))
    let incoming = try #require(service.taken.first)
    #expect(incoming.leg === ann && incoming.offer == .audio(port: 20000) && incoming.described == nil)
    #expect(ann.take().isEmpty && bench.host.callCount == 0 && bench.liveCalls == 1)
    incoming.call.finish(Disconnect(.normal), by: .caller)
    nothingIsLeft()
  }

  @Test func aServiceThatNobodyHostsIsNoWayForARedirection() throws {
    let ann = bench.call("bob")
    bench.dialer.legs[0].does(moved("9100"))
    #expect(ann.take() == [.reject(.moved)] && service.taken.isEmpty)
    nothingIsLeft()
  }

  /// Who was shown an answer early holds on to it: no service can take its place.
  @Test func afterEarlyMediaARedirectionToAServiceIsNotFollowed() throws {
    let ann = bench.call("bob")
    bench.dialer.legs[0].does(.progress(.inBand, media: .audio(port: 25000)))
    bench.dialer.legs[0].does(moved("9196", "carol"))
    #expect(service.taken.isEmpty && bench.dialer.legs.last?.call?.target.calledAlias == "carol")
    ann.does(.ended(Disconnect(.cancelled)))
    nothingIsLeft()
  }

  // MARK: Guesses

  /// A device or a trunk that transfers to a wrong number is no scanner.
  @Test(
    arguments: [("ann", "bob", false), (nil, "far", false), (nil, "bob", true)] as [(String?, String, Bool)])
  func onlyStrangersGuessByTransfer(_ registered: String?, _ alias: String, _ isCounted: Bool) throws {
    let ann = bench.call(alias, registered: registered)
    let other = try #require(bench.dialer.legs.last)
    other.party.address = TransportAddress("198.51.100.7:5060")
    ann.party.address = TransportAddress("127.0.0.1:5060")
    other.does(.answered(media: .audio(port: 25000)))
    let transferrer = isCounted || registered != nil ? ann : other
    for number in 0..<21 { transferrer.does(transfer("guess\(number)")) }
    let source = transferrer.party.address?.ip
    #expect(bench.router.breakIn.quarantined(now: bench.loop.now) == (isCounted ? [source] : []))
  }
}
