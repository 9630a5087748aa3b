import CallModel
import PolicyEngine
import PolicyHooks
import PolicyTestSupport
import Router
import Testing

@testable import Gateway
@testable import SIP

/// OPTIONS, MESSAGE and REGISTER that wait for policy servers.
@Suite struct AskedRequestTests {
  let bench: SIPBench
  let consultant = ScriptedConsultant()
  let ann: SIPPeer
  let bob: SIPPeer
  let stranger: SIPPeer

  init() throws {
    bench = try SIPBench(AskedRequestTests.policy())
    (ann, bob, stranger) = (
      bench.peer("192.0.2.10:5060"), bench.peer("192.0.2.11:5060"), bench.peer("192.0.2.66:5060")
    )
    ann.registers("ann")
    bob.registers("bob")
    _ = ann.take()
    bench.router.consultant = consultant
  }

  private static func policy(_ hooks: [PolicyRequestKind] = [.registration], isServed: Bool = true) -> Policy
  {
    var globals = Globals()
    globals.sipUDPEnabled = true
    globals.domain = "example.org"
    globals.policyProfile = isServed ? "CRM" : nil
    globals.breakIn.maximumScanAttempts = 5
    var policy = Policy(
      globals: globals,
      devices: ["ann", "bob"].map {
        Device(alias: "\($0)@example.org", username: $0, password: Secret("secret"), allowsSIP: true)
      }, rules: [rule("(ann|bob|carol)@example.org", target: .registration)])
    if isServed, let url = try? PolicyServerURL("https://policy.example") {
      policy.policyProfiles = [
        PolicyProfile(
          name: "CRM", url: url, hooks: Dictionary(uniqueKeysWithValues: hooks.map { ($0, PolicyHook()) }))
      ]
    }
    return policy
  }

  private let gateway = GatewayConfiguration(
    name: "desk-1", remoteAlias: "bob@example.org", target: .registration)

  // MARK: OPTIONS

  @Test func optionsAreAnsweredAsTheServerDecides() throws {
    stranger.sends(.options, "sip:desk@example.org", from: "sip:x@y.example")
    #expect(stranger.take().isEmpty)
    let request = try #require(consultant.questions.first).request
    #expect(request.direction == .nonDial && request.trigger == .options)
    consultant.questions[0].answer(.gateway(gateway))
    #expect(stranger.takeResponses().map(\.status) == [200])

    stranger.sends(.options, "sip:desk@example.org", from: "sip:x@y.example")
    consultant.questions[1].answer(.redirect("sip:desk2@example.org"))
    let moved = try #require(stranger.takeResponses().last)
    #expect(moved.status == 302 && moved.headers.contacts.first?.uri.user == "desk2")
    stranger.sends(.options, "sip:bob@example.org", from: "sip:x@y.example")
    consultant.questions[2].answer(.reject(.policy))
    #expect(stranger.takeResponses().map(\.status) == [404])
    stranger.sends(.options, "sip:bob@example.org", from: "sip:x@y.example")
    consultant.questions[3].answer(nil)
    #expect(stranger.takeResponses().map(\.status) == [200])
    // A ping of ours is nobody's business.
    stranger.sends(.options, "sip:example.org", from: "sip:x@y.example")
    #expect(stranger.takeResponses().map(\.status) == [200])
    #expect(consultant.questions.count == 4 && bench.endpoint.asking.isEmpty)
  }

  @Test func aRepeatedRequestAsksAndIsAnsweredOnce() throws {
    let request = stranger.sends(.options, "sip:desk@example.org", from: "sip:x@y.example")
    for _ in 0..<3 {
      bench.pass(.milliseconds(700))
      stranger.deliver(.request(request))
    }
    bench.pass(.milliseconds(1_900))
    #expect(consultant.questions.count == 1)
    // A 100 quenches the repetitions (RFC 4320).
    #expect(stranger.takeResponses().allSatisfy { $0.status == 100 })
    stranger.deliver(.request(request))
    consultant.questions[0].answer(.gateway(gateway))
    #expect(stranger.takeResponses().last?.status == 200)
    // From now on the transaction answers by itself.
    stranger.deliver(.request(request))
    #expect(stranger.takeResponses().map(\.status) == [200])
    #expect(consultant.questions.count == 1)
  }

  @Test func quarantineHoldsWithoutAsking() throws {
    for number in 0..<6 {
      stranger.sends(.options, "sip:guess\(number)@example.org", from: "sip:x@y.example")
      consultant.questions[number].answer(nil)
    }
    _ = stranger.take()
    stranger.sends(.options, "sip:bob@example.org", from: "sip:x@y.example")
    #expect(stranger.takeResponses().map(\.status) == [404] && consultant.questions.count == 6)
    stranger.registers("bob", contact: "<sip:bob@192.0.2.66>")
    #expect(consultant.others.isEmpty)
  }

  // MARK: MESSAGE

