import CallModel
import Testing

@testable import Conferences

/// Coming in (reference §3).
struct EntryTests {
  @Test func withoutPINsEverybodyIsAHost() {
    let room = Room()
    #expect(room.arrives("ann") == ["answer ann", "ann mixed"])
    #expect(room.arrives("bob") == ["answer bob", "bob mixed"])
    #expect(room["ann"]?.role == .chair && room["bob"]?.role == .chair)
    #expect(room.status.isStarted)
  }

  @Test func onePINForAll() {
    let room = Room(ConferenceSettings(name: "Weekly").with { $0.entry = EntryRules(pin: Secret("1234")) })
    #expect(room.arrives("ann") == ["answer ann", "say conf-get-pin to ann", "ann alone"])
    #expect(room["ann"]?.stage == .ivr && room["ann"]?.role == nil)
    #expect(room.presses("ann", "123") == ["hush ann", "hush ann", "hush ann"])
    #expect(room.presses("ann", "4") == ["hush ann", "ann mixed"])
    #expect(room["ann"]?.role == .chair)
  }

  @Test func guestsWithoutPINPressHashAndWaitForTheHost() {
    let room = Room(meetingRoom())
    #expect(room.arrives("gus") == ["answer gus", "say conf-get-pin-or-guest to gus", "gus alone"])
    #expect(room.presses("gus", "#") == ["hush gus", "say conf-waiting-for-host to gus", "gus waits"])
    #expect(room["gus"]?.stage == .waitingForHost)
    #expect(!room.status.isStarted)
    room.arrives("ann")
    #expect(room.presses("ann", "1234").suffix(2) == ["gus mixed", "ann mixed"])
    #expect(room.status.isStarted)
    #expect(room["gus"]?.role == .guest)
  }

  @Test func hostAndGuestPINs() {
    let room = Room(meetingRoom(guestPIN: "5678"))
    room.arrives("ann")
    room.arrives("gus")
    room.presses("gus", "5678")
    room.presses("ann", "1234")
    #expect(room["ann"]?.role == .chair && room["gus"]?.role == .guest)
    #expect(room.inside == ["ann", "gus"])
  }

  /// When either PIN ends with `#`, both are ended with it.
  @Test func terminalHash() {
    let room = Room(
      ConferenceSettings(name: "Weekly").with {
        $0.entry = EntryRules(pin: Secret("123456#"), guestPIN: Secret("5678"), allowsGuests: true)
      })
    #expect(room.arrives("gus").contains("say conf-get-pin-pound-key to gus"))
    room.presses("gus", "5678")
    #expect(room["gus"]?.stage == .ivr)
    room.presses("gus", "#")
    #expect(room["gus"]?.role == .guest)
    room.arrives("ann")
    room.presses("ann", "123456#")
    #expect(room["ann"]?.role == .chair)
  }

  @Test func starClearsWhatWasEntered() {
    let room = Room(meetingRoom())
    room.arrives("ann")
    room.presses("ann", "99*1234")
    #expect(room["ann"]?.role == .chair)
  }

