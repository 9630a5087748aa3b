/// What of a sent INVITE its ACK and CANCEL repeat: Request-URI, our Via, Route, From, To, Call-ID and the CSeq number.
///
/// Everything else of the request, the body first of all, is let go as soon as it is serialised.
struct RequestSkeleton: Sendable {
  private let uri: SIPURI
  private let fields: [SIPHeaders.Field]

  /// - Parameter request: With our Via on top.
  init(of request: SIPRequest) {
    uri = request.uri
    var seenVia = false
    var kept: [SIPHeaders.Field] = []
    kept.reserveCapacity(8)
    for field in request.headers.fields {
      switch field.name {
      case .via where !seenVia:
        seenVia = true
        kept.append(field)
      case .route, .from, .to, .callID, .cSeq: kept.append(field)
      default: break
      }
    }
    fields = kept
  }

  /// The ACK for a non-2xx final response: To as in the response (RFC 3261 §17.1.1.3).
  func acknowledgement(of response: SIPResponse) -> SIPRequest {
    request(.ack, to: response.headers[.to])
  }

  /// The CANCEL (RFC 3261 §9.1), with further fields such as Reason.
  func cancel(adding extra: [SIPHeaders.Field]) -> SIPRequest {
    var cancel = request(.cancel, to: nil)
    cancel.headers.fields.append(contentsOf: extra)
    return cancel
  }

  private func request(_ method: SIPMethod, to: String?) -> SIPRequest {
    var headers = SIPHeaders()
    headers.fields.reserveCapacity(fields.count + 2)
    for field in fields {
      switch field.name {
      case .to: headers.append(.to, to ?? field.value)
      case .cSeq:
        let number = withBytes(of: field.value) { CSeqScan($0)?.number } ?? 0
        headers.append(.cSeq, "\(number) \(method.rawValue)")
      default: headers.fields.append(field)
      }
      if field.name == .via { headers.append(.maxForwards, "70") }
    }
    return SIPRequest(method: method, uri: uri, headers: headers)
  }
}
