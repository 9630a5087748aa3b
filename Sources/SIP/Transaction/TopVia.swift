import CallModel

/// The positions inside a Via field that the transaction layer needs, found in one pass and without a `String`.
///
/// Matching runs for every message, and for every retransmission of it; a complete ``Via`` costs several allocations.
struct TopVia {
  enum Rport { case absent, empty, filled }

  var host: Range<Int>
  /// 0 when absent.
  var port: UInt16 = 0
  var branch: Range<Int>?
  var rport = Rport.absent
  /// `;received=…` of the sender, from the semicolon on; it has no business there.
  var received: Range<Int>?
  /// The name `rport`, and all of the parameter.
  var rportName = 0..<0
  var rportEnd = 0
  /// The first value in the field.
  var end: Int
  /// Whether another Via value follows in the same field.
  var hasMore: Bool

  /// Nil when the field does not begin with a well-formed Via value.
  init?(_ bytes: Bytes) {
    let count = bytes.count
    var i = bytes.skipBlanks(0, count)
    // sent-protocol: three tokens with slashes between.
    for part in 0..<3 {
      let next = bytes.skipToken(i, count)
      guard next > i else { return nil }
      i = next
      if part < 2 {
        i = bytes.skipBlanks(i, count)
        guard i < count, bytes[i] == .slash else { return nil }
        i = bytes.skipBlanks(i + 1, count)
      }
    }
    let hostStart = bytes.skipBlanks(i, count)
    guard hostStart > i, hostStart < count else { return nil }
    i = hostStart
    if bytes[i] == .leftBracket {
      guard let close = bytes.firstIndex(of: .rightBracket, in: i..<count) else { return nil }
      i = close + 1
    } else {
      while i < count, ASCIIClass.host.contains(bytes[i]) { i += 1 }
    }
    guard i > hostStart else { return nil }
    host = hostStart..<i
    i = bytes.skipBlanks(i, count)
    if i < count, bytes[i] == .colon {
      let digits = bytes.skipBlanks(i + 1, count)
      i = digits
      while i < count, bytes[i].isDigit { i += 1 }
      guard let number = bytes.decimal(digits..<i, limit: 65_535), number > 0 else { return nil }
      port = UInt16(number)
      i = bytes.skipBlanks(i, count)
    }
    end = i
    hasMore = false
    while i < count {
      if bytes[i] == .comma {
        hasMore = true
        return
      }
      guard bytes[i] == .semicolon else { return nil }
      let semicolon = i
      let nameStart = bytes.skipBlanks(i + 1, count)
      let nameEnd = bytes.skipToken(nameStart, count)
      guard nameEnd > nameStart else { return nil }
      var valueStart = nameEnd
      var valueEnd = nameEnd
      i = bytes.skipBlanks(nameEnd, count)
      let hasValue = i < count && bytes[i] == .equals
      if hasValue {
        valueStart = bytes.skipBlanks(i + 1, count)
        guard let past = Self.skipValue(bytes, valueStart) else { return nil }
        valueEnd = past
        i = bytes.skipBlanks(past, count)
      }
      end = valueEnd
      note(bytes, semicolon: semicolon, name: nameStart..<nameEnd, value: valueStart..<valueEnd)
    }
  }

  private mutating func note(_ bytes: Bytes, semicolon: Int, name: Range<Int>, value: Range<Int>) {
    switch name.count {
    case 6 where branch == nil && bytes.equals(name, "branch"):
      branch = value.isEmpty ? nil : value
    case 5 where rport == .absent && bytes.equals(name, "rport"):
      rport = value.isEmpty ? .empty : .filled
      rportName = name
      rportEnd = value.upperBound
    case 8 where received == nil && bytes.equals(name, "received"):
      received = semicolon..<value.upperBound
    default: break
    }
  }

  private static func skipValue(_ bytes: Bytes, _ start: Int) -> Int? {
    guard start < bytes.count else { return nil }
    if bytes[start] == .doubleQuote { return try? bytes.skipQuotedString(start, bytes.count) }
    var i = start
    while i < bytes.count, bytes[i] != .semicolon, bytes[i] != .comma, !bytes[i].isBlank { i += 1 }
    return i > start ? i : nil
  }

  /// Whether the branch follows RFC 3261 (§8.1.1.7), so that it alone identifies the transaction.
  func hasMagicCookie(_ bytes: Bytes) -> Bool {
    guard let branch, branch.count > 7 else { return false }
    return bytes.equals(branch.lowerBound..<branch.lowerBound + 7, "z9hg4bk")
  }

