import SIP

/// Any datagram is refused or read without a trap; what was read can be written, and writing it again gives
/// the same bytes.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzSIPMessage(_ data: UnsafePointer<UInt8>?, _ size: Int) -> CInt {
  let message: SIPMessage
  do {
    message = try SIPParser.parse(UnsafeRawBufferPointer(start: data, count: size))
  } catch {
    _ = (error.status, error.description, error.answerable?.serialised())
    return 0
  }
  readEverything(message)
  let bytes = message.serialised()
  // Escaping and quoting make a message longer, so that limits of the first reading are too tight for the
  // second.
  let wide = SIPLimits(
    messageSize: .max, headerSectionSize: .max, headerLength: .max, uriLength: .max, bodySize: .max)
  guard let again = try? SIPParser.parse(bytes, limits: wide) else { fatalError("refused what it wrote") }
  precondition(again.body == message.body)
  precondition(again.headers == message.headers)
  precondition(again.serialised() == bytes)
  return 0
}

private func readEverything(_ message: SIPMessage) {
  let headers = message.headers
  precondition(headers.topVia != nil && headers.cSeq != nil && headers.from != nil && headers.to != nil)
  precondition(headers.topBranch == headers.topVia?.branch || headers.topVia?.branch == "")
  for via in headers.vias { _ = (via.description, via.received, via.rport, via.ttl) }
  for name in [.contact, .route, .recordRoute, .path, .pAssertedIdentity, .diversion] as [SIPHeaderName] {
    for address in headers.addresses(name) {
      _ = (address.serialised(), address.uri.headerFields, address.uri.isEquivalent(to: address.uri))
    }
  }
  for name in [.authorization, .wwwAuthenticate] as [SIPHeaderName] {
    for field in headers.authenticationParameters(name) { _ = field.description }
  }
  for field in headers.fields { _ = headers.tokens(field.name) }
  _ = (headers.rAck, headers.rSeq, headers.sessionExpires, headers.minSE, headers.replaces, headers.event)
  _ = (headers.reasons, headers.privacy, headers.retryAfter, headers.expires, headers.referTo)
  _ = message.sessionDescription()
  if let type = headers.contentType, let multipart = try? MultipartBody(message.body, contentType: type) {
    precondition(multipart.parts.count <= SIPLimits.stream.bodyPartCount)
  }
}
