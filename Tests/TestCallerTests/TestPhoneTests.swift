import CallModel
import Codecs
import SIP
import Testing

@testable import TestCaller

/// Two phones that call each other without a server, over real sockets on loopback.
@Suite(.timeLimit(.minutes(1))) struct TestPhoneTests {
  static func phone(
    _ name: String, _ transport: SIPTransportProtocol = .udp,
    answering: TestPhoneConfiguration.Answering = .refuse(486), codecs: [G711] = [.pcmu, .pcma],
    encryption: MediaEncryption = .off
  ) async throws -> TestPhone {
    let identity = NameAddress(uri: SIPURI(user: name, host: .name("example.test")))
    return try await TestPhone.start(
      TestPhoneConfiguration(
        identity: identity, transport: transport, localAddress: .loopbackIPv4, codecs: codecs,
        encryption: encryption, answering: answering))
  }

  struct Scenario: Sendable, CustomStringConvertible {
    var transport: SIPTransportProtocol
    var codec: G711
    var encryption: MediaEncryption
    var suite: String?
    var description: String { "\(transport) \(codec) \(encryption)" }
  }

  @Test(arguments: [
    Scenario(transport: .udp, codec: .pcmu, encryption: .off),
    Scenario(transport: .tcp, codec: .pcma, encryption: .required, suite: "AES_CM_128_HMAC_SHA1_80"),
    Scenario(transport: .udp, codec: .pcma, encryption: .bestEffort, suite: "AES_CM_128_HMAC_SHA1_80"),
  ])
  func eachHearsTheTone(scenario: Scenario) async throws {
    let alice = try await Self.phone(
      "alice", scenario.transport, codecs: [scenario.codec], encryption: scenario.encryption)
    let bob = try await Self.phone(
      "bob", scenario.transport, answering: .answer(.tone(880), after: .milliseconds(20)),
      encryption: scenario.encryption)
    let call = try await alice.call(bob.contact)
    #expect(try await call.isAnswered(within: .seconds(5)))
    let answered = try #require(try await bob.nextCall(within: .seconds(5)))
    #expect(try await call.hears(seconds: 0.7, within: .seconds(10)))
    #expect(try await answered.hears(seconds: 0.7, within: .seconds(10)))
    let report = try await call.hangUp()
    #expect(try await answered.ends(within: .seconds(5)))
    let other = try await answered.report()
    #expect(report.outcome == .answered)
    #expect(report.isTone(880), "\(report)")
    #expect(other.isTone(440), "\(other)")
    #expect(!report.isTone(440))
    #expect(report.media?.codec == scenario.codec.rawValue)
    #expect(report.media?.encryption == scenario.suite)
    #expect(other.media?.encryption == scenario.suite)
    #expect(report.media?.packetsRejected == 0)
    #expect(report.media?.packetsLost == 0)
    #expect(report.endedBy == "here")
    #expect(other.endedBy == "there")
    #expect(report.media?.roundTrip == nil)
    #expect(report.timing.answer ?? 0 >= report.timing.ringing ?? .infinity)
    await alice.close()
    await bob.close()
  }

  @Test func digitsAndAnEchoWithItsRoundTrip() async throws {
    let alice = try await Self.phone("alice")
    let bob = try await Self.phone("bob", answering: .answer(.echo, after: .zero))
    let call = try await alice.call(bob.contact)
    #expect(try await call.isAnswered(within: .seconds(5)))
    let answered = try #require(try await bob.nextCall(within: .seconds(5)))
    let digits = "1*#D".compactMap { DTMFDigit($0) }
    #expect(try await call.send(digits))
    #expect(try await answered.hears(digits: 4, within: .seconds(10)))
    #expect(try await call.hears(seconds: 1.5, within: .seconds(10)))
    let other = try await answered.report()
    #expect(other.heard?.digits == "1*#D")
    let report = try await call.hangUp()
    let roundTrip = try #require(report.media?.roundTrip)
    #expect(roundTrip > 0 && roundTrip < 500)
    #expect(report.heard?.frequency.map { abs($0 - 440) < 2 } == true)
    await alice.close()
    await bob.close()
  }

  @Test func holdAndResume() async throws {
    let alice = try await Self.phone("alice")
    let bob = try await Self.phone("bob", answering: .answer(.tone(880), after: .zero))
    let call = try await alice.call(bob.contact)
    let answered = try #require(try await bob.nextCall(within: .seconds(5)))
    #expect(try await call.hears(seconds: 0.2, within: .seconds(5)))
    #expect(try await call.hold())
    #expect(try await answered.isHeld(true, within: .seconds(5)))
    let sent = try await answered.report().media?.packetsSent ?? 0
    let heard = try await answered.report().media?.packetsReceived ?? 0
    #expect(try await answered.hears(seconds: Double(heard) * 0.02 + 0.4, within: .seconds(5)))
    // Held: at most the packet that was under way.
    #expect(try await answered.report().media?.packetsSent ?? 0 <= sent + 1)
    #expect(try await call.hold(false))
    #expect(try await answered.isHeld(false, within: .seconds(5)))
    _ = try await call.hangUp()
    await alice.close()
    await bob.close()
  }

  @Test func aRefusalIsReportedWithAdvice() async throws {
    let alice = try await Self.phone("alice")
    let bob = try await Self.phone("bob", answering: .refuse(404))
    let call = try await alice.call(bob.contact)
    #expect(try await call.ends(within: .seconds(5)))
    let report = try await call.report()
    #expect(report.outcome == .refused)
    #expect(report.status == 404)
    #expect(report.advice?.contains("tandem explain") == true)
    #expect(report.text.contains("refused (404 Not Found)"))
    await alice.close()
    await bob.close()
  }

  @Test func nobodyAnswersACallThatIsGivenUp() async throws {
    let alice = try await Self.phone("alice")
    let bob = try await Self.phone("bob", answering: .ring)
    let call = try await alice.call(bob.contact)
    #expect(try await call.rings(within: .seconds(5)))
    let report = try await call.hangUp()
    #expect(report.outcome == .noAnswer)
    #expect(report.text.contains("no answer"))
    #expect(report.advice?.contains("nobody answered") == true)
    await alice.close()
    await bob.close()
  }

  @Test(arguments: [SIPTransportProtocol.udp, .tcp]) func nothingListens(transport: SIPTransportProtocol)
    async throws
  {
    // A port that was free a moment ago.
    let gone = try await Self.phone("gone", transport)
    let contact = gone.contact
    await gone.close()
    let configuration = TestPhoneConfiguration(
      identity: NameAddress(uri: SIPURI(user: "alice", host: .name("example.test"))),
      server: ServerLocationTarget(host: contact.host, port: contact.port, transport: transport))
    let alice = try await TestPhone.start(configuration)
    let call = try await alice.call(contact)
    #expect(try await call.ends(within: .seconds(10)))
    let report = try await call.report()
    #expect(report.outcome == .unreachable)
    #expect(report.advice?.contains("nothing is listening") == true)
    #expect(
      report.advice?.contains("\(transport.rawValue) 127.0.0.1:\(contact.port ?? 0)") == true, "\(report)")
    await alice.close()
  }

  @Test func withoutACommonKeyTheCallIsRefused() async throws {
    let alice = try await Self.phone("alice", encryption: .off)
    let bob = try await Self.phone("bob", answering: .answer(.silence, after: .zero), encryption: .required)
    let call = try await alice.call(bob.contact)
    #expect(try await call.ends(within: .seconds(5)))
    let report = try await call.report()
    #expect(report.status == 488)
    #expect(report.advice?.contains("--srtp") == true)
    await alice.close()
    await bob.close()
  }
}
