import CallModel
import SIP

/// The stateless answer to a request that cannot be parsed but shows where to answer (RFC 3261 §8.2, §8.2.7, §18.2.2).
struct MalformedRequestAnswer {
  let response: SIPResponse
  let hop: Hop

  /// Nil when the request shows no Via, or must not be answered.
  init?(_ error: SIPSyntaxError, hop requestHop: Hop) {
    guard let request = error.answerable, request.method != .ack, var topVia = request.headers.topVia else {
      return nil
    }
    hop = ResponseLocation.hop(forResponseTo: requestHop, topVia: topVia, honoursMaddr: false)

    // RFC 3261 §18.2.1, RFC 3581 §4: what a response is routed back by.
    topVia.received = requestHop.remote.ip
    if topVia.rport != nil { topVia.rport = .port(requestHop.remote.port) }
    var headers = SIPHeaders()
    headers.append(.via, topVia.description)
    for via in request.headers.vias.dropFirst() { headers.append(.via, via.description) }
    headers.append(.from, request.headers[.from] ?? "")
    var to = request.headers[.to] ?? ""
    if request.headers.toTag == nil {
      // The same for a retransmission: a stateless answer has no memory (RFC 3261 §8.2.7).
      to += ";tag=\(MalformedRequestAnswer.tag(request.headers))"
    }
    headers.append(.to, to)
    headers.append(.callID, request.headers.callID ?? "")
    headers.append(.cSeq, request.headers[.cSeq] ?? "")
    response = SIPResponse(status: error.status, reason: error.reason, headers: headers)
  }

  /// FNV-1a over what names the request; a tag needs no secrecy here, only constancy.
  private static func tag(_ headers: SIPHeaders) -> String {
    var hash: UInt64 = 0xcbf2_9ce4_8422_2325
    for text in [headers.callID, headers[.from], headers[.cSeq], headers.topBranch] {
      for byte in (text ?? "").utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
    }
    return String(hash, radix: 36)
  }
}
