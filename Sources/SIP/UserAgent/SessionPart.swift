/// What the body of a message is to a session.
enum SessionPart: Hashable {
  case none
  case description(MessageBody)
  /// 413.
  case tooLarge
  /// 415: a type or an encoding we do not read, in a body that must be handled.
  case unsupported

  /// Finds the session description in a message: the whole body, or the part of a multipart (RFC 3261 §20.11, RFC 5621).
  /// Only `application/sdp` is looked for; what is declared optional, or for another purpose, is passed over.
  init(headers: SIPHeaders, body: [UInt8], limit: Int) {
    guard !body.isEmpty else {
      self = .none
      return
    }
    guard body.count <= limit else {
      self = .tooLarge
      return
    }
    if let value = headers[.contentType], equalIgnoringASCIICase(value, "application/sdp"),
      !headers.contains(.contentEncoding), !headers.contains(.contentDisposition)
    {
      // What nearly every body is.
      self = .description(MessageBody(contentType: value, content: body))
      return
    }
    let whole = MultipartBody.Part(headers: headers, body: body)
    if let encoding = headers[.contentEncoding], !equalIgnoringASCIICase(encoding, "identity") {
      self = whole.isOptional ? .none : .unsupported
      return
    }
    guard let type = headers.contentType else {
      self = .unsupported
      return
    }
    guard type.type == "multipart" else {
      self = SessionPart(whole)
      return
    }
    guard let multipart = try? MultipartBody(body, contentType: type) else {
      self = .unsupported
      return
    }
    let parts = multipart.parts.map { SessionPart($0) }
    if let description = parts.first(where: { if case .description = $0 { true } else { false } }) {
      self = description
    } else {
      self = type.subtype != "alternative" && parts.contains(.unsupported) ? .unsupported : .none
    }
  }

  private init(_ part: MultipartBody.Part) {
    if part.contentType.isSDP, part.disposition == "session" {
      self = .description(
        MessageBody(
          contentType: part.headers[.contentType] ?? "application/sdp",
          disposition: part.headers[.contentDisposition], content: part.body))
    } else if part.isOptional || (part.disposition != "session" && part.disposition != "render") {
      self = .none
    } else {
      self = .unsupported
    }
  }
}
