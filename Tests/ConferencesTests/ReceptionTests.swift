import CallModel
import PolicyEngine
import Testing

@testable import Conferences

/// The virtual reception as its caller hears it (reference §7.1).
struct ReceptionTests {
  private final class Desk {
    var reception: VirtualReception
    var now = MonotonicInstant.zero
    let transform: VirtualReception.Transform

    init(
      resolutions: Int = 0,
      transform: @escaping VirtualReception.Transform = { transform, text in
        // What `^(\d{6})$` and `meet\1@example.com` do; the patterns themselves are the policy engine's.
        #expect(transform.pattern == #"^(\d{6})$"#)
        guard text.utf8.count == 6 else { return nil }
        return transform.replacement == #"\g<0>"# ? text : "meet\(text)@example.com"
      }, settings change: (inout VirtualReception.Settings) -> Void = { _ in }
    ) {
      var settings = VirtualReception.Settings(name: "Desk")
      settings.matchString = #"^(\d{6})$"#
      settings.replaceString = #"meet\1@example.com"#
      change(&settings)
      self.transform = transform
      let request = CallRequest(
        id: CallID(high: 1, low: 1), direction: .dialIn, trigger: .invite, callProtocol: .sip,
        alias: Alias(sip: "sip:desk@example.com"), caller: Caller(alias: "sip:ann@example.com"),
        resolutions: resolutions)
      reception = VirtualReception(settings, request: request, now: now)
    }

    func press(_ keys: String) -> [VirtualReception.Action] {
      keys.compactMap { DTMFDigit($0) }.flatMap { reception.pressed($0, transform: transform, now: now) }
        .filter { $0 != .stopPlaying }
    }

    func route(_ actions: [VirtualReception.Action]) -> CallRequest? {
      if case .route(let request)? = actions.last { request } else { nil }
    }

    func decided(_ decision: Decision) -> [VirtualReception.Action] { reception.decided(decision, now: now) }

    func after(seconds: Int64) -> [VirtualReception.Action] {
      now = now + .seconds(seconds)
      return reception.advance(to: now)
    }
  }

  private let meeting = Decision.service(ServiceConfiguration(kind: .conference, name: "Meeting"))

  private func ends(_ actions: [VirtualReception.Action], _ prompt: Prompt) -> Bool {
    if case .disconnect(_, saying: [.prompt(prompt)])? = actions.last { true } else { false }
  }

  @Test func aNumberBecomesANewCall() throws {
    let desk = Desk()
    #expect(desk.reception.start() == [.answer, .play([.prompt(.receptionEnterNumber)])])
    let request = try #require(desk.route(desk.press("123456#")))
    #expect(request.alias.parsed == "meet123456@example.com")
    #expect(request.trigger == .twoStageDialing && request.previousServiceName == "Desk")
    #expect(request.resolutions == 1 && request.caller.alias == "sip:ann@example.com")
    #expect(desk.reception.nextDeadline == nil, "nothing is awaited of the caller")
    #expect(desk.decided(meeting) == [.play([.prompt(.receptionConnecting)]), .connect(meeting)])
    #expect(desk.reception.isOver)
  }

  /// The patterns as the policy engine has them.
  @Test func patternsOfThePolicyEngine() throws {
    let policy = try PolicySnapshot(compiling: Policy())
    let desk = Desk(transform: policy.apply)
    #expect(desk.route(desk.press("123456#"))?.alias.parsed == "meet123456@example.com")
    #expect(Desk(transform: policy.apply).press("1234567#") == [.play([.prompt(.receptionInvalidNumber)])])
    let unchanged = Desk(transform: policy.apply, settings: { $0.replaceString = "" })
    #expect(unchanged.route(unchanged.press("123456#"))?.alias.parsed == "123456")
  }

  @Test func withoutAPatternAnythingGoes() throws {
    let desk = Desk(transform: { _, _ in nil }, settings: { $0.matchString = "" })
    #expect(desk.route(desk.press("42#"))?.alias.parsed == "42")
  }

  @Test func withoutAReplacementTheNumberStays() {
    let desk = Desk(settings: { $0.replaceString = "" })
    #expect(desk.route(desk.press("123456#"))?.alias.parsed == "123456")
  }

