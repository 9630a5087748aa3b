import CallModel
import SIP

/// DTMF in SIP INFO: `application/dtmf-relay` (`Signal=`, `Duration=`) as most devices send it, and the bare digit of
/// `application/dtmf`. Never standardised; this is what is found on the wire.
enum SIPDigits {
  static func body(_ digit: DTMFDigit, duration: TimeSpan) -> MessageBody {
    let text = "Signal=\(digit)\r\nDuration=\(max(40, min(6000, duration.milliseconds)))\r\n"
    return MessageBody(contentType: "application/dtmf-relay", content: Array(text.utf8))
  }

  /// The digit of an INFO body; nil when it is none.
  static func parse(contentType: String, _ body: [UInt8]) -> (DTMFDigit, TimeSpan)? {
    guard body.count <= 256 else { return nil }
    let type = contentType.prefix { $0 != ";" }.lowercased().filter { $0 != " " }
    let text = String(decoding: body, as: UTF8.self)
    if type == "application/dtmf" {
      guard let character = text.first(where: { !$0.isWhitespace }) else { return nil }
      return DTMFDigit(character).map { ($0, .milliseconds(160)) }
    }
    guard type == "application/dtmf-relay" else { return nil }
    var digit: DTMFDigit?
    var duration = TimeSpan.milliseconds(160)
    for line in text.split(whereSeparator: \.isNewline) {
      let pair = line.split(separator: "=", maxSplits: 1)
      guard pair.count == 2 else { continue }
      let value = pair[1].filter { !$0.isWhitespace }
      switch pair[0].filter({ !$0.isWhitespace }).lowercased() {
      case "signal":
        // Some send the event number of `*` and `#`.
        digit =
          value.count == 1
          ? value.first.flatMap { DTMFDigit($0) } : UInt8(value).flatMap { DTMFDigit(event: $0) }
      case "duration":
        if let milliseconds = Int64(value), (1...60_000).contains(milliseconds) {
          duration = .milliseconds(milliseconds)
        }
      default: break
      }
    }
    return digit.map { ($0, duration) }
  }
}
