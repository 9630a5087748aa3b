import CallModel

/// The nonces a server makes: issue time and serial number, with a keyed check over both. Nothing is kept for a nonce until
/// somebody has used it with the right password, so challenges cost no memory.
struct DigestNonce: Hashable, Sendable {
  var issuedAt: MonotonicInstant
  var serial: UInt64

  func text(key: [UInt8]) -> String {
    let body = Self.bytes(issuedAt, serial)
    return String(decoding: (body + MessageDigest.authenticate(body, key: key).prefix(16)).hex, as: UTF8.self)
  }

  private init(issuedAt: MonotonicInstant, serial: UInt64, checked: Void) {
    self.issuedAt = issuedAt
    self.serial = serial
  }

  init(issuedAt: MonotonicInstant, serial: UInt64) {
    self.init(issuedAt: issuedAt, serial: serial, checked: ())
  }

  /// Nil when the text was not made with this key.
  init?(_ text: String, key: [UInt8]) {
    guard text.utf8.count == 64, let bytes = [UInt8](hex: Array(text.utf8)) else { return nil }
    let body = Array(bytes[..<16])
    let check = Array(MessageDigest.authenticate(body, key: key).prefix(16))
    guard check.isEqualInConstantTime(to: Array(bytes[16...])) else { return nil }
    let number = { (range: Range<Int>) in body[range].reduce(UInt64(0)) { $0 << 8 | UInt64($1) } }
    self.init(
      issuedAt: MonotonicInstant(nanoseconds: Int64(bitPattern: number(0..<8))), serial: number(8..<16))
  }

  private static func bytes(_ issuedAt: MonotonicInstant, _ serial: UInt64) -> [UInt8] {
    [UInt64(bitPattern: issuedAt.nanoseconds), serial].flatMap { word in
      (0..<8).map { UInt8(truncatingIfNeeded: word >> (56 - 8 * UInt64($0))) }
    }
  }
}

/// Which counts of which nonces have been used (RFC 7616 §3.4 `nc`): a replayed request has a count that was.
///
/// Bounded: when full, the nonce whose first use is longest ago is dropped, and from then on every unknown nonce that is not
/// younger counts as expired. So forgetting never admits a replay; it only costs some clients one more round.
struct NonceCountTable: Sendable {
  private struct Counts {
    var highest: UInt32
    /// Bit n: `highest - n` has been used. Requests overtake each other in datagrams, so a lower count may be new.
    var window: UInt64
  }

  enum Verdict: Hashable, Sendable { case fresh, replayed, forgotten }

  let capacity: Int
  private var counts: [UInt64: Counts] = [:]
  private var order: [DigestNonce] = []
  private var oldest = 0
  private var forgottenUpTo = MonotonicInstant(nanoseconds: .min)

  init(capacity: Int) { self.capacity = max(1, capacity) }

  var count: Int { counts.count }

  /// Notes a use. Call it only for credentials that are right, or anybody could use up counts.
  mutating func use(_ nonce: DigestNonce, count: UInt32) -> Verdict {
    if var known = counts[nonce.serial] {
      if count > known.highest {
        let distance = count - known.highest
        known.window = distance < 64 ? known.window << UInt64(distance) | 1 : 1
        known.highest = count
      } else {
        let distance = known.highest - count
        guard distance < 64, known.window & 1 << UInt64(distance) == 0 else { return .replayed }
        known.window |= 1 << UInt64(distance)
      }
      counts[nonce.serial] = known
      return .fresh
    }
    guard nonce.issuedAt > forgottenUpTo else { return .forgotten }
    if counts.count >= capacity { forgetOldest() }
    guard nonce.issuedAt > forgottenUpTo else { return .forgotten }
    counts[nonce.serial] = Counts(highest: count, window: 1)
    order.append(nonce)
    return .fresh
  }

  /// Drops nonces that have expired anyway.
  mutating func expire(issuedBefore limit: MonotonicInstant) {
    while oldest < order.count, order[oldest].issuedAt < limit { forgetOldest() }
  }

  private mutating func forgetOldest() {
    guard oldest < order.count else { return }
    let nonce = order[oldest]
    oldest += 1
    counts[nonce.serial] = nil
    forgottenUpTo = max(forgottenUpTo, nonce.issuedAt)
    if oldest > 1_024, oldest * 2 > order.count {
      order.removeFirst(oldest)
      oldest = 0
    }
  }
}
