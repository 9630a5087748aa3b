/// Why bytes from the wire are not a SIP message, or text is not a SIP value, we can use.
public struct SIPSyntaxError: Error, Hashable, Sendable, CustomStringConvertible {
  public enum Code: String, Hashable, Sendable, CaseIterable {
    /// Nothing but line ends or zero bytes: a keep-alive, to be dropped in silence.
    case empty
    case malformedStartLine
    case unsupportedVersion
    case malformedURI
    /// Headers (`?...`) in a Request-URI (RFC 3261 §19.1.1, table 1).
    case headersInRequestURI
    case malformedHeaderName
    case malformedHeader
    case unterminatedQuotedString
    /// A carriage return that no line feed follows.
    case bareCarriageReturn
    /// The message ends before the empty line that closes its header section.
    case incompleteHeaderSection
    case missingHeader
    /// A second value of a header that may have one only.
    case duplicateHeader
    case numberOutOfRange
    /// The method in CSeq is not that of the request.
    case cSeqMethodMismatch
    case malformedContentLength
    /// On a stream, where only Content-Length tells where the message ends.
    case missingContentLength
    /// Content-Length promises more than the datagram has.
    case truncatedBody
    case malformedMultipart
    case messageTooLarge
    case headerSectionTooLarge
    case tooManyHeaders
    case headerTooLong
    case tooManyVias
    case uriTooLong
    case bodyTooLarge
    case tooManyBodyParts
  }

  public var code: Code
  /// Where, in bytes from the start of what was parsed.
  public var offset: Int
  /// The header field it is about, if one.
  public var header: SIPHeaderName?
  /// The request as far as it could be read, when enough of Via, From, To, Call-ID and CSeq is there to
  /// answer it. Only its method and those headers, as written, are meant to be used; an unreadable
  /// Request-URI has the scheme `invalid`. Nil for a response and for an ACK, which are never answered.
  public var answerable: SIPRequest?

  public init(
    _ code: Code, offset: Int = 0, header: SIPHeaderName? = nil, answerable: SIPRequest? = nil
  ) {
    self.code = code
    self.offset = offset
    self.header = header
    self.answerable = answerable
  }

  init(_ fault: SyntaxFault, header: SIPHeaderName? = nil) {
    self.init(fault.code, offset: fault.offset, header: header)
  }

  /// The status a UAS or proxy answers with (RFC 3261 §21.4, §21.5).
  public var status: Int {
    switch code {
    case .unsupportedVersion: 505
    case .uriTooLong: 414
    case .bodyTooLarge, .tooManyBodyParts: 413
    case .messageTooLarge, .headerSectionTooLarge, .tooManyHeaders, .headerTooLong, .tooManyVias: 513
    default: 400
    }
  }

  /// The reason phrase to answer with: it names the fault and the header, never the peer's text.
  public var reason: String {
    let text =
      switch code {
      case .empty: "Empty Message"
      case .malformedStartLine: "Malformed Start Line"
      case .unsupportedVersion: "Version Not Supported"
      case .malformedURI: "Malformed URI"
      case .headersInRequestURI: "Headers in Request-URI"
      case .malformedHeaderName: "Malformed Header Name"
      case .malformedHeader: "Malformed Header"
      case .unterminatedQuotedString: "Unterminated Quoted String"
      case .bareCarriageReturn: "Bare Carriage Return"
      case .incompleteHeaderSection: "Incomplete Header Section"
      case .missingHeader: "Missing Header"
      case .duplicateHeader: "Duplicate Header"
      case .numberOutOfRange: "Number Out of Range"
      case .cSeqMethodMismatch: "CSeq Method Mismatch"
      case .malformedContentLength: "Malformed Content-Length"
      case .missingContentLength: "Missing Content-Length"
      case .truncatedBody: "Body Shorter Than Content-Length"
      case .malformedMultipart: "Malformed Multipart Body"
      case .messageTooLarge: "Message Too Large"
      case .headerSectionTooLarge: "Header Section Too Large"
      case .tooManyHeaders: "Too Many Headers"
      case .headerTooLong: "Header Too Long"
      case .tooManyVias: "Too Many Via Headers"
      case .uriTooLong: "Request-URI Too Long"
      case .bodyTooLarge: "Request Entity Too Large"
      case .tooManyBodyParts: "Too Many Body Parts"
      }
    guard let header, header.index != 0 else { return text }
    return "\(text): \(header)"
  }

  public var description: String { "\(reason) at byte \(offset)" }
}

/// What a scanner found, before it is known in which header and message: cheap to throw.
struct SyntaxFault: Error {
  var code: SIPSyntaxError.Code
  var offset: Int

  init(_ code: SIPSyntaxError.Code, _ offset: Int) {
    self.code = code
    self.offset = offset
  }
}
