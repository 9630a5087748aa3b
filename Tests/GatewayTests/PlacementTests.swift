import CallModel
import MediaRelay
import PolicyEngine
import PolicyHooks
import PolicyTestSupport
import Router
import Testing

@testable import Gateway

/// Which addresses of ours the parties of a call are told.
@Suite struct PlacementTests {
  private static let north = IPAddress.v4(0x7f00_0015)
  private static let six = IPAddress("::1")!
  private static let edge = IPAddress.v4(0x7f00_0016)
  private let bench: GatewayBench

  init() throws {
    var (north, edge) = (Location(name: "North"), Location(name: "Edge"))
    // The first address has room for one stream.
    north.mediaAddresses = [Self.north, .loopbackIPv4]
    edge.mediaAddresses = [Self.edge]
    var out = rule("carol", target: .registration)
    out.gateway.outgoingLocation = "Edge"
    bench = try GatewayBench(
      rules: [rule("bob", target: .registration), out], devices: ["bob", "carol"],
      interfaces: [
        .init(address: .loopbackIPv4, ports: 34100...34199), .init(address: Self.north, ports: 34100...34101),
        .init(address: Self.edge, ports: 34100...34199),
      ], locations: [north, edge])
  }

  /// What both parties are told.
  private func talk(_ alias: String, from location: String?) throws -> [IPAddress?] {
    let caller = bench.call(alias, from: location)
    let called = try #require(bench.dialer.legs.last)
    called.does(.answered(media: .audio(port: 25000)))
    return [caller.media?.streams[0].address.ip, called.call?.offer?.streams[0].address.ip]
  }

  @Test func aLocationHasItsAddressesInOrder() throws {
    let first = try talk("bob", from: "North")
    #expect(Set(first) == [Self.north, .loopbackIPv4])
    // What is full is full.
    #expect(try talk("bob", from: "North") == [.loopbackIPv4, .loopbackIPv4])
    #expect(try talk("bob", from: nil) == [.loopbackIPv4, .loopbackIPv4])
  }

  @Test func theRuleSaysWhereTheCalledPartysMediaGoes() throws {
    #expect(try talk("carol", from: "North") == [Self.north, Self.edge])
    #expect(try talk("carol", from: nil) == [.loopbackIPv4, Self.edge])
  }

  @Test(arguments: [true, false]) func aTransferGoesOutFromWhereItsRuleSays(_ isCaller: Bool) throws {
    let caller = bench.call("bob", from: nil)
    let called = try #require(bench.dialer.legs.last)
    called.does(.answered(media: .audio(port: 25000)))
    (isCaller ? caller : called).does(
      .transferRequested(CallModel.TransferRequest(alias: Alias(sip: "sip:carol@127.0.0.1"))))
    let carol = try #require(bench.dialer.legs.last)
    #expect(carol !== called && carol.call?.offer?.streams[0].address.ip == Self.edge)
    carol.does(.answered(media: .audio(port: 27000)))
    // The party that stays keeps an address of its own location.
    #expect((isCaller ? called : caller).media?.streams[0].address.ip == .loopbackIPv4)
  }

  @Test func theServersChoiceIsUsed() throws {
    let consultant = ScriptedConsultant()
    consultant.isAsked = false
    consultant.kinds = [.mediaLocation]
    bench.router.consultant = consultant
    let caller = bench.call("bob", from: "North")
    #expect(bench.dialer.legs.isEmpty && caller.take().isEmpty)
    consultant.others[0].answer(.mediaLocation(MediaLocation(location: "Edge")))
    #expect(bench.dialer.legs[0].call?.offer?.streams[0].address.ip == Self.edge)
  }

  /// Who cannot send there is told an address that it can reach.
  @Test func aFamilyThatALocationLacksIsServedElsewhere() throws {
    let relay = try MediaRelay(
      configuration: MediaRelayConfiguration(
        interfaces: [
          .init(address: .loopbackIPv4), .init(address: Self.north), .init(address: Self.six),
        ]))
    let access = MediaAccess(relay: relay, post: { _ in })
    let four = IPAddress.v4(0x0a00_0001)
    #expect(access.interfaces(for: four, among: [Self.six, Self.north]) == [1])
    #expect(access.interfaces(for: Self.six, among: [Self.north]) == [2])
    #expect(access.interfaces(for: four, among: []) == [0])
    #expect(access.interfaces(for: nil, among: [Self.north, Self.six, .loopbackIPv4]) == [1, 0])
    #expect(access.interfaces(for: four, among: [Self.edge]) == [0])
    relay.shutdown()
  }
}