  @Test func threeAttempts() {
    let room = Room(meetingRoom())
    room.arrives("eve")
    let wrong = [
      "hush eve", "wrong PIN of eve", "say conf-pin-not-valid-try-again+conf-get-pin-or-guest to eve",
    ]
    #expect(room.presses("eve", "1111").suffix(3) == wrong)
    #expect(room.presses("eve", "2222").suffix(3) == wrong)
    #expect(
      room.presses("eve", "3333").suffix(4) == [
        "hush eve", "wrong PIN of eve",
        "drop eve: PIN entry failed, saying conf-pin-invalid-three-times-disconnect", "end: Everybody left",
      ])
  }

  @Test func thePINPromptEnds() {
    let room = Room(meetingRoom())
    room.arrives("eve")
    room.after(seconds: 100)
    room.presses("eve", "12")
    #expect(room.after(seconds: 19) == [])
    #expect(
      room.after(seconds: 1) == [
        "drop eve: PIN entry timed out, saying conf-pin-not-entered-disconnect", "end: Everybody left",
      ])
  }

  @Test func thePINInTheAliasSpares() {
    let room = Room(meetingRoom())
    #expect(room.arrives("ann") { $0.pin = Secret("1234") } == ["answer ann", "ann mixed"])
    #expect(room["ann"]?.role == .chair)
  }

  /// A wrong one in the alias is the first of the three attempts.
  @Test func aWrongPINInTheAliasCounts() {
    let room = Room(meetingRoom())
    #expect(
      room.arrives("eve") { $0.pin = Secret("9999") } == [
        "answer eve", "wrong PIN of eve", "say conf-pin-not-valid-try-again+conf-get-pin-or-guest to eve",
        "eve alone",
      ])
    room.presses("eve", "1111")
    #expect(room["eve"] != nil)
    room.presses("eve", "2222")
    #expect(room["eve"] == nil)
  }

  @Test func aPINThatIsNotNeededIsPassedOver() {
    let room = Room()
    #expect(room.arrives("ann") { $0.pin = Secret("1234") } == ["answer ann", "ann mixed"])
  }

  @Test func guestsAreGivenUpAfterAQuarterOfAnHour() {
    let room = Room(meetingRoom())
    room.arrives("gus")
    room.presses("gus", "#")
    #expect(room.after(seconds: 899) == [])
    #expect(
      room.after(seconds: 1) == [
        "drop gus: No host joined, saying conf-host-did-not-join-disconnect", "end: Everybody left",
      ])
  }

  // MARK: Clients without media

  @Test func aClientWithoutMediaNeitherStartsNorHolds() {
    let room = Room(meetingRoom())
    room.arrives("gus")
    room.presses("gus", "#")
    #expect(room.arrives("ann", media: []) { $0.role = .chair } == [])
    #expect(!room.status.isStarted && room["gus"]?.stage == .waitingForHost)
    #expect(room.command(.start, by: "gus") == ["refused: invalidRole"])
    #expect(room.command(.start, by: "ann") == ["gus mixed"])
    #expect(room.status.isStarted)
  }

  @Test func mediaStartsIt() {
    let room = Room(meetingRoom())
    room.arrives("gus")
    room.presses("gus", "#")
    room.arrives("ann", media: []) { $0.role = .chair }
    #expect(room.media("ann", [.audio, .video]) == ["gus mixed", "ann mixed"])
  }

  /// The API asks for the PIN before the participant arrives (reference §8.4).
  @Test func answersToTheClientAPI() {
    let rules = meetingRoom().entry
    #expect(rules.answer(to: nil) == .pinRequired(forGuests: false))
    #expect(rules.answer(to: nil, wantsToBeGuest: true) == .welcome(.guest))
    #expect(rules.answer(to: Secret("1234")) == .welcome(.chair))
    #expect(rules.answer(to: Secret("1234#")) == .welcome(.chair))
    #expect(rules.answer(to: Secret("4321")) == .invalidPIN)
    let both = meetingRoom(guestPIN: "5678").entry
    #expect(both.answer(to: nil, wantsToBeGuest: true) == .pinRequired(forGuests: true))
    #expect(both.answer(to: Secret("5678")) == .welcome(.guest))
    #expect(EntryRules().answer(to: nil) == .welcome(.chair))
  }

  // MARK: Lock

  @Test func aLockedRoomWithoutPINHoldsEverybody() {
    let room = Room()
    room.arrives("ann")
    #expect(room.command(.lock(true), by: "ann") == ["say conf-locked to everybody"])
    #expect(
      room.arrives("bob") == [
        "answer bob", "say conf-locked-waiting to bob", "say conf-knock to hosts", "bob waits",
      ])
    #expect(room["bob"]?.stage == .waitingForAdmission)
    #expect(room.command(.mute(room.id("ann"), true), by: "bob") == ["refused: invalidRole"])
    room.arrives("cid")
    #expect(room.command(.admit(room.id("bob")), by: "ann") == ["bob mixed"])
    #expect(room["cid"]?.stage == .waitingForAdmission)
    #expect(room.command(.lock(false), by: "bob") == ["say conf-unlocked to everybody", "cid mixed"])
  }

  @Test func aLockedRoomWithPINHoldsGuests() {
    let room = Room(meetingRoom())
    room.arrives("ann") { $0.role = .chair }
    room.presses("ann", "*7")
    room.arrives("gus") { $0.role = .guest }
    room.arrives("bob") { $0.pin = Secret("1234") }
    #expect(room.inside == ["ann", "bob"])
    #expect(room["gus"]?.stage == .waitingForAdmission)
    room.arrives("vip") { arrival in
      arrival.role = .guest
      arrival.bypassesLock = true
    }
    #expect(room["vip"]?.stage == .inConference)
  }

  @Test func whoIsHeldTooLongIsLetGo() {
    let room = Room()
    room.arrives("ann")
    room.command(.lock(true), by: "ann")
    room.arrives("bob")
    #expect(room.after(seconds: 900) == ["drop bob: Not admitted, saying conf-not-admitted-disconnect"])
  }

  @Test func lockedFromTheStart() {
    let room = Room(meetingRoom { $0.isLocked = true })
    room.arrives("gus") { $0.role = .guest }
    #expect(room["gus"]?.stage == .waitingForAdmission)
    room.arrives("ann") { $0.role = .chair }
    #expect(room.inside == ["ann"])
    #expect(room.command(.admit(room.id("gus")), by: "ann") == ["gus mixed"])
  }

  // MARK: Limits

  @Test func theParticipantLimit() {
    let room = Room(ConferenceSettings(name: "Weekly").with { $0.participantLimit = 2 })
    room.arrives("ann")
    room.arrives("bob")
    #expect(
      room.arrives("cid") == [
        "answer cid", "drop cid: Participant limit reached, saying conf-capacity_exceeded",
      ]
    )
    #expect(room.arrives("dee", media: []) == ["reject dee: limitReached"])
    #expect(room.dials("eve") == ["refused: isFull"])
    room.leaves("bob")
    #expect(room.arrives("cid").last == "cid mixed")
  }

  /// Places are counted when the PIN is right, too.
  @Test func theLimitAfterThePIN() {
    let room = Room(meetingRoom { $0.participantLimit = 1 })
    room.arrives("ann")
    room.arrives("bob")
    room.presses("ann", "1234")
    #expect(
      room.presses("bob", "1234").last
        == "drop bob: Participant limit reached, saying conf-capacity_exceeded")
  }

  @Test func theSameParticipantArrivesOnce() {
    let room = Room()
    room.arrives("ann")
    #expect(room.arrives("ann") == [])
  }

  @Test func afterTheEndNobodyComesIn() {
    let room = Room()
    room.arrives("ann")
    #expect(room.leaves("ann") == ["end: Everybody left"])
    #expect(room.arrives("bob") == ["reject bob: temporarilyUnavailable"])
    #expect(room.command(.lock(true)) == ["refused: isOver"])
  }
}

extension ConferenceSettings {
  func with(_ change: (inout ConferenceSettings) -> Void) -> ConferenceSettings {
    var settings = self
    change(&settings)
    return settings
  }
}
