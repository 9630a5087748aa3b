import CallModel

/// Who may come in, and as what (reference §3.1): the PINs of one service.
public struct EntryRules: Hashable, Sendable {
  /// The Host's, with its `#` if it ends with one.
  public let pin: Secret?
  public let guestPIN: Secret?
  public let allowsGuests: Bool

  /// An empty PIN is none.
  public init(pin: Secret? = nil, guestPIN: Secret? = nil, allowsGuests: Bool = false) {
    self.pin = pin.flatMap { $0.isEmpty ? nil : $0 }
    self.guestPIN = guestPIN.flatMap { $0.isEmpty ? nil : $0 }
    self.allowsGuests = allowsGuests
  }

  /// The role of everybody, where nobody is asked for a PIN: Hosts, unless the service knows only Guests (PBX).
  public var roleWithoutPIN: Participant.Role? {
    if pin == nil, !allowsGuests { return .chair }
    return pin == nil && guestPIN == nil ? .guest : nil
  }

  /// Somebody without a PIN may be a Guest.
  public var admitsGuestsWithoutPIN: Bool { allowsGuests && guestPIN == nil }

  /// Anybody who wants to be in must know a PIN.
  public var asksEverybody: Bool { roleWithoutPIN == nil && !admitsGuestsWithoutPIN }

  /// Either PIN ends with `#`: entry on a telephone must, too.
  public var endsWithHash: Bool {
    EntryRules.endsWithHash(pin) || (allowsGuests && EntryRules.endsWithHash(guestPIN))
  }

  /// What a PIN entitles to. The final `#` may be left out.
  public func role(for entered: Secret) -> Participant.Role? {
    let digits = EntryRules.digits(entered)
    guard !digits.isEmpty else { return nil }
    // Both are compared in any case, so that the time taken tells nothing.
    let isHost = pin.map { EntryRules.digits($0) == digits } ?? false
    let isGuest = allowsGuests && (guestPIN.map { EntryRules.digits($0) == digits } ?? false)
    return isHost ? .chair : isGuest ? .guest : nil
  }

  /// How many digits the PINs in force have, without `#`.
  var lengths: [Int] {
    [pin, allowsGuests ? guestPIN : nil].compactMap { $0.map { EntryRules.digits($0).reveal().utf8.count } }
  }

  /// What the client API answers to a request with this PIN, or without (reference §8.2, §8.4).
  public enum Answer: Hashable, Sendable {
    case welcome(Participant.Role)
    /// `{"pin":"required","guest_pin":…}`
    case pinRequired(forGuests: Bool)
    /// `"Invalid PIN"`
    case invalidPIN
  }

  /// - Parameter wantsToBeGuest: `pin: none` was sent.
  public func answer(to entered: Secret?, wantsToBeGuest: Bool = false) -> Answer {
    if let role = roleWithoutPIN { return .welcome(role) }
    if let entered, !entered.isEmpty {
      return role(for: entered).map { .welcome($0) } ?? .invalidPIN
    }
    if wantsToBeGuest, admitsGuestsWithoutPIN { return .welcome(.guest) }
    return .pinRequired(forGuests: !admitsGuestsWithoutPIN)
  }

  /// What a caller is asked.
  var prompt: Prompt {
    switch (admitsGuestsWithoutPIN, endsWithHash) {
    case (false, false): .enterPIN
    case (false, true): .enterPINWithHash
    case (true, false): .enterPINOrJoinAsGuest
    case (true, true): .enterPINWithHashOrJoinAsGuest
    }
  }

  private static func endsWithHash(_ pin: Secret?) -> Bool { pin?.reveal().hasSuffix("#") ?? false }

  private static func digits(_ pin: Secret) -> Secret {
    let text = pin.reveal()
    return text.hasSuffix("#") ? Secret(String(text.dropLast())) : pin
  }
}
