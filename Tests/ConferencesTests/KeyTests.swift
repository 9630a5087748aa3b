import CallModel
import Testing

@testable import Conferences

/// Which keys are which control (reference §6.2).
struct KeyTests {
  private struct Keypad {
    var matcher = KeyMatcher()
    var controls: [ControlProfile.Control]
    var now = MonotonicInstant.zero

    init(_ profile: ControlProfile, _ audience: ControlAudience = .everybody) {
      controls = profile.controls(for: audience)
    }

    mutating func press(_ keys: String) -> [KeyMatcher.Match] {
      var matches: [KeyMatcher.Match] = []
      for key in keys.compactMap({ DTMFDigit($0) }) {
        matches += matcher.press(key, controls: controls, now: now)
      }
      return matches
    }

    mutating func wait(_ span: TimeSpan) -> KeyMatcher.Match? {
      now = now + span
      return matcher.advance(to: now)
    }
  }

  private func match(_ action: ControlAction, _ number: String = "") -> KeyMatcher.Match {
    KeyMatcher.Match(action: action, number: number)
  }

  @Test func everyControlOfTheMeetingRoom() {
    for (keys, action) in [
      ("*4", ControlAction.togglePresentationInMix), ("*5", .toggleGuestsMute), ("*6", .toggleSelfMute),
      ("*7", .toggleLock), ("*8", .nextLayout), ("*9", .toggleMultiscreen), ("##", .endConference),
    ] {
      var keypad = Keypad(.vmr)
      #expect(keypad.press(keys) == [match(action)])
      #expect(keypad.matcher.nextDeadline == nil)
    }
  }

  @Test func unknownKeysArePassedOver() {
    var keypad = Keypad(.vmr)
    #expect(keypad.press("123*16#5**7") == [match(.toggleLock)])
    #expect(keypad.press("5*6") == [match(.toggleSelfMute)])
    #expect(keypad.press("*#*#") == [])
    #expect(keypad.press("#") == [match(.endConference)], "the last # began anew")
  }

  @Test func aPauseForgets() {
    var keypad = Keypad(.vmr)
    #expect(keypad.press("*") == [])
    #expect(keypad.wait(.milliseconds(2_999)) == nil)
    #expect(keypad.press("6") == [match(.toggleSelfMute)])
    #expect(keypad.press("*") == [])
    #expect(keypad.wait(.seconds(3)) == nil)
    #expect(keypad.press("6") == [])
  }

  @Test func numbersEndWithHashOrAPause() {
    var keypad = Keypad(.localConference)
    #expect(keypad.press("*8105#") == [match(.invite, "105")])
    #expect(keypad.press("*8106") == [])
    #expect(keypad.wait(.seconds(3)) == match(.invite, "106"))
    #expect(keypad.press("*8") == [])
    #expect(keypad.wait(.seconds(3)) == nil, "no number")
    #expect(keypad.press("*8##") == [match(.dropLastInvited)], "no number, and ## is another control")
    #expect(keypad.press("*810*6") == [match(.invite, "10"), match(.toggleSelfMute)])
  }

  @Test func numbersAreBounded() {
    var keypad = Keypad(.localConference)
    let number = String(repeating: "1", count: KeyMatcher.maximumNumberLength)
    #expect(keypad.press("*8" + number + "#") == [match(.invite, number)])
    #expect(keypad.press("*8" + number + "1#") == [match(.invite, number)])
  }

  /// `*95` waits for the `*` that makes it `*95*`.
  @Test func theLongerOfTwo() {
    var keypad = Keypad(.pbx, .host)
    #expect(keypad.press("*95*") == [match(.endConference)])
    #expect(keypad.press("*95") == [])
    #expect(keypad.wait(.milliseconds(1_999)) == nil)
    #expect(keypad.wait(.milliseconds(1)) == match(.dropLastGuest))
    #expect(keypad.press("*95") == [])
    #expect(keypad.press("#") == [match(.dropLastGuest)])
    #expect(keypad.press("#") == [match(.dropLastInvited)])
  }

  @Test func everybodyHasTheirOwn() {
    var guest = Keypad(.pbx, .guest)
    #expect(guest.press("*92*93*94") == [])
    #expect(guest.press("*6") == [match(.toggleSelfMute)])
    var platformExtension = Keypad(.pbx, [.guest, .platformExtension])
    #expect(platformExtension.press("*8100#") == [match(.invite, "100")])
    var owner = Keypad(.localConference, [.host, .owner])
    #expect(owner.press("*8100#") == [match(.invite, "100")])
    var other = Keypad(.localConference, [.guest, .platformExtension])
    #expect(other.press("*8100#") == [])
  }

  @Test func builtInProfilesAreSound() {
    for profile in [ControlProfile.vmr, .pbx, .localConference] { #expect(profile.problems == []) }
    #expect(ControlProfile.vmr.controls.count == 7)
    #expect(ControlProfile.pbx.controls.count == 8)
    #expect(ControlProfile.localConference.controls.count == 3)
  }

  @Test(arguments: [
    ("*1", "*1", 1, "the same keys"), ("*1", "*2", 0, ""),
    ("*1", "*12", 0, "one more key: told apart by a pause"),
    ("*1", "*123", 1, "two more"), ("1", "*2", 1, "one key"), ("*1234", "*2", 1, "five keys"),
  ]) func conflicts(_ first: String, _ second: String, _ count: Int, _ why: String) throws {
    let profile = ControlProfile(
      name: "own",
      controls: [
        try #require(Control(first, .toggleLock, for: .host)),
        try #require(Control(second, .nextLayout, for: .host)),
      ])
    #expect(profile.problems.count == count, "\(why): \(profile.problems)")
  }

  @Test func conflictsWithNumbers() throws {
    func problems(_ second: String, _ audience: ControlAudience) throws -> Int {
      try ControlProfile(
        name: "own",
        controls: [
          #require(Control("*8", .invite, for: .owner)),
          #require(Control(second, .toggleLock, for: audience)),
        ]
      ).problems.count
    }
    #expect(try problems("*81", .owner) == 1)
    #expect(try problems("*81", .host) == 0, "nobody has both")
    #expect(try problems("*9", .owner) == 0)
  }

  @Test func keysThatAreNone() {
    #expect(Control("*x", .toggleLock, for: .host) == nil)
  }
}
