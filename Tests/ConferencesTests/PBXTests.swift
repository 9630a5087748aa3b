import CallModel
import Testing

@testable import Conferences

/// The telephone system's conferences, as their users tell it (reference §12).
final class PBXTests {
  private var created: [String] = []

  // MARK: A telephone's own conference

  private func local(_ options: LocalConferenceOptions = LocalConferenceOptions()) -> Room {
    let room = Room(options.settings(owner: "101"))
    created = room.arrives("101") { arrival in
      arrival.role = .chair
      arrival.isOwner = true
      arrival.isExtension = true
      arrival.localAlias = "*8101"
    }
    return room
  }

  private func joins(_ room: Room, _ number: String) -> [String] {
    room.arrives(number) { $0.isExtension = true }
  }

  /// The whole of it: created, a call in the background, early media, an answer, dropping, leaving.
  @Test func theStory() {
    let room = local(LocalConferenceOptions(pin: Secret("4711"), announcesCallers: true))
    #expect(room.inside == ["101"], "no PIN for the owner")
    #expect(created == ["answer 101", "say conf-local-created to 101", "101 mixed"])

    // The owner invites an outside number; it is called in the background.
    #expect(
      room.presses("101", "*8030555#").suffix(2) == ["dial 030555", "say conf-trying-to-get-through to 101"])
    #expect(room["030555"]?.stage == .connecting)
    #expect(room["101"]?.stage == .inConference, "the owner stays in the conference")

    // No need to try again, whatever the number.
    #expect(room.presses("101", "*8030556#") == ["say conf-trying-to-get-through to 101"])

    // Another extension joins; PIN and announcement are for it.
    #expect(joins(room, "102") == ["answer 102", "say conf-get-pin to 102", "102 alone"])
    #expect(room.presses("102", "4711").suffix(2) == ["say <102>+conf-has-joined to everybody", "102 mixed"])

    // The called network speaks: everybody hears it, before any answer.
    #expect(room.earlyMedia("030555") == ["030555 mixed"])
    #expect(room["030555"]?.stage == .connecting)
    #expect(room.presses("101", "*8030556#") == ["say conf-trying-to-get-through to 101"], "it still rings")

    // The answer.
    #expect(room.answers("030555") == ["say <030555>+conf-has-joined to everybody"])
    #expect(room.inside == ["101", "030555", "102"])

