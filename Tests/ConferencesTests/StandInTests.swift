import CallModel
import MediaRelay
import PolicyEngine
import Router
import Testing

@testable import Conferences

/// Participants that ask on their own line for somebody else in their place (RFC 5589), and rooms that dial rooms.
@Suite struct StandInTests {
  private static let policy = """
    globals: { conferences: { last_participant_timeout: never } }
    services:
      - { name: Open, type: conference, aliases: [open@example.org] }
      - { name: Locked, type: conference, aliases: [locked@example.org], room: { locked: true, participant_limit: 2 } }
      - { name: B, type: conference, aliases: [b@example.org] }
      - { name: Phones, type: conference, aliases: [phones@example.org], room: { telephone: {} } }
    trunks:
      - { name: out, host: 192.0.2.9 }
    rules:
      - { name: everybody, priority: 1, match: 'bob@far\\.test', to: { trunks: [out] } }
      - { name: ours, priority: 2, from: { registered: true }, match: 'dear@far\\.test', to: { trunks: [out] } }
      - { name: conferences, priority: 3, match: 'only@far\\.test', direction: [outgoing], to: { trunks: [out] } }
    """

  private func bench(_ ports: ClosedRange<UInt16>) throws -> HostBench {
    try HostBench(Self.policy, ports: ports)
  }

  private func refer(_ leg: FarEnd, to alias: String, _ bench: HostBench) {
    leg.does(.transferRequested(TransferRequest(alias: Alias(sip: "sip:\(alias)"))))
    bench.after(.milliseconds(1))
  }

  @Test func whoIsCalledTakesThePlace() throws {
    let bench = try bench(37_000...37_029)
    let (ann, eve) = (bench.call("open@example.org"), bench.call("open@example.org", from: "eve"))
    _ = ann.take()
    refer(ann, to: "bob@far.test", bench)
    let bob = try #require(bench.dialled.first)
    #expect(bob.call?.callerAlias == "open@example.org" && bob.call?.callerDisplayName == "Open")
    #expect(ann.take() == ["notify accepted"])
    #expect(bench.conference("Open")?.participants.map(\.isTransferring) == [true, false, false])
    // Another one has to wait for the first.
    refer(ann, to: "bob@far.test", bench)
    #expect(ann.take() == ["notify forbidden"] && bench.dialled.count == 1)
    bob.does(.progress(.ringing, media: nil))
    #expect(ann.take() == ["notify ringing"])
    bob.does(.answered(media: .audio(port: 20_004)))
    #expect(ann.take() == ["notify succeeded", "end transferred"])
    #expect(bench.roster("Open") == ["sip:eve@example.org inConference", "bob@far.test inConference"])
    #expect(bench.conference("Open")?.participants.last?.role == .chair)
    let records = bench.recorder.all
    #expect(records.count == 3)
    #expect(records.contains { $0.decision.rule == "everybody" && $0.attempts.count == 1 })
    // It counts as the caller did whose place it has: the room goes on.
    eve.hangsUp()
    #expect(bench.roster("Open") == ["bob@far.test inConference"])
    bob.hangsUp()
    bench.isClean()
    #expect(bench.recorder.all.count { $0.disconnect?.cause == .transferred } == 1)
  }

  /// Most phones hang up as soon as their request is accepted.
  @Test func theOneThatAsksMayGoAtOnce() throws {
    let bench = try bench(37_030...37_059)
    let ann = bench.call("open@example.org")
    refer(ann, to: "bob@far.test", bench)
    ann.hangsUp()
    bench.after(.seconds(1))
    #expect(bench.roster("Open") == ["bob@far.test connecting"])
    let bob = try #require(bench.dialled.first)
    bob.does(.answered(media: .audio(port: 20_004)))
    #expect(bench.roster("Open") == ["bob@far.test inConference"])
    bob.hangsUp()
    bench.isClean()
  }

  @Test func whereNobodyComesTheRoomEndsWithTheOneThatAsked() throws {
    let bench = try bench(37_060...37_089)
    let ann = bench.call("open@example.org")
    refer(ann, to: "bob@far.test", bench)
    ann.hangsUp()
    bench.dialled.first?.does(.ended(Disconnect(.busy)))
    #expect(bench.conference("Open") == nil)
    bench.isClean()
  }

  @Test func whatFailsLeavesEverybodyWhereTheyWere() throws {
    let bench = try bench(37_090...37_119)
    let ann = bench.call("open@example.org")
    _ = ann.take()
    refer(ann, to: "bob@far.test", bench)
    bench.dialled.first?.does(.ended(Disconnect(.declined)))
    #expect(ann.take() == ["notify accepted", "notify declined"])
    #expect(bench.roster("Open") == ["sip:ann@example.org inConference"])
    #expect(bench.conference("Open")?.participants.first?.isTransferring == false)
    // It may try again, and to itself leads nowhere.
    refer(ann, to: "open@example.org", bench)
    #expect(ann.take() == ["notify accepted", "notify loop"])
    ann.hangsUp()
    bench.isClean()
  }

