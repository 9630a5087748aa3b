import CallModel
import Testing

@testable import Conferences

/// Participants that are called (reference §5).
struct DialOutTests {
  // MARK: Roster

  @Test func ringsInTheRosterAndComesInWithoutPIN() {
    let room = Room(meetingRoom(guestPIN: "5678"))
    room.arrives("ann") { $0.role = .chair }
    #expect(room.dials("bob", role: .chair, by: "ann") == ["dial bob"])
    #expect(room["bob"]?.stage == .connecting && room["bob"]?.direction == .outgoing)
    #expect(room["bob"]?.displayName == "bob@example.com")
    #expect(room.answers("bob") == ["bob mixed"])
    #expect(room["bob"]?.role == .chair && room["bob"]?.stage == .inConference)
  }

  @Test func goneWithoutAnAnswer() {
    let room = Room(meetingRoom())
    room.arrives("ann") { $0.role = .chair }
    room.dials("bob", by: "ann")
    #expect(room.fails("bob", .busy) == [])
    #expect(room.roster == ["ann"])
    room.dials("cid", by: "ann")
    #expect(room.after(seconds: 180) == ["drop cid: No answer"], "whoever rings for ever")
  }

  @Test func namesAndOverlay() {
    let room = Room(meetingRoom())
    room.arrives("ann") { $0.role = .chair }
    room.dials("bob", by: "ann") {
      $0.remoteDisplayName = "Bob"
      $0.overlayText = "Bob in Rome"
    }
    #expect(room["bob"]?.displayName == "Bob" && room["bob"]?.overlayText == "Bob in Rome")
  }

  @Test func whoMayDial() {
    let room = Room(meetingRoom())
    room.arrives("ann") { $0.role = .chair }
    room.arrives("gus") { $0.role = .guest }
    #expect(room.dials("bob", by: "gus") == ["refused: invalidRole"])
    #expect(room.dials("bob", by: "ann") { $0.destination = "" } == ["refused: illegalValue"])
    #expect(room.dials("bob", by: "ann") { $0.destination = "WEEKLY@example.com" } == ["refused: loop"])
    var globals = ConferenceGlobals()
    globals.isDialOutEnabled = false
    room.apply(meetingRoom(), globals: globals)
    #expect(room.dials("bob", by: "ann") == ["refused: dialOutDisabled"])
  }

  @Test func aGuestThatIsDialledIsHeldByTheLock() {
    let room = Room(meetingRoom())
    room.arrives("ann") { $0.role = .chair }
    room.command(.lock(true), by: "ann")
    room.dials("gus", by: "ann")
    room.dials("bob", role: .chair, by: "ann")
    room.answers("gus")
    room.answers("bob")
    #expect(room["gus"]?.stage == .waitingForAdmission && room["bob"]?.stage == .inConference)
  }

  // MARK: DTMF

  @Test func tonesInTheirTime() {
    let room = Room(meetingRoom())
    room.arrives("ann") { $0.role = .chair }
    room.dials("bridge", by: "ann") { $0.dtmfSequence = DTMFSequence("77#,,1") }
    room.after(seconds: 10)
    room.answers("bridge")
    #expect(room.after(.milliseconds(2_999)) == [])
    #expect(room.after(.milliseconds(1)) == ["send 7 to bridge"])
    #expect(room.after(.milliseconds(499)) == [])
    #expect(room.after(.milliseconds(1)) == ["send 7 to bridge"])
    #expect(room.after(.milliseconds(500)) == ["send # to bridge"])
    #expect(room.after(.milliseconds(4_499)) == [])
    #expect(room.after(.milliseconds(1)) == ["send 1 to bridge"])
    #expect(room.conference.nextDeadline == nil)
  }

  @Test func tonesEndWithTheCall() {
    let room = Room(meetingRoom())
    room.arrives("ann") { $0.role = .chair }
    room.dials("bridge", by: "ann") { $0.dtmfSequence = DTMFSequence("777") }
    room.answers("bridge")
    room.after(seconds: 3)
    room.leaves("bridge")
    #expect(room.conference.nextDeadline == nil)
  }

