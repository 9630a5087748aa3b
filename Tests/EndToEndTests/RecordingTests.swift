import CallModel
import Foundation
import SIP
import TestCaller
import Testing

extension EndToEnd {
  /// What rooms hear, in files that another program reads.
  @Suite(.tags(.phones)) struct RecordingTests {
    private static let policy =
      "services: [{ name: Open room, type: conference, aliases: [open@tandem.test] }]"

    /// What opusdec makes of a recording, once all of it is there.
    private func decoded(_ path: String, _ scratch: Scratch) async throws -> WaveFile {
      let wave = scratch.path + "/recording.wav"
      let deadline = ContinuousClock.now + .seconds(5)
      while true {
        let info = try await run("opusinfo", [path], directory: scratch.path)
        // The writer is a thread of its own, and the end of the file comes when the room has told it.
        if info.code == 0, !info.output.contains("WARNING") { break }
        guard ContinuousClock.now < deadline else { throw HarnessError("\(path): \(info.output)") }
      }
      let (code, output) = try await run(
        "opusdec", ["--quiet", "--rate", "48000", path, wave], directory: scratch.path)
      guard code == 0 else { throw HarnessError("opusdec: \(output)") }
      return try WaveFile(path: wave)
    }

    @Test(.timeLimit(.minutes(1))) func whatIsSaidIsInTheFile() async throws {
      let scratch = try Scratch()
      let server = try await TandemServer(scratch, policy: Self.policy)
      let ann = try await TestPhone.at(server, "ann")
      let call = try await ann.call("open", tone: 523)
      #expect(try await call.isAnswered(within: .seconds(5)))
      let (code, output) = try await server.tandem(
        "conferences", "record", "Open room", "--state", server.state)
      let path = output.trimmingCharacters(in: .whitespacesAndNewlines)
      #expect(code == 0 && path.hasPrefix(server.state + "/recordings/Open_room-"), "\(output)")
      #expect(
        try await server.tandem("conferences", "show", "Open room", "--state", server.state).output
          .contains("recorded"))
      // What is said to all when it begins is in it, too.
      try await talk(.seconds(6))
      let stopped = try await server.tandem(
        "conferences", "record", "Open room", "--stop", "--state", server.state)
      #expect(stopped.code == 0 && stopped.output == output, "\(stopped)")
      let first = try await decoded(path, scratch)
      #expect(first.seconds > 5 && first.seconds < 10, "\(first.seconds)")
      #expect(first.tones.isTone(523, within: 3, share: 0.9), "\(first.tones)")

      // Another one, which ends with the conference. Nothing is overwritten.
      let again = try await server.tandem("conferences", "record", "Open room", "--state", server.state)
      let second = again.output.trimmingCharacters(in: .whitespacesAndNewlines)
      #expect(again.code == 0 && second != path)
      try await talk(.seconds(5))
      _ = try await call.hangUp()
      let last = try await decoded(second, scratch)
      #expect(last.seconds > 4, "\(last.seconds)")
      #expect(last.tones.isTone(523, within: 3, share: 0.9), "\(last.tones)")
      await ann.close()
    }

    @Test(.timeLimit(.minutes(1))) func whereNoFileCanBeMadeTheCallGoesOn() async throws {
      let scratch = try Scratch()
      try scratch.write("in-the-way", "a file, not a directory")
      let server = try await TandemServer(
        scratch, policy: Self.policy,
        globals: "  conferences: { recordings: \(scratch.path)/in-the-way/recordings }")
      let ann = try await TestPhone.at(server, "ann")
      let call = try await ann.call("open", tone: 523)
      #expect(try await call.isAnswered(within: .seconds(5)))
      let (code, output) = try await server.tandem(
        "conferences", "record", "Open room", "--state", server.state)
      #expect(code == 1 && output.contains("Not a directory"), "\(output)")
      try await server.waitForLog("a conference is not recorded")
      let roster = try await server.tandem("conferences", "show", "Open room", "--state", server.state)
      #expect(roster.code == 0 && !roster.output.contains("recorded"), "\(roster.output)")
      #expect(try await call.hangUp().endedBy == "here")
      await ann.close()
    }

    private func talk(_ time: Duration) async throws { try await Task.sleep(for: time) }
  }
}
