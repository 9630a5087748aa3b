/// An IPv4 or IPv6 address as a value: compared, hashed and printed without a system call.
public enum IPAddress: Hashable, Sendable {
  /// Host byte order.
  case v4(UInt32)
  case v6(UInt64, UInt64)

  public var isIPv6: Bool { if case .v6 = self { true } else { false } }

  public static let anyIPv4 = IPAddress.v4(0)
  public static let anyIPv6 = IPAddress.v6(0, 0)
  public static let loopbackIPv4 = IPAddress.v4(0x7f00_0001)

  public var isUnspecified: Bool {
    switch self {
    case .v4(let a): a == 0
    case .v6(let high, let low): high == 0 && low == 0
    }
  }

  public var isLoopback: Bool {
    switch self {
    case .v4(let a): a >> 24 == 127
    case .v6(let high, let low): high == 0 && (low == 1 || low >> 24 == 0xffff7f)
    }
  }

  public var isMulticast: Bool {
    switch self {
    case .v4(let a): a >> 28 == 0xe
    case .v6(let high, _): high >> 56 == 0xff
    }
  }

  /// Parses dotted-quad IPv4, or IPv6 in any RFC 4291 §2.2 form (with or without brackets). Zone ids are refused.
  public init?(_ text: some StringProtocol) {
    let parsed = text.utf8.withContiguousStorageIfAvailable { IPAddress(utf8: $0) }
    guard let address = parsed ?? Array(text.utf8).withUnsafeBufferPointer({ IPAddress(utf8: $0) }) else {
      return nil
    }
    self = address
  }

  /// The same over the bytes of a message, without making a string.
  public init?(utf8 text: UnsafeBufferPointer<UInt8>) {
    var bytes = text
    var hasBrackets = false
    if bytes.first == UInt8(ascii: "["), bytes.last == UInt8(ascii: "]"), bytes.count > 2 {
      bytes = UnsafeBufferPointer(rebasing: bytes[1..<bytes.count - 1])
      hasBrackets = true
    }
    guard bytes.count <= 45 else { return nil }
    if bytes.contains(UInt8(ascii: ":")) {
      guard let address = IPAddress.parseIPv6(bytes) else { return nil }
      self = address
    } else {
      guard !hasBrackets, let v4 = IPAddress.parseIPv4(bytes[...]) else { return nil }
      self = .v4(v4)
    }
  }

  private static func parseIPv4(_ bytes: Slice<UnsafeBufferPointer<UInt8>>) -> UInt32? {
    var result: UInt32 = 0
    var octet: UInt32 = 0
    var digits = 0
    var dots = 0
    for byte in bytes {
      if byte == UInt8(ascii: ".") {
        guard digits > 0, dots < 3 else { return nil }
        result = result << 8 | octet
        octet = 0
        digits = 0
        dots += 1
      } else if byte >= 0x30 && byte <= 0x39 {
        octet = octet * 10 + UInt32(byte - 0x30)
        digits += 1
        guard digits <= 3, octet <= 255 else { return nil }
      } else {
        return nil
      }
    }
    guard digits > 0, dots == 3 else { return nil }
    return result << 8 | octet
  }

  private static func parseIPv6(_ bytes: UnsafeBufferPointer<UInt8>) -> IPAddress? {
    // Groups before the gap go into `head`, those after it into `tail`; both as 128 bits, filled from the right.
    var head = (high: UInt64(0), low: UInt64(0))
    var tail = (high: UInt64(0), low: UInt64(0))
    var headCount = 0
    var tailCount = 0
    var hasGap = false
    func append(_ group: UInt64) {
      if hasGap {
        tail = (tail.high << 16 | tail.low >> 48, tail.low << 16 | group)
        tailCount += 1
      } else {
        head = (head.high << 16 | head.low >> 48, head.low << 16 | group)
        headCount += 1
      }
    }
    let colon = UInt8(ascii: ":")
    var i = 0
    if bytes.count >= 2, bytes[0] == colon {
      guard bytes[1] == colon else { return nil }
      hasGap = true
      i = 2
    }
    while i < bytes.count {
      guard headCount + tailCount < 8 else { return nil }
      var group: UInt64 = 0
      var end = i
      while end < bytes.count, let digit = bytes[end].hexDigitValue {
        group = group << 4 | UInt64(digit)
        end += 1
        guard end - i <= 4 else { return nil }
      }
      if end < bytes.count, bytes[end] == UInt8(ascii: ".") {
        guard headCount + tailCount <= 6, let v4 = parseIPv4(bytes[i...]) else { return nil }
        append(UInt64(v4 >> 16))
        append(UInt64(v4 & 0xffff))
        break
      }
      guard end > i else { return nil }
      append(group)
      i = end
      if i < bytes.count {
        guard bytes[i] == colon else { return nil }
        i += 1
        if i == bytes.count { return nil }
        if bytes[i] == colon {
          guard !hasGap else { return nil }
          hasGap = true
          i += 1
        }
      }
    }
    let count = headCount + tailCount
    guard hasGap ? count < 8 : count == 8 else { return nil }
    if !hasGap { return .v6(head.high, head.low) }
    let shifted = shiftLeft(head, 16 * (8 - headCount))
    return .v6(shifted.high | tail.high, shifted.low | tail.low)
  }

