import Foundation
import TestCaller
import Testing

/// What every test of a conversation does.
enum Call {
  /// Long enough to judge a tone: the recordings grow in real time, and nothing else tells when they are long enough.
  static func talk(_ time: Duration = .milliseconds(2500)) async throws { try await Task.sleep(for: time) }

  /// The phone's last recording holds the tone, and only it.
  static func expectTone(
    _ frequency: Double, heardBy phone: Baresip, sourceLocation: SourceLocation = #_sourceLocation
  ) async throws {
    // Every negotiation begins a new recording; what is shorter than a second is the end of a call, not its content.
    let recordings = try phone.recordings()
    guard let heard = recordings.last(where: { $0.seconds > 1 }) else {
      throw HarnessError(
        "\(phone.name) heard nothing: recordings of \(recordings.map(\.seconds)) s\n\(phone.output)")
    }
    let tones = heard.tones
    #expect(
      tones.isTone(frequency),
      "\(phone.name) heard \(tones.peaks) at level \(tones.level), not \(frequency) Hz",
      sourceLocation: sourceLocation)
  }
}
