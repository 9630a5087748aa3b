/// The branch of our own requests: magic cookie, the transaction's number, and a keyed check that nobody outside can compute.
///
/// A response is found by the number without a look-up by text, and is ours only if the check fits (RFC 3261 §8.1.1.7 and
/// §17.1.3 ask for uniqueness; being unguessable also keeps off forged responses).
struct TransactionBranch: Sendable {
  static let magicCookie: StaticString = "z9hG4bK"
  static let length = 7 + 32

  private let secret: UInt64

  init(secret: UInt64) { self.secret = secret }

  private func check(_ number: UInt64) -> UInt64 {
    var hasher = Hasher()
    hasher.combine(secret)
    hasher.combine(number)
    return UInt64(bitPattern: Int64(hasher.finalize()))
  }

  func append(_ number: UInt64, to bytes: inout [UInt8]) {
    bytes.append(Self.magicCookie)
    Self.append(hex: number, to: &bytes)
    Self.append(hex: check(number), to: &bytes)
  }

  /// The number of a branch of ours; nil for any other.
  func number(_ bytes: Bytes, _ range: Range<Int>) -> UInt64? {
    guard range.count == Self.length, bytes.equals(range.lowerBound..<range.lowerBound + 7, "z9hg4bk"),
      let number = Self.hex(bytes, range.lowerBound + 7), let check = Self.hex(bytes, range.lowerBound + 23),
      check == self.check(number)
    else { return nil }
    return number
  }

  private static func append(hex value: UInt64, to bytes: inout [UInt8]) {
    for shift in stride(from: UInt64(60), through: 0, by: -4) {
      let digit = UInt8(truncatingIfNeeded: value >> shift & 15)
      bytes.append(digit < 10 ? 0x30 + digit : 0x57 + digit)
    }
  }

  private static func hex(_ bytes: Bytes, _ start: Int) -> UInt64? {
    var value: UInt64 = 0
    for i in start..<start + 16 {
      guard let digit = bytes[i].hexValue else { return nil }
      value = value << 4 | UInt64(digit)
    }
    return value
  }
}
