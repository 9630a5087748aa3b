import CallModel
import Codecs
import SIP

/// What became of a test call, and what was heard.
public struct TestCallReport: Sendable, Codable, Hashable {
  public enum Outcome: String, Sendable, Codable {
    case answered
    /// A 3xx to 6xx.
    case refused
    /// Rang, or nothing at all, until the caller gave up or a timer ran out.
    case noAnswer
    /// No server could be reached.
    case unreachable
    /// Given up here.
    case cancelled
  }

  /// Milliseconds throughout.
  public struct Timing: Sendable, Codable, Hashable {
    /// From the INVITE to the first 18x.
    public var ringing: Double?
    /// From the INVITE to the 200.
    public var answer: Double?
    /// From the answer to the first packet of the other side; less than 0 with early media.
    public var firstMedia: Double?
    /// From the answer to the end.
    public var duration: Double?
  }

  public struct Heard: Sendable, Codable, Hashable {
    /// Hertz of the strongest tone; nil in silence.
    public var frequency: Double?
    /// The part of all energy at that tone, 0 to 1.
    public var share: Double?
    /// dBFS, root of the mean square.
    public var level: Double?
    public var seconds: Double
    public var digits: String
  }

  public struct Media: Sendable, Codable, Hashable {
    public var codec: String
    /// SRTP suite; nil in the clear.
    public var encryption: String?
    public var remoteAddress: String
    public var packetsSent: Int
    public var packetsReceived: Int
    public var packetsLost: Int
    public var packetsRejected: Int
    public var jitter: Double
    /// Milliseconds until our own packets came back; nil unless the other side echoes.
    public var roundTrip: Double?
    public var sent: String
    public var digitsSent: Int
  }

  public var peer: String
  public var isIncoming: Bool
  public var outcome: Outcome
  /// The status of the final response, where there was one.
  public var status: Int?
  public var reason: String?
  /// What to do about it, when the call failed.
  public var advice: String?
  /// Who ended it: `here`, `there`; nil while it is up.
  public var endedBy: String?
  public var timing: Timing
  public var media: Media?
  public var heard: Heard?
  /// Why there is no media in spite of an answer.
  public var problem: String?

  /// Whether audio came back.
  public var hasMedia: Bool { (media?.packetsReceived ?? 0) > 0 }

  /// Whether one tone of this frequency was all that was heard.
  public func isTone(_ frequency: Double, within tolerance: Double = 2, share: Double = 0.9) -> Bool {
    guard let heard, let found = heard.frequency, let part = heard.share else { return false }
    return abs(found - frequency) <= tolerance && part >= share
  }

  init(_ call: PhoneCall, _ core: PhoneCore) {
    peer = call.peer
    isIncoming = call.isIncoming
    status = call.end?.status
    reason = call.end?.response?.reason
    problem = call.answeredAt == nil ? nil : call.violation
    outcome =
      if call.answeredAt != nil {
        .answered
      } else {
        switch call.end?.manner {
        case .rejected, .redirected, .protocolError: call.wasHungUpHere ? .cancelled : .refused
        case .transportFailed, .unresolved: .unreachable
        case .timedOut: call.ringingAt == nil && core.lastFailure != nil ? .unreachable : .noAnswer
        case .local: call.wasHungUpHere ? .noAnswer : .cancelled
        default: .noAnswer
        }
      }
    endedBy = call.end.map { call.wasHungUpHere || $0.manner == .local ? "here" : "there" }
    let since = { (instant: MonotonicInstant?, start: MonotonicInstant?) -> Double? in
      guard let instant, let start else { return nil }
      return (instant - start).seconds * 1000
    }
    timing = Timing(
      ringing: since(call.ringingAt, call.started), answer: since(call.answeredAt, call.started),
      firstMedia: since(call.audio?.firstPacketAt, call.answeredAt),
      duration: since(call.endedAt ?? .now, call.answeredAt))
    if let audio = call.audio, let codec = call.codec {
      media = Media(
        codec: codec.rawValue, encryption: call.suite?.rawValue,
        remoteAddress: call.remoteAddress.map { "\($0)" } ?? "", packetsSent: audio.packetsSent,
        packetsReceived: audio.receiver.packetsReceived, packetsLost: audio.receiver.packetsLost,
        packetsRejected: audio.rejected, jitter: audio.receiver.jitter,
        roundTrip: audio.roundTrip.map { $0.seconds * 1000 }, sent: audio.soundName,
        digitsSent: audio.digitsSent)
      let digits = (audio.heardDigits.digits + call.infoDigits).map(\.description).joined()
      heard = Heard(seconds: 0, digits: digits)
    }
    advice = outcome == .answered ? nil : FailureAdvice.call(self, isTrying: call.isTrying, core)
  }

  func analysed(_ samples: [Int16]) -> TestCallReport {
    guard var heard else { return self }
    heard.seconds = Double(samples.count) / Double(G711.sampleRate)
    let analysis = ToneAnalysis(samples, sampleRate: G711.sampleRate)
    let peak = analysis.isSilent ? nil : analysis.peaks.first
    heard.frequency = peak?.frequency
    heard.share = peak?.share
    if analysis.level > 0 { heard.level = TestCallReport.decibels(analysis.level / 32_768) }
    var result = self
    result.heard = heard
    return result
  }
}
