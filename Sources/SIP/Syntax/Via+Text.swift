import CallModel

/// Where the parts of one Via value stand (RFC 3261 §25.1 `via-parm`).
struct ViaLayout {
  var version: Range<Int>
  var transport: Range<Int>
  /// Only its host and port are used.
  var sentBy: URILayout
  /// From the first semicolon, or empty.
  var parameters: Range<Int>
  var branch: Range<Int>?
  /// After the last parameter: `end`, or a comma.
  var end: Int

  static func scan(_ bytes: Bytes, _ position: Int, _ end: Int) throws(SyntaxFault) -> ViaLayout {
    var i = bytes.skipBlanks(position, end)
    let name = i..<bytes.skipToken(i, end)
    guard bytes.equals(name, "sip") else { throw SyntaxFault(.malformedHeader, i) }
    i = try expectSlash(bytes, name.upperBound, end)
    let version = i..<bytes.skipToken(i, end)
    guard !version.isEmpty else { throw SyntaxFault(.malformedHeader, i) }
    i = try expectSlash(bytes, version.upperBound, end)
    let transport = i..<bytes.skipToken(i, end)
    guard !transport.isEmpty, transport.upperBound < end, bytes[transport.upperBound].isBlank else {
      throw SyntaxFault(.malformedHeader, i)
    }
    i = bytes.skipBlanks(transport.upperBound, end)
    var sentBy = URILayout(
      kind: .sip, scheme: i..<i, host: i..<i, isIPv6: false, parameters: i..<i)
    do throws(SyntaxFault) {
      try URILayout.scanHostPort(bytes, i..<end, blanks: true, into: &sentBy, end: &i)
    } catch {
      throw SyntaxFault(.malformedHeader, error.offset)
    }
    let parameters = i
    var branch: Range<Int>?
    let stop = try SIPURI.Parameter.scan(bytes, i, end) { parameter in
      if branch == nil, bytes.equals(parameter.name, "branch") { branch = parameter.value }
    }
    return ViaLayout(
      version: version, transport: transport, sentBy: sentBy, parameters: parameters..<stop,
      branch: branch, end: stop)
  }

  private static func expectSlash(_ bytes: Bytes, _ position: Int, _ end: Int) throws(SyntaxFault) -> Int {
    let i = bytes.skipBlanks(position, end)
    guard i < end, bytes[i] == .slash else { throw SyntaxFault(.malformedHeader, i) }
    return bytes.skipBlanks(i + 1, end)
  }

  static func scanList(
    _ bytes: Bytes, _ range: Range<Int>, _ body: (ViaLayout) throws(SyntaxFault) -> Void
  ) throws(SyntaxFault) {
    var i = range.lowerBound
    while true {
      let layout = try scan(bytes, i, range.upperBound)
      try body(layout)
      guard layout.end < range.upperBound else { return }
      i = layout.end + 1
    }
  }
}

extension SIPTransportProtocol {
  /// The transport a Via or a `transport` parameter names, in any case.
  public init?(name: some StringProtocol) {
    guard let known = Self.allCases.first(where: { equalIgnoringASCIICase($0.rawValue, name) }) else {
      return nil
    }
    self = known
  }

  init?(_ bytes: Bytes, _ range: Range<Int>) {
    if bytes.equals(range, "udp") {
      self = .udp
    } else if bytes.equals(range, "tcp") {
      self = .tcp
    } else if bytes.equals(range, "tls") {
      self = .tls
    } else if bytes.equals(range, "ws") {
      self = .ws
    } else if bytes.equals(range, "wss") {
      self = .wss
    } else {
      return nil
    }
  }
}

extension Via: CustomStringConvertible, LosslessStringConvertible {
  /// Reads one value; nil when it is malformed or more than one.
  public init?(_ text: some StringProtocol) {
    guard let via = try? Via.parse(text) else { return nil }
    self = via
  }

  public init?(_ description: String) {
    guard let via = try? Via.parse(description) else { return nil }
    self = via
  }

  /// Reads one `via-parm`.
  public static func parse(_ text: some StringProtocol) throws(SIPSyntaxError) -> Via {
    do {
      return try scanning(text) { bytes throws(SyntaxFault) in
        let layout = try ViaLayout.scan(bytes, 0, bytes.count)
        guard layout.end == bytes.count else { throw SyntaxFault(.malformedHeader, layout.end) }
        return Via(bytes, layout)
      }
    } catch {
      throw SIPSyntaxError(error, header: .via)
    }
  }

  init(_ bytes: Bytes, _ layout: ViaLayout) {
    let transport = SIPTransportProtocol(bytes, layout.transport)
    self.init(
      transport: transport ?? .udp, host: SIPURI.Host(bytes, layout.sentBy), port: layout.sentBy.port,
      parameters: SIPURI.Parameter.all(bytes, layout.parameters))
    if transport == nil { otherTransport = bytes.text(layout.transport) }
    if !bytes.equals(layout.version, "2.0") { version = bytes.text(layout.version) }
  }

  public var description: String {
    var bytes: [UInt8] = []
    append(to: &bytes)
    return String(decoding: bytes, as: UTF8.self)
  }

  public func append(to bytes: inout [UInt8]) {
    bytes.append("SIP/" as StaticString)
    bytes.append(version)
    bytes.append(.slash)
    bytes.append(otherTransport ?? transport.rawValue)
    bytes.append(.space)
    host.append(to: &bytes)
    if let port {
      bytes.append(.colon)
      bytes.append(decimal: port)
    }
    SIPURI.Parameter.append(headerParameters: parameters, to: &bytes)
  }
}

extension Via {
  /// The value of a parameter, its name compared without case; an empty string for one that has no value.
  /// Setting nil removes it; setting an empty string writes it without a value.
  public subscript(name: String) -> String? {
    get { parameters.value(of: name) }
    set { parameters.set(name, to: newValue) }
  }

  /// The transaction identifier (RFC 3261 §8.1.1.7).
  public var branch: String? {
    get { self["branch"] }
    set { self["branch"] = newValue }
  }

  /// The address the request was seen to come from (RFC 3261 §18.2.1), with or without brackets when read.
  public var received: IPAddress? {
    get { self["received"].flatMap { IPAddress($0) } }
    set { self["received"] = newValue.map(\.description) }
  }

  /// The response port parameter of RFC 3581.
  public enum ResponsePort: Hashable, Sendable {
    /// Present without a value: the client asks for symmetric response routing.
    case requested
    /// Filled in by the server: the source port of the request.
    case port(UInt16)
  }

  /// Nil when absent, or when its value is not a port.
  public var rport: ResponsePort? {
    get {
      guard let text = self["rport"] else { return nil }
      return text.isEmpty ? .requested : UInt16(text).map { .port($0) }
    }
    set {
      switch newValue {
      case nil: self["rport"] = nil
      case .requested: self["rport"] = ""
      case .port(let port): self["rport"] = String(port)
      }
    }
  }

  /// Where a multicast client wants the response (RFC 3261 §18.2.2).
  public var maddr: String? { self["maddr"] }
  public var ttl: UInt8? { self["ttl"].flatMap { UInt8($0) } }
}
