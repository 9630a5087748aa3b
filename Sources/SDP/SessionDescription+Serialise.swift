import CallModel

extension SessionDescription {
  /// The description in the order of RFC 8866 §5, every line ended by CRLF.
  ///
  /// Line ends and NUL inside a value become blanks, so that no value can add a line.
  public func serialised() -> [UInt8] {
    var writer = SDPWriter()
    writer.write(self)
    return writer.bytes
  }

  /// The same as text.
  public var text: String { String(decoding: serialised(), as: UTF8.self) }
}

/// Appends lines to a byte array.
struct SDPWriter {
  var bytes: [UInt8] = []

  init() { bytes.reserveCapacity(1_500) }

  mutating func write(_ session: SessionDescription) {
    literal("v=0\r\n")
    write(session.origin)
    line("s", session.name.isEmpty ? "-" : session.name)
    if let information = session.information { line("i", information) }
    if let uri = session.uri { line("u", uri) }
    for email in session.emails { line("e", email) }
    for phone in session.phones { line("p", phone) }
    if let connection = session.connection { line("c", connection) }
    for bandwidth in session.bandwidths { line("b", bandwidth) }
    if session.times.isEmpty { literal("t=0 0\r\n") }
    for time in session.times {
      line("t", time.value)
      for text in time.repeats { line("r", text) }
    }
    if let zones = session.timeZones { line("z", zones) }
    for attribute in session.attributes { line(attribute) }
    for media in session.media { write(media) }
  }

  mutating func write(_ origin: SessionDescription.Origin?) {
    literal("o=")
    append(origin?.username ?? "-")
    literal(" ")
    append(origin?.sessionID ?? "0")
    literal(" ")
    append(origin?.version ?? "0")
    literal(" ")
    append(origin?.address ?? SessionDescription.Connection(.anyIPv4))
    literal("\r\n")
  }

  mutating func write(_ media: MediaLine) {
    literal("m=")
    append(media.media)
    literal(" ")
    append(number: Int(media.port))
    if media.portCount > 1 {
      literal("/")
      append(number: media.portCount)
    }
    literal(" ")
    append(media.proto)
    for format in media.formats {
      literal(" ")
      append(format)
    }
    literal("\r\n")
    if let title = media.title { line("i", title) }
    if let connection = media.connection { line("c", connection) }
    for bandwidth in media.bandwidths { line("b", bandwidth) }
    for attribute in media.attributes { line(attribute) }
  }

  mutating func line(_ type: StaticString, _ value: String) {
    literal(type)
    literal("=")
    append(value)
    literal("\r\n")
  }

  mutating func line(_ type: StaticString, _ connection: SessionDescription.Connection) {
    literal(type)
    literal("=")
    append(connection)
    literal("\r\n")
  }

  mutating func line(_ type: StaticString, _ bandwidth: SessionDescription.BandwidthLine) {
    literal(type)
    literal("=")
    append(bandwidth.type)
    literal(":")
    append(number: bandwidth.value)
    literal("\r\n")
  }

  mutating func line(_ attribute: MediaAttribute) {
    literal("a=")
    append(attribute.name)
    if let value = attribute.value {
      literal(":")
      append(value)
    }
    literal("\r\n")
  }

  mutating func append(_ connection: SessionDescription.Connection) {
    literal(connection.isIPv6 ? "IN IP6 " : "IN IP4 ")
    switch connection.host {
    case .ip(let ip): append(ip.description)
    case .name(let name): append(name)
    }
    if let suffix = connection.suffix {
      literal("/")
      append(suffix)
    }
  }

  mutating func literal(_ text: StaticString) {
    bytes.append(contentsOf: UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
  }

  /// Text that may come from a peer or from configuration: line ends and NUL inside it must not reach the wire.
  mutating func append(_ text: String) {
    let start = bytes.count
    bytes.append(contentsOf: text.utf8)
    for i in start..<bytes.count where bytes[i] <= 0x0d {
      if bytes[i] == 0x0a || bytes[i] == 0x0d || bytes[i] == 0 { bytes[i] = 0x20 }
    }
  }

  mutating func append(number: Int) {
    guard number >= 10 else {
      if number >= 0 { bytes.append(0x30 + UInt8(number)) } else { append(String(number)) }
      return
    }
    let start = bytes.count
    var rest = number
    while rest > 0 {
      bytes.append(0x30 + UInt8(rest % 10))
      rest /= 10
    }
    bytes[start...].reverse()
  }
}
