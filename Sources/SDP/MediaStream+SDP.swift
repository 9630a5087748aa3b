import CallModel

extension MediaStream {
  /// One `m=` line with its attributes; the address is filled in by the caller, who knows the session's.
  init(
    _ line: MediaLine, index: Int, direction: Direction, _ hosts: [String: IPAddress],
    _ ignored: (IgnoredAttribute) -> Void
  ) throws(SDPError) {
    self.init(kind: Kind(line.media), isEnabled: line.port != 0, profile: Profile(line.proto))
    self.direction = direction
    if profile.isRTP {
      try readPayloadTypes(line)
    } else {
      formats = line.formats
    }
    bandwidth = Bandwidth(line.bandwidths.filter { $0.type != "CT" })
    for other in line.bandwidths where other.type != "AS" && other.type != "TIAS" {
      otherBandwidths.append(MediaAttribute(other.type, String(other.value)))
    }
    for attribute in line.attributes {
      if let reason = read(attribute, hosts) {
        ignored(IgnoredAttribute(stream: index, name: attribute.name, reason: reason))
      }
    }
    for i in codecs.indices where codecs[i].name.isEmpty {
      guard let known = StaticPayloadType.codec(codecs[i].payloadType) else { continue }
      codecs[i].name = known.name
      codecs[i].clockRate = known.clockRate
      codecs[i].channels = known.channels
    }
  }

  private mutating func readPayloadTypes(_ line: MediaLine) throws(SDPError) {
    var seen: (low: UInt64, high: UInt64) = (0, 0)
    codecs.reserveCapacity(line.formats.count)
    for format in line.formats {
      guard let payloadType = UInt8(format), payloadType < 128 else {
        // The list of a refused stream has no meaning (RFC 3264 §6).
        if line.port == 0 { continue }
        throw SDPError(.malformedPayloadType, line: line.line)
      }
      let bit = UInt64(1) << UInt64(payloadType & 63)
      if (payloadType < 64 ? seen.low : seen.high) & bit != 0 { continue }
      if payloadType < 64 { seen.low |= bit } else { seen.high |= bit }
      codecs.append(Codec(payloadType, "", clockRate: 0))
    }
  }

  /// Takes one attribute in. The result is the reason why it was left out, or nil.
  private mutating func read(_ attribute: MediaAttribute, _ hosts: [String: IPAddress]) -> String? {
    let value = attribute.value ?? ""
    // The length decides first: comparing with every known name would cost more than the rest.
    switch attribute.name.utf8.count {
    case 4:
      if attribute.name == "fmtp", profile.isRTP { return readFormatParameters(value) }
      if attribute.name == "rtcp", profile.isRTP { return readRTCP(value, hosts) }
    case 5:
      if attribute.name == "ptime" { return MediaStream.readMilliseconds(value, into: &packetTime) }
    case 6:
      if attribute.name == "rtpmap", profile.isRTP { return readPayloadMapping(value) }
      if attribute.name == "crypto", profile.isRTP {
        do throws(CryptoAttribute.Refusal) {
          cryptos.append(try CryptoAttribute.parse(value))
        } catch {
          return "\(error)"
        }
        return nil
      }
    case 7:
      if attribute.name == "rtcp-fb", profile.isRTP { return readFeedback(attribute) }
      if attribute.name == "content" { return readContent(attribute) }
    case 8:
      if let direction = Direction(rawValue: attribute.name) {
        self.direction = direction
        return nil
      }
      if attribute.name == "rtcp-mux" {
        isRTCPMultiplexed = true
        return nil
      }
      if attribute.name == "maxptime" { return MediaStream.readMilliseconds(value, into: &maximumPacketTime) }
    default: break
    }
    attributes.append(attribute)
    return nil
  }

  private func codecIndex(_ payloadType: Int?) -> Int? {
    guard let payloadType else { return nil }
    return codecs.firstIndex { Int($0.payloadType) == payloadType }
  }

