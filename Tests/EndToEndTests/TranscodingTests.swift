import Foundation
import Testing

extension EndToEnd {
  /// Phones without a format in common hear each other all the same.
  @Suite(.tags(.phones)) struct TranscodingTests {
    struct Pair: Sendable, CustomTestStringConvertible {
      var caller: String
      var called: String
      var encryption = Baresip.Encryption.none
      var testDescription: String { "\(caller) – \(called) \(encryption.rawValue)" }
    }

    static let pairs = [
      Pair(caller: "PCMU/8000/1", called: "opus/48000/2"),
      Pair(caller: "opus/48000/2", called: "PCMA/8000/1"),
      Pair(caller: "G722/16000/1", called: "PCMU/8000/1"),
      Pair(caller: "PCMU/8000/1", called: "opus/48000/2", encryption: .mandatory),
    ]

    @Test(.timeLimit(.minutes(1)), arguments: pairs)
    func phonesWithDifferentCodecsHearEachOther(pair: Pair) async throws {
      let scratch = try Scratch()
      let server = try await TandemServer(scratch, policy: Policies.people)
      let alice = try await Baresip(scratch, at: server, "alice", tone: 440) { $0.codec = pair.caller }
      let bob = try await Baresip(scratch, at: server, "bob", tone: 660) {
        $0.codec = pair.called
        $0.encryption = pair.encryption
      }
      try await alice.dial("sip:bob@tandem.test")
      try await alice.wait(for: "CALL_ESTABLISHED")
      try await Call.talk()
      try await bob.hangUp()
      try await alice.wait(for: "CALL_CLOSED")
      try await Call.expectTone(660, heardBy: alice)
      try await Call.expectTone(440, heardBy: bob)
      let record = try #require(try await server.records { $0.first?.ended != nil }.first)
      let codecs = record.media.sorted { $0.side < $1.side }.map { $0.codec.lowercased() }
      let expected = [pair.called, pair.caller].map { $0.prefix { $0 != "/" }.lowercased() }
      #expect(codecs == expected)
      for media in record.media { #expect(media.packetsReceived > 80) }
    }

    @Test(.timeLimit(.minutes(1))) func digitsGoThrough() async throws {
      let scratch = try Scratch()
      let server = try await TandemServer(scratch, policy: Policies.people)
      let alice = try await Baresip(scratch, at: server, "alice") { $0.codec = "PCMU/8000/1" }
      let bob = try await Baresip(scratch, at: server, "bob") { $0.codec = "opus/48000/2" }
      try await alice.dial("sip:bob@tandem.test")
      try await alice.wait(for: "CALL_RTPESTAB")
      for digit in ["5", "#"] {
        try await alice.command("sndcode", digit)
        try #require(
          await bob.events.first { $0.type == "CALL_DTMF_START" && $0.parameter == digit } != nil,
          "digit \(digit)")
      }
    }
  }
}
