import CallModel
import Codecs
import PolicyEngine
import PolicyHooks
import Router
import Testing

@testable import Conferences

/// Real policy, router and books; legs, audio and time of the tests.
@Suite struct ConferenceHostTests {
  private static let rooms = """
    services:
      - { name: Open, type: conference, aliases: [open@example.org] }
      - name: Board
        type: conference
        aliases: [board@example.org]
        pin: { env: A, default: "1234" }
        guest_pin: { env: B, default: "5678" }
        allow_guests: true
        room: { participant_limit: 2 }
      - name: Team
        type: conference
        aliases: [team@example.org]
        room:
          denoise_enabled: true
          softmute_enabled: true
          automatic_participants:
            - { remote_alias: recorder@far.test, local_alias: team@example.org, protocol: sip, role: guest,
                dtmf_sequence: "7,#" }
    """

  private func bench(_ ports: ClosedRange<UInt16>) throws -> HostBench {
    try HostBench(Self.rooms, ports: ports)
  }

  @Test func twoWhoCallTheSameRoomHearEachOther() throws {
    let bench = try bench(36_000...36_019)
    let ann = bench.call("open@example.org")
    let bob = bench.call("open@example.org", from: "bob", offer: nil)
    #expect(ann.take() == ["accept"] && bob.take() == ["accept"])
    bob.does(.confirmed(media: .audio(port: 20_002)))
    #expect(bench.plane.rooms.count == 1)
    for index in 0..<2 {
      #expect(bench.party(index)?.placement == .mix(isHeard: true, hears: true))
      #expect(bench.party(index)?.isConnected == true)
    }
    // Audio in the answer, and only that.
    #expect(ann.media?.streams.map(\.codecs.first?.name) == ["PCMA"])
    #expect(bench.roster("Open") == ["sip:ann@example.org inConference", "sip:bob@example.org inConference"])
    ann.hangsUp()
    #expect(bench.roster("Open") == ["sip:bob@example.org inConference"])
    bob.hangsUp()
    bench.isClean()
    #expect(bench.recorder.all.allSatisfy { $0.serviceName == "Open" && $0.connected != nil })
    #expect(bench.recorder.all.allSatisfy { $0.media.count == 1 })
  }

  @Test func voicesAreCleanedWhereTheRoomSaysSo() throws {
    let bench = try bench(36_900...36_909)
    let ann = bench.call("open@example.org")
    #expect(bench.plane.cleaning.isOff)
    let bob = bench.call("team@example.org", from: "bob")
    #expect(bench.plane.cleaning.denoises && bench.plane.cleaning.softMutes)
    ann.hangsUp()
    bob.hangsUp()
  }

  @Test func aCallWithoutAudioInCommonIsRefusedBeforeAnybodyHearsOfIt() throws {
    let bench = try bench(36_020...36_029)
    var offer = MediaDescription.audio(port: 20_000)
    offer.streams[0].codecs = [Codec(18, "G729", clockRate: 8_000)]
    let ann = bench.call("open@example.org", offer: offer)
    #expect(ann.take() == ["reject notAcceptable"])
    bench.isClean()
    #expect(bench.notices.isEmpty)
  }

  @Test func withoutARoomForItsAudioACallIsRefused() throws {
    let bench = try bench(36_030...36_039)
    bench.plane.isFull = true
    #expect(bench.call("open@example.org").take() == ["reject congestion"])
    bench.isClean()
  }

  // MARK: PINs

