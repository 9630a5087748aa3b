import CallModel
import Testing

@testable import SIP

/// Session timers (RFC 4028).
@Suite struct SessionTimerTests {
  static func timed(_ seconds: Int, _ refresher: SessionTimerPreferences.Refresher? = nil)
    -> SessionTimerPreferences
  {
    SessionTimerPreferences(interval: seconds, refresher: refresher)
  }

  @Test(arguments: [SessionTimerPreferences.Refresher.local, .remote])
  func refreshedByUpdate(refresher: SessionTimerPreferences.Refresher) {
    var pair = CallPair()
    pair.establish { $0.sessionTimer = Self.timed(120, refresher) }
    pair.network.run(for: .seconds(65))
    let updates = pair.network.sentRequests(.update)
    #expect(updates.count == 1)
    #expect(updates[0].body.isEmpty)
    let caller = refresher == .local ? "alice" : "bob"
    #expect(updates[0].headers.from?.uri.user == caller)
    // It goes on so for ever, and nobody is bothered.
    pair.network.run(for: .seconds(1000))
    #expect(pair.network.sentRequests(.update).count >= 16)
    #expect(pair.alice.newEvents() == [])
    #expect(pair.bob.newEvents() == [])
    pair.alice.tell { [id = pair.aliceSession] in $0.bye(id, now: $1) }
    #expect(pair.isClean())
  }

  @Test func refreshedByReInviteWhenUpdateIsNotAllowed() {
    var pair = CallPair(configureBob: { $0.allow.removeAll { $0 == .update } })
    pair.establish { $0.sessionTimer = Self.timed(120, .local) }
    pair.network.run(for: .seconds(65))
    #expect(pair.network.sentRequests(.update).isEmpty)
    #expect(pair.network.sentRequests(.invite).map(\.bodyText) == ["offer", "offer"])
    #expect(pair.alice.newEvents() == [])
    pair.network.run(for: .seconds(300))
    #expect(pair.alice.agent.sessionCount == 1)
    pair.alice.tell { [id = pair.aliceSession] in $0.bye(id, now: $1) }
    #expect(pair.isClean())
  }

  @Test func expiryEndsTheSessionOnTheSideThatWaits() {
    var pair = CallPair()
    pair.establish { $0.sessionTimer = Self.timed(120, .local) }
    // Alice dies: nothing of hers arrives any more.
    pair.network.drops = { _, to in to == TransportAddress("192.0.2.2:5060") }
    pair.network.run(for: .seconds(87))
    #expect(pair.bob.newEvents() == [])
    pair.network.run(for: .seconds(2))
    #expect(pair.bob.newEvents() == ["ended expired"])
    #expect(pair.network.sentRequests(.bye).first?.headers.reasons.first?.cause == 408)
    #expect(pair.isClean())
  }

  @Test func tooSmallAnIntervalIsAskedAgain() {
    let pair = CallPair(configureBob: {
      $0.sessionTimer = SessionTimerPreferences(interval: nil, minimum: 600)
    })
    pair.bob.onIncoming = { phone, id, _ in phone.tell { $0.accept(id, body: .text("answer"), now: $1) } }
    let call = pair.alice.call(pair.bob.uri) { $0.sessionTimer = Self.timed(120) }
    pair.network.run()
    #expect(pair.network.sentResponses(422, to: .invite).first?.headers.minSE == 600)
    #expect(pair.alice.newEvents() == ["answered answer(answer)"])
    let invites = pair.network.sentRequests(.invite)
    #expect(invites.map { $0.headers.sessionExpires?.interval } == [120, 600])
    #expect(invites.map { $0.headers.cSeq?.number } == [1, 2])
    #expect(Set(invites.map(\.headers.callID)).count == 1)
    pair.alice.tell { $0.bye(call, now: $1) }
    #expect(pair.isClean())
  }

  @Test func peerWithoutTimersIsRefreshedAllTheSame() {
    let network = SimulatedNetwork()
    let bob = Phone("bob", "192.0.2.2:5060", on: network) {
      $0.sessionTimer = SessionTimerPreferences(interval: 200)
    }
    let (peer, _, _) = scriptedCall(to: bob, on: network, headers: [(.allow, "INVITE, ACK, BYE, UPDATE")])
    let answer = peer.responses.last { $0.status == 200 }!
    #expect(answer.headers.sessionExpires == SessionExpires(interval: 200, refresher: .uas))
    #expect(!answer.headers.hasToken(.require, "timer"))
    network.run(for: .seconds(101))
    #expect(peer.requests(.update).count >= 1)
  }

  /// RFC 4028 table 2 and §9, with our own wishes on top.
  @Test(
    arguments: [
      // Session-Expires, supports timer, our interval, our wish: interval agreed, refreshed by us
      ("1800;refresher=uac", true, 1800, nil, 1800, false),
      ("1800;refresher=uas", true, 1800, nil, 1800, true),
      ("1800", true, 900, nil, 900, false),
      ("1800", true, 900, SessionTimerPreferences.Refresher.local, 900, true),
      ("1800", false, 1800, nil, 1800, true),
      ("300", false, 1800, nil, 300, true),
      (nil, true, 1800, nil, 1800, false),
      (nil, false, 1800, nil, 1800, true),
    ] as [(String?, Bool, Int, SessionTimerPreferences.Refresher?, Int, Bool)])
  func agreement(
    asked: String?, supports: Bool, ours: Int, wish: SessionTimerPreferences.Refresher?, interval: Int,
    byUs: Bool
  ) {
    var headers = SIPHeaders()
    if let asked { headers.append(.sessionExpires, asked) }
    let preferences = SessionTimerPreferences(interval: ours, refresher: wish)
    let verdict = preferences.judge(headers, peerSupportsTimer: supports, current: nil)
    #expect(
      verdict
        == .agreed(
          SessionInterval(seconds: interval, refreshedByUs: byUs), requiresTimer: supports && !byUs))
  }

  @Test func neitherSideAsks() {
    let verdict = SessionTimerPreferences.none.judge(SIPHeaders(), peerSupportsTimer: true, current: nil)
    #expect(verdict == .agreed(nil, requiresTimer: false))
  }
}