  @Test func sequences() {
    #expect(DTMFSequence("0123456789*#,")?.elements.count == 13)
    #expect(DTMFSequence("")?.elements == [])
    #expect(DTMFSequence("12a") == nil)
    #expect(DTMFSequence("12D") == nil)
    #expect(DTMFSequence(String(repeating: "1", count: 250)) != nil)
    #expect(DTMFSequence(String(repeating: "1", count: 251)) == nil)
  }

  @Test func aSequenceOfPausesSendsNothing() throws {
    let sequencer = DTMFSequencer(try #require(DTMFSequence(",,,")), answeredAt: .zero)
    #expect(sequencer.nextDeadline == nil)
    var leading = DTMFSequencer(try #require(DTMFSequence(",1,")), answeredAt: .zero)
    #expect(leading.nextDeadline == .zero + .seconds(5))
    #expect(leading.advance(to: .zero + .seconds(5)) == [DTMFDigit("1")])
    #expect(leading.nextDeadline == nil)
  }

  @Test func aLateClockSendsAllThatIsDue() throws {
    var sequencer = DTMFSequencer(try #require(DTMFSequence("12,3")), answeredAt: .zero)
    #expect(sequencer.advance(to: .zero + .seconds(60)).map(\.description) == ["1", "2", "3"])
  }

  // MARK: Automatically dialled participants

  private func automatic(_ aliases: String...) -> [RoomSettings.AutomaticParticipant] {
    aliases.map { .calling($0, as: "weekly@example.com") }
  }

  @Test func dialledOnceTenSecondsAfterTheFirst() {
    let room = Room(
      ConferenceSettings(name: "Weekly").with { $0.automaticParticipants = automatic("rec@example.com") })
    room.arrives("ann")
    #expect(room.after(.milliseconds(9_999)) == [])
    #expect(room.after(.milliseconds(1)) == ["dial rec@example.com"])
    #expect(room["rec@example.com"]?.keepAlive == .ifMultiple)
    room.fails("rec@example.com")
    room.arrives("bob")
    #expect(room.after(seconds: 100) == [], "one attempt")
  }

  @Test func notIfTheAliasIsIn() {
    let room = Room(
      ConferenceSettings(name: "Weekly").with {
        $0.automaticParticipants = automatic("sip:BOB@example.com", "rec@example.com")
      })
    room.arrives("ann")
    room.arrives("bob")
    #expect(room.after(seconds: 10) == ["dial rec@example.com"])
  }

  /// Where everybody needs a PIN, the first right one starts the time.
  @Test func afterTheFirstPIN() {
    let room = Room(meetingRoom(guestPIN: "5678") { $0.automaticParticipants = automatic("rec@example.com") })
    room.arrives("gus")
    #expect(room.after(seconds: 30) == [])
    room.presses("gus", "5678")
    #expect(room.after(seconds: 10) == ["dial rec@example.com"])
  }

  /// Where Guests need none, whoever comes does.
  @Test func atTheFirstArrival() {
    let room = Room(meetingRoom { $0.automaticParticipants = automatic("rec@example.com") })
    room.arrives("gus")
    #expect(room.after(seconds: 10) == ["dial rec@example.com"])
  }

  @Test func aGuestThatIsDialledAutomaticallyWaitsForAHost() {
    let room = Room(meetingRoom { $0.automaticParticipants = automatic("rec@example.com") })
    room.arrives("gus") { $0.role = .guest }
    room.after(seconds: 10)
    #expect(room.answers("rec@example.com").last == "rec@example.com waits")
    #expect(
      room.arrives("ann") { $0.role = .chair }.suffix(3) == [
        "gus mixed", "rec@example.com mixed", "ann mixed",
      ])
  }

  @Test func nobodyIsDialledWhenAllHaveGone() {
    let room = Room(
      ConferenceSettings(name: "Weekly").with { $0.automaticParticipants = automatic("rec@example.com") })
    room.arrives("ann")
    room.leaves("ann")
    #expect(room.after(seconds: 60) == [])
  }

  // MARK: The question to the Router

  private let settings = ConferenceSettings(name: "Weekly").with {
    $0.callCapability = .videoOnly
    $0.maximumBandwidthOut = Bandwidth(kilobitsPerSecond: 1024)
    $0.localDisplayName = "Weekly meeting"
  }

  @Test func theRequest() {
    var dialOut = DialOut(
      destination: "sip:bob@example.com", routing: .automatic, localAlias: "weekly@example.com")
    dialOut.location = "HQ"
    let id = CallID(high: 1, low: 2)
    let request = dialOut.request(id: id, from: settings, loopTokens: ["t"])
    #expect(request.id == id && request.direction == .dialOut && request.location == "HQ")
    #expect(request.alias.parsed == "bob@example.com")
    #expect(request.caller.alias == "weekly@example.com" && request.caller.displayName == "Weekly meeting")
    #expect(request.bandwidth == Bandwidth(kilobitsPerSecond: 1024), "the conference's, not a rule's")
    #expect(request.capability == .videoOnly)
    #expect(request.previousServiceName == "Weekly" && request.loopTokens == ["t"])
    dialOut.routing = .manual
    dialOut.capability = .audio
    let manual = dialOut.request(id: id, from: settings)
    #expect(manual.direction == .nonDial && manual.capability == .audio)
  }

  @Test func whatTheDecisionMeans() {
    let automatic = DialOut(destination: "x", routing: .automatic, localAlias: "weekly")
    let manual = DialOut(destination: "x", routing: .manual, localAlias: "weekly")
    let itself = Decision.service(ServiceConfiguration(kind: .conference, name: "Weekly"))
    let other = ServiceConfiguration(kind: .conference, name: "Other")
    for dialOut in [automatic, manual] {
      #expect(dialOut.verdict(on: itself, from: "Weekly") == .loop)
      #expect(dialOut.verdict(on: .service(other), from: "Weekly") == .service(other))
      #expect(dialOut.verdict(on: .reject(.blocked), from: "Weekly") == .refuse(.blocked))
    }
    #expect(automatic.verdict(on: .reject(.notFound), from: "Weekly") == .refuse(.notFound))
    #expect(manual.verdict(on: .reject(.notFound), from: "Weekly") == .dialManually)
  }

  // MARK: Loops

  @Test func aRoomThatCallsItself() {
    let room = Room()
    room.arrives("ann")
    #expect(room.arrives("back") { $0.linkTokens = ["token-of-Weekly"] } == ["reject back: loop"])
  }

  @Test func tokensTravelOn() {
    let room = Room()
    room.arrives("cascade") { $0.linkTokens = ["token-of-Other", "token-of-Third"] }
    #expect(room.conference.linkTokens == ["token-of-Weekly", "token-of-Other", "token-of-Third"])
    room.arrives("many") { $0.linkTokens = (0..<40).map { "t\($0)" } }
    #expect(room.conference.linkTokens.count == ConferenceLinks.maximumTokens)
  }

  @Test func twoRoomsThatCallEachOther() {
    var links = ConferenceLinks()
    #expect(links.admits(tokens: ["A"], into: "B"))
    links.link(tokens: ["A"], to: "B")
    #expect(!links.admits(tokens: ["B"], into: "A"), "the second of the two calls")
    #expect(!links.admits(tokens: ["A"], into: "B"), "nor twice")
    links.unlink(tokens: ["A"], from: "B")
    #expect(links.isEmpty)
    #expect(links.admits(tokens: ["B"], into: "A"))
  }

  @Test func threeRoomsInACircle() {
    var links = ConferenceLinks()
    links.link(tokens: ["A"], to: "B")
    links.link(tokens: ["B", "A"], to: "C")
    #expect(!links.admits(tokens: ["C", "B", "A"], into: "A"))
    #expect(links.admits(tokens: ["C"], into: "D"))
    #expect(!links.admits(tokens: ["A"], into: "A"), "itself")
    #expect(links.admits(tokens: [], into: "A"), "an ordinary caller")
  }
}
