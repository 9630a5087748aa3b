import Foundation

extension TestCallReport {
  static func decibels(_ ratio: Double) -> Double { 20 * log10(ratio) }

  /// The report for a person, a fact a line.
  public var text: String {
    var lines: [String] = []
    func add(_ name: String, _ value: String?) {
      guard let value, !value.isEmpty else { return }
      lines.append("  " + name.padding(toLength: 13, withPad: " ", startingAt: 0) + value)
    }
    lines.append(headline)
    add("ringing", timing.ringing.map { "after \(TestCallReport.milliseconds($0))" })
    add("answered", timing.answer.map { "after \(TestCallReport.milliseconds($0))" })
    if let media {
      let encryption = media.encryption.map { "SRTP \($0)" } ?? "not encrypted"
      add("media", "\(media.codec), \(encryption), with \(media.remoteAddress)")
      add("sent", "\(media.sent), \(media.packetsSent) packets" + digitsSentText(media))
      add("received", receivedText(media))
      add("heard", heardText)
      add("digits", heard?.digits)
      add("round trip", media.roundTrip.map { TestCallReport.milliseconds($0) })
    }
    add("problem", problem)
    if let duration = timing.duration, outcome == .answered {
      let by = endedBy.map { ", ended \($0)" } ?? ""
      add("duration", String(format: "%.1f s", duration / 1000) + by)
    }
    add("advice", advice)
    return lines.joined(separator: "\n")
  }

  /// The report for a program; keys are sorted.
  public var json: String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    guard let data = try? encoder.encode(self) else { return "{}" }
    return String(decoding: data, as: UTF8.self)
  }

  private var headline: String {
    let status = status.map { " (\($0)\(reason.map { " \($0)" } ?? ""))" } ?? ""
    let direction = isIncoming ? "call from" : "call to"
    switch outcome {
    case .answered:
      let media = hasMedia ? "answered, audio came back" : "answered, but no audio came back"
      return "\(direction) \(peer): \(media)"
    case .refused: return "\(direction) \(peer): refused\(status)"
    case .noAnswer: return "\(direction) \(peer): no answer\(status)"
    case .unreachable: return "\(direction) \(peer): nobody could be reached\(status)"
    case .cancelled: return "\(direction) \(peer): cancelled"
    }
  }

  private func digitsSentText(_ media: Media) -> String {
    media.digitsSent == 0 ? "" : ", \(media.digitsSent) digit\(media.digitsSent == 1 ? "" : "s")"
  }

  private func receivedText(_ media: Media) -> String {
    let expected = media.packetsReceived + media.packetsLost
    let loss = expected == 0 ? 0 : Double(media.packetsLost) / Double(expected) * 100
    var text = "\(media.packetsReceived) packets, \(media.packetsLost) lost"
    text += String(format: " (%.1f %%), jitter %.1f ms", loss, media.jitter)
    if media.packetsRejected > 0 { text += ", \(media.packetsRejected) unusable" }
    return text
  }

  private var heardText: String? {
    guard let heard, hasMedia else { return nil }
    guard let frequency = heard.frequency, let share = heard.share else {
      return String(format: "silence, %.1f s", heard.seconds)
    }
    return String(
      format: "%.1f Hz, %.0f %% of the energy, %.1f dBFS, %.1f s", frequency, share * 100, heard.level ?? 0,
      heard.seconds)
  }

  static func milliseconds(_ value: Double) -> String {
    value >= 1000 ? String(format: "%.2f s", value / 1000) : String(format: "%.1f ms", value)
  }
}
