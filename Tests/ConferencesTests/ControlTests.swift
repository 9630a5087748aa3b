import CallModel
import Testing

@testable import Conferences

/// Mute, chat, roles and what else can be asked of a running conference (reference §6.1, §9).
struct ControlTests {
  private func room(_ change: (inout ConferenceSettings) -> Void = { _ in }) -> Room {
    let room = Room(meetingRoom(guestPIN: nil, change))
    room.arrives("ann") { $0.role = .chair }
    room.arrives("gus") { $0.role = .guest }
    return room
  }

  // MARK: Telephone keys

  @Test func selfMute() {
    let room = room()
    #expect(room.presses("ann", "*6") == ["say conf-you-are-muted to ann", "ann mixed, muted"])
    #expect(room["ann"]?.isMuted == true)
    #expect(room.presses("ann", "*6") == ["say conf-you-are-unmuted to ann", "ann mixed"])
  }

  @Test func muteAllGuests() {
    let room = room()
    #expect(room.presses("ann", "*5") == ["say conf-guests-muted to ann", "gus mixed, muted"])
    #expect(room.status.areGuestsMuted)
    room.arrives("gwen") { $0.role = .guest }
    #expect(room["gwen"]?.isMuted == true, "who comes later joins muted")
    #expect(room.command(.mute(room.id("gwen"), false), by: "ann") == ["gwen mixed"])
    #expect(room.presses("ann", "*5") == ["say conf-guests-unmuted to ann", "gus mixed"])
    #expect(!room.status.areGuestsMuted)
  }

  @Test func viewsAndLayouts() {
    let room = room()
    #expect(room.presses("ann", "*8") == ["nextLayout by ann"])
    #expect(room.presses("ann", "*9") == ["toggleMultiscreen by ann"])
    #expect(room.presses("ann", "*4") == ["togglePresentationInMix by ann"])
  }

