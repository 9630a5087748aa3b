extension SIPResponse {
  /// A response to `request` with the fields RFC 3261 §8.2.6.2 has copied: Via, From, To, Call-ID, CSeq; Timestamp; and
  /// Record-Route where the response may form a dialog (§12.1.1).
  ///
  /// - Parameter toTag: Added to To unless To has a tag already or the status is 100.
  public init(to request: SIPRequest, status: Int, reason: String? = nil, toTag: String?) {
    let formsDialog =
      (101..<300).contains(status)
      && (request.method == .invite || request.method == .subscribe || request.method == .refer)
    var fields: [SIPHeaders.Field] = []
    fields.reserveCapacity(12)
    for field in request.headers.fields {
      switch field.name {
      case .via, .from, .callID, .cSeq, .timestamp:
        fields.append(field)
      case .recordRoute where formsDialog:
        fields.append(field)
      case .to:
        guard status > 100, let toTag, withBytes(of: field.value, { $0.tagRange() }) == nil else {
          fields.append(field)
          continue
        }
        fields.append(SIPHeaders.Field(.to, "\(field.value);tag=\(toTag)"))
      default: break
      }
    }
    self.init(status: status, reason: reason, headers: SIPHeaders(fields))
  }
}
