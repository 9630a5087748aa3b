import CMediaIO

/// The reports we send to a party whose RTP ends with us (RFC 3550 §6.4): what it is sent, and how what it sends arrives.
struct ReportSending {
  /// What has gone to it under the SSRC in use.
  private(set) var ssrc: UInt32 = 0
  private(set) var packets: UInt32 = 0
  private(set) var octets: UInt32 = 0
  /// When the next report is due; 0 before the first was planned.
  private(set) var due: Int64 = 0
  /// Its last sender report: the middle of its NTP timestamp, and when it came.
  private var lastReport: UInt32 = 0
  private var lastReportAt: Int64 = 0
  private var prior = Reception.Progress()
  private var name: UInt64 = 0

  /// RFC 3550 §6.2: five seconds, half of that before the first, each varied by half and divided by e - 3/2 (§6.3.1).
  private static let interval = 5.0 / 1.218_28
  /// More than any report of ours has.
  static let maximumLength = 28 + 24 + 4 + 4 + 2 + 16 + 2 + 8

  @inline(__always)
  mutating func note(ssrc: UInt32, payload: Int) {
    if ssrc != self.ssrc {
      self.ssrc = ssrc
      packets = 0
      octets = 0
    }
    packets &+= 1
    octets &+= UInt32(truncatingIfNeeded: payload)
  }

  mutating func heard(_ report: UInt32, at now: Int64) {
    lastReport = report
    lastReportAt = now
  }

  /// Whether it is time.
  mutating func isDue(_ now: Int64) -> Bool {
    let isFirst = due == 0
    guard isFirst || now >= due else { return false }
    let seconds = ReportSending.interval * Double.random(in: 0.5...1.5) * (isFirst ? 0.5 : 1)
    due = now + Int64(seconds * 1e9)
    return !isFirst
  }

  /// Writes a compound packet; returns its length, 0 when there is nothing to report.
  ///
  /// - Parameter isLast: adds a BYE.
  mutating func write(
    to buffer: UnsafeMutableRawPointer, _ sending: Sending, _ reception: Reception, clockRate: UInt32,
    isLast: Bool, now: Int64
  ) -> Int {
    guard sending.isActive || reception.isActive else { return 0 }
    if name == 0 { name = .random(in: 1 ... .max) }
    let ssrc = sending.isActive ? sending.ssrc : UInt32(truncatingIfNeeded: name)
    let hasSent = sending.isActive && packets > 0 && ssrc == self.ssrc
    var length = 8
    if hasSent {
      let time = ReportSending.ntp()
      buffer.storeBigEndian(time, 8)
      buffer.storeBigEndian(sending.timestamp(at: now, clockRate: clockRate), 16)
      buffer.storeBigEndian(packets, 20)
      buffer.storeBigEndian(octets, 24)
      length = 28
    }
    let blocks: UInt8 = reception.isActive ? 1 : 0
    if reception.isActive { length += writeBlock(to: buffer + length, reception, now) }
    writeHeader(buffer, blocks, hasSent ? 200 : 201, length)
    buffer.storeBigEndian(ssrc, 4)
    length += writeName(to: buffer + length, ssrc)
    if isLast {
      writeHeader(buffer + length, 1, 203, 8)
      buffer.storeBigEndian(ssrc, length + 4)
      length += 8
    }
    return length
  }

  /// The wall clock as RTCP has it: seconds since 1900, and parts of 2³².
  private static func ntp() -> UInt64 {
    let nanoseconds = UInt64(clamping: mio_wall_clock())
    let (seconds, rest) = nanoseconds.quotientAndRemainder(dividingBy: 1_000_000_000)
    return (seconds &+ 2_208_988_800) << 32 | (rest << 32) / 1_000_000_000
  }

  private mutating func writeBlock(
    to buffer: UnsafeMutableRawPointer, _ reception: Reception, _ now: Int64
  ) -> Int {
    let progress = reception.progress
    let (lost, fraction) = progress.loss(since: prior)
    prior = progress
    buffer.storeBigEndian(reception.ssrc, 0)
    buffer.storeBigEndian(UInt32(fraction) << 24 | UInt32(bitPattern: lost) & 0xff_ffff, 4)
    buffer.storeBigEndian(reception.extendedHighest, 8)
    buffer.storeBigEndian(reception.jitter, 12)
    buffer.storeBigEndian(lastReport, 16)
    // In units of 1/65536 s.
    let delay = lastReport == 0 ? 0 : (now - lastReportAt) / 1_000 * 65_536 / 1_000_000
    buffer.storeBigEndian(UInt32(clamping: delay), 20)
    return 24
  }

  /// A description with a CNAME that tells nothing (RFC 7022 §4.2).
  private func writeName(to buffer: UnsafeMutableRawPointer, _ ssrc: UInt32) -> Int {
    // Header, SSRC, type, length, sixteen digits, and the end of the list padded to a word.
    let length = 28
    writeHeader(buffer, 1, 202, length)
    buffer.storeBigEndian(ssrc, 4)
    buffer.storeBytes(of: 1, toByteOffset: 8, as: UInt8.self)
    buffer.storeBytes(of: 16, toByteOffset: 9, as: UInt8.self)
    for i in 0..<16 {
      let digit = UInt8(truncatingIfNeeded: name >> UInt64(4 * i)) & 15
      buffer.storeBytes(of: digit < 10 ? 0x30 + digit : 0x57 + digit, toByteOffset: 10 + i, as: UInt8.self)
    }
    buffer.storeBytes(of: 0, toByteOffset: 26, as: UInt16.self)
    return length
  }

  private func writeHeader(_ buffer: UnsafeMutableRawPointer, _ count: UInt8, _ type: UInt8, _ length: Int) {
    buffer.storeBytes(of: 0x80 | count, as: UInt8.self)
    buffer.storeBytes(of: type, toByteOffset: 1, as: UInt8.self)
    buffer.storeBigEndian(UInt16(length / 4 - 1), 2)
  }
}

extension Reception {
  /// How far a stream has come (RFC 3550 A.3).
  struct Progress {
    var ssrc: UInt32 = 0
    var expected: Int64 = 0
    var received: Int64 = 0

    /// Packets lost in all (24 bits, negative after duplicates), and the part of those expected since then, in 1/256.
    func loss(since prior: Progress) -> (total: Int32, fraction: UInt8) {
      let total = Int32(max(-0x80_0000, min(0x7f_ffff, expected - received)))
      let isSame = prior.ssrc == ssrc && prior.expected <= expected
      let due = expected - (isSame ? prior.expected : 0)
      let missing = due - (received - (isSame ? prior.received : 0))
      guard due > 0, missing > 0 else { return (total, 0) }
      return (total, UInt8(clamping: missing * 256 / due))
    }
  }
}