  @Test func theRightPINLetsTheHostInAndTheGuestWaitsForIt() throws {
    let bench = try bench(36_040...36_059)
    let guest = bench.call("board@example.org", from: "guest")
    let host = bench.call("board@example.org", from: "host")
    guest.presses("5678")
    #expect(bench.conference("Board")?.participants.map(\.stage) == [.waitingForHost, .ivr])
    #expect(bench.party(0)?.placement == .alone)
    // Keys in RTP are as good as keys in signalling.
    let room = try #require(bench.plane.rooms.first)
    for key in "1234" { room.onEvent(.digit(AudioPartyID(2), DTMFDigit(key)!)) }
    #expect(bench.conference("Board")?.participants.map(\.stage) == [.inConference, .inConference])
    #expect(bench.party(0)?.placement == .mix(isHeard: true, hears: true))
    host.hangsUp()
    bench.after(.seconds(61))
    #expect(guest.take() == ["accept", "end normal"])
    bench.isClean()
  }

  @Test func threeWrongPINsEndTheCallAfterAGoodbye() throws {
    let bench = try bench(36_060...36_069)
    let ann = bench.call("board@example.org")
    ann.presses("111122223333")
    #expect(ann.take() == ["accept"] && bench.conference("Board") == nil)
    bench.after(.seconds(1))
    #expect(ann.take() == ["end normal"])
    #expect(bench.recorder.all.first?.disconnect?.text == "PIN entry failed")
    bench.isClean()
  }

  @Test func missingPromptsStopNoCall() throws {
    let bench = try bench(36_070...36_079)
    bench.files.isMissing = true
    let ann = bench.call("board@example.org")
    ann.presses("111122223333")
    bench.after(.milliseconds(100))
    #expect(ann.take() == ["accept", "end normal"])
    #expect(bench.plane.rooms.first?.played == 0)
    bench.isClean()
  }

  @Test func aPINInTheAliasIsSeenByNobody() throws {
    let bench = try bench(36_080...36_089)
    let ann = bench.call("board**1234@example.org")
    #expect(bench.conference("Board")?.participants.first?.role == .chair)
    #expect(!bench.recorder.all.contains { "\($0)".contains("1234") })
    #expect(!"\(bench.notices)".contains("1234"))
    #expect(bench.recorder.all.first?.calledAlias == "sip:board@example.org")
    ann.hangsUp()
    bench.isClean()
  }

  @Test func whoComesWhenItIsFullIsToldSo() throws {
    let bench = try bench(36_090...36_109)
    let two = ["ann", "bob"].map { bench.call("board**1234@example.org", from: $0) }
    let third = bench.call("board**1234@example.org", from: "eve")
    bench.after(.seconds(1))
    #expect(third.take() == ["accept", "end limitReached"])
    #expect(bench.conference("Board")?.participants.count == 2)
    for leg in two { leg.hangsUp() }
    bench.isClean()
  }

  // MARK: In the call

  @Test func aParticipantThatHoldsUsIsNotHeard() throws {
    let bench = try bench(36_110...36_119)
    let ann = bench.call("open@example.org")
    ann.does(.offer(.audio(port: 20_000, direction: .sendOnly)))
    #expect(ann.take() == ["accept", "answer"])
    #expect(ann.media?.streams.first?.direction == .receiveOnly)
    #expect(bench.conference("Open")?.participants.first?.isOnHold == true)
    #expect(bench.party(0)?.placement == .mix(isHeard: false, hears: false))
    // Held, it may be silent for hours.
    bench.plane.rooms.first?.onEvent(.mediaLost(AudioPartyID(1)))
    #expect(bench.conference("Open")?.participants.count == 1)
    // Asked to offer, we offer to talk.
    ann.does(.offer(nil))
    #expect(ann.media?.streams.first?.direction == .sendReceive)
    ann.does(.answer(.audio(port: 20_000)))
    #expect(bench.conference("Open")?.participants.first?.isOnHold == false)
    #expect(bench.party(0)?.placement == .mix(isHeard: true, hears: true))
    bench.plane.rooms.first?.onEvent(.mediaLost(AudioPartyID(1)))
    #expect(ann.take().last == "end mediaTimeout")
    bench.isClean()
  }

