import CallModel

/// Which keys do what, and for whom. Themes bring their own; ``vmr`` and ``pbx`` are built in.
public struct ControlProfile: Hashable, Sendable {
  public struct Control: Hashable, Sendable {
    public var keys: [DTMFDigit]
    public var action: ControlAction
    public var audience: ControlAudience

    public init(keys: [DTMFDigit], action: ControlAction, audience: ControlAudience) {
      self.keys = keys
      self.action = action
      self.audience = audience
    }

    /// nil: a character is no key.
    public init?(_ keys: String, _ action: ControlAction, for audience: ControlAudience) {
      let digits = keys.compactMap { DTMFDigit($0) }
      guard digits.count == keys.count else { return nil }
      self.init(keys: digits, action: action, audience: audience)
    }

    var text: String { keys.map(\.description).joined() }
  }

  public var name: String
  public var controls: [Control]

  public init(name: String, controls: [Control]) {
    self.name = name
    self.controls = controls
  }

  /// Keys of one control.
  public static let keyCount = 2...4

  /// The controls somebody has.
  func controls(for audience: ControlAudience) -> [Control] {
    controls.filter { !$0.audience.isDisjoint(with: audience) }
  }

  /// The meeting-room profile (reference §6.2): Hosts only.
  public static let vmr = ControlProfile(
    name: "vmr",
    controls: [
      Control("*4", .togglePresentationInMix, for: .host),
      Control("*5", .toggleGuestsMute, for: .host),
      Control("*6", .toggleSelfMute, for: .host),
      Control("*7", .toggleLock, for: .host),
      Control("*8", .nextLayout, for: .host),
      Control("*9", .toggleMultiscreen, for: .host),
      Control("##", .endConference, for: .host),
    ].compactMap { $0 })

  /// The telephone system's conference extension (reference §12.1, §12.3): `##` drops, and does not end.
  public static let pbx = ControlProfile(
    name: "pbx",
    controls: [
      Control("*6", .toggleSelfMute, for: .everybody),
      Control("*8", .invite, for: .platformExtension),
      Control("*92", .inviteByPrompt, for: .host),
      Control("*93", .toggleGuestsMute, for: .host),
      Control("*94", .toggleLock, for: .host),
      Control("*95", .dropLastGuest, for: .host),
      Control("*95*", .endConference, for: .host),
      Control("##", .dropLastInvited, for: [.host, .platformExtension]),
    ].compactMap { $0 })

  /// A telephone's own conference (reference §12.2): only its owner invites and drops.
  public static let localConference = ControlProfile(
    name: "local",
    controls: [
      Control("*6", .toggleSelfMute, for: .everybody),
      Control("*8", .invite, for: .owner),
      Control("##", .dropLastInvited, for: .owner),
    ].compactMap { $0 })

  /// Everything that is wrong or ambiguous.
  public var problems: [String] {
    var problems: [String] = []
    for control in controls where !ControlProfile.keyCount.contains(control.keys.count) {
      problems.append("\(control.action.rawValue): two to four keys, not \"\(control.text)\"")
    }
    for (index, a) in controls.enumerated() {
      for b in controls[(index + 1)...] where !a.audience.isDisjoint(with: b.audience) {
        if a.keys == b.keys {
          problems.append("\(a.text) is both \(a.action.rawValue) and \(b.action.rawValue)")
          continue
        }
        let (short, long) = a.keys.count < b.keys.count ? (a, b) : (b, a)
        guard long.keys.starts(with: short.keys) else { continue }
        if short.action.takesNumber {
          problems.append("\(long.text) begins like a number after \(short.text)")
        } else if long.action.takesNumber || long.keys.count > short.keys.count + 1 {
          problems.append("\(long.text) begins with \(short.text)")
        }
        // One key more is told apart by a pause (`*95`, `*95*`).
      }
    }
    return problems
  }
}
