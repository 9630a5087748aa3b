import CallModel

/// When a request must leave UDP for its size (RFC 3261 §18.1.1).
public enum RequestTransport {
  /// The limit where the path MTU is unknown, in bytes of the SIP message.
  public static let maximumDatagramRequest = 1300

  /// Whether a request of this size must go over a congestion-controlled transport: within 200 bytes of the path MTU, or
  /// larger than 1300 bytes when that is unknown. The 200 bytes leave room for the response.
  public static func requiresStream(byteCount: Int, pathMTU: Int? = nil) -> Bool {
    if let pathMTU { return byteCount > pathMTU - 200 }
    return byteCount > maximumDatagramRequest
  }

  /// The candidates for a request of this size: where it is too large, each UDP server is tried by TCP first and by UDP
  /// after that, for servers that refuse TCP (RFC 3261 §18.1.1, last paragraph).
  public static func candidates(
    _ candidates: [ServerCandidate], forRequestOf byteCount: Int, pathMTU: Int? = nil
  ) -> [ServerCandidate] {
    guard requiresStream(byteCount: byteCount, pathMTU: pathMTU) else { return candidates }
    var result: [ServerCandidate] = []
    for candidate in candidates {
      if candidate.transport == .udp {
        var stream = candidate
        stream.transport = .tcp
        if !result.contains(stream) { result.append(stream) }
      }
      if !result.contains(candidate) { result.append(candidate) }
    }
    return result
  }
}
