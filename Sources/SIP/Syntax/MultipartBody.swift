/// A multipart body (RFC 2046 §5.1, RFC 5621): parts with their own headers, their bytes exact.
public struct MultipartBody: Hashable, Sendable {
  public struct Part: Hashable, Sendable {
    /// Content-Type, Content-Disposition, Content-ID and others.
    public var headers: SIPHeaders
    public var body: [UInt8]

    public init(headers: SIPHeaders = SIPHeaders(), body: [UInt8] = []) {
      self.headers = headers
      self.body = body
    }

    /// The part's type; text/plain when it says none (RFC 2046 §5.2).
    public var contentType: ContentType { headers.contentType ?? ContentType("text", "plain") }

    /// What to do with the part: the value of Content-Disposition in lower case. A part without one is
    /// `session` for SDP and `render` for anything else (RFC 3261 §20.11).
    public var disposition: String {
      headers.contentDisposition?.value.lowercased() ?? (contentType.isSDP ? "session" : "render")
    }

    /// Whether the part may be ignored when it is not understood (RFC 5621 §8.2: required unless said).
    public var isOptional: Bool {
      headers.contentDisposition?["handling"].map { equalIgnoringASCIICase($0, "optional") } ?? false
    }
  }

  public var parts: [Part]
  public var boundary: String

  public init(parts: [Part], boundary: String) {
    self.parts = parts
    self.boundary = boundary
  }

  /// Reads the body of a message whose Content-Type is `contentType`.
  ///
  /// Text before the first boundary and after the last is dropped (RFC 2046 §5.1.1). A line feed alone ends a
  /// line too.
  /// - Throws: when the type has no boundary, the boundary never stands in the body or is never closed, a
  ///   part's headers
  ///   are malformed, or there are more parts than ``SIPLimits/bodyPartCount``.
  public init(
    _ body: [UInt8], contentType: ContentType, limits: SIPLimits = .stream
  ) throws(SIPSyntaxError) {
    guard contentType.type == "multipart", let boundary = contentType["boundary"], !boundary.isEmpty,
      boundary.utf8.count <= 70
    else { throw SIPSyntaxError(.malformedMultipart, header: .contentType) }
    let delimiter = [UInt8.hyphen, .hyphen] + Array(boundary.utf8)
    let result: Result<[Part], SIPSyntaxError> = body.withUnsafeBytes { bytes in
      do throws(SIPSyntaxError) {
        return .success(try MultipartBody.parts(bytes, delimiter, limits))
      } catch {
        return .failure(error)
      }
    }
    self.init(parts: try result.get(), boundary: boundary)
  }

  private static func parts(
    _ bytes: Bytes, _ delimiter: [UInt8], _ limits: SIPLimits
  ) throws(SIPSyntaxError) -> [Part] {
    var parts: [Part] = []
    var partStart: Int?
    var line = 0
    while line < bytes.count {
      let lineFeed = bytes.firstIndex(of: .lineFeed, in: line..<bytes.count)
      let lineEnd = lineFeed ?? bytes.count
      if let isLast = isDelimiter(bytes, line..<lineEnd, delimiter) {
        if let partStart {
          guard parts.count < limits.bodyPartCount else {
            throw SIPSyntaxError(.tooManyBodyParts, offset: partStart)
          }
          // The line end before a delimiter belongs to the delimiter.
          var partEnd = line
          if partEnd > partStart, bytes[partEnd - 1] == .lineFeed { partEnd -= 1 }
          if partEnd > partStart, bytes[partEnd - 1] == .carriageReturn { partEnd -= 1 }
          parts.append(try part(bytes, partStart..<partEnd, limits))
        }
        if isLast { return parts }
        partStart = min(lineEnd + 1, bytes.count)
      }
      line = lineEnd + 1
    }
    throw SIPSyntaxError(.malformedMultipart, offset: bytes.count)
  }

  /// Whether a line is a delimiter, and if so whether it is the closing one.
  private static func isDelimiter(_ bytes: Bytes, _ line: Range<Int>, _ delimiter: [UInt8]) -> Bool? {
    guard line.count >= delimiter.count, bytes[line.lowerBound] == .hyphen,
      bytes[line.lowerBound..<line.lowerBound + delimiter.count].elementsEqual(delimiter)
    else { return nil }
    var rest = line.lowerBound + delimiter.count..<line.upperBound
    if let last = rest.last, bytes[last] == .carriageReturn { rest = rest.dropLast() }
    rest = bytes.trimmed(rest)
    if rest.isEmpty { return false }
    return rest.count == 2 && rest.allSatisfy { bytes[$0] == .hyphen } ? true : nil
  }

