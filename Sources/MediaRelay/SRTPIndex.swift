/// The 48-bit packet index and replay list of one SSRC (RFC 3711 §3.3.1, §3.3.2, appendix A).
struct SRTPSource {
  var ssrc: UInt32 = 0
  /// Highest index seen: ROC and sequence number.
  var highest: UInt64 = 0
  /// Bit i: index `highest - i` was seen.
  var seen: UInt128 = 0
  /// SRTCP: highest index and its list.
  var controlHighest: UInt32 = 0
  var controlSeen: UInt128 = 0
  /// Index of the next SRTCP packet we send.
  var controlNext: UInt32 = 0
  var hasMedia = false
  var hasControl = false
  /// When it was last used, in packets of the context: the least recent gives way.
  var used: UInt64 = 0

  /// Entries of the replay list (RFC 3711 §3.3.2 asks for 64 at least).
  static let window = 128

  /// The most likely index of a sequence number; nil before the first (negative ROC).
  @inline(__always)
  func estimate(_ sequence: UInt16) -> UInt64? {
    guard hasMedia else { return UInt64(sequence) }
    let roc = highest >> 16
    let last = Int32(highest & 0xffff)
    let this = Int32(sequence)
    if last < 0x8000 {
      if this - last > 0x8000 {
        guard roc > 0 else { return nil }
        return (roc - 1) << 16 | UInt64(sequence)
      }
    } else if last - 0x8000 > this {
      return (roc + 1) << 16 | UInt64(sequence)
    }
    return roc << 16 | UInt64(sequence)
  }

  @inline(__always)
  func isFresh(_ index: UInt64) -> Bool {
    guard hasMedia, index <= highest else { return true }
    let behind = highest - index
    return behind < UInt64(SRTPSource.window) && seen & (1 << UInt128(behind)) == 0
  }

  @inline(__always)
  mutating func note(_ index: UInt64) {
    guard hasMedia else {
      hasMedia = true
      highest = index
      seen = 1
      return
    }
    if index > highest {
      let ahead = index - highest
      seen = ahead < UInt64(SRTPSource.window) ? seen << UInt128(ahead) | 1 : 1
      highest = index
    } else {
      let behind = highest - index
      if behind < UInt64(SRTPSource.window) { seen |= 1 << UInt128(behind) }
    }
  }

  func isFreshControl(_ index: UInt32) -> Bool {
    guard hasControl, index <= controlHighest else { return true }
    let behind = controlHighest - index
    return behind < UInt32(SRTPSource.window) && controlSeen & (1 << UInt128(behind)) == 0
  }

  mutating func noteControl(_ index: UInt32) {
    if !hasControl || index > controlHighest {
      let ahead = hasControl ? index - controlHighest : UInt32(SRTPSource.window)
      controlSeen = ahead < UInt32(SRTPSource.window) ? controlSeen << UInt128(ahead) | 1 : 1
      controlHighest = index
      hasControl = true
    } else {
      let behind = controlHighest - index
      if behind < UInt32(SRTPSource.window) { controlSeen |= 1 << UInt128(behind) }
    }
  }
}
