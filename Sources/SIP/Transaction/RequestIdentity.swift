import CallModel

/// What the layer reads of a request before it knows whether it is new.
struct RequestIdentity {
  /// Names the server transaction, and for ACK and CANCEL that of their INVITE.
  var key: TransactionKey
  /// The key of the INVITE that a CANCEL is after.
  var inviteKey: TransactionKey?
  /// From tag, Call-ID and CSeq (RFC 3261 §8.2.2.2); nil in a dialog.
  var mergeKey: TransactionKey?
  var isInDialog: Bool
  var viaIndex: Int
  var via: TopVia

  /// Nil when the request has no usable top Via or CSeq: it cannot be answered then.
  init?(_ request: SIPRequest, secret: UInt64) {
    var viaIndex: Int?
    var toIndex: Int?
    var fromIndex: Int?
    var callIDIndex: Int?
    var cSeqIndex: Int?
    let fields = request.headers.fields
    for index in fields.indices {
      switch fields[index].name {
      case .via: if viaIndex == nil { viaIndex = index }
      case .to: if toIndex == nil { toIndex = index }
      case .from: if fromIndex == nil { fromIndex = index }
      case .callID: if callIDIndex == nil { callIDIndex = index }
      case .cSeq: if cSeqIndex == nil { cSeqIndex = index }
      default: break
      }
    }
    guard let viaIndex, let cSeqIndex, let toIndex, let fromIndex, let callIDIndex,
      let number = withBytes(of: fields[cSeqIndex].value, { CSeqScan($0)?.number })
    else { return nil }

    // An ACK is looked up as the INVITE it belongs to (RFC 3261 §17.2.3).
    let method = request.method == .ack ? SIPMethod.invite : request.method
    let from = fields[fromIndex].value
    let callID = fields[callIDIndex].value
    let keys = withBytes(of: fields[viaIndex].value) { bytes -> (Fingerprint, TopVia)? in
      guard let via = TopVia(bytes) else { return nil }
      var hash = Fingerprint(secret: secret)
      if let branch = via.branch, via.hasMagicCookie(bytes) {
        hash.combine(bytes, branch)
        hash.combine(host: bytes, via.host)
        hash.combine(UInt64(via.port))
      } else {
        // RFC 2543: no branch to rely on. The To tag is left out, so that an ACK, which has one, finds its INVITE.
        hash.combine(bytes, 0..<via.end)
        withBytes(of: from) { hash.combine($0, $0.tagRange() ?? 0..<0) }
        hash.combine(callID)
        hash.combine(UInt64(number))
        hash.combine(UInt64(bitPattern: Int64(request.uri.hashValue)))
      }
      return (hash, via)
    }
    guard let (hash, via) = keys else { return nil }
    key = Self.finish(hash, method)
    inviteKey = method == .cancel ? Self.finish(hash, .invite) : nil
    isInDialog = withBytes(of: fields[toIndex].value) { $0.tagRange() != nil }
    if !isInDialog, method != .cancel {
      var merge = Fingerprint(secret: secret)
      withBytes(of: from) { merge.combine($0, $0.tagRange() ?? 0..<0) }
      merge.combine(callID)
      merge.combine(UInt64(number))
      mergeKey = Self.finish(merge, method)
    }
    self.viaIndex = viaIndex
    self.via = via
  }

  private static func finish(_ hash: Fingerprint, _ method: SIPMethod) -> TransactionKey {
    var hash = hash
    hash.combine(method.rawValue)
    return hash.finish()
  }

  /// Where responses go (RFC 3261 §18.2.2, RFC 3581 §4): on a stream back where they came from; as a datagram to the source
  /// address, and to the source port only if `rport` asks for it. `maddr` is not followed: it would let anybody aim our
  /// responses at a third party.
  func replyHop(_ hop: Hop) -> Hop {
    guard hop.transport == .udp, via.rport == .absent else { return hop }
    var reply = hop
    reply.remote.port = sentByPort(hop.transport)
    return reply
  }

  func sentByPort(_ transport: SIPTransportProtocol) -> UInt16 {
    guard via.port == 0 else { return via.port }
    switch transport {
    case .udp, .tcp: return 5060
    case .tls: return 5061
    case .ws: return 80
    case .wss: return 443
    }
  }
}