  private static func part(
    _ bytes: Bytes, _ range: Range<Int>, _ limits: SIPLimits
  ) throws(SIPSyntaxError) -> Part {
    var headers = SIPHeaders()
    var position = range.lowerBound
    while position < range.upperBound {
      let lineFeed = bytes.firstIndex(of: .lineFeed, in: position..<range.upperBound)
      var end = lineFeed ?? range.upperBound
      let next = lineFeed.map { $0 + 1 } ?? range.upperBound
      if end > position, bytes[end - 1] == .carriageReturn { end -= 1 }
      if end == position {
        position = next
        break
      }
      guard end - position <= limits.headerLength, headers.fields.count < limits.headerCount else {
        throw SIPSyntaxError(.headerTooLong, offset: position)
      }
      if bytes[position].isBlank, !headers.fields.isEmpty {
        let text = bytes.text(bytes.trimmed(position..<end))
        let last = headers.fields.count - 1
        guard headers.fields[last].value.utf8.count + text.utf8.count < limits.headerLength else {
          throw SIPSyntaxError(.headerTooLong, offset: position)
        }
        headers.fields[last].value += " " + text
      } else {
        let nameEnd = bytes.skipToken(position, end)
        let colon = bytes.skipBlanks(nameEnd, end)
        guard nameEnd > position, colon < end, bytes[colon] == .colon else {
          throw SIPSyntaxError(.malformedMultipart, offset: position)
        }
        headers.append(
          SIPHeaderName(bytes: UnsafeRawBufferPointer(rebasing: bytes[position..<nameEnd])),
          bytes.text(bytes.trimmed(colon + 1..<end)))
      }
      position = next
    }
    let body = UnsafeRawBufferPointer(rebasing: bytes[position..<range.upperBound])
    return Part(headers: headers, body: [UInt8](body))
  }

  /// The body as it goes on the wire. The boundary must not stand at the start of a line in any part.
  public func serialised() -> [UInt8] {
    var bytes: [UInt8] = []
    for part in parts {
      bytes.append("--" as StaticString)
      bytes.append(boundary)
      bytes.append("\r\n" as StaticString)
      for field in part.headers.fields {
        bytes.append(field.name.description)
        bytes.append(": " as StaticString)
        bytes.append(line: field.value)
        bytes.append("\r\n" as StaticString)
      }
      bytes.append("\r\n" as StaticString)
      bytes.append(contentsOf: part.body)
      bytes.append("\r\n" as StaticString)
    }
    bytes.append("--" as StaticString)
    bytes.append(boundary)
    bytes.append("--\r\n" as StaticString)
    return bytes
  }

  /// The Content-Type header for this body, e.g. of subtype `mixed`.
  public func contentType(subtype: String) -> ContentType {
    var parameter = SIPURI.Parameter("boundary", boundary)
    parameter.isQuoted = true
    return ContentType("multipart", subtype, parameters: [parameter])
  }
}

extension ContentType {
  /// Whether it is application/sdp, whatever its parameters.
  public var isSDP: Bool { type == "application" && subtype == "sdp" }
  public var isMultipart: Bool { type == "multipart" }
}

extension SIPMessage {
  /// The session description of the message: its body, or the first such part of a multipart body, looked for
  /// at most two levels deep. Nil when there is none.
  public func sessionDescription(limits: SIPLimits = .stream) -> [UInt8]? {
    guard let type = headers.contentType, !body.isEmpty else { return nil }
    return SIPMessage.sessionDescription(in: body, type, limits, depth: 2)
  }

  private static func sessionDescription(
    in body: [UInt8], _ type: ContentType, _ limits: SIPLimits, depth: Int
  ) -> [UInt8]? {
    if type.isSDP { return body }
    guard type.isMultipart, depth > 0,
      let multipart = try? MultipartBody(body, contentType: type, limits: limits)
    else { return nil }
    for part in multipart.parts {
      if let found = sessionDescription(in: part.body, part.contentType, limits, depth: depth - 1) {
        return found
      }
    }
    return nil
  }
}
