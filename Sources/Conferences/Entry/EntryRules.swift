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

  /// Digits of a PIN, its `#` included.
  public static let maximumPINLength = 20

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

  /// What is wrong with the PINs.
  ///
  /// - Parameter needsHosts: there must be a way to become a Host.
  public func problems(minimumLength: Int, needsHosts: Bool = true) -> [String] {
    var problems: [String] = []
    for (name, value) in [("pin", pin), ("guest_pin", guestPIN)] {
      guard let value else { continue }
      let text = value.reveal()
      let digits = EntryRules.digits(value).reveal()
      if !digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }) {
        problems.append("\(name) may hold digits only, and a # at its end")
      } else if digits.utf8.count < minimumLength || text.utf8.count > EntryRules.maximumPINLength {
        problems.append("\(name) must have \(minimumLength) to \(EntryRules.maximumPINLength) digits")
      }
    }
    if needsHosts, allowsGuests, pin == nil { problems.append("allow_guests needs a pin for the Hosts") }
    if let pin, let guestPIN {
      if EntryRules.digits(pin) == EntryRules.digits(guestPIN) {
        problems.append("pin and guest_pin must differ")
      } else if !endsWithHash, Set(lengths).count > 1 {
        // A caller could not tell when the shorter one is complete and the longer one has only begun.
        problems.append("pin and guest_pin must have the same length, or end with #")
      }
    }
    return problems
  }

  private static func endsWithHash(_ pin: Secret?) -> Bool { pin?.reveal().hasSuffix("#") ?? false }

  private static func digits(_ pin: Secret) -> Secret {
    let text = pin.reveal()
    return text.hasSuffix("#") ? Secret(String(text.dropLast())) : pin
  }
}
