import Foundation
import Testing

extension EndToEnd {
  /// Registered phones call each other; what is heard decides.
  @Suite(.tags(.phones)) struct PhoneTests {
    struct Combination: Sendable, CustomTestStringConvertible {
      var transports: (String, String)
      var encryptions: (Baresip.Encryption, Baresip.Encryption)
      var testDescription: String {
        "\(transports.0) \(encryptions.0.rawValue) – \(transports.1) \(encryptions.1.rawValue)"
      }
    }

    static let combinations = [
      Combination(transports: ("udp", "udp"), encryptions: (.none, .none)),
      Combination(transports: ("tcp", "udp"), encryptions: (.none, .mandatory)),
      Combination(transports: ("tls", "tcp"), encryptions: (.mandatory, .none)),
      Combination(transports: ("tls", "tls"), encryptions: (.mandatory, .mandatory)),
      Combination(transports: ("udp", "tls"), encryptions: (.none, .srtp)),
    ]

    @Test(.timeLimit(.minutes(1)), arguments: combinations)
    func registeredPhonesHearEachOther(combination: Combination) async throws {
      let scratch = try Scratch()
      let server = try await TandemServer(scratch, policy: Policies.people)
      let alice = try await Baresip(scratch, at: server, "alice", tone: 440) {
        $0.transport = combination.transports.0
        $0.encryption = combination.encryptions.0
      }
      let bob = try await Baresip(scratch, at: server, "bob", tone: 660) {
        $0.transport = combination.transports.1
        $0.encryption = combination.encryptions.1
      }
      try await alice.dial("sip:bob@tandem.test")
      try await alice.wait(for: "CALL_ESTABLISHED")
      try await Call.talk()
      try await bob.hangUp()
      try await alice.wait(for: "CALL_CLOSED")
      try await Call.expectTone(660, heardBy: alice)
      try await Call.expectTone(440, heardBy: bob)

      let record = try #require(try await server.records { $0.first?.ended != nil }.first)
      #expect(record.serviceName == "people")
      #expect(record.disconnect?.cause == "normal")
      // A phone that refuses best effort is asked once more, with encryption alone.
      #expect(record.attempts.last?.via == "registration")
      #expect(record.attempts.last?.answered != nil)
      #expect(record.media.count == 2)
      for media in record.media {
        #expect(media.codec == "PCMA")
        #expect(media.packetsReceived > 80)
        #expect(media.packetsLost == 0)
        let encryption = media.side == "caller" ? combination.encryptions.0 : combination.encryptions.1
        if encryption != .srtp { #expect(media.encrypted == (encryption == .mandatory)) }
      }
    }

    @Test(.timeLimit(.minutes(1))) func theTestCallEchoes() async throws {
      let scratch = try Scratch()
      let server = try await TandemServer(scratch, policy: Policies.people)
      let alice = try await Baresip(scratch, at: server, "alice", tone: 550)
      try await alice.dial("sip:9196@tandem.test")
      try await alice.wait(for: "CALL_ESTABLISHED")
      try await Call.talk()
      try await alice.hangUp()
      try await Call.expectTone(550, heardBy: alice)
    }

    /// An unknown device and a wrong password look the same from outside.
    @Test(.timeLimit(.minutes(1)), arguments: ["alice", "mallory"])
    func nobodyRegistersWithAWrongPassword(user: String) async throws {
      let scratch = try Scratch()
      let server = try await TandemServer(scratch, policy: Policies.people)
      let phone = try await Baresip(scratch) {
        $0.user = user
        $0.domain = "tandem.test"
      }
      let account =
        "<sip:\(user)@tandem.test>;outbound=\"sip:\(server.address);transport=udp\";auth_pass=wrong;regint=60"
      try await phone.command("uanew", account)
      #expect(try await phone.wait(for: "REGISTER_FAIL").contains("401"))
    }

    @Test(.timeLimit(.minutes(1))) func aDigitIsPassedOn() async throws {
      let scratch = try Scratch()
      let server = try await TandemServer(scratch, policy: Policies.people)
      let alice = try await Baresip(scratch, at: server, "alice")
      let bob = try await Baresip(scratch, at: server, "bob")
      try await alice.dial("sip:bob@tandem.test")
      try await alice.wait(for: "CALL_RTPESTAB")
      for digit in ["5", "#"] {
        try await alice.command("sndcode", digit)
        try #require(
          await bob.events.first { $0.type == "CALL_DTMF_START" && $0.parameter == digit } != nil,
          "digit \(digit)")
      }
    }

    @Test(.timeLimit(.minutes(1))) func aDigitInInfoBecomesAnEventInRTP() async throws {
      let scratch = try Scratch()
      let server = try await TandemServer(scratch, policy: Policies.people)
      let bob = try await Baresip(scratch, at: server, "bob")
      let caller = try Sipp(scratch, "dtmf_info", to: server.address, user: "bob")
      #expect(try await bob.wait(for: "CALL_DTMF_START") == "5")
      try await caller.succeed()
    }

    @Test(.timeLimit(.minutes(1))) func allPhonesOfAnAliasRingAndOneAnswers() async throws {
      let scratch = try Scratch()
      let server = try await TandemServer(scratch, policy: Policies.people)
      let alice = try await Baresip(scratch, at: server, "alice")
      let desk = try await Baresip(scratch, at: server, "bob", tone: 660) {
        $0.name = "bob-desk"
        $0.answersByItself = false
      }
      let mobile = try await Baresip(scratch, at: server, "bob", tone: 880) {
        $0.name = "bob-mobile"
        $0.answersByItself = false
      }
      try await alice.dial("sip:bob@tandem.test")
      try await desk.wait(for: "CALL_INCOMING")
      try await mobile.wait(for: "CALL_INCOMING")
      try await mobile.command("accept")
      try await desk.wait(for: "CALL_CLOSED")
      try await alice.wait(for: "CALL_ESTABLISHED")
      try await Call.talk()
      try await alice.hangUp()
      try await mobile.wait(for: "CALL_CLOSED")
      try await Call.expectTone(880, heardBy: alice)
      try await Call.expectTone(440, heardBy: mobile)
    }

    @Test(.timeLimit(.minutes(1))) func aHeldCallResumes() async throws {
      let scratch = try Scratch()
      let server = try await TandemServer(scratch, policy: Policies.people)
      let alice = try await Baresip(scratch, at: server, "alice")
      let bob = try await Baresip(scratch, at: server, "bob", tone: 660)
      try await alice.dial("sip:bob@tandem.test")
      try await alice.wait(for: "CALL_ESTABLISHED")
      try await bob.wait(for: "CALL_ESTABLISHED")
      let start = bob.events.count
      try await alice.command("hold")
      try await alice.command("resume")
      // Both phones still have the call, and digits still pass: media flows both ways again.
      try await alice.command("sndcode", "7")
      #expect(try await bob.wait(for: "CALL_DTMF_START", from: start) == "7")
      try await bob.hangUp()
      try await alice.wait(for: "CALL_CLOSED")
    }

    @Test(.timeLimit(.minutes(1))) func aCallIsTransferredBlind() async throws {
      let scratch = try Scratch()
      let server = try await TandemServer(scratch, policy: Policies.people)
      let alice = try await Baresip(scratch, at: server, "alice", tone: 440)
      let bob = try await Baresip(scratch, at: server, "bob", tone: 660)
      let carol = try await Baresip(scratch, at: server, "carol", tone: 880)
      try await alice.dial("sip:bob@tandem.test")
      try await alice.wait(for: "CALL_ESTABLISHED")
      try await bob.wait(for: "CALL_ESTABLISHED")
      // Recordings are named by the second, and the transfer begins another one.
      try await Call.talk(.milliseconds(1100))
      try await bob.command("transfer", "sip:carol@tandem.test")
      try await carol.wait(for: "CALL_ESTABLISHED")
      try await bob.wait(for: "CALL_CLOSED")
      try await Call.talk()
      try await carol.hangUp()
      try await alice.wait(for: "CALL_CLOSED")
      try await Call.expectTone(440, heardBy: carol)
      try await Call.expectTone(880, heardBy: alice)
      #expect(try await server.records { $0.contains { !$0.events.isEmpty } }.isEmpty == false)
    }

    /// Signalling over TLS, encrypted media, and no IPv4 anywhere.
    @Test(.timeLimit(.minutes(1))) func twoPhonesTalkOverIPv6() async throws {
      let scratch = try Scratch()
      let port = Int(Loopback.phonePorts())
      let certificate = try await Certificate.files.value
      let server = try await TandemServer(
        scratch, policy: Policies.people,
        surroundings: """
          globals:
            domain: tandem.test
            sip:
              listeners:
                - transport: tls
                  address: "[::1]:\(port)"
                  certificate_file: \(certificate.certificate)
                  key_file: \(certificate.key)
            media: { addresses: ["::1"], ports: 40000-40999 }
          """)
      func phone(_ user: String, tone: Int) async throws -> Baresip {
        try await Baresip(scratch, at: server, user, tone: tone) {
          $0.isIPv6 = true
          $0.server = "[::1]"
          $0.serverPort = port
          $0.transport = "tls"
          $0.encryption = .mandatory
        }
      }
      async let aliceStarts = phone("alice", tone: 440)
      async let bobStarts = phone("bob", tone: 660)
      let (alice, bob) = (try await aliceStarts, try await bobStarts)
      try await alice.dial("sip:bob@tandem.test")
      try await alice.wait(for: "CALL_ESTABLISHED")
      try await Call.talk()
      try await alice.hangUp()
      try await Call.expectTone(660, heardBy: alice)
      try await Call.expectTone(440, heardBy: bob)
      let record = try #require(try await server.records { $0.first?.ended != nil }.first)
      #expect(record.media.allSatisfy { $0.encrypted && $0.packetsReceived > 50 && $0.packetsLost == 0 })
    }
  }
}