    // An outside number is dropped at any stage.
    #expect(
      room.presses("101", "##") == [
        "drop 030555: Dropped by its inviter", "say <030555>+conf-has-left to everybody",
        "say conf-invitation-dropped to 101",
      ])
    #expect(room.presses("101", "##") == ["say conf-nobody-to-drop to 101"])

    // It lives on without its owner, who is not announced, and ends with the last.
    #expect(room.leaves("101") == [])
    #expect(room.after(seconds: 100_000) == [])
    #expect(room.leaves("102") == ["end: Everybody left"])
  }

  @Test func anInvitationIsDroppedWhileItRings() {
    let room = local()
    room.presses("101", "*8030555#")
    #expect(room.presses("101", "##").first == "drop 030555: Dropped by its inviter")
    #expect(room.presses("101", "*8030556#").first == "dial 030556", "and another can be called")
  }

  /// An extension is dropped only until it answers.
  @Test func anExtensionThatHasAnsweredStays() {
    let room = local()
    room.presses("101", "*8103#")
    room.isExtension("103")
    #expect(room.presses("101", "##").first == "drop 103: Dropped by its inviter")
    room.presses("101", "*8104#")
    room.isExtension("104")
    room.answers("104")
    #expect(room.presses("101", "##") == ["say conf-nobody-to-drop to 101"])
    #expect(room.inside == ["101", "104"])
  }

  @Test func theLastInvitedAloneIsDropped() {
    let room = local()
    for number in ["0301", "0302"] {
      room.presses("101", "*8\(number)#")
      room.answers(number)
    }
    room.presses("101", "##")
    #expect(room.inside == ["101", "0301"])
    room.presses("101", "##")
    #expect(room.inside == ["101"])
  }

  @Test func anInvitationThatFailsIsToldToTheOwner() {
    let room = local()
    room.presses("101", "*8030555#")
    #expect(room.fails("030555") == ["say conf-invitation-failed to 101"])
    #expect(room.presses("101", "*8030555#").first == "dial 030555")
  }

  @Test func aNumberEndsWithAPause() {
    let room = local()
    #expect(room.presses("101", "*8030555") == [])
    #expect(room.after(seconds: 3).first == "dial 030555")
  }

  @Test func onlyTheOwnerInvitesAndDrops() {
    let room = local()
    _ = joins(room, "102")
    #expect(room.inside == ["101", "102"], "without a PIN everybody comes in at once")
    #expect(room.presses("102", "*8030555#") == [])
    room.presses("101", "*8030555#")
    #expect(room.presses("102", "##") == [])
    #expect(room.presses("102", "*6").last == "102 mixed, muted")
  }

  @Test func endsOnExit() {
    let room = local(LocalConferenceOptions(endsOnExit: true))
    _ = joins(room, "102")
    room.presses("101", "*8030555#")
    #expect(
      room.leaves("101") == [
        "drop 102: Conference terminated: its owner left",
        "drop 030555: Conference terminated: its owner left",
        "end: Conference terminated: its owner left",
      ])
  }

  /// Whoever was invited keeps it alive as anybody does.
  @Test func invitedParticipantsKeepItAlive() {
    let room = local()
    room.presses("101", "*8030555#")
    room.answers("030555")
    #expect(room.leaves("101") == [])
    #expect(room.leaves("030555") == ["end: Everybody left"])
  }

  @Test func callsThatRingDoNot() {
    let room = local()
    room.presses("101", "*8030555#")
    #expect(room.leaves("101").last?.hasPrefix("end:") == true)
  }

  // MARK: A conference extension

  private func conference(_ change: (inout ConferenceExtension) -> Void = { _ in }) -> Room {
    var conference = ConferenceExtension(number: "800", label: "Board")
    conference.moderatorPIN = Secret("9999")
    conference.pin = Secret("1111")
    conference.playsMusicWhenAlone = false
    change(&conference)
    let room = Room(conference.settings)
    room.arrives("101") { $0.isExtension = true }
    room.presses("101", "9999")
    return room
  }

  @Test func moderatorsAndOthers() {
    let room = conference()
    #expect(room["101"]?.role == .chair)
    room.arrives("102") { $0.isExtension = true }
    room.presses("102", "1111")
    #expect(room["102"]?.role == .guest && room["102"]?.stage == .inConference)
    #expect(room.presses("102", "*93*94") == [])
    #expect(room.presses("101", "*93").first == "say conf-guests-muted to 101")
    #expect(room.presses("101", "*94") == ["say conf-locked to everybody"])
  }

  @Test func everyExtensionInvites() {
    let room = conference()
    room.arrives("102") { $0.isExtension = true }
    room.presses("102", "1111")
    room.arrives("+4930999")
    room.presses("+4930999", "1111")
    #expect(room.presses("102", "*8103#").first == "dial 103")
    #expect(room.presses("+4930999", "*8104#") == [], "an outside caller does not")
    #expect(room.presses("101", "*8105#").first == "dial 105", "each their own")
  }

  /// Who is no moderator drops only whom it invited itself.
  @Test func extensionsDropTheirOwn() {
    let room = conference()
    room.arrives("102") { $0.isExtension = true }
    room.presses("102", "1111")
    room.presses("102", "*80301#")
    room.presses("101", "*80302#")
    #expect(room.presses("102", "##").first == "drop 0301: Dropped by its inviter")
    #expect(room.presses("102", "##") == ["say conf-nobody-to-drop to 102"])
    #expect(room.presses("101", "##").first == "drop 0302: Dropped by its inviter")
  }

  @Test func aModeratorInvitesByPrompt() {
    let room = conference()
    #expect(room.presses("101", "*92") == ["say conf-invite-number-pound-key to 101"])
    #expect(room.presses("101", "0#").last == "say conf-trying-to-get-through to 101")
    room.fails("0")
    room.presses("101", "*92")
    #expect(room.presses("101", "#") == ["hush 101"], "nothing entered, nothing called")
    room.presses("101", "*92")
    #expect(room.after(seconds: 20) == [])
    #expect(room.conference.nextDeadline == nil)
    #expect(room.presses("101", "*94") == ["say conf-locked to everybody"], "keys are keys again")
  }

  @Test func aModeratorDropsTheLastOrAll() {
    let room = conference()
    for number in ["102", "103"] {
      room.arrives(number)
      room.presses(number, "1111")
    }
    #expect(room.presses("101", "*95") == [])
    #expect(room.after(seconds: 2).first == "drop 103: Disconnected by another participant")
    #expect(room.presses("101", "*95*").last == "end: Conference terminated by a host")
  }

  @Test func withoutAModeratorPINThereAreNoModerators() {
    let room = conference { $0.moderatorPIN = nil }
    #expect(room["101"]?.stage == .ivr, "9999 is nobody's PIN")
    room.presses("101", "1111")
    #expect(room["101"]?.role == .guest && room["101"]?.stage == .inConference)
    #expect(room.presses("101", "*94") == [])
    #expect(
      conference { extensionSettings in
        extensionSettings.moderatorPIN = nil
        extensionSettings.pin = nil
      }["101"]?.stage == .inConference)
  }

  @Test func waitingForTheModerator() {
    let room = Room(
      {
        var conference = ConferenceExtension(number: "800", label: "Board")
        conference.moderatorPIN = Secret("9999")
        conference.waitsForModerator = true
        return conference.settings
      }())
    room.arrives("102")
    room.presses("102", "#")
    #expect(room["102"]?.stage == .waitingForHost)
    room.arrives("101")
    room.presses("101", "9999")
    #expect(room.inside == ["102", "101"])
  }

  @Test func endsWithTheModerator() {
    let room = conference { $0.endsOnModeratorExit = true }
    room.arrives("102")
    room.presses("102", "1111")
    room.leaves("101")
    #expect(room.after(seconds: 60).last?.hasPrefix("end:") == true)
  }

  /// Guests who come before any moderator are not timed out by one's absence.
  @Test func guestsBeforeTheModeratorStay() {
    var settings = ConferenceExtension(number: "800", label: "Board")
    settings.moderatorPIN = Secret("9999")
    settings.endsOnModeratorExit = true
    let room = Room(settings.settings)
    room.arrives("102")
    room.presses("102", "#")
    #expect(room["102"]?.stage == .inConference)
    #expect(room.after(seconds: 10_000) == [])
  }

  @Test func musicWhileAlone() {
    let room = conference { $0.playsMusicWhenAlone = true }
    room.arrives("102")
    #expect(room.presses("102", "1111").suffix(2) == ["101 mixed", "102 mixed"])
    #expect(room.leaves("102") == ["say conf-you-are-alone to 101", "101 waits"])
  }
}