  private static func shiftLeft(
    _ value: (high: UInt64, low: UInt64), _ bits: Int
  ) -> (high: UInt64, low: UInt64) {
    if bits >= 128 { return (0, 0) }
    if bits >= 64 { return (value.low << UInt64(bits - 64), 0) }
    if bits == 0 { return value }
    return (value.high << UInt64(bits) | value.low >> UInt64(64 - bits), value.low << UInt64(bits))
  }
}

extension IPAddress: CustomStringConvertible {
  /// Canonical text, IPv6 by RFC 5952 and without brackets.
  public var description: String {
    switch self {
    case .v4(let a):
      return String(unsafeUninitializedCapacity: 15) { buffer in
        var count = 0
        for shift: UInt32 in [24, 16, 8, 0] {
          let octet = UInt8(truncatingIfNeeded: a >> shift)
          if octet >= 100 {
            buffer[count] = 0x30 + octet / 100
            count += 1
          }
          if octet >= 10 {
            buffer[count] = 0x30 + octet / 10 % 10
            count += 1
          }
          buffer[count] = 0x30 + octet % 10
          count += 1
          if shift > 0 {
            buffer[count] = UInt8(ascii: ".")
            count += 1
          }
        }
        return count
      }
    case .v6(let high, let low):
      if high == 0, low >> 32 == 0xffff { return "::ffff:\(IPAddress.v4(UInt32(low & 0xffff_ffff)))" }
      let groups = (0..<8).map { i in
        UInt16(truncatingIfNeeded: (i < 4 ? high : low) >> (48 - 16 * UInt64(i % 4)))
      }
      var best = 0..<0
      var start = 0
      while start < 8 {
        var end = start
        while end < 8, groups[end] == 0 { end += 1 }
        if end - start > max(best.count, 1) { best = start..<end }
        start = max(end, start + 1)
      }
      let hex = { (part: ArraySlice<UInt16>) in part.map { String($0, radix: 16) }.joined(separator: ":") }
      if best.isEmpty { return hex(groups[...]) }
      return "\(hex(groups[..<best.lowerBound]))::\(hex(groups[best.upperBound...]))"
    }
  }

  /// The form used inside URIs and `host:port`: IPv6 in brackets.
  public var bracketed: String { isIPv6 ? "[\(self)]" : description }
}

/// An IP address and a port.
public struct TransportAddress: Hashable, Sendable, CustomStringConvertible {
  public var ip: IPAddress
  public var port: UInt16

  public init(_ ip: IPAddress, _ port: UInt16) {
    self.ip = ip
    self.port = port
  }

  /// Parses `192.0.2.1:5060` and `[2001:db8::1]:5060`.
  public init?(_ text: some StringProtocol) {
    guard let colon = text.lastIndex(of: ":"), text[text.index(after: colon)...].first != "+",
      let port = UInt16(text[text.index(after: colon)...]), let ip = IPAddress(text[..<colon]),
      !ip.isIPv6 || text.first == "["
    else { return nil }
    self.init(ip, port)
  }

  public var description: String { "\(ip.bracketed):\(port)" }
}

/// A block of addresses, `192.0.2.0/24` or `2001:db8::/32`; a bare address is a block of one.
public struct IPNetwork: Hashable, Sendable, CustomStringConvertible {
  public let base: IPAddress
  public let prefixLength: Int

  public init?(_ text: some StringProtocol) {
    let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
    guard let first = parts.first, let ip = IPAddress(first) else { return nil }
    let width = ip.isIPv6 ? 128 : 32
    var length = width
    if parts.count == 2 {
      guard parts[1].first != "+", let n = Int(parts[1]), (0...width).contains(n) else { return nil }
      length = n
    }
    prefixLength = length
    base = IPNetwork.mask(ip, length)
  }

  /// The block of `prefixLength` bits that `ip` lies in; nil when the length is out of range.
  public init?(_ ip: IPAddress, prefixLength: Int) {
    guard (0...(ip.isIPv6 ? 128 : 32)).contains(prefixLength) else { return nil }
    self.prefixLength = prefixLength
    base = IPNetwork.mask(ip, prefixLength)
  }

  public func contains(_ ip: IPAddress) -> Bool {
    ip.isIPv6 == base.isIPv6 && IPNetwork.mask(ip, prefixLength) == base
  }

  private static func mask(_ ip: IPAddress, _ length: Int) -> IPAddress {
    switch ip {
    case .v4(let a): .v4(length == 0 ? 0 : a & (UInt32.max << UInt32(32 - length)))
    case .v6(let high, let low):
      .v6(
        length == 0 ? 0 : high & (length >= 64 ? .max : UInt64.max << UInt64(64 - length)),
        length <= 64 ? 0 : low & (UInt64.max << UInt64(128 - length)))
    }
  }

  public var description: String { "\(base)/\(prefixLength)" }
}
