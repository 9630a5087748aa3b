import CallModel
import TestSupport
import Testing

@testable import Conferences

/// Anything at any time, beside a naive reading of the rules: no timer without a reason, no reason without its timer, no
/// conference that should be over, none that ends for nothing. Roster and events are compared by ``Room`` at every step.
struct RandomConferenceTests {
  @Test(arguments: 1...120) func anythingAtAnyTime(seed: Int) {
    var world = World(seed: UInt64(seed))
    for _ in 0..<150 where !world.room.conference.isOver { world.step() }
    world.everybodyLeaves()
    #expect(world.room.conference.isOver, "it lives on without anybody")
  }
}

private struct World {
  let room: Room
  private var random: SplitMix
  private let settings: ConferenceSettings
  private let globals: ConferenceGlobals
  private let people = ["ann", "bob", "cid", "dee", "eve", "fay"]
  private var model: NaiveModel
  private var lastKeyAt = MonotonicInstant(nanoseconds: -1_000_000_000_000)

  init(seed: UInt64) {
    random = SplitMix(seed: seed)
    var globals = ConferenceGlobals()
    globals.guestsOnlyTimeout = .seconds(Int64(random.next() % 90) + 1)
    globals.waitingForHostTimeout = .seconds(Int64(random.next() % 300) + 1)
    globals.pinEntryTimeout = .seconds(Int64(random.next() % 100) + 30)
    globals.lastParticipantTimeout = random.next() % 2 == 0 ? nil : .seconds(Int64(random.next() % 60) + 1)
    globals.dialOutTimeout = .seconds(40)
    var settings = ConferenceSettings(name: "Weekly")
    switch random.next() % 4 {
    case 0: settings.entry = EntryRules()
    case 1: settings.entry = EntryRules(pin: Secret("12"))
    case 2: settings.entry = EntryRules(pin: Secret("12"), allowsGuests: true)
    default: settings.entry = EntryRules(pin: Secret("12#"), guestPIN: Secret("34"), allowsGuests: true)
    }
    settings.isLocked = random.next() % 5 == 0
    settings.mutesGuests = random.next() % 3 == 0
    settings.announcesCallers = random.next() % 2 == 0
    settings.mixesEarlyMedia = random.next() % 2 == 0
    settings.playsMusicWhenAlone = random.next() % 2 == 0
    settings.guestsWaitForHost = random.next() % 4 != 0
    settings.participantLimit = random.next() % 3 == 0 ? 4 : nil
    settings.ending = [.hosts, .hosts, .lastParticipant, .owner][Int(random.next() % 4)]
    settings.controls = [.vmr, .pbx, .localConference][Int(random.next() % 3)]
    if random.next() % 3 == 0 {
      settings.automaticParticipants = [.calling("rec@example.com", as: "weekly")]
    }
    self.settings = settings
    self.globals = globals
    room = Room(settings, globals: globals)
    model = NaiveModel(settings: settings, globals: globals)
  }

  mutating func step() {
    let before = room.conference.participants
    let wasStarted = room.status.isStarted
    let isMeantToEnd = act()
    model.observe(
      before: before, wasStarted: wasStarted, conference: room.conference, isMeantToEnd: isMeantToEnd,
      now: room.now, lastKeyAt: lastKeyAt)
  }

  mutating func everybodyLeaves() {
    for participant in room.conference.participants { room.leaves(room.name(participant.id)) }
    if room.roster.isEmpty, !room.conference.isOver { room.arrives("last") { $0.role = .chair } }
    room.leaves("last")
  }

  /// Returns whether the step may end the conference by itself.
  private mutating func act() -> Bool {
    let name = pick(people)
    let anyone = room.roster.isEmpty ? name : pick(room.roster)
    let host = pick([nil, anyone])
    switch random.next() % 16 {
    case 0, 1, 2:
      let role: Participant.Role? = pick([nil, .chair, .guest])
      let pin: Secret? = pick([nil, Secret("12"), Secret("99")])
      let isOwner = random.next() % 4 == 0
      let media: Participant.Media = pick([.audio, .audio, [.audio, .video], []])
      let bypasses = random.next() % 8 == 0
      room.arrives(name, media: media) {
        $0.role = role
        $0.pin = pin
        $0.isOwner = isOwner
        $0.isExtension = true
        $0.bypassesLock = bypasses
      }
    case 3, 4: room.leaves(anyone)
    case 5:
      lastKeyAt = room.now
      let keys = pick(["12", "34", "12#", "#", "99", "*6", "*5", "*7", "*8105#", "*92", "*95", "##", "*"])
      room.presses(anyone, keys)
      return true
    case 6:
      room.dials(
        pick(["out", "other"]), role: pick([.chair, .guest]),
        keepAlive: pick([.yes, .ifMultiple, .never]), by: host)
    case 7, 8: room.answers(anyone, media: pick([.audio, []]))
    case 9: room.earlyMedia(anyone)
    case 10: room.command(.lock(random.next() % 2 == 0), by: host)
    case 11: room.command(.setRole(room.id(anyone), pick([.chair, .guest])), by: host)
    case 12:
      let id = room.id(anyone)
      room.command(
        pick([
          .mute(id, true), .mute(id, false), .admit(id), .start, .raiseHand(id, true), .disconnect(id),
          .present(id, true), .present(id, false),
        ]),
        by: host)
    case 13: room.media(anyone, pick([.audio, []]))
    case 14 where random.next() % 20 == 0:
      room.command(.end, by: host)
      return true
    default:
      // To the next deadline, or a little further.
      let next = room.conference.nextDeadline.map { $0 - room.now } ?? .seconds(1)
      room.after(pick([next, .seconds(1), .seconds(7)]))
      return true
    }
    return false
  }

