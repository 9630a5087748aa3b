import CallModel
import PolicyEngine

/// The conferences that run, by name, and what outlives each: who guessed PINs, and which of them calls join.
///
/// A driver brings every event of a participant to its conference through here, carries out the actions, and keeps one timer for each
/// conference by its ``Conference/nextDeadline``.
public struct ConferenceDirectory {
  /// A caller as break-in protection sees it.
  public struct Source: Hashable, Sendable {
    /// nil: it does not come from the network.
    public var address: IPAddress?
    /// A registered device, a trunk, or else somebody known as good.
    public var isKnown: Bool

    public init(address: IPAddress?, isKnown: Bool) {
      self.address = address
      self.isKnown = isKnown
    }
  }

  private struct Place {
    var conference: String
    var source: Source
    var linkTokens: [String] = []
  }

  public private(set) var conferences: [String: Conference] = [:]
  /// Shown every conference after each of its turns, the last one included. The directory is in the middle of the turn, and may not be
  /// touched.
  public var onTurn: ((Conference) -> Void)?
  private var places: [ParticipantID: Place] = [:]
  private var pins: PINGuard
  private var links = ConferenceLinks()
  private let maximumConferences: Int

  public init(maximumConferences: Int = 10_000) {
    self.maximumConferences = maximumConferences
    pins = PINGuard(capacity: maximumConferences)
  }

  /// The name of a conference that runs, by its name or its id.
  public func name(of nameOrID: String) -> String? {
    if conferences[nameOrID] != nil { return nameOrID }
    guard nameOrID.utf8.count == 36 else { return nil }
    return conferences.first { $0.value.id == nameOrID }?.key
  }

  /// The conference a participant is in.
  public func conference(of id: ParticipantID) -> String? { places[id]?.conference }

  // MARK: Coming in

  /// Somebody comes to the conference with these settings, which begins if it does not run.
  ///
  /// - Parameters:
  ///   - token: the conference's own (``Conference/token``); the same for the same name.
  ///   - random: for what the conference names itself.
  /// - Returns: what to do. A service that is being guessed, to whom it is closed, is refused as if it did not exist.
  public mutating func arrived(
    _ arrival: Arrival, at settings: ConferenceSettings, from source: Source, token: String,
    globals: ConferenceGlobals = ConferenceGlobals(), protection: BreakInProtection,
    random: any RandomNumberGenerator = SystemRandomNumberGenerator(), now: MonotonicInstant
  ) -> [ConferenceAction] {
    guard places[arrival.id] == nil else { return [] }
    let needsPIN = settings.entry.roleWithoutPIN == nil && arrival.role == nil
    if needsPIN,
      pins.isClosed(
        service: settings.name, to: source.address, isKnown: source.isKnown, settings: protection, now: now)
    {
      return [.reject(arrival.id, Disconnect(.notFound))]
    }
    guard links.admits(tokens: arrival.linkTokens, into: token) else {
      return [.reject(arrival.id, Disconnect(.loop, text: "The conferences are joined already"))]
    }
    guard begin(settings, token, globals, random, now) else {
      return [.reject(arrival.id, Disconnect(.congestion, text: "Too many conferences"))]
    }
    places[arrival.id] = Place(conference: settings.name, source: source, linkTokens: arrival.linkTokens)
    links.link(tokens: arrival.linkTokens, to: token)
    return turn(settings.name, about: arrival.id, protection, now) { $0.arrived(arrival, now: now) }
  }

  /// An administrator dials out from a conference, which begins if it does not run.
  public mutating func dial(
    _ dialOut: DialOut, as id: ParticipantID, from settings: ConferenceSettings, token: String,
    globals: ConferenceGlobals = ConferenceGlobals(), protection: BreakInProtection,
    random: any RandomNumberGenerator = SystemRandomNumberGenerator(), now: MonotonicInstant
  ) -> (actions: [ConferenceAction], refusal: ConferenceRefusal?) {
    guard begin(settings, token, globals, random, now) else { return ([], .isFull) }
    return perform(
      .dial(id, dialOut), on: settings.name, by: .administrator, protection: protection, now: now)
  }

  private mutating func begin(
    _ settings: ConferenceSettings, _ token: String, _ globals: ConferenceGlobals,
    _ random: any RandomNumberGenerator, _ now: MonotonicInstant
  ) -> Bool {
    if conferences[settings.name] != nil { return true }
    guard conferences.count < maximumConferences else { return false }
    conferences[settings.name] = Conference(
      settings, globals: globals, token: token, random: random, now: now)
    return true
  }

  // MARK: What happens

  /// Brings an event to the conference of a participant. Nothing happens for one that is in none (any more): its leg may always
  /// be slower than we are.
  public mutating func tell(
    conferenceOf id: ParticipantID, protection: BreakInProtection, now: MonotonicInstant,
    _ event: (inout Conference) -> [ConferenceAction]
  ) -> [ConferenceAction] {
    guard let name = places[id]?.conference else { return [] }
    return turn(name, about: id, protection, now, event)
  }

  /// Brings an event to a conference: its timer, new settings.
  public mutating func tell(
    conference name: String, protection: BreakInProtection, now: MonotonicInstant,
    _ event: (inout Conference) -> [ConferenceAction]
  ) -> [ConferenceAction] {
    turn(name, about: nil, protection, now, event)
  }

  /// Carries out a command on a conference, which is named by its name or its id.
  public mutating func perform(
    _ command: ConferenceCommand, on nameOrID: String, by requester: ConferenceRequester,
    protection: BreakInProtection, now: MonotonicInstant
  ) -> (actions: [ConferenceAction], refusal: ConferenceRefusal?) {
    guard let name = name(of: nameOrID) else { return ([], .isOver) }
    var refusal: ConferenceRefusal? = .isOver
    let actions = turn(name, about: nil, protection, now) {
      let (actions, refused) = $0.perform(command, by: requester, now: now)
      refusal = refused
      return actions
    }
    // A refused dial-out leaves a conference behind that began for it and has nobody.
    if refusal != nil, let conference = conferences[name], conference.participants.isEmpty {
      conferences[name] = nil
    }
    return (actions, refusal)
  }

  private mutating func turn(
    _ name: String, about subject: ParticipantID?, _ protection: BreakInProtection, _ now: MonotonicInstant,
    _ event: (inout Conference) -> [ConferenceAction]
  ) -> [ConferenceAction] {
    // Taken out for the turn: it is changed in place then, and not copied.
    guard var conference = conferences.removeValue(forKey: name) else { return [] }
    let actions = event(&conference)
    onTurn?(conference)
    if !conference.isOver { conferences[name] = conference }
    for action in actions {
      switch action {
      case .countWrongPIN(let id):
        guard let source = places[id]?.source else { continue }
        pins.countWrongPIN(
          service: name, from: source.address, isKnown: source.isKnown, settings: protection, now: now)
      case .dial(let id, _):
        places[id] = Place(conference: name, source: Source(address: nil, isKnown: true))
      case .reject(let id, _), .disconnect(let id, _, _):
        forget(id, unlessIn: conference)
      default: break
      }
    }
    // Who goes by itself leaves no action behind.
    if let subject { forget(subject, unlessIn: conference) }
    return actions
  }

  private mutating func forget(_ id: ParticipantID, unlessIn conference: Conference) {
    guard conference[id] == nil, let place = places.removeValue(forKey: id) else { return }
    links.unlink(tokens: place.linkTokens, from: conference.token)
  }

  /// Nothing is remembered of conferences and participants that are gone.
  var isEmpty: Bool { conferences.isEmpty && places.isEmpty && links.isEmpty }
}