  /// The rights are those of the participant: neither those of other callers nor those of the conference.
  @Test func nobodyGetsFurtherThanByCalling() throws {
    let bench = try bench(37_120...37_149)
    let ann = bench.call("open@example.org")
    let our = bench.call("open@example.org", from: "our", device: "our@example.org")
    _ = (ann.take(), our.take())
    for alias in ["dear@far.test", "only@far.test", "nobody@far.test"] {
      refer(ann, to: alias, bench)
      #expect(ann.take() == ["notify accepted", "notify notFound"], "\(alias)")
    }
    refer(our, to: "only@far.test", bench)
    #expect(our.take() == ["notify accepted", "notify notFound"] && bench.dialled.isEmpty)
    refer(our, to: "dear@far.test", bench)
    #expect(our.take() == ["notify accepted"] && bench.dialled.count == 1)
    bench.dialled[0].does(.answered(media: .audio(port: 20_004)))
    // Whom a trunk led to is somebody behind that trunk, and no device of ours.
    let far = bench.dialled[0]
    _ = far.take()
    refer(far, to: "dear@far.test", bench)
    #expect(far.take() == ["notify accepted", "notify notFound"])
    refer(far, to: "bob@far.test", bench)
    #expect(bench.dialled.count == 2)
    for leg in [ann, far] { leg.hangsUp() }
    bench.dialled[1].does(.ended(Disconnect(.busy)))
    bench.isClean()
  }

  /// A stranger in a room tries aliases, as it might from outside.
  @Test func guessingFromARoomIsGuessing() throws {
    let bench = try bench(37_150...37_179)
    let eve = bench.call("open@example.org", from: "eve")
    _ = eve.take()
    for number in 0..<25 { refer(eve, to: "\(number)@example.org", bench) }
    #expect(bench.call("open@example.org", from: "eve").take() == ["reject notFound"])
    eve.hangsUp()
    bench.isClean()
  }

  @Test func whoWaitsHasNoPlaceToGive() throws {
    let bench = try bench(37_180...37_209)
    let first = bench.call("locked@example.org")
    #expect(bench.roster("Locked") == ["sip:ann@example.org waitingForAdmission"])
    _ = first.take()
    refer(first, to: "bob@far.test", bench)
    #expect(first.take() == ["notify forbidden"] && bench.dialled.isEmpty)
    first.hangsUp()
    bench.isClean()
  }

  // MARK: Attended

