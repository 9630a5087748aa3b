import CallModel

/// What a telephone's settings say about its own conference (PBX, reference §12.2).
public struct LocalConferenceOptions: Hashable, Sendable {
  /// `conference_pin`: asked of everybody but the owner.
  public var pin: Secret?
  /// `conference_end_on_exit`: ends with its owner.
  public var endsOnExit = false
  /// `conference_announce_caller_name`
  public var announcesCallers = false

  public init(pin: Secret? = nil, endsOnExit: Bool = false, announcesCallers: Bool = false) {
    self.pin = pin
    self.endsOnExit = endsOnExit
    self.announcesCallers = announcesCallers
  }

  /// The conference of this telephone. The owner comes in as its Host (``Arrival/role``, ``Arrival/isOwner``).
  public func settings(owner number: String) -> ConferenceSettings {
    var settings = ConferenceSettings(name: LocalConferences.name(owner: number))
    settings.entry = EntryRules(guestPIN: pin, allowsGuests: true)
    settings.guestsWaitForHost = false
    settings.ending = endsOnExit ? .owner : .lastParticipant
    settings.announcesCallers = announcesCallers
    settings.mixesEarlyMedia = true
    settings.callCapability = .audio
    settings.controls = .localConference
    return settings
  }
}

/// The local conferences that run, and what dialling `*8<extension>` means.
public struct LocalConferences: Sendable {
  public enum Meaning: Hashable, Sendable {
    /// The caller's own: it is created, or entered again.
    case own(name: String)
    /// Another extension's, which runs.
    case join(name: String)
    /// Another extension's, which it has not created: say so, and hang up.
    case notRunning
    /// Not for callers from outside: as an alias that does not exist.
    case notForStrangers
  }

  public static let prefix = "*8"
  private var running: Set<String> = []

  public init() {}

  static func name(owner number: String) -> String { "local conference of \(number)" }

  /// - Parameters:
  ///   - alias: what was dialled.
  ///   - caller: the caller's extension number; nil: no extension of this platform.
  /// - Returns: nil when it is something else that was dialled.
  public func meaning(of alias: String, by caller: String?) -> Meaning? {
    guard alias.hasPrefix(LocalConferences.prefix) else { return nil }
    let number = String(alias.dropFirst(LocalConferences.prefix.count))
    guard !number.isEmpty, number.count <= KeyMatcher.maximumNumberLength,
      number.utf8.allSatisfy({ (0x30...0x39).contains($0) })
    else { return nil }
    guard let caller else { return .notForStrangers }
    let name = LocalConferences.name(owner: number)
    if number == caller { return .own(name: name) }
    return running.contains(name) ? .join(name: name) : .notRunning
  }

  /// The owner has created it.
  public mutating func began(_ name: String) { running.insert(name) }

  /// It is over (``ConferenceAction/end(_:)``).
  public mutating func ended(_ name: String) { running.remove(name) }
}
