import CallModel

extension SessionDescription {
  /// Reads a session description (RFC 8866, and RFC 4566 and RFC 2327 before it).
  ///
  /// Tolerated, because peers do it and nothing is lost: LF or CR alone as line end, no line end on the last line, blank
  /// lines, blanks around a line and between words, missing `o=`, `s=` and `t=`, lines out of order, lines of unknown type.
  /// Whatever would change the meaning if it were guessed is refused.
  public init(parsing bytes: [UInt8], limits: SDPLimits = .standard) throws(SDPError) {
    let result = bytes.withUnsafeBufferPointer { buffer in
      Result { () throws(SDPError) in try SessionDescription(parsing: buffer, limits: limits) }
    }
    self = try result.get()
  }

  /// The same over bytes in place, such as a body inside a received message.
  public init(parsing bytes: UnsafeBufferPointer<UInt8>, limits: SDPLimits = .standard) throws(SDPError) {
    var parser = SDPParser(limits: limits)
    try parser.parse(bytes)
    self = parser.session
  }

  /// The same for a text.
  public init(parsing text: String, limits: SDPLimits = .standard) throws(SDPError) {
    try self.init(parsing: Array(text.utf8), limits: limits)
  }
}

/// One pass over the bytes; the state is what has been read so far.
private struct SDPParser {
  let limits: SDPLimits
  var session = SessionDescription()
  /// The `m=` line being read; put into the session when the next begins.
  var current = MediaLine(media: "", port: 0, proto: "", formats: [])
  var isInMedia = false
  var lines = 0
  var sawVersion = false

  init(limits: SDPLimits) { self.limits = limits }

  mutating func parse(_ bytes: UnsafeBufferPointer<UInt8>) throws(SDPError) {
    guard bytes.count <= limits.size else { throw SDPError(.limit(.size)) }
    var start = 0
    var number = 0
    while start < bytes.count {
      var end = start
      while end < bytes.count, bytes[end] != 0x0a, bytes[end] != 0x0d {
        if bytes[end] == 0 { throw SDPError(.nulByte, line: number + 1) }
        end += 1
      }
      number += 1
      try line(bytes, start, end, number)
      start = end + 1
      if end + 1 < bytes.count, bytes[end] == 0x0d, bytes[end + 1] == 0x0a { start = end + 2 }
    }
    guard sawVersion else { throw SDPError(.notSDP, line: number == 0 ? 0 : 1) }
    finishMedia()
  }

  private mutating func finishMedia() {
    if isInMedia { session.media.append(current) }
  }