  /// The party of another call comes in, past lock and limit, when that call's host lets it go.
  @Test func thePartyOfAnotherCallTakesThePlace() throws {
    let bench = try bench(37_210...37_239)
    let ann = bench.call("locked@example.org")
    let eve = bench.call("locked@example.org", from: "eve")
    for participant in bench.conference("Locked")?.participants ?? [] {
      #expect(bench.conferences.perform(.admit(participant.id), on: "Locked") == nil)
    }
    _ = ann.take()
    // No such call.
    let elsewhere = LegID(4_711)
    ann.does(.transferRequested(TransferRequest(alias: Alias(sip: "sip:x@y.test"), replacing: elsewhere)))
    #expect(ann.take() == ["notify accepted", "notify notFound"])

    let bob = FarEnd(900, "bob", isIncoming: false)
    bench.gateway.moves = { leg, place in
      #expect(leg == elsewhere && place.leg == ann.id && place.service.name == "Locked")
      var request = CallRequest(
        id: bench.exchange.makeCallID(), direction: .dialIn, trigger: .invite, callProtocol: .sip,
        alias: Alias(sip: "sip:\(place.alias)"), caller: Caller(alias: "sip:bob@example.org"))
      request.resolutions = 1
      let routed = bench.router.route(
        request, now: bench.loop.now, wallClock: bench.loop.wallClock
      ).taking(place)
      guard let live = bench.ledger.begin(request, routed, caller: bob.party) else {
        return Disconnect(.serverFailure)
      }
      var incoming = IncomingCall(
        request: request, routed: routed, leg: bob, offer: nil, call: live, replacing: place.leg)
      incoming.described = .audio(port: 20_006)
      bench.exchange.pass(incoming, isExternal: false)
      return nil
    }
    ann.does(.transferRequested(TransferRequest(alias: Alias(sip: "sip:x@y.test"), replacing: elsewhere)))
    #expect(ann.take() == ["notify accepted", "notify succeeded", "end transferred"])
    // It is offered media here in the lines it has.
    #expect(bob.take() == ["offer"])
    bob.does(.answer(.audio(port: 20_006)))
    #expect(
      bench.roster("Locked") == ["sip:eve@example.org inConference", "sip:bob@example.org inConference"])
    for leg in [eve, bob] { leg.hangsUp() }
    bench.isClean()
  }

  /// Semi-attended: what rings is called anew, for the room.
  @Test func whoRingsIsCalledAnew() throws {
    let bench = try bench(37_400...37_429)
    let ann = bench.call("open@example.org")
    _ = ann.take()
    let consultation = LegID(4_712)
    bench.gateway.ringing[consultation] = Alias(sip: "sip:bob@far.test")
    ann.does(.transferRequested(TransferRequest(alias: Alias(sip: "sip:x@y.test"), replacing: consultation)))
    bench.after(.milliseconds(1))
    #expect(bench.gateway.ringing.isEmpty && bench.roster("Open").last == "bob@far.test connecting")
    bench.dialled.first?.does(.answered(media: .audio(port: 20_004)))
    #expect(ann.take() == ["notify accepted", "notify succeeded", "end transferred"])
    bench.dialled.first?.hangsUp()
    bench.isClean()
  }

  @Test func placesAreKnownByTheirLegs() throws {
    let bench = try bench(37_240...37_259)
    let ann = bench.call("open@example.org")
    #expect(bench.exchange.place(of: ann.id)?.service.name == "Open")
    #expect(bench.exchange.place(of: LegID(99_999)) == nil)
    let waiting = bench.call("locked@example.org")
    #expect(bench.exchange.place(of: waiting.id) == nil, "it is at the door")
    for leg in [ann, waiting] { leg.hangsUp() }
    bench.isClean()
  }

  // MARK: Rooms that dial rooms

  private func dial(_ bench: HostBench, _ from: String, _ to: String, as role: Participant.Role = .chair) {
    let dialOut = DialOut(destination: to, localAlias: from, role: role, keepAlive: .yes)
    let service = bench.router.policy.service(alias: from)?.configuration.name ?? ""
    _ = bench.conferences.perform(.dial(bench.conferences.makeParticipantID(), dialOut), on: service)
    bench.after(.milliseconds(1))
  }

  /// Each room would hold the other for ever.
  @Test func twoRoomsDoNotKeepEachOtherAlive() throws {
    let bench = try bench(37_260...37_289)
    let (ann, bob) = (bench.call("open@example.org"), bench.call("b@example.org", from: "bob"))
    dial(bench, "open@example.org", "b@example.org")
    #expect(bench.roster("Open").count == 2 && bench.roster("B").count == 2)
    // The others stay as long as anybody is in their room.
    ann.hangsUp()
    bench.after(.milliseconds(1))
    #expect(bench.conference("Open") == nil && bench.roster("B") == ["sip:bob@example.org inConference"])
    bob.hangsUp()
    bench.isClean()
  }

  @Test func aRoomThatIsCalledEndsWithItsOwnPeople() throws {
    let bench = try bench(37_290...37_319)
    let (ann, bob) = (bench.call("open@example.org"), bench.call("b@example.org", from: "bob"))
    dial(bench, "open@example.org", "b@example.org")
    bob.hangsUp()
    bench.after(.milliseconds(1))
    #expect(bench.conference("B") == nil && bench.roster("Open") == ["sip:ann@example.org inConference"])
    // One in which nobody is yet waits for somebody.
    dial(bench, "open@example.org", "b@example.org")
    bench.after(.seconds(3_600))
    #expect(bench.roster("B").count == 1 && bench.roster("Open").count == 2)
    ann.hangsUp()
    bench.isClean()
  }

  @Test func telephoneSystemsRoomsNeither() throws {
    let bench = try bench(37_320...37_349)
    let ann = bench.call("phones@example.org")
    dial(bench, "phones@example.org", "b@example.org")
    #expect(bench.roster("Phones").count == 2 && bench.roster("B").count == 1)
    ann.hangsUp()
    bench.isClean()
  }

  @Test func aRoomDoesNotDialItself() throws {
    let bench = try bench(37_350...37_369)
    let ann = bench.call("open@example.org")
    let dialOut = DialOut(destination: "sip:OPEN@example.org", localAlias: "open@example.org", role: .chair)
    let id = bench.conferences.makeParticipantID()
    #expect(bench.conferences.perform(.dial(id, dialOut), on: "Open") == .loop)
    #expect(bench.roster("Open").count == 1)
    ann.hangsUp()
    bench.isClean()
  }

  /// By way of a wire and other systems it is told by its token.
  @Test func norByWayOfOthers() throws {
    let bench = try bench(37_370...37_389)
    let ann = bench.call("open@example.org")
    let token = bench.router.roomToken("Open")
    #expect(bench.call("open@example.org", from: "itself", tokens: [token]).take() == ["reject loop"])
    // A room that comes in so holds no other either.
    let other = bench.call("b@example.org", from: "open", tokens: [token])
    let bob = bench.call("b@example.org", from: "bob")
    bob.hangsUp()
    #expect(bench.conference("B") == nil && other.take() == ["accept", "end normal"])
    ann.hangsUp()
    bench.isClean()
  }
}