  @Test func aMessageGoesWhereTheServerSays() throws {
    ann.sends(
      .message, "sip:desk@example.org", from: "sip:ann@example.org", headers: [(.contentType, "text/plain")])
    #expect(bob.request(.message) == nil)
    #expect(consultant.questions.first?.request.trigger == .unspecified)
    consultant.questions[0].answer(.gateway(gateway))
    bob.answers(try #require(bob.request(.message)), 200)
    #expect(ann.takeResponses().map(\.status) == [200])

    ann.sends(
      .message, "sip:bob@example.org", from: "sip:ann@example.org", headers: [(.contentType, "text/plain")])
    consultant.questions[1].answer(.reject(.policy))
    #expect(ann.takeResponses().map(\.status) == [404])
    #expect(bench.ledger.calls.isEmpty)
  }

  @Test func theTimeForAMessageRunsWhileTheServerIsAsked() throws {
    ann.sends(
      .message, "sip:bob@example.org", from: "sip:ann@example.org", headers: [(.contentType, "text/plain")])
    bench.pass(.seconds(5))
    consultant.questions[0].answer(nil)
    #expect(bob.request(.message) != nil)
    bench.pass(.seconds(19))
    #expect(ann.takeResponses().allSatisfy { $0.status == 100 })
    // 25 s after it came: its sender waits for 32.
    bench.pass(.seconds(2))
    #expect(ann.takeResponses().map(\.status) == [504])
  }

  // MARK: REGISTER

  private func policy(_ hooks: [PolicyRequestKind], isServed: Bool = true) throws {
    try bench.activate(Self.policy(hooks, isServed: isServed))
  }

  /// REGISTER up to the question.
  private func begins(_ peer: SIPPeer, _ alias: String, expires: Int = 300) -> SIPRequest {
    consultant.kinds = [.registration]
    _ = peer.take()
    return peer.sends(
      .register, "sip:example.org", from: "sip:\(alias)@example.org", to: "<sip:\(alias)@example.org>",
      headers: [(.contact, "<sip:\(alias)@\(peer.address)>"), (.expires, String(expires))])
  }

  private var isRegistered: Bool {
    bench.router.registrations.isRegistered("dora@example.org", now: bench.loop.now)
  }

  @Test func theServersCredentialsAreTheOnesThatCount() throws {
    let phone = bench.peer("192.0.2.20:5060")
    let register = begins(phone, "dora")
    #expect(phone.take().isEmpty)
    guard case .registration(let asked, _) = try #require(consultant.others.first).question else {
      return #expect(Bool(false))
    }
    #expect(asked.alias == "dora@example.org" && asked.callProtocol == .sip)
    #expect(asked.remoteAddress == phone.address.ip && asked.authentication == .credentials)
    let verdict = PolicyVerdict.registration(.authenticate(username: "d", password: Secret("p")))
    consultant.others[0].answer(verdict)
    let challenge = try #require(phone.takeResponses().last)
    #expect(challenge.status == 401)
    phone.repeats(register, after: challenge, as: "d", "wrong")
    consultant.others[1].answer(verdict)
    #expect(phone.takeResponses().last?.status == 401 && !isRegistered)
    phone.repeats(register, after: challenge, as: "d", "p")
    consultant.others[2].answer(verdict)
    #expect(phone.takeResponses().last?.status == 200 && isRegistered)

    // It is one of ours now, whose calls come from its flow, or prove by that password who makes them.
    consultant.isAsked = false
    let invite = phone.sends(
      .invite, "sip:bob@example.org", from: "sip:dora@example.org", body: sdp("192.0.2.20"))
    #expect(bob.request(.invite)?.headers.from?.uri.user == "dora")
    _ = invite
    let elsewhere = bench.peer("192.0.2.21:5060")
    let other = elsewhere.sends(
      .invite, "sip:bob@example.org", from: "sip:dora@example.org", body: sdp("192.0.2.21"))
    let asks = try #require(elsewhere.takeResponses().last)
    #expect(asks.status == 407)
    elsewhere.repeats(other, after: asks, as: "d", "p")
    #expect(elsewhere.takeResponses().allSatisfy { $0.status < 300 })
  }

  @Test func aDeviceOfTheServersOutlivesReloadsWhileThereIsAServer() throws {
    _ = begins(bench.peer("192.0.2.20:5060"), "dora")
    consultant.others[0].answer(.registration(.open))
    #expect(isRegistered)
    try policy([.registration])
    #expect(isRegistered)
    try policy([.serviceConfiguration])
    #expect(!isRegistered)
  }

  @Test func theServerMayRefuse() throws {
    // Also one that our own list knows.
    let register = begins(ann, "ann")
    consultant.others[0].answer(.registration(.refuse), "reject")
    #expect(ann.takeResponses().map(\.status) == [403])
    _ = register
    // For want of an answer: later perhaps.
    _ = begins(ann, "ann")
    consultant.others[1].answer(.registration(.refuse), "timeout", isFallback: true)
    let later = try #require(ann.takeResponses().last)
    #expect(later.status == 503 && later.headers[.retryAfter] == "30")
  }