  private mutating func line(
    _ bytes: UnsafeBufferPointer<UInt8>, _ lineStart: Int, _ lineEnd: Int, _ number: Int
  ) throws(SDPError) {
    guard lineEnd - lineStart <= limits.lineLength else { throw SDPError(.limit(.lineLength), line: number) }
    var start = lineStart
    var end = lineEnd
    while start < end, bytes[start] == 0x20 || bytes[start] == 0x09 { start += 1 }
    while end > start, bytes[end - 1] == 0x20 || bytes[end - 1] == 0x09 { end -= 1 }
    if start == end { return }
    lines += 1
    guard lines <= limits.lines else { throw SDPError(.limit(.lines), line: number) }
    guard end - start >= 2, bytes[start + 1] == UInt8(ascii: "=") else {
      throw SDPError(sawVersion ? .malformedLine : .notSDP, line: number)
    }
    let type = bytes[start]
    guard sawVersion || type == UInt8(ascii: "v") else { throw SDPError(.notSDP, line: number) }
    start += 2
    while start < end, bytes[start] == 0x20 || bytes[start] == 0x09 { start += 1 }
    var scanner = LineScanner(bytes, from: start, to: end)

    switch type {
    case UInt8(ascii: "a"): try attribute(scanner, number)
    case UInt8(ascii: "m"): try media(&scanner, number)
    case UInt8(ascii: "c"):
      guard let connection = parseConnection(&scanner) else {
        throw SDPError(.malformedConnection, line: number)
      }
      // Several c= lines name multicast layers; the first is the base layer.
      if isInMedia {
        if current.connection == nil { current.connection = connection }
      } else if session.connection == nil {
        session.connection = connection
      }
    case UInt8(ascii: "b"): try bandwidth(scanner, number)
    case UInt8(ascii: "v"):
      guard !sawVersion else { throw SDPError(.malformedLine, line: number) }
      guard scanner.number(start..<end) == 0 else { throw SDPError(.unsupportedVersion, line: number) }
      sawVersion = true
    case UInt8(ascii: "o"):
      guard !isInMedia, session.origin == nil else { throw SDPError(.malformedOrigin, line: number) }
      guard let username = scanner.text(), let id = scanner.text(), let version = scanner.text(),
        let address = parseConnection(&scanner)
      else { throw SDPError(.malformedOrigin, line: number) }
      session.origin = .init(username: username, sessionID: id, version: version, address: address)
    case UInt8(ascii: "s"): if !isInMedia { session.name = scanner.string(start..<end) }
    case UInt8(ascii: "i"):
      let text = scanner.string(start..<end)
      if isInMedia { current.title = text } else { session.information = text }
    case UInt8(ascii: "u"): if !isInMedia { session.uri = scanner.string(start..<end) }
    case UInt8(ascii: "e"): if !isInMedia { session.emails.append(scanner.string(start..<end)) }
    case UInt8(ascii: "p"): if !isInMedia { session.phones.append(scanner.string(start..<end)) }
    case UInt8(ascii: "t"): if !isInMedia { session.times.append(.init(scanner.string(start..<end))) }
    case UInt8(ascii: "r"):
      if !isInMedia, !session.times.isEmpty {
        session.times[session.times.count - 1].repeats.append(scanner.string(start..<end))
      }
    case UInt8(ascii: "z"): if !isInMedia { session.timeZones = scanner.string(start..<end) }
    default: break  // k= is obsolete (RFC 8866 §5.12); an unknown type is to be ignored (§5).
    }
  }

  private mutating func attribute(_ scanner: LineScanner, _ number: Int) throws(SDPError) {
    let start = scanner.position
    let end = scanner.end
    let colon = scanner.firstIndex(of: UInt8(ascii: ":"), in: start..<end)
    var nameEnd = colon ?? end
    while nameEnd > start, scanner.bytes[nameEnd - 1] == 0x20 { nameEnd -= 1 }
    guard nameEnd > start else { throw SDPError(.malformedLine, line: number) }
    var value: String?
    if let colon {
      var valueStart = colon + 1
      while valueStart < end, scanner.bytes[valueStart] == 0x20 { valueStart += 1 }
      value = scanner.string(valueStart..<end)
    }
    let attribute = MediaAttribute(scanner.string(start..<nameEnd), value)
    if isInMedia {
      current.attributes.append(attribute)
    } else {
      session.attributes.append(attribute)
    }
    let count = isInMedia ? current.attributes.count : session.attributes.count
    guard count <= limits.attributes else { throw SDPError(.limit(.attributes), line: number) }
  }