  @Test func starBeginsAnew() {
    let desk = Desk()
    #expect(desk.route(desk.press("99*123456#"))?.alias.parsed == "meet123456@example.com")
  }

  @Test func threeTries() {
    let desk = Desk()
    let again: [VirtualReception.Action] = [.play([.prompt(.receptionInvalidNumber)])]
    #expect(desk.press("12#") == again)
    #expect(desk.press("#") == again, "nothing is invalid too")
    #expect(ends(desk.press("99#"), .receptionThreeInvalid))
    #expect(desk.reception.isOver && desk.press("123456#") == [])
  }

  @Test func aliasesThatDoNotExistAreTries() {
    let desk = Desk()
    for _ in 0..<2 {
      _ = desk.press("123456#")
      #expect(desk.decided(.reject(.notFound)) == [.play([.prompt(.receptionInvalidNumber)])])
    }
    _ = desk.press("123456#")
    #expect(ends(desk.decided(.reject(.policy)), .receptionThreeInvalid))
  }

  @Test func timeRunsFromTheFirstPrompt() {
    let desk = Desk()
    #expect(desk.after(seconds: 60) == [])
    _ = desk.press("12#")
    #expect(desk.after(seconds: 59) == [])
    #expect(ends(desk.after(seconds: 1), .receptionNothingEntered))
    #expect(desk.reception.nextDeadline == nil)
  }

  @Test func anAnswerOfTheRouterThatComesTooLate() {
    let desk = Desk()
    _ = desk.press("123456#")
    #expect(desk.after(seconds: 200) == [])
    #expect(ends(desk.decided(.reject(.notFound)), .receptionNothingEntered))
  }

  @Test func fullOrShuttingDownEnds() {
    let desk = Desk()
    _ = desk.press("123456#")
    #expect(ends(desk.decided(.reject(.limitReached)), .conferenceFull))
  }

  @Test func receptionsThatNameEachOtherEnd() {
    #expect(Desk(resolutions: 4).reception.start().count == 2)
    let fifth = Desk(resolutions: 5)
    #expect(ends(fifth.reception.start(), .receptionNothingEntered))
    #expect(fifth.reception.isOver)
  }

  @Test func externalMeetings() {
    let desk = Desk(
      transform: { transform, text in
        transform.pattern == "code"
          ? "x" + text : transform.pattern == "post" ? text + "@teams.example.com" : nil
      },
      settings: {
        $0.kind = .teams
        $0.matchString = "code"
        $0.replaceString = "r"
        $0.postMatchString = "post"
        $0.postReplaceString = "r"
      })
    #expect(desk.press("77#") == [.lookUp(.teams, "x77")])
    #expect(desk.decided(meeting) == [], "nothing was asked of the Router")
    let actions = desk.reception.lookedUp("m1", transform: desk.transform, now: desk.now)
    #expect(desk.route(actions)?.alias.parsed == "m1@teams.example.com")
  }

  @Test func aMeetingThatIsNotFound() {
    let desk = Desk(transform: { _, text in text }, settings: { $0.kind = .gms })
    _ = desk.press("77#")
    #expect(
      desk.reception.lookedUp(nil, transform: desk.transform, now: desk.now) == [
        .play([.prompt(.receptionInvalidNumber)])
      ])
  }

  @Test func textFromAKeyboard() {
    let desk = Desk(settings: { $0.matchString = "" })
    let actions = desk.reception.entered("ann@example.com", transform: desk.transform, now: desk.now)
    #expect(desk.route(actions)?.alias.parsed == "ann@example.com")
  }

  @Test func numbersAreBounded() {
    let digits = String(repeating: "1", count: NumberEntry.maximumLength)
    #expect(Desk(settings: { $0.matchString = "" }).press(digits + "#").count == 1)
    #expect(
      Desk(settings: { $0.matchString = "" }).press(digits + "1#") == [
        .play([.prompt(.receptionInvalidNumber)])
      ])
  }

  @Test func whoHasHungUp() {
    let desk = Desk()
    desk.reception.left()
    #expect(desk.press("123456#") == [] && desk.reception.nextDeadline == nil)
  }
}