  /// Whether the sender's own idea of its address is where the message came from.
  func isSent(from source: TransportAddress, _ bytes: Bytes) -> Bool {
    guard let ip = IPAddress(bytes.text(host)) else { return false }
    return ip == source.ip
  }

  /// The field with the source address noted in its first value: `received` (RFC 3261 §18.2.1) when it differs from sent-by
  /// or `rport` was asked for, and the port in `rport` (RFC 3581 §4). Nil when nothing is to be noted.
  func noting(_ source: TransportAddress, in bytes: Bytes) -> String? {
    let needsReceived = rport != .absent || !isSent(from: source, bytes)
    guard needsReceived || received != nil else { return nil }
    var result: [UInt8] = []
    result.reserveCapacity(bytes.count + 64)
    func copy(_ range: Range<Int>) { result.append(contentsOf: bytes[range]) }
    func copyWithoutReceived(_ range: Range<Int>) {
      guard let received, range.lowerBound <= received.lowerBound, received.upperBound <= range.upperBound
      else { return copy(range) }
      copy(range.lowerBound..<received.lowerBound)
      copy(received.upperBound..<range.upperBound)
    }
    if rport == .absent {
      copyWithoutReceived(0..<end)
    } else {
      copyWithoutReceived(0..<rportName.upperBound)
      result.append(.equals)
      Self.append(decimal: UInt32(source.port), to: &result)
      copyWithoutReceived(rportEnd..<end)
    }
    if needsReceived {
      result.append(";received=")
      Self.append(source.ip, to: &result)
    }
    copy(end..<bytes.count)
    return String(decoding: result, as: UTF8.self)
  }

  /// IPv4 without a `String` on the way: nearly every request over UDP passes here.
  private static func append(_ ip: IPAddress, to bytes: inout [UInt8]) {
    guard case .v4(let address) = ip else { return bytes.append(ip.description) }
    for shift in [UInt32(24), 16, 8, 0] {
      append(decimal: address >> shift & 0xff, to: &bytes)
      if shift > 0 { bytes.append(0x2e) }
    }
  }

  private static func append(decimal number: UInt32, to bytes: inout [UInt8]) {
    if number >= 10 { append(decimal: number / 10, to: &bytes) }
    bytes.append(0x30 + UInt8(truncatingIfNeeded: number % 10))
  }
}

/// The number and the method of a CSeq value (RFC 3261 §20.16).
struct CSeqScan {
  var number: UInt32
  var method: Range<Int>

  init?(_ bytes: Bytes) {
    let start = bytes.skipBlanks(0, bytes.count)
    var i = start
    while i < bytes.count, bytes[i].isDigit { i += 1 }
    guard let number = bytes.decimal(start..<i, limit: UInt64(UInt32.max)) else { return nil }
    let methodStart = bytes.skipBlanks(i, bytes.count)
    let methodEnd = bytes.skipToken(methodStart, bytes.count)
    guard methodStart > i, methodEnd > methodStart, bytes.skipBlanks(methodEnd, bytes.count) == bytes.count
    else { return nil }
    self.number = UInt32(number)
    method = methodStart..<methodEnd
  }
}

extension UnsafeRawBufferPointer {
  /// The `tag` parameter of a From or To value (RFC 3261 §19.3); nil when there is none.
  func tagRange() -> Range<Int>? {
    var i = 0
    var inBrackets = false
    while i < count {
      switch self[i] {
      case .doubleQuote where !inBrackets:
        guard let past = try? skipQuotedString(i, count) else { return nil }
        i = past
        continue
      case .lessThan: inBrackets = true
      case .greaterThan: inBrackets = false
      case .semicolon where !inBrackets:
        let name = skipBlanks(i + 1, count)
        let nameEnd = skipToken(name, count)
        i = skipBlanks(nameEnd, count)
        guard equals(name..<nameEnd, "tag"), i < count, self[i] == .equals else { continue }
        let value = skipBlanks(i + 1, count)
        let valueEnd = skipToken(value, count)
        return valueEnd > value ? value..<valueEnd : nil
      default: break
      }
      i += 1
    }
    return nil
  }
}

/// Runs a scanner over the bytes of a string without copying it.
@inline(__always) func withBytes<T>(of text: String, _ body: (Bytes) -> T) -> T {
  var text = text
  return text.withUTF8 { body(UnsafeRawBufferPointer($0)) }
}