  /// `96 opus/48000/2`.
  private mutating func readPayloadMapping(_ value: String) -> String? {
    let fields = value.scan { scanner -> (Int?, String, Int, Int)? in
      let payloadType = scanner.number(scanner.word(), maximum: 127)
      let mapping = scanner.word()
      guard let slash = scanner.firstIndex(of: UInt8(ascii: "/"), in: mapping), slash > mapping.lowerBound
      else {
        return nil
      }
      let rest = slash + 1..<mapping.upperBound
      let second = scanner.firstIndex(of: UInt8(ascii: "/"), in: rest)
      guard let rate = scanner.number(rest.lowerBound..<(second ?? rest.upperBound), maximum: 1 << 31),
        rate > 0
      else { return nil }
      var channels = 1
      if let second, let count = scanner.number(second + 1..<rest.upperBound, maximum: 255), count > 0 {
        channels = count
      }
      return (payloadType, scanner.string(mapping.lowerBound..<slash), rate, channels)
    }
    guard let fields else { return "malformed" }
    guard let i = codecIndex(fields.0) else { return "unlistedPayloadType" }
    guard codecs[i].name.isEmpty else { return "duplicate" }
    codecs[i].name = fields.1
    codecs[i].clockRate = fields.2
    codecs[i].channels = fields.3
    return nil
  }

  /// `96 useinbandfec=1`. A second line for the same payload type adds to the first.
  private mutating func readFormatParameters(_ value: String) -> String? {
    let fields = value.scan { scanner -> (Int?, String) in
      let payloadType = scanner.number(scanner.word(), maximum: 127)
      scanner.skipBlanks()
      return (payloadType, scanner.string(scanner.position..<scanner.end))
    }
    guard let i = codecIndex(fields.0) else { return "unlistedPayloadType" }
    guard !fields.1.isEmpty else { return "malformed" }
    codecs[i].parameters = codecs[i].parameters.map { "\($0);\(fields.1)" } ?? fields.1
    return nil
  }

  /// `96 nack pli`; for every payload type (`*`) it stays an attribute.
  private mutating func readFeedback(_ attribute: MediaAttribute) -> String? {
    let fields = (attribute.value ?? "").scan { scanner -> (Bool, Int?, String) in
      let target = scanner.word()
      let isWildcard = target.count == 1 && scanner.bytes[target.lowerBound] == UInt8(ascii: "*")
      scanner.skipBlanks()
      return (
        isWildcard, scanner.number(target, maximum: 127), scanner.string(scanner.position..<scanner.end)
      )
    }
    guard !fields.2.isEmpty else { return "malformed" }
    if fields.0 {
      attributes.append(attribute)
      return nil
    }
    guard let i = codecIndex(fields.1) else { return "unlistedPayloadType" }
    codecs[i].feedback.append(fields.2)
    return nil
  }

  /// RFC 3605: `53020` or `53020 IN IP4 192.0.2.1`. An address left out is the stream's: the zero address until it is known.
  private mutating func readRTCP(_ value: String, _ hosts: [String: IPAddress]) -> String? {
    let fields = value.scan { scanner -> (Int?, Bool, SessionDescription.Connection?) in
      let port = scanner.number(scanner.word(), maximum: 65_535)
      scanner.skipBlanks()
      return (port, scanner.isAtEnd, parseConnection(&scanner))
    }
    guard let port = fields.0 else { return "malformed" }
    guard port > 0 else { return "noPort" }
    if fields.1 {
      rtcpAddress = TransportAddress(.anyIPv4, UInt16(port))
      return nil
    }
    guard let connection = fields.2 else { return "malformed" }
    guard let ip = connection.resolved(hosts) else { return "unresolvedHost" }
    rtcpAddress = TransportAddress(ip, UInt16(port))
    return nil
  }

  /// RFC 4796. A list, or a purpose that we have no word for, is kept as it is beside what we understood of it.
  private mutating func readContent(_ attribute: MediaAttribute) -> String? {
    let value = attribute.value ?? ""
    if let content = Content(rawValue: value) {
      self.content = content
      return nil
    }
    let words = value.split(separator: ",").map { $0.filter { $0 != " " } }
    content = words.contains("slides") ? .slides : words.contains("main") ? .main : nil
    attributes.append(attribute)
    return nil
  }

  /// A number of milliseconds; a fraction is cut off.
  private static func readMilliseconds(_ value: String, into field: inout Int?) -> String? {
    let digits = value.prefix { $0.isASCII && $0.isNumber }
    guard digits.count <= 5, let number = Int(digits), number > 0 else { return "malformed" }
    field = number
    return nil
  }
}

extension String {
  func scan<T>(_ body: (inout LineScanner) -> T) -> T {
    var copy = self
    return copy.withUTF8 { bytes in
      var scanner = LineScanner(bytes, from: 0, to: bytes.count)
      return body(&scanner)
    }
  }
}
