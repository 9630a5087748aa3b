import CallModel
import PolicyEngine
import TestSupport
import Testing

@testable import Conferences

/// The conferences that run, together.
struct DirectoryTests {
  private final class House {
    var directory = ConferenceDirectory(maximumConferences: 3)
    var now = MonotonicInstant.zero
    let protection = BreakInProtection()
    private var count: UInt64 = 0

    func newID() -> ParticipantID {
      count += 1
      return ParticipantID(high: count, low: 0)
    }

    func call(
      _ settings: ConferenceSettings, known: Bool = false, pin: String? = nil, tokens: [String] = []
    ) -> (id: ParticipantID, actions: [ConferenceAction]) {
      var arrival = Arrival(
        id: newID(), callProtocol: .sip, alias: "ann@example.com", localAlias: settings.name, media: .audio)
      arrival.pin = pin.map { Secret($0) }
      arrival.linkTokens = tokens
      let actions = directory.arrived(
        arrival, at: settings, from: .init(address: IPAddress("192.0.2.7"), isKnown: known),
        token: "token-of-" + settings.name, protection: protection, random: SplitMix(seed: 1), now: now)
      return (arrival.id, actions)
    }

    func leave(_ id: ParticipantID) -> [ConferenceAction] {
      directory.tell(conferenceOf: id, protection: protection, now: now) {
        $0.left(id, Disconnect(.normal), now: now)
      }
    }
  }

  private func isRejected(_ actions: [ConferenceAction], _ cause: Cause) -> Bool {
    if case .reject(_, let disconnect)? = actions.first { disconnect.cause == cause } else { false }
  }

  @Test func theSameNameIsTheSameConference() {
    let house = House()
    let ann = house.call(ConferenceSettings(name: "Weekly"))
    let bob = house.call(ConferenceSettings(name: "Weekly"))
    let cid = house.call(ConferenceSettings(name: "Other"))
    #expect(house.directory.conferences["Weekly"]?.participants.map(\.id) == [ann.id, bob.id])
    #expect(house.directory.conference(of: cid.id) == "Other")
    _ = house.leave(ann.id)
    #expect(house.leave(bob.id).last == .end(Disconnect(.normal, text: "Everybody left")))
    #expect(house.directory.conferences["Weekly"] == nil)
    #expect(house.leave(bob.id) == [], "once is enough")
    _ = house.leave(cid.id)
    #expect(house.directory.isEmpty)
  }

  /// Twenty-one wrong PINs, in a conference that ends between them, and nobody unknown comes in any more.
  @Test func guessersAreShutOut() {
    let house = House()
    let settings = meetingRoom()
    for _ in 0..<21 {
      let guesser = house.call(settings, pin: "9999")
      #expect(!isRejected(guesser.actions, .notFound))
      _ = house.leave(guesser.id)
    }
    #expect(isRejected(house.call(settings).actions, .notFound))
    #expect(isRejected(house.call(settings, pin: "1234").actions, .notFound), "nor with the right one")
    #expect(
      house.call(settings, known: true).actions.first.map { if case .answer = $0 { true } else { false } }
        == true)
    #expect(!isRejected(house.call(ConferenceSettings(name: "Other")).actions, .notFound))
    house.now = house.now + .seconds(600)
    #expect(!isRejected(house.call(settings).actions, .notFound))
  }

  @Test func noSecondCallBetweenTwoConferences() {
    let house = House()
    let (a, b) = (ConferenceSettings(name: "A"), ConferenceSettings(name: "B"))
    _ = house.call(a)
    _ = house.call(b)
    let link = house.call(b, tokens: ["token-of-A"])
    #expect(house.directory.conference(of: link.id) == "B")
    #expect(isRejected(house.call(a, tokens: ["token-of-B"]).actions, .loop))
    #expect(isRejected(house.call(a, tokens: ["token-of-A"]).actions, .loop))
    _ = house.leave(link.id)
    #expect(!isRejected(house.call(a, tokens: ["token-of-B"]).actions, .loop), "when the first has ended")
  }

  @Test func conferencesAreBounded() {
    let house = House()
    for name in ["A", "B", "C"] { _ = house.call(ConferenceSettings(name: name)) }
    #expect(isRejected(house.call(ConferenceSettings(name: "D")).actions, .congestion))
    #expect(!isRejected(house.call(ConferenceSettings(name: "A")).actions, .congestion))
  }

  @Test func administratorsDial() {
    let house = House()
    let dialOut = DialOut(destination: "bob@example.com", localAlias: "weekly@example.com", role: .chair)
    let id = house.newID()
    let first = house.directory.dial(
      dialOut, as: id, from: ConferenceSettings(name: "Weekly"), token: "t", protection: house.protection,
      now: house.now)
    #expect(first.actions == [.dial(id, dialOut)] && first.refusal == nil)
    #expect(house.directory.conference(of: id) == "Weekly")
    #expect(house.leave(id).last == .end(Disconnect(.normal, text: "Everybody left")))
    let wrong = house.directory.dial(
      DialOut(destination: "", localAlias: "w"), as: id, from: ConferenceSettings(name: "Weekly"), token: "t",
      protection: house.protection, now: house.now)
    #expect(wrong.refusal == .illegalValue)
    #expect(house.directory.isEmpty, "nothing is left of a conference that never was")
  }

  @Test func timersAndCommands() {
    let house = House()
    let ann = house.call(meetingRoom())
    let deadline = house.directory.conferences["Weekly"]?.nextDeadline
    #expect(deadline == .zero + .seconds(120))
    house.now = .zero + .seconds(120)
    let actions = house.directory.tell(conference: "Weekly", protection: house.protection, now: house.now) {
      $0.advance(to: house.now)
    }
    #expect(actions.last == .end(Disconnect(.normal, text: "Everybody left")))
    #expect(house.directory.conference(of: ann.id) == nil && house.directory.isEmpty)
    let command = house.directory.perform(
      .lock(true), on: "Weekly", by: .administrator, protection: house.protection, now: house.now)
    #expect(command.refusal == .isOver)
  }

  @Test func aFullRoomForgetsWhomItTurnedAway() {
    let house = House()
    var settings = ConferenceSettings(name: "Weekly")
    settings.participantLimit = 1
    let ann = house.call(settings)
    let bob = house.call(settings)
    #expect(house.directory.conference(of: bob.id) == nil)
    _ = house.leave(ann.id)
    #expect(house.directory.isEmpty)
  }

  /// The room that was asked for is full of nobody: what turns the first away leaves no room behind.
  @Test func aRoomForNobody() {
    let house = House()
    var settings = ConferenceSettings(name: "Weekly")
    settings.participantLimit = 0
    _ = house.call(settings)
    #expect(house.directory.isEmpty)
  }
}