  @Test func guestsKeysAreIgnored() {
    let room = room()
    for keys in ["*4", "*5", "*6", "*7", "*8", "*9", "##"] { #expect(room.presses("gus", keys) == []) }
  }

  @Test func aGuestMadeHostHasKeys() {
    let room = room()
    room.command(.setRole(room.id("gus"), .chair), by: "ann")
    #expect(room.presses("gus", "*7") == ["say conf-locked to everybody"])
  }

  /// A profile may give keys to Guests; unmuting is still the Host's to forbid.
  @Test func guestsWithKeysOfTheirOwn() {
    let room = room { settings in
      settings.controls = ControlProfile(
        name: "own",
        controls: [
          Control("*1", .toggleSelfMute, for: .everybody), Control("*2", .countParticipants, for: .everybody),
        ].compactMap { $0 })
      settings.guestsCanUnmute = false
    }
    #expect(room.presses("gus", "*2") == ["say conf-participants-now+2 to gus"])
    #expect(room.presses("gus", "*1") == ["say conf-you-are-muted to gus", "gus mixed, muted"])
    #expect(room.presses("gus", "*1") == ["say conf-cannot-unmute to gus"])
    #expect(room.presses("gus", "*6") == [])
  }

  // MARK: Commands

  @Test func guestsUnmuteThemselvesUnlessForbidden() {
    let room = room { $0.mutesGuests = true }
    #expect(room["gus"]?.isMuted == true)
    #expect(room.command(.mute(room.id("gus"), false), by: "gus") == ["gus mixed"])
    room.command(.mute(room.id("gus"), true), by: "gus")
    room.command(.setGuestsCanUnmute(false), by: "ann")
    #expect(!room.status.guestsCanUnmute)
    #expect(room.command(.mute(room.id("gus"), false), by: "gus") == ["refused: notAllowed"])
    #expect(room.command(.mute(room.id("gus"), false), by: "ann") == ["gus mixed"])
  }

  @Test func txMuteAndHold() {
    let room = room()
    #expect(room.command(.txMute(room.id("gus"), true), by: "ann") == ["gus mixed, deaf"])
    room.command(.txMute(room.id("gus"), false), by: "ann")
    #expect(room.holds("gus", true) == ["gus mixed, muted, deaf"])
    #expect(room["gus"]?.isOnHold == true)
    #expect(room.holds("gus", false) == ["gus mixed"])
    #expect(room.command(.hold(room.id("gus"), true), by: "ann").first == "notify gus onHold(true)")
  }

  @Test func streamsAreNotHeard() {
    let room = room()
    room.dials("stream", keepAlive: .never, by: "ann") { $0.isStreaming = true }
    #expect(room.answers("stream") == ["stream mixed, muted"])
    #expect(room.status.isStreaming)
    room.leaves("stream")
    #expect(!room.status.isStreaming)
  }

  @Test func whatGuestsMayNot() {
    let room = room()
    let ann = room.id("ann")
    let commands: [ConferenceCommand] = [
      .lock(true), .muteGuests(true), .setGuestsCanUnmute(true), .setGuestsCanPresent(false), .start, .end,
      .setMessageText("x"), .clearSpotlights, .lowerAllHands, .mute(ann, true), .muteVideo(ann, true),
      .clientMute(ann, true), .txMute(ann, true), .setRole(room.id("gus"), .chair), .admit(ann),
      .disconnect(ann), .present(ann, true), .setReceivesPresentation(ann, false),
      .transfer(ann, ConferenceTransfer(alias: "x")), .hold(ann, true),
      .raiseHand(ann, true),
      .spotlight(ann, true), .setOverlayText(room.id("gus"), "x"), .sendDigits(ann, []),
    ]
    for command in commands { #expect(room.command(command, by: "gus") == ["refused: invalidRole"]) }
    #expect(room.command(.clientMute(room.id("gus"), true), by: "ann") == ["refused: invalidRole"])
  }

  @Test func whatGuestsMayDoToThemselves() {
    let room = room()
    let gus = room.id("gus")
    room.command(.raiseHand(gus, true), by: "gus")
    #expect(room["gus"]?.handRaisedAt == room.now)
    room.command(.clientMute(gus, true), by: "gus")
    #expect(room["gus"]?.isClientMuted == true)
    room.command(.muteVideo(gus, true), by: "gus")
    #expect(room["gus"]?.isVideoMuted == true)
    room.command(.lowerAllHands, by: "ann")
    #expect(room["gus"]?.handRaisedAt == nil)
    #expect(room.command(.disconnect(gus), by: "gus") == ["drop gus: Participant disconnected"])
  }

  @Test func spotlightKeepsItsTime() {
    let room = room()
    let gus = room.id("gus")
    room.command(.spotlight(gus, true), by: "ann")
    let since = room.now
    room.after(seconds: 5)
    room.command(.spotlight(gus, true), by: "ann")
    #expect(room["gus"]?.spotlitAt == since)
    room.command(.clearSpotlights, by: "ann")
    #expect(room["gus"]?.spotlitAt == nil)
  }

  @Test func chatAndBanner() {
    let room = room()
    room.command(.message(contentType: "text/plain", text: "hello", to: nil), by: "gus")
    room.command(.message(contentType: "text/plain", text: "psst", to: room.id("gus")), by: "ann")
    #expect(room.replay.messages.map(\.text) == ["hello", "psst"])
    #expect(room.replay.messages.map(\.origin) == ["gus", "ann"])
    let long = String(repeating: "x", count: ConferenceMessage.maximumLength)
    #expect(room.command(.message(contentType: "text/plain", text: long, to: nil), by: "ann") == [])
    #expect(
      room.command(.message(contentType: "text/plain", text: long + "x", to: nil), by: "ann") == [
        "refused: illegalValue"
      ])
    room.command(.setMessageText("Recording"), by: "ann")
    #expect(room.status.messageText == "Recording")
  }

  @Test func chatThatIsOff() {
    let room = room { $0.isChatEnabled = false }
    #expect(
      room.command(.message(contentType: "text/plain", text: "x", to: nil), by: "ann") == [
        "refused: notAllowed"
      ])
  }

