/// The transports we speak, under the names they have in Via (RFC 3261 §18, RFC 7118).
public enum SIPTransportProtocol: String, Hashable, Sendable, CaseIterable {
  case udp = "UDP"
  case tcp = "TCP"
  case tls = "TLS"
  case ws = "WS"
  case wss = "WSS"

  public var isReliable: Bool { self != .udp }
  public var isSecure: Bool { self == .tls || self == .wss }
}
