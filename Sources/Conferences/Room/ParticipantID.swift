import CallModel

/// Names one participant of a conference, in the roster, in the client API and in records: a version 4 UUID (RFC 9562 §5.4).
public struct ParticipantID: Hashable, Sendable, CustomStringConvertible {
  public let high: UInt64
  public let low: UInt64

  /// Sets version and variant, whatever the bits given say.
  public init(high: UInt64, low: UInt64) {
    self.high = high & ~0xf000 | 0x4000
    self.low = low & ~(3 << 62) | 2 << 62
  }

  public static func random(using generator: inout any RandomNumberGenerator) -> ParticipantID {
    ParticipantID(high: generator.next(), low: generator.next())
  }

  /// Reads the 36 characters of the usual form, in either case. nil for anything else, other versions included.
  public init?(_ text: some StringProtocol) {
    let bytes = Array(text.utf8)
    guard bytes.count == 36 else { return nil }
    var words: [UInt64] = [0, 0]
    var digits = 0
    for (index, byte) in bytes.enumerated() {
      if [8, 13, 18, 23].contains(index) {
        guard byte == UInt8(ascii: "-") else { return nil }
        continue
      }
      guard let digit = byte.hexDigitValue else { return nil }
      words[digits / 16] = words[digits / 16] << 4 | UInt64(digit)
      digits += 1
    }
    let id = ParticipantID(high: words[0], low: words[1])
    guard id.high == words[0], id.low == words[1] else { return nil }
    self = id
  }

  /// Lower case, with hyphens.
  public var description: String {
    var text = ""
    for position in 0..<32 {
      if [8, 12, 16, 20].contains(position) { text.append("-") }
      let word = position < 16 ? high : low
      text += String(word >> UInt64(60 - 4 * (position % 16)) & 15, radix: 16)
    }
    return text
  }
}
