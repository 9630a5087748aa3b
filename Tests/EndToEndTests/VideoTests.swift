import Foundation
import Testing

extension EndToEnd {
  /// Calls with a picture between phones nobody here wrote.
  @Suite(.tags(.phones)) struct VideoTests {
    @Test(.timeLimit(.minutes(1))) func aPictureTravelsBothWays() async throws {
      let scratch = try Scratch()
      let server = try await TandemServer(scratch, policy: Policies.people)
      let alice = try await Baresip(scratch, at: server, "alice", tone: 440) { $0.hasVideo = true }
      let bob = try await Baresip(scratch, at: server, "bob", tone: 660) { $0.hasVideo = true }
      try await alice.dial("sip:bob@tandem.test")
      try await alice.wait(for: "CALL_ESTABLISHED")
      try await Call.talk()
      try await alice.hangUp()
      try await Call.expectTone(660, heardBy: alice)
      try await Call.expectTone(440, heardBy: bob)
      let record = try #require(try await server.records { $0.first?.ended != nil }.first)
      let video = record.media.filter { $0.kind == "video" }
      #expect(video.count == 2, "\(record.media)")
      for media in video {
        #expect(media.codec.uppercased() == "H264")
        #expect(media.packetsReceived > 20, "\(media)")
        #expect(media.packetsLost == 0)
      }
    }

    /// The rule allows audio only: the picture is refused, the call goes on.
    @Test(.timeLimit(.minutes(1))) func anAudioRuleTakesThePictureOut() async throws {
      let scratch = try Scratch()
      let server = try await TandemServer(
        scratch, policy: Policies.people + "\n    call: { capability: audio }")
      let alice = try await Baresip(scratch, at: server, "alice", tone: 440) { $0.hasVideo = true }
      let bob = try await Baresip(scratch, at: server, "bob", tone: 660) { $0.hasVideo = true }
      try await alice.dial("sip:bob@tandem.test")
      try await alice.wait(for: "CALL_ESTABLISHED")
      try await Call.talk()
      try await alice.hangUp()
      try await Call.expectTone(660, heardBy: alice)
      try await Call.expectTone(440, heardBy: bob)
      let record = try #require(try await server.records { $0.first?.ended != nil }.first)
      #expect(record.media.map(\.kind) == ["audio", "audio"])
    }
  }
}