  private mutating func media(_ scanner: inout LineScanner, _ number: Int) throws(SDPError) {
    finishMedia()
    guard session.media.count < limits.streams else { throw SDPError(.limit(.streams), line: number) }
    guard let name = scanner.text() else { throw SDPError(.malformedMedia, line: number) }
    let ports = scanner.word()
    let slash = scanner.firstIndex(of: UInt8(ascii: "/"), in: ports)
    guard let port = scanner.number(ports.lowerBound..<(slash ?? ports.upperBound)) else {
      throw SDPError(.malformedMedia, line: number)
    }
    guard let port = UInt16(exactly: port) else { throw SDPError(.portOutOfRange, line: number) }
    var portCount = 1
    if let slash {
      guard let count = scanner.number(slash + 1..<ports.upperBound, maximum: 65_535), count > 0 else {
        throw SDPError(.malformedMedia, line: number)
      }
      portCount = count
    }
    guard let proto = scanner.text() else { throw SDPError(.malformedMedia, line: number) }
    var formats: [String] = []
    while let format = scanner.text() {
      guard formats.count < limits.formats else { throw SDPError(.limit(.formats), line: number) }
      if formats.isEmpty { formats.reserveCapacity(8) }
      formats.append(format)
    }
    // A refused stream may come without formats (seen); one with a port would be guesswork.
    guard port == 0 || !formats.isEmpty else { throw SDPError(.noFormats, line: number) }
    var line = MediaLine(media: name, port: port, portCount: portCount, proto: proto, formats: formats)
    line.line = number
    line.attributes.reserveCapacity(12)
    current = line
    isInMedia = true
  }

  private mutating func bandwidth(_ scanner: LineScanner, _ number: Int) throws(SDPError) {
    var end = scanner.end
    guard let colon = scanner.firstIndex(of: UInt8(ascii: ":"), in: scanner.position..<end),
      colon > scanner.position
    else { throw SDPError(.malformedBandwidth, line: number) }
    var start = colon + 1
    while start < end, scanner.bytes[start] == 0x20 { start += 1 }
    // Some stacks print a fraction: it is dropped.
    if let dot = scanner.firstIndex(of: UInt8(ascii: "."), in: start..<end), dot > start { end = dot }
    guard let value = scanner.number(start..<end) else { throw SDPError(.malformedBandwidth, line: number) }
    let line = SessionDescription.BandwidthLine(scanner.string(scanner.position..<colon), value)
    if isInMedia { current.bandwidths.append(line) } else { session.bandwidths.append(line) }
  }
}

/// `IN IP4 192.0.2.1/127`: the rest of an `o=` or `c=` line, or of `a=rtcp`.
func parseConnection(_ scanner: inout LineScanner) -> SessionDescription.Connection? {
  let network = scanner.word()
  guard scanner.bytes.isASCII(network, "IN") else { return nil }
  let family = scanner.word()
  let isIPv6: Bool
  if scanner.bytes.isASCII(family, "IP4") {
    isIPv6 = false
  } else if scanner.bytes.isASCII(family, "IP6") {
    isIPv6 = true
  } else {
    return nil
  }
  let word = scanner.word()
  guard !word.isEmpty else { return nil }
  let slash = scanner.firstIndex(of: UInt8(ascii: "/"), in: word)
  let host = word.lowerBound..<(slash ?? word.upperBound)
  guard !host.isEmpty else { return nil }
  var connection: SessionDescription.Connection
  if let ip = IPAddress(utf8: UnsafeBufferPointer(rebasing: scanner.bytes[host])) {
    // The address says what it is; a wrong family word beside it is a common fault without consequence.
    connection = SessionDescription.Connection(ip)
  } else {
    guard isHostName(scanner.bytes, host) else { return nil }
    connection = SessionDescription.Connection(name: scanner.string(host), isIPv6: isIPv6)
  }
  if let slash, slash + 1 < word.upperBound {
    connection.suffix = scanner.string(slash + 1..<word.upperBound)
  }
  return connection
}

/// Letters, digits, `-`, `_` and `.`, with a letter somewhere: `1.2.3` and `300.1.1.1` are faulty addresses, not names.
private func isHostName(_ bytes: UnsafeBufferPointer<UInt8>, _ range: Range<Int>) -> Bool {
  guard range.count <= 255 else { return false }
  var hasLetter = false
  for i in range {
    switch bytes[i] {
    case 0x41...0x5a, 0x61...0x7a: hasLetter = true
    case 0x30...0x39, UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"): break
    default: return false
    }
  }
  return hasLetter
}
