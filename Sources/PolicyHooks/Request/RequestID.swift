/// Names one request to a policy server in our log, in the record and in the server's log: a random UUID (RFC 9562 §5.4).
public struct RequestID: Hashable, Sendable, CustomStringConvertible {
  private let high: UInt64
  private let low: UInt64

  public init(high: UInt64, low: UInt64) {
    self.high = high & ~0xf000 | 0x4000
    self.low = low & ~(3 << 62) | 2 << 62
  }

  public static func random(using generator: inout some RandomNumberGenerator) -> RequestID {
    RequestID(high: generator.next(), low: generator.next())
  }

  public static func random() -> RequestID {
    var generator = SystemRandomNumberGenerator()
    return random(using: &generator)
  }

  private static let digits = Array("0123456789abcdef".utf8)

  public var description: String {
    String(unsafeUninitializedCapacity: 36) { buffer in
      var position = 0
      for i in 0..<32 {
        if i == 8 || i == 12 || i == 16 || i == 20 {
          buffer[position] = UInt8(ascii: "-")
          position += 1
        }
        let word = i < 16 ? high : low
        buffer[position] = RequestID.digits[Int(word >> UInt64(60 - i % 16 * 4) & 15)]
        position += 1
      }
      return position
    }
  }
}
