import CallModel

extension MediaDescription {
  /// The session description that says the same.
  ///
  /// `rtpmap` is written for static payload types too, and the direction always: some peers assume less than the RFC lets
  /// them. A disabled stream is written with its formats, `mid` and purpose only.
  public func sdp(origin: SessionDescription.Origin, name: String = "-") -> [UInt8] {
    var writer = SDPWriter()
    writer.write(self, origin: origin, name: name)
    return writer.bytes
  }
}

extension SDPWriter {
  mutating func write(_ description: MediaDescription, origin: SessionDescription.Origin, name: String) {
    literal("v=0\r\n")
    write(origin)
    line("s", name.isEmpty ? "-" : name)
    // One address serves most calls; it stands at session level, where even the oldest peers look for it.
    let shared = description.streams.first(where: \.isEnabled).map {
      SessionDescription.Connection($0.address.ip)
    }
    let connection = shared ?? origin.address
    line("c", connection)
    if let bandwidth = description.bandwidth { write(bandwidth) }
    literal("t=0 0\r\n")
    for attribute in description.attributes { line(attribute) }
    for stream in description.streams { write(stream, session: connection) }
  }

  private mutating func write(_ stream: MediaStream, session: SessionDescription.Connection) {
    let isRTP = stream.profile.isRTP
    literal("m=")
    append(stream.kind.sdpName)
    literal(" ")
    append(number: stream.isEnabled ? Int(stream.address.port) : 0)
    literal(" ")
    append(stream.profile.sdpName)
    if isRTP {
      for codec in stream.codecs {
        literal(" ")
        append(number: Int(codec.payloadType))
      }
      if stream.codecs.isEmpty { literal(" 0") }
    } else {
      for format in stream.formats {
        literal(" ")
        append(format)
      }
      if stream.formats.isEmpty { literal(" *") }
    }
    literal("\r\n")
    guard stream.isEnabled else { return writeDisabled(stream) }

    let connection = SessionDescription.Connection(stream.address.ip)
    if connection != session { line("c", connection) }
    if let bandwidth = stream.bandwidth { write(bandwidth) }
    for other in stream.otherBandwidths {
      literal("b=")
      append(other.name)
      literal(":")
      append(other.value ?? "0")
      literal("\r\n")
    }
    if isRTP { for codec in stream.codecs { write(codec, isAudio: stream.kind == .audio) } }
    if let time = stream.packetTime { line("ptime", time) }
    if let time = stream.maximumPacketTime { line("maxptime", time) }
    if isRTP || stream.direction != .sendReceive {
      literal("a=")
      append(stream.direction.rawValue)
      literal("\r\n")
    }
    if let rtcp = stream.rtcpAddress {
      literal("a=rtcp:")
      append(number: Int(rtcp.port))
      if rtcp.ip != stream.address.ip {
        literal(" ")
        append(SessionDescription.Connection(rtcp.ip))
      }
      literal("\r\n")
    }
    if stream.isRTCPMultiplexed { literal("a=rtcp-mux\r\n") }
    for crypto in stream.cryptos {
      literal("a=crypto:")
      append(CryptoAttribute.write(crypto))
      literal("\r\n")
    }
    writeContent(stream)
    for attribute in stream.attributes { line(attribute) }
  }

  private mutating func writeDisabled(_ stream: MediaStream) {
    writeContent(stream)
    for attribute in stream.attributes where attribute.name == "mid" || attribute.name == "content" {
      line(attribute)
    }
  }

  private mutating func writeContent(_ stream: MediaStream) {
    guard let content = stream.content, stream.attribute("content") == nil else { return }
    literal("a=content:")
    append(content.rawValue)
    literal("\r\n")
  }

  private mutating func write(_ codec: Codec, isAudio: Bool) {
    if !codec.name.isEmpty {
      literal("a=rtpmap:")
      append(number: Int(codec.payloadType))
      literal(" ")
      append(codec.name)
      literal("/")
      append(number: codec.clockRate)
      if isAudio, codec.channels > 1 {
        literal("/")
        append(number: codec.channels)
      }
      literal("\r\n")
    }
    if let parameters = codec.parameters {
      literal("a=fmtp:")
      append(number: Int(codec.payloadType))
      literal(" ")
      append(parameters)
      literal("\r\n")
    }
    for feedback in codec.feedback {
      literal("a=rtcp-fb:")
      append(number: Int(codec.payloadType))
      literal(" ")
      append(feedback)
      literal("\r\n")
    }
  }

  /// Both forms: `AS` is what every peer reads (in kbit/s, rounded up), `TIAS` is exact.
  private mutating func write(_ bandwidth: Bandwidth) {
    let bits = max(0, bandwidth.bitsPerSecond)
    literal("b=AS:")
    append(number: bits / 1000 + (bits % 1000 == 0 ? 0 : 1))
    literal("\r\nb=TIAS:")
    append(number: bits)
    literal("\r\n")
  }

  private mutating func line(_ name: StaticString, _ number: Int) {
    literal("a=")
    literal(name)
    literal(":")
    append(number: number)
    literal("\r\n")
  }
}
