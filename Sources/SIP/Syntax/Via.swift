import CallModel

/// One Via value (RFC 3261 §20.42, RFC 3581).
public struct Via: Hashable, Sendable {
  public var transport: SIPTransportProtocol
  /// The transport as written when it is none we speak (RFC 3261 §25.1 `other-transport`); ``transport`` has
  /// no meaning then. Nil otherwise.
  public var otherTransport: String?
  /// The version of SIP; anything but `2.0` is only ever seen in a request that gets 505.
  public var version = "2.0"
  public var host: SIPURI.Host
  public var port: UInt16?
  public var parameters: [SIPURI.Parameter]

  public init(
    transport: SIPTransportProtocol, host: SIPURI.Host, port: UInt16? = nil,
    parameters: [SIPURI.Parameter] = []
  ) {
    self.transport = transport
    self.host = host
    self.port = port
    self.parameters = parameters
  }
}