  @Test func transferAndDigits() {
    let room = room()
    let gus = room.id("gus")
    #expect(
      room.command(.transfer(gus, ConferenceTransfer(alias: "other@example.com")), by: "ann") == [
        "transfer gus to other@example.com"
      ])
    #expect(room["gus"]?.isTransferring == true)
    let digits = "1#".compactMap { DTMFDigit($0) }
    #expect(room.command(.sendDigits(gus, digits), by: "ann") == ["send 1 to gus", "send # to gus"])
    #expect(room.command(.sendDigits(gus, []), by: "ann") == ["refused: illegalValue"])
  }

  @Test func whoIsUnknown() {
    let room = room()
    #expect(room.command(.mute(room.id("nobody"), true)) == ["refused: unknownParticipant"])
    #expect(room.command(.lock(true), by: "nobody") == ["refused: unknownParticipant"])
  }

  @Test func speakersAreTold() {
    let room = room()
    room.speak(["gus", "nobody"])
    #expect(room.replay.stage == [room.id("gus")])
    room.leaves("gus")
    #expect(room.replay.stage == [])
  }

  @Test func onePresentsAtATime() {
    let room = room()
    let (ann, gus) = (room.id("ann"), room.id("gus"))
    #expect(room.command(.present(gus, true), by: "gus") == ["presenter gus"])
    #expect(room.command(.present(gus, true), by: "gus") == [])
    #expect(room["gus"]?.isPresenting == true && room.replay.presenter == gus)
    #expect(room.command(.present(ann, true), by: "ann") == ["presenter ann"])
    #expect(room["gus"]?.isPresenting == false && room.replay.presenter == ann)
    #expect(room.command(.present(gus, false), by: "gus") == [], "not the floor of another")
    #expect(room.command(.present(gus, true), by: "ann") == ["refused: invalidRole"])
    #expect(room.command(.present(ann, false), by: "ann") == ["presenter nobody"])
    room.command(.present(gus, true), by: "gus")
    #expect(room.command(.setGuestsCanPresent(false), by: "ann") == ["presenter nobody"])
    #expect(room.command(.present(gus, true), by: "gus") == ["refused: notAllowed"])
    room.command(.present(ann, true), by: "ann")
    #expect(room.leaves("ann").first == "presenter nobody")
    #expect(room.replay.presenter == nil)
  }

  @Test func tonesForComingAndGoing() {
    let room = room { $0.playsTones = true }
    #expect(room.arrives("gwen") { $0.role = .guest }.contains("say tone-join to everybody"))
    #expect(room.leaves("gwen") == ["say tone-leave to everybody"])
  }

  @Test func everybodyMuted() {
    let room = room()
    room.presses("ann", "*5")
    #expect(!room.status.isEverybodyMuted)
    room.presses("ann", "*6")
    #expect(room.status.isEverybodyMuted)
  }

  // MARK: Policy changes

  @Test func settingsThatChangeWhileItRuns() {
    let room = room()
    let changed = meetingRoom { settings in
      settings.entry = EntryRules(pin: Secret("4321"), allowsGuests: true)
      settings.isLocked = true
      settings.guestsCanUnmute = false
      settings.participantLimit = 3
      settings.mutesGuests = true
      settings.automaticParticipants = [.calling("rec@example.com", as: "weekly")]
    }
    room.arrives("old")
    #expect(room.apply(changed) == [])
    #expect(!room.status.isLocked, "the initial lock says nothing to a room that runs")
    #expect(!room.status.guestsCanUnmute)
    #expect(room["gus"]?.isMuted == false, "those who are in stay as they are")
    #expect(room.arrives("eve") { $0.pin = Secret("1234") }.contains("wrong PIN of eve"))
    room.leaves("eve")
    room.presses("old", "1234")
    #expect(room["old"]?.role == .chair, "who was asked before is asked for what held then")
    room.leaves("old")
    room.arrives("bob") { $0.pin = Secret("4321") }
    #expect(room["bob"]?.role == .chair)
    #expect(room.arrives("cid").last?.hasPrefix("drop cid") == true)
    #expect(room.after(seconds: 60) == [], "nobody is dialled late")
  }

  @Test func whoIsDialledAutomaticallyIsSettledAtTheStart() {
    let room = room()
    room.apply(
      meetingRoom {
        $0.automaticParticipants = [.calling("rec@example.com", as: "weekly")]
      })
    room.arrives("bob") { $0.role = .chair }
    #expect(room.after(seconds: 60) == [])
  }

  @Test func anotherNameIsAnotherConference() {
    let room = room()
    room.apply(meetingRoom { $0.name = "Other" })
    #expect(room.conference.settings.name == "Weekly")
  }

  @Test func timersThatChangeCountFromWhenTheyBegan() {
    let room = room()
    room.leaves("ann")
    room.after(seconds: 30)
    var globals = ConferenceGlobals()
    globals.guestsOnlyTimeout = .seconds(40)
    room.apply(meetingRoom(), globals: globals)
    #expect(room.after(seconds: 9) == [])
    #expect(room.after(seconds: 1).last?.hasPrefix("end:") == true)
  }
}

typealias Control = ControlProfile.Control