  @Test func anAdministratorEndsACallOfAConference() throws {
    let bench = try bench(36_120...36_129)
    let ann = bench.call("open@example.org")
    bench.ledger.endAll(Disconnect(.shutdown, text: "Service is stopping"))
    #expect(ann.take() == ["accept", "end shutdown"])
    bench.isClean()
  }

  // MARK: Dial-out

  private func dial(_ bench: HostBench, _ change: (inout DialOut) -> Void = { _ in }) -> ConferenceRefusal? {
    var dialOut = DialOut(destination: "bob@far.test", localAlias: "open@example.org", role: .chair)
    change(&dialOut)
    return bench.conferences.perform(
      .dial(bench.conferences.makeParticipantID(), dialOut), on: "Open")
  }

  @Test func whoIsDialledRingsInTheRosterAndComesInWhenItAnswers() throws {
    let bench = try bench(36_130...36_149)
    let ann = bench.call("open@example.org")
    #expect(dial(bench) { $0.dtmfSequence = DTMFSequence("12,#") } == nil)
    #expect(bench.roster("Open").last == "bob@far.test connecting")
    bench.after(.zero)
    let bob = try #require(bench.dialled.first)
    #expect(bob.call?.target.calledAlias == "bob@far.test")
    #expect(bob.call?.callerAlias == "open@example.org")
    #expect(bob.call?.loopTokens == [bench.router.roomToken("Open")])
    #expect(bob.call?.offer?.streams.first?.codecs.first?.name == "opus")
    bob.does(.progress(.ringing, media: nil))
    bob.does(.answered(media: .audio(port: 20_004)))
    #expect(bench.roster("Open").last == "bob@far.test inConference")
    let party = try #require(bench.party(1))
    #expect(party.placement == .mix(isHeard: true, hears: true))
    // The first after three seconds, then one each half second; a comma is two more.
    bench.after(.milliseconds(2_999))
    #expect(party.digits.isEmpty)
    bench.after(.milliseconds(1))
    #expect(party.digits == "1")
    bench.after(.milliseconds(500))
    #expect(party.digits == "12")
    bench.after(.milliseconds(2_499))
    #expect(party.digits == "12")
    bench.after(.milliseconds(1))
    #expect(party.digits == "12#")
    ann.hangsUp()
    bob.hangsUp()
    bench.isClean()
    let record = try #require(bench.recorder.all.first { $0.attempts.count == 1 })
    #expect(record.attempts.first?.rang != nil && record.attempts.first?.answered != nil)
    #expect(record.caller.alias == "open@example.org" && record.media.count == 1)
  }

  @Test func whoDoesNotAnswerIsGoneFromTheRoster() throws {
    let bench = try bench(36_150...36_169)
    let ann = bench.call("open@example.org")
    for cause in [Cause.busy, .noAnswer] {
      _ = dial(bench)
      bench.after(.zero)
      let bob = try #require(bench.dialled.last)
      if cause == .busy {
        bob.does(.ended(Disconnect(.busy, protocolCode: 486)))
      } else {
        bench.after(.seconds(61))
      }
      #expect(bench.roster("Open") == ["sip:ann@example.org inConference"])
    }
    #expect(bench.dialled.last?.take().last == "end noAnswer")
    ann.hangsUp()
    bench.isClean()
    #expect(bench.recorder.all.filter { $0.attempts.first?.disconnect?.cause == .busy }.count == 1)
  }

  @Test func aConferenceDoesNotCallItselfNorWhereItsOwnCallComesFrom() throws {
    let bench = try bench(36_170...36_189)
    let ann = bench.call("open@example.org")
    #expect(dial(bench) { $0.destination = "open@example.org" } == .loop)
    // By another of its names it shows only when the Router is asked.
    _ = dial(bench) {
      $0.localAlias = "other@example.org"; $0.destination = "open@example.org"
    }
    bench.after(.zero)
    #expect(bench.dialled.isEmpty && bench.roster("Open").count == 1)
    // And what comes back is known by its token.
    let back = bench.call("open@example.org", from: "pbx", tokens: [bench.router.roomToken("Open")])
    #expect(back.take() == ["reject loop"])
    // Tokens of rules are nobody's circle: many calls of a rule may come to one room.
    let others = ["x", "y"].map { bench.call("open@example.org", from: $0, tokens: ["0123456789abcdef"]) }
    #expect(others.allSatisfy { $0.take() == ["accept"] })
    for leg in others + [ann] { leg.hangsUp() }
    bench.isClean()
  }

