import CallModel
import Testing

@testable import Conferences

/// How a conference ends (reference §4).
struct EndingTests {
  private static func globals(guestsOnly: Int64 = 60, last: Int64? = nil) -> ConferenceGlobals {
    var globals = ConferenceGlobals()
    globals.guestsOnlyTimeout = .seconds(guestsOnly)
    globals.lastParticipantTimeout = last.map { .seconds($0) }
    return globals
  }

  private func room(guestsOnly: Int64 = 60, last: Int64? = nil, guests: [String], hosts: [String] = ["host"])
    -> Room
  {
    let room = Room(meetingRoom(), globals: EndingTests.globals(guestsOnly: guestsOnly, last: last))
    for host in hosts { room.arrives(host) { $0.role = .chair } }
    for guest in guests { room.arrives(guest) { $0.role = .guest } }
    return room
  }

  private func isEnd(_ lines: [String]) -> Bool { lines.last?.hasPrefix("end:") ?? false }

  @Test func aHostEndsItForAll() {
    let room = room(guests: ["gus"])
    #expect(
      room.presses("host", "##") == [
        "drop host: Conference terminated by a host", "drop gus: Conference terminated by a host",
        "end: Conference terminated by a host",
      ])
  }

  @Test func theAdministratorEndsIt() {
    let room = room(guests: ["gus"])
    #expect(room.command(.end).last == "end: Conference terminated by an administrator")
  }

  @Test func guestsAreNotHeard() {
    let room = room(guests: ["gus"])
    #expect(room.presses("gus", "##") == [])
    #expect(room.command(.end, by: "gus") == ["refused: invalidRole"])
  }

  @Test func guestsAloneHaveAMinute() {
    let room = room(guests: ["gus", "gwen"])
    #expect(room.leaves("host") == [])
    #expect(room.after(seconds: 59) == [])
    #expect(
      room.after(seconds: 1) == [
        "drop gus: Conference terminated: timed out, saying conf-call-will-be-disconnected",
        "drop gwen: Conference terminated: timed out, saying conf-call-will-be-disconnected",
        "end: Conference terminated: timed out",
      ])
  }

  @Test func aHostComesBackInTime() {
    let room = room(guests: ["gus"])
    room.leaves("host")
    room.after(seconds: 59)
    room.arrives("late") { $0.role = .chair }
    #expect(room.conference.nextDeadline == nil)
    #expect(room.after(seconds: 1000) == [])
    room.leaves("late")
    #expect(room.after(seconds: 59) == [])
    #expect(isEnd(room.after(seconds: 1)))
  }

  @Test func withoutTimeGuestsGoWithTheHost() {
    let room = room(guestsOnly: 0, guests: ["gus"])
    #expect(isEnd(room.leaves("host")))
  }

  /// The reference's example: Guests only 120 s, the last one 60 s; the last Host leaves three Guests at t = 0.
  @Test func workedExampleOneGuestLeft() {
    let room = room(guestsOnly: 120, last: 60, guests: ["a", "b", "c"])
    room.leaves("host")
    room.after(seconds: 20)
    room.leaves("a")
    room.after(seconds: 10)
    room.leaves("b")
    #expect(room.seconds == 30)
    #expect(room.after(seconds: 59) == [])
    #expect(isEnd(room.after(seconds: 1)))
    #expect(room.seconds == 90)
  }

  @Test func workedExampleTwoGuestsLeft() {
    let room = room(guestsOnly: 120, last: 60, guests: ["a", "b", "c"])
    room.leaves("host")
    room.after(seconds: 30)
    room.leaves("a")
    #expect(room.after(seconds: 89) == [])
    #expect(isEnd(room.after(seconds: 1)))
    #expect(room.seconds == 120)
  }

  @Test func theLastOneMayBeAHostAndHasCompanyAgain() {
    let room = room(last: 60, guests: [], hosts: ["ann", "bob"])
    room.leaves("bob")
    room.after(seconds: 59)
    room.arrives("cid") { $0.role = .chair }
    #expect(room.conference.nextDeadline == nil)
    room.leaves("cid")
    #expect(room.after(seconds: 59) == [])
    #expect(isEnd(room.after(seconds: 1)))
  }

  /// Who is the first and still alone is not the last one left.
  @Test func theFirstMayStayAlone() {
    let room = room(last: 60, guests: [])
    #expect(room.after(seconds: 100_000) == [])
  }

  @Test func demotingTheLastHostLeavesItToGuests() {
    let room = room(guests: ["gus"])
    #expect(
      room.command(.setRole(room.id("host"), .guest), by: "host") == [
        "notify host roleChanged(Conferences.Participant.Role.guest)"
      ])
    #expect(isEnd(room.after(seconds: 60)))
  }

  @Test func aHostWithoutMediaDoesNotHoldIt() {
    let room = room(guests: ["gus"])
    room.arrives("app", media: []) { $0.role = .chair }
    room.leaves("host")
    #expect(isEnd(room.after(seconds: 60)))
  }

  @Test func endsWhenOnlyAControllerRemains() {
    let room = room(guests: [])
    room.arrives("app", media: []) { $0.role = .chair }
    #expect(isEnd(room.leaves("host")))
  }

  @Test func mediaThatEndsCountsAsLeaving() {
    let room = room(guests: ["gus"])
    room.media("host", [])
    #expect(isEnd(room.after(seconds: 60)))
  }

  // MARK: Keep-alive (§4.1)

  private func dialled(_ list: [(String, Participant.Role, Participant.KeepAlive)]) -> Room {
    let room = room(guests: [])
    for (name, role, keepAlive) in list {
      room.dials(name, role: role, keepAlive: keepAlive)
      room.answers(name)
    }
    return room
  }

  @Test func aHostWithYesHoldsIt() {
    let room = dialled([("out", .chair, .yes)])
    #expect(room.leaves("host") == [])
    #expect(room.after(seconds: 100_000) == [])
    #expect(isEnd(room.leaves("out")))
  }

  @Test func aGuestWithYesDoesNot() {
    #expect(isEnd(dialled([("out", .guest, .yes)]).leaves("host")))
  }

  @Test func oneOfIfMultipleDoesNot() {
    #expect(isEnd(dialled([("out", .chair, .ifMultiple)]).leaves("host")))
  }

  @Test func twoOfIfMultipleDo() {
    let room = dialled([("out", .chair, .ifMultiple), ("other", .guest, .ifMultiple)])
    #expect(room.leaves("host") == [])
    #expect(isEnd(room.leaves("other")))
  }

  @Test func twoGuestsOfIfMultipleDoNot() {
    #expect(isEnd(dialled([("out", .guest, .ifMultiple), ("other", .guest, .ifMultiple)]).leaves("host")))
  }

  @Test func neverHoldsNothing() {
    let room = dialled([("stream", .guest, .never), ("out", .chair, .never)])
    #expect(isEnd(room.leaves("host")))
  }

  /// Whoever dialled in holds it, as a Guest for the time Guests have.
  @Test func dialledGuestsAndOneThatDialledIn() {
    let room = dialled([("out", .guest, .never)])
    room.arrives("gus") { $0.role = .guest }
    #expect(room.leaves("host") == [])
    #expect(isEnd(room.leaves("gus")))
  }

  /// Ringing participants hold nothing.
  @Test func ringingHoldsNothing() {
    let room = room(guests: [])
    room.dials("out", role: .chair)
    #expect(
      room.leaves("host") == [
        "drop out: Conference terminated: nobody keeps it alive",
        "end: Conference terminated: nobody keeps it alive",
      ])
  }

  /// An administrator may dial from a room where nobody is.
  @Test func aRoomThatBeginsWithADialOut() {
    let room = Room(meetingRoom())
    #expect(room.dials("out", role: .chair) == ["dial out"])
    #expect(room.answers("out") == ["out mixed"])
    #expect(room.status.isStarted)
    #expect(isEnd(room.leaves("out")))
  }

  // MARK: Who waits when all have left

  @Test func waitingGuestsWaitOnWhenTheRoomEmpties() {
    let room = room(guests: ["gus"])
    room.leaves("host")
    room.arrives("late") { $0.role = .guest }
    #expect(room["late"]?.stage == .waitingForHost)
    #expect(room.leaves("gus") == [])
    #expect(!room.status.isStarted)
    #expect(room.after(seconds: 899) == [])
    #expect(isEnd(room.after(seconds: 1)))
  }

  @Test func whoWasLockedOutGoesWithThem() {
    let room = Room()
    room.arrives("ann")
    room.command(.lock(true), by: "ann")
    room.arrives("bob")
    #expect(
      room.leaves("ann") == [
        "drop bob: Not admitted, saying conf-not-admitted-disconnect", "end: Everybody left",
      ]
    )
  }

  @Test func someoneAtThePINPromptIsNotDisturbed() {
    let room = room(guests: [])
    room.arrives("ann")
    room.presses("ann", "12")
    room.dials("out", role: .chair)
    #expect(room.leaves("host") == ["drop out: Conference terminated: nobody keeps it alive"])
    #expect(room.presses("ann", "34").last == "ann mixed")
    #expect(room.status.isStarted)
  }

  @Test func leavingWhileEnteringThePINEndsAnEmptyRoom() {
    let room = Room(meetingRoom())
    room.arrives("ann")
    #expect(room.leaves("ann") == ["end: Everybody left"])
  }
}
