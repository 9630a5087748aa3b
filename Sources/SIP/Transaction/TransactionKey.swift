/// What a request is matched by (RFC 3261 §17.2.3), as a 128-bit keyed fingerprint.
///
/// A fingerprint keeps nothing of the message alive, which counts with 100,000 transactions lingering; and because it is keyed
/// per process, no peer can make up a request that collides with another's transaction or crowds one hash bucket.
struct TransactionKey: Hashable, Sendable {
  var high: UInt64
  var low: UInt64

  static func == (a: Self, b: Self) -> Bool { a.high == b.high && a.low == b.low }
  func hash(into hasher: inout Hasher) { hasher.combine(low) }
}

/// Makes ``TransactionKey``s. Parts are separated, so that no two lists of parts run together to the same bytes.
struct Fingerprint {
  private var first = Hasher()
  private var second = Hasher()

  init(secret: UInt64) {
    first.combine(secret)
    second.combine(~secret)
  }

  mutating func combine(_ bytes: Bytes) {
    let count = UInt32(truncatingIfNeeded: bytes.count)
    first.combine(count)
    second.combine(count)
    first.combine(bytes: bytes)
    second.combine(bytes: bytes)
  }

  mutating func combine(_ bytes: Bytes, _ range: Range<Int>) {
    combine(UnsafeRawBufferPointer(rebasing: bytes[range]))
  }

  mutating func combine(_ text: String) {
    var text = text
    text.withUTF8 { combine(UnsafeRawBufferPointer($0)) }
  }

  mutating func combine(_ number: UInt64) {
    first.combine(number)
    second.combine(number)
  }

  /// A host: compared without case.
  mutating func combine(host bytes: Bytes, _ range: Range<Int>) {
    var folded: UInt64 = 0xcbf2_9ce4_8422_2325
    for i in range { folded = (folded ^ UInt64(bytes[i].asciiLowercased)) &* 0x100_0000_01b3 }
    combine(folded)
  }

  func finish() -> TransactionKey {
    TransactionKey(
      high: UInt64(bitPattern: Int64(first.finalize())), low: UInt64(bitPattern: Int64(second.finalize())))
  }
}
