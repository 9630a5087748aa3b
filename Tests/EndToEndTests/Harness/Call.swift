import Foundation
import TestCaller
import Testing

/// What every test of a conversation does.
enum Call {
  /// Long enough to judge a tone: the recordings grow in real time, and nothing else tells when they are long enough.
  static func talk(_ time: Duration = .milliseconds(2500)) async throws { try await Task.sleep(for: time) }

  /// The phone's last recording holds the tone, and only it.
  static func expectTone(
    _ frequency: Double, heardBy phone: Baresip, recording: Int? = nil,
    sourceLocation: SourceLocation = #_sourceLocation
  ) async throws {
    let recordings = try phone.recordings()
    guard
      let heard = recording.map({ recordings.indices.contains($0) ? recordings[$0] : nil }) ?? recordings.last
    else {
      throw HarnessError("\(phone.name) has \(recordings.count) recordings:\n\(phone.output)")
    }
    let tones = heard.tones
    #expect(heard.seconds > 1, "\(phone.name) heard \(heard.seconds) s", sourceLocation: sourceLocation)
    #expect(
      tones.isTone(frequency),
      "\(phone.name) heard \(tones.peaks) at level \(tones.level), not \(frequency) Hz",
      sourceLocation: sourceLocation)
  }
}
