/// Reads SIP messages (RFC 3261 §7 and §25).
///
/// A message is accepted when it can be routed and answered: start line, header field lines, the headers
/// every message must have, and the addresses in Contact, Route and Record-Route are well-formed. Other
/// headers are kept unread. Tolerated beyond the grammar: a line feed alone as line end, a missing
/// Max-Forwards (RFC 2543), characters outside `token` in parameter values, and bytes that are not UTF-8
/// (read as U+FFFD).
///
/// Content-Length is not among the headers of what is read: it has done its work, and writing a message counts
/// the body anew.
public enum SIPParser {
  /// How the end of the body is known.
  enum Framing {
    /// A datagram ends the body; a Content-Length that is smaller cuts it, a larger one is an error.
    case datagram
    /// A stream: Content-Length must be there.
    case stream
  }

  /// Reads a datagram.
  public static func parse(
    _ bytes: UnsafeRawBufferPointer, limits: SIPLimits = .datagram
  ) throws(SIPSyntaxError) -> SIPMessage {
    try parse(bytes, limits: limits, framing: .datagram)
  }

  /// Reads a datagram.
  public static func parse(
    _ bytes: [UInt8], limits: SIPLimits = .datagram
  ) throws(SIPSyntaxError) -> SIPMessage {
    let result = bytes.withUnsafeBytes { attempt($0, limits: limits) }
    return try result.get()
  }

  /// Reads a datagram.
  public static func parse(
    _ bytes: some Collection<UInt8>, limits: SIPLimits = .datagram
  ) throws(SIPSyntaxError) -> SIPMessage {
    if let result = bytes.withContiguousStorageIfAvailable({
      attempt(UnsafeRawBufferPointer($0), limits: limits)
    }) {
      return try result.get()
    }
    return try parse(Array(bytes), limits: limits)
  }

  private static func attempt(
    _ bytes: UnsafeRawBufferPointer, limits: SIPLimits
  ) -> Result<SIPMessage, SIPSyntaxError> {
    do throws(SIPSyntaxError) {
      return .success(try parse(bytes, limits: limits))
    } catch {
      return .failure(error)
    }
  }

  static func parse(
    _ bytes: Bytes, limits: SIPLimits, framing: Framing
  ) throws(SIPSyntaxError) -> SIPMessage {
    do throws(SIPSyntaxError) {
      return try parseStrictly(bytes, limits: limits, framing: framing)
    } catch {
      var error = error
      if error.code != .empty { error.answerable = answerable(bytes) }
      throw error
    }
  }

  private static func parseStrictly(
    _ bytes: Bytes, limits: SIPLimits, framing: Framing
  ) throws(SIPSyntaxError) -> SIPMessage {
    let end = bytes.count
    guard end <= limits.messageSize else {
      throw SIPSyntaxError(.messageTooLarge, offset: limits.messageSize)
    }
    var position = 0
    // Line ends before a message are passed over (RFC 3261 §7.5); zero bytes are some peers' keep-alive.
    while position < end,
      bytes[position] == .carriageReturn || bytes[position] == .lineFeed || bytes[position] == 0
    {
      position += 1
    }
    guard position < end else { throw SIPSyntaxError(.empty) }
    let startLine: StartLine
    do throws(SyntaxFault) {
      startLine = try StartLine.scan(bytes, &position, limits)
    } catch {
      throw SIPSyntaxError(error)
    }
    var section = HeaderSection(isRequest: startLine.isRequest, limits: limits)
    let bodyStart = try section.read(bytes, position)
    try section.checkRequired(bytes, method: startLine.method(in: bytes), at: bodyStart)
    var bodyEnd = end
    if let length = section.contentLength {
      guard length <= limits.bodySize else {
        throw SIPSyntaxError(.bodyTooLarge, offset: bodyStart, header: .contentLength)
      }
      guard length <= end - bodyStart else {
        throw SIPSyntaxError(.truncatedBody, offset: end, header: .contentLength)
      }
      bodyEnd = bodyStart + length
    } else if framing == .stream {
      throw SIPSyntaxError(.missingContentLength, offset: bodyStart)
    }
    guard bodyEnd - bodyStart <= limits.bodySize else {
      throw SIPSyntaxError(.bodyTooLarge, offset: bodyStart)
    }
    let body = [UInt8](UnsafeRawBufferPointer(rebasing: bytes[bodyStart..<bodyEnd]))
    let headers = SIPHeaders(section.fields)
    switch startLine {
    case .request(let method, let uri):
      return .request(
        SIPRequest(
          method: SIPMethod(bytes, method), uri: SIPURI(bytes, uri), headers: headers, body: body))
    case .response(let status, let reason):
      return .response(
        SIPResponse(status: status, reason: bytes.text(reason), headers: headers, body: body))
    }
  }
}