  @Test func automaticParticipantsAreCalledOnce() throws {
    let bench = try bench(36_190...36_209)
    let ann = bench.call("team@example.org")
    bench.after(.seconds(10))
    let recorder = try #require(bench.dialled.first)
    #expect(recorder.call?.target.calledAlias == "recorder@far.test")
    recorder.does(.answered(media: .audio(port: 20_004)))
    bench.after(.seconds(6))
    #expect(bench.party(1)?.digits == "7#")
    let bob = bench.call("team@example.org", from: "bob")
    bench.after(.seconds(20))
    #expect(bench.dialled.count == 1)
    bob.hangsUp()
    ann.hangsUp()
    // It keeps nothing alive by itself.
    #expect(recorder.take().last == "end normal")
    bench.isClean()
  }
}

/// What policy servers are told and say of conferences.
@Suite struct ConferencePolicyTests {
  /// Writes down what it would be asked, and has no opinion.
  private final class Listener: PolicyConsultant {
    var asked: [CallRequest] = []
    func consult(
      _ request: CallRequest, _ policy: PolicySnapshot, then: @escaping (ExternalDecision) -> Void
    ) -> (any PolicyConsultation)? {
      asked.append(request)
      return nil
    }
    func ask(
      _ question: PolicyQuestion, _ policy: PolicySnapshot, then: @escaping (PolicyReply) -> Void
    ) -> (any PolicyConsultation)? { nil }
  }

  /// A call that a conference places names the service that runs (routing reference §11.5).
  @Test func aDialOutCarriesTheRunningService() throws {
    let bench = try HostBench(
      "services: [{ name: Open, type: lecture, aliases: [open@example.org], tag: t }]", ports: 36_640...36_659
    )
    let listener = Listener()
    bench.router.consultant = listener
    let ann = bench.call("open@example.org")
    let dialOut = DialOut(destination: "bob@far.test", localAlias: "open@example.org")
    _ = bench.conferences.perform(.dial(bench.conferences.makeParticipantID(), dialOut), on: "Open")
    bench.after(.zero)
    let request = try #require(listener.asked.last)
    #expect(request.direction == .dialOut && request.alias.parsed == "bob@far.test")
    #expect(request.placedFrom?.name == "Open" && request.placedFrom?.kind == .lecture)
    #expect(request.placedFrom?.tag == "t" && request.previousServiceName == "Open")
    bench.dialled.first?.does(.ended(Disconnect(.busy, protocolCode: 486)))
    ann.hangsUp()
    bench.isClean()
  }

  @Test func whatPolicySaysOfAParticipantHolds() {
    var arrival = Arrival(
      id: ParticipantID(high: 1, low: 2), callProtocol: .sip, alias: "sip:ann@example.org",
      localAlias: "open",
      displayName: "Ann", media: .audio)
    var properties = ParticipantProperties()
    arrival.apply(properties)
    #expect(arrival.role == nil && arrival.displayName == "Ann" && !arrival.bypassesLock)
    properties.preauthenticatedRole = .role(.chair)
    properties.remoteDisplayName = "Caller 12"
    properties.bypassesLock = true
    properties.callTag = "vip"
    arrival.apply(properties)
    #expect(arrival.role == .chair && arrival.displayName == "Caller 12")
    #expect(arrival.bypassesLock && arrival.callTag == "vip")
    // Who sent it here has decided before.
    arrival.role = .guest
    arrival.apply(properties)
    #expect(arrival.role == .guest)
  }
}
