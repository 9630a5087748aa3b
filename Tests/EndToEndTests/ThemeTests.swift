import CallModel
import Foundation
import SIP
import TestCaller
import Testing

extension EndToEnd {
  /// What a theme's directory changes for those who call.
  @Suite(.tags(.phones)) struct ThemeTests {
    /// Six seconds of a tone, in the form of a prompt.
    private func prompt(_ frequency: Double) -> Data {
      var tone = ToneGenerator(frequency: frequency, amplitude: 8_000, sampleRate: 48_000)
      let samples = tone.samples(6 * 48_000)
      var data = Data()
      func append(_ number: Int, _ size: Int) {
        for byte in 0..<size { data.append(UInt8(truncatingIfNeeded: number >> (8 * byte))) }
      }
      data += Data("RIFF".utf8)
      append(36 + 2 * samples.count, 4)
      data += Data("WAVEfmt ".utf8)
      for (number, size) in [(16, 4), (1, 2), (1, 2), (48_000, 4), (96_000, 4), (2, 2), (16, 2)] {
        append(number, size)
      }
      data += Data("data".utf8)
      append(2 * samples.count, 4)
      for sample in samples { append(Int(sample), 2) }
      return data
    }

    @Test(.timeLimit(.minutes(1))) func languagesAndKeys() async throws {
      let scratch = try Scratch()
      let theme = scratch.path + "/theme"
      for (place, tone) in [("", 523.0), ("/de", 880.0)] {
        try FileManager.default.createDirectory(
          atPath: theme + place, withIntermediateDirectories: true)
        try prompt(tone).write(to: URL(filePath: theme + place + "/conf-get-pin_48kHz_mono.wav"))
      }
      try scratch.write(
        "theme/themeconfig.json",
        #"{ "theme_version": 2, "controls": { "toggle-lock": "*1", "end-conference": null } }"#)
      let pin = #"{ env: TANDEM_TEST_UNSET, default: "1234" }"#
      let server = try await TandemServer(
        scratch,
        policy: """
          themes: [{ name: ours, directory: \(theme) }]
          services:
            - { name: Plain, type: conference, aliases: [plain@tandem.test], theme: ours, pin: \(pin) }
            - { name: German, type: conference, aliases: [german@tandem.test], theme: ours, language: de-AT, pin: \(pin) }
          """)
      let ann = try await TestPhone.at(server, "ann")
      for (room, tone) in [("plain", 523.0), ("german", 880.0)] {
        let call = try await ann.call(room)
        #expect(try await call.isAnswered(within: .seconds(5)))
        #expect(try await call.hears(seconds: 3, within: .seconds(10)))
        let report = try await call.hangUp()
        #expect(report.isTone(tone), "\(room): \(report)")
      }

      let inside = try await ann.call("plain")
      #expect(try await inside.isAnswered(within: .seconds(5)))
      try await inside.press("1234")
      // The keys of the built-in profile say nothing here; those of the theme do.
      try await inside.press("##*7*1")
      var roster = ""
      // Ten keys take three seconds and more.
      let deadline = ContinuousClock.now + .seconds(20)
      repeat {
        roster = try await server.tandem("conferences", "show", "Plain", "--state", server.state).output
      } while !roster.contains("locked") && ContinuousClock.now < deadline
      #expect(roster.contains("locked"), "\(roster)")
      #expect(try await inside.hangUp().endedBy == "here")
      await ann.close()
    }
  }
}