  private mutating func pick<T>(_ choices: [T]) -> T { choices[Int(random.next() % UInt64(choices.count))] }
}

/// The rules of §4 as one would write them on a card.
private struct NaiveModel {
  let settings: ConferenceSettings
  let globals: ConferenceGlobals
  private var waitingSince: [ParticipantID: MonotonicInstant] = [:]
  private var hasHadHost = false
  private var guestsOnlySince: MonotonicInstant?
  private var aloneSince: MonotonicInstant?

  init(settings: ConferenceSettings, globals: ConferenceGlobals) {
    self.settings = settings
    self.globals = globals
  }

  mutating func observe(
    before: [Participant], wasStarted: Bool, conference: Conference, isMeantToEnd: Bool,
    now: MonotonicInstant,
    lastKeyAt: MonotonicInstant
  ) {
    let after = conference.participants
    let counts = { (list: [Participant]) in list.filter { $0.isPresent && $0.isHolding } }
    let counted = counts(after)
    let hasSomebodyLeft = counts(before).contains { old in !counted.contains { $0.id == old.id } }
    let hasRoleChanged = before.contains { old in after.contains { $0.id == old.id && $0.role != old.role } }

    if conference.isOver {
      let hadOwner = before.contains { $0.isOwner && $0.stage == .inConference }
      #expect(
        isMeantToEnd || hasSomebodyLeft || hasRoleChanged || before.count <= 1
          || (settings.ending == .owner && hadOwner), "it ended for nothing")
      return
    }
    let isStarted = conference.status.isStarted
    if hasSomebodyLeft, wasStarted, isStarted {
      #expect(isAlive(counted), "it should be over")
      #expect(counted.contains { $0.stage == .inConference }, "started, and nobody is in")
    }
    if settings.ending == .owner {
      let owner = before.first { $0.isOwner && $0.stage == .inConference }
      #expect(owner == nil || after.contains { $0.id == owner?.id }, "it should have ended with its owner")
    }

    // Timers.
    let isHostIn = counted.contains { $0.stage == .inConference && $0.isHost }
    hasHadHost = isStarted && (hasHadHost || isHostIn)
    let isLeftToGuests =
      settings.ending == .hosts && isStarted && hasHadHost && !isHostIn
      && counted.contains { $0.stage == .inConference }
    guestsOnlySince = isLeftToGuests ? guestsOnlySince ?? now : nil
    if counted.count != 1 || !isStarted { aloneSince = nil }
    if hasSomebodyLeft, isStarted, counted.count == 1 { aloneSince = aloneSince ?? now }
    var due: [MonotonicInstant] = []
    if let guestsOnlySince { due.append(guestsOnlySince + globals.guestsOnlyTimeout) }
    if let aloneSince, let timeout = globals.lastParticipantTimeout { due.append(aloneSince + timeout) }
    for participant in after {
      switch participant.stage {
      case .connecting: due.append(participant.arrivedAt + globals.dialOutTimeout)
      case .ivr: due.append(participant.arrivedAt + globals.pinEntryTimeout)
      case .waitingForHost, .waitingForAdmission:
        let since = waitingSince[participant.id] ?? now
        waitingSince[participant.id] = since
        due.append(since + globals.waitingForHostTimeout)
      case .inConference: waitingSince[participant.id] = nil
      }
    }
    waitingSince = waitingSince.filter { entry in after.contains { $0.id == entry.key } }

    let deadline = conference.nextDeadline
    let isForKeys =
      deadline.map { deadline in deadline <= lastKeyAt + .seconds(20) } ?? false
    let isForAutomaticCalls =
      !settings.automaticParticipants.isEmpty && (deadline.map { $0 <= now + .seconds(10) } ?? false)
    if let due = due.min() {
      #expect(deadline != nil && (deadline ?? now) <= due, "a timer is missing")
    }
    if deadline != due.min() { #expect(isForKeys || isForAutomaticCalls, "a timer without a reason") }
    if let deadline { #expect(deadline > now, "a timer that should have fired") }
  }

  private func isAlive(_ counted: [Participant]) -> Bool {
    guard settings.ending == .hosts else { return !counted.isEmpty }
    let multiple = counted.filter { $0.direction == .outgoing && $0.keepAlive == .ifMultiple }
    return counted.contains { $0.direction == .incoming }
      || counted.contains { $0.direction == .outgoing && $0.keepAlive == .yes && $0.role == .chair }
      || (multiple.count > 1 && multiple.contains { $0.role == .chair })
  }
}