  @Test func ourOwnDevicesAreLeftToUs() throws {
    let register = begins(ann, "ann")
    consultant.others[0].answer(.registration(.ownDevices), "not_mine")
    let challenge = try #require(ann.takeResponses().last)
    ann.repeats(register, after: challenge, as: "ann", "secret")
    // In the second round the server is gone; who is ours is not troubled by that.
    consultant.others[1].answer(.registration(.ownDevices), "timeout", isFallback: true)
    #expect(ann.takeResponses().last?.status == 200)
    // Others are told to come again, and are not taken for guessing their password.
    let phone = bench.peer("192.0.2.20:5060")
    for number in 0..<10 {
      _ = begins(phone, "dora")
      consultant.others[2 + number].answer(.registration(.ownDevices), "error", isFallback: true)
      #expect(phone.takeResponses().map(\.status) == [503])
    }
    #expect(!bench.router.isQuarantined(phone.address.ip, now: bench.loop.now))
    // When it does answer, they are strangers like any other.
    _ = begins(phone, "dora")
    consultant.others[12].answer(.registration(.ownDevices), "not_mine")
    #expect(phone.takeResponses().map(\.status) == [401])
  }

  @Test func aLateAnswerToAnOldRegistrationUndoesNothing() throws {
    let phone = bench.peer("192.0.2.20:5060")
    func register(_ sequence: UInt32, expires: Int) {
      phone.sends(
        .register, "sip:example.org", from: "sip:dora@example.org", to: "<sip:dora@example.org>",
        callID: "same@phone", sequence: sequence,
        headers: [(.contact, "<sip:dora@\(phone.address)>"), (.expires, String(expires))])
    }
    consultant.kinds = [.registration]
    register(1, expires: 0)
    register(2, expires: 300)
    consultant.others[1].answer(.registration(.open))
    consultant.others[0].answer(.registration(.open))
    #expect(phone.takeResponses().map(\.status) == [200, 500] && isRegistered)
  }

  @Test func aRepeatedRegisterIsAskedOnce() throws {
    let phone = bench.peer("192.0.2.20:5060")
    let register = begins(phone, "dora")
    bench.pass(.seconds(2))
    phone.deliver(.request(register))
    #expect(consultant.others.count == 1)
    consultant.others[0].answer(.registration(.open))
    phone.deliver(.request(register))
    #expect(phone.takeResponses().filter { $0.status == 200 }.count == 2 && consultant.others.count == 1)
  }

  @Test func aConnectionThatClosesTakesItsQuestionWithIt() throws {
    let phone = bench.peer("192.0.2.20:40000", connection: 7)
    _ = begins(phone, "dora")
    bench.endpoint.connectionClosed(ConnectionID(7))
    #expect(consultant.others[0].isWithdrawn && bench.endpoint.asking.isEmpty)
    consultant.others[0].answer(.registration(.open))
    #expect(!isRegistered)
  }

  @Test func oneSourceMayNotAskForEver() throws {
    let phone = bench.peer("192.0.2.20:5060")
    let limit = SIPEndpoint.registrationsAskedPerSource
    for number in 0...limit { _ = begins(phone, "phone\(number)") }
    #expect(consultant.others.count == limit)
    #expect(phone.takeResponses().map(\.status) == [503])
    #expect(bench.endpoint.counters.registrationsOverload == 1)
    // Others go on, and so does that one when the first answers are there.
    _ = begins(bench.peer("192.0.2.21:5060"), "dora")
    #expect(consultant.others.count == limit + 1)
    consultant.others[0].answer(.registration(.refuse))
    _ = begins(phone, "phone0")
    #expect(consultant.others.count == limit + 2)
    for other in consultant.others { other.answer(.registration(.refuse)) }
    #expect(bench.endpoint.registrationsAsked.isEmpty && bench.endpoint.asking.isEmpty)
  }

  @Test func withoutAHookOurListDecides() throws {
    try policy([.serviceConfiguration])
    consultant.kinds = [.registration]
    #expect(ann.registers("ann")?.status == 200)
    try policy([], isServed: false)
    #expect(ann.registers("ann")?.status == 200)
    #expect(consultant.others.isEmpty)
  }

  @Test func whoStopsRefusesWhatWaits() throws {
    _ = begins(ann, "ann")
    stranger.sends(.options, "sip:desk@example.org", from: "sip:x@y.example")
    bench.endpoint.refuseWaiting()
    #expect(ann.takeResponses().map(\.status) == [503] && stranger.takeResponses().map(\.status) == [503])
    #expect(consultant.others[0].isWithdrawn && consultant.questions[0].isWithdrawn)
    #expect(bench.endpoint.agent.pendingRequestCount == 0)
  }
}