extension SIPMethod {
  init(_ bytes: Bytes, _ range: Range<Int>) { self.init(rawValue: bytes.text(range)) }
}

/// A Request-Line or Status-Line, its parts where they stand in the bytes.
enum StartLine {
  case request(method: Range<Int>, uri: URILayout)
  case response(status: Int, reason: Range<Int>)

  var isRequest: Bool { if case .request = self { true } else { false } }

  func method(in bytes: Bytes) -> Range<Int>? {
    if case .request(let method, _) = self { method } else { nil }
  }

  /// The line that starts at `start`, without its end, and where the next one starts.
  static func line(_ bytes: Bytes, _ start: Int) throws(SyntaxFault) -> (Range<Int>, next: Int) {
    guard let lineFeed = bytes.firstIndex(of: .lineFeed, in: start..<bytes.count) else {
      throw SyntaxFault(.incompleteHeaderSection, bytes.count)
    }
    let stop = lineFeed > start && bytes[lineFeed - 1] == .carriageReturn ? lineFeed - 1 : lineFeed
    if let stray = bytes.firstIndex(of: .carriageReturn, in: start..<stop) {
      throw SyntaxFault(.bareCarriageReturn, stray)
    }
    return (start..<stop, lineFeed + 1)
  }

  /// Reads the start line and moves `position` to the line after it.
  static func scan(
    _ bytes: Bytes, _ position: inout Int, _ limits: SIPLimits
  ) throws(SyntaxFault) -> StartLine {
    let (line, next) = try StartLine.line(bytes, position)
    let start = line.lowerBound
    position = next
    guard line.count >= 4, let space = bytes.firstIndex(of: .space, in: line) else {
      throw SyntaxFault(.malformedStartLine, start)
    }
    if bytes.equals(start..<start + 4, "sip/") {
      return try scanStatusLine(bytes, line, space)
    }
    let method = start..<space
    guard !method.isEmpty, bytes.skipToken(start, space) == space else {
      throw SyntaxFault(.malformedStartLine, start)
    }
    var versionStart = line.upperBound
    while versionStart > space + 1, bytes[versionStart - 1] != .space { versionStart -= 1 }
    guard versionStart > space + 1 else { throw SyntaxFault(.malformedStartLine, space) }
    let uri = space + 1..<versionStart - 1
    try checkVersion(bytes, versionStart..<line.upperBound)
    guard uri.count <= limits.uriLength else { throw SyntaxFault(.uriTooLong, uri.lowerBound) }
    if let blank = uri.first(where: { bytes[$0].isBlank }) { throw SyntaxFault(.malformedStartLine, blank) }
    let layout = try URILayout.scan(bytes, uri)
    if let headers = layout.headers { throw SyntaxFault(.headersInRequestURI, headers.lowerBound) }
    return .request(method: method, uri: layout)
  }

  private static func scanStatusLine(
    _ bytes: Bytes, _ line: Range<Int>, _ space: Int
  ) throws(SyntaxFault) -> StartLine {
    try checkVersion(bytes, line.lowerBound..<space)
    let code = space + 1..<min(space + 4, line.upperBound)
    guard code.count == 3, let status = bytes.decimal(code), (100...699).contains(status),
      // The blank before an empty reason phrase is left out by some peers.
      code.upperBound == line.upperBound || bytes[code.upperBound] == .space
    else { throw SyntaxFault(.malformedStartLine, code.lowerBound) }
    let reason = min(code.upperBound + 1, line.upperBound)..<line.upperBound
    return .response(status: Int(status), reason: reason)
  }

  private static func checkVersion(_ bytes: Bytes, _ range: Range<Int>) throws(SyntaxFault) {
    if bytes.equals(range, "sip/2.0") { return }
    guard range.count >= 7, bytes.equals(range.lowerBound..<range.lowerBound + 4, "sip/"),
      let dot = range.firstIndex(where: { bytes[$0] == UInt8(ascii: ".") }),
      bytes.decimal(range.lowerBound + 4..<dot) != nil, bytes.decimal(dot + 1..<range.upperBound) != nil
    else { throw SyntaxFault(.malformedStartLine, range.lowerBound) }
    throw SyntaxFault(.unsupportedVersion, range.lowerBound)
  }
}
