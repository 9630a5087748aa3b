import CallModel
import SIP

/// Who receives what the transport layer hears. Called on the event loop of the layer, never from inside
/// ``SIPTransportLayer/send(_:over:)``.
public protocol SIPTransportDelegate: AnyObject {
  /// A whole message. ``Hop/remote`` is its true source, ``Hop/connection`` the connection it came on.
  func received(_ message: SIPMessage, hop: Hop)
  /// Bytes that are no message; `isAnswered` when a response has been sent already. On a stream whose next message cannot
  /// be found, the connection closes after this.
  func malformed(_ error: SIPSyntaxError, hop: Hop, isAnswered: Bool)
  /// One message given to `send` with this hop was not sent, or its connection broke before the kernel took it.
  func transportFailed(_ hop: Hop, _ failure: SIPTransportFailure)
  /// A stream connection ended; its id will not be used again. Not called for a connection that never opened.
  func connectionClosed(_ connection: ConnectionID, hop: Hop, reason: ConnectionCloseReason)
  /// The peer answered a ping of ours: the flow is alive (RFC 5626 §3.5.1).
  func keepAliveAnswered(_ connection: ConnectionID)
}

extension SIPTransportDelegate {
  public func malformed(_ error: SIPSyntaxError, hop: Hop, isAnswered: Bool) {}
  public func connectionClosed(_ connection: ConnectionID, hop: Hop, reason: ConnectionCloseReason) {}
  public func keepAliveAnswered(_ connection: ConnectionID) {}
}

/// Why a message was not sent.
public enum SIPTransportFailure: String, Error, Hashable, Sendable {
  /// The hop names a listener that is not open, or whose transport or address family is another.
  case noListener
  /// The hop names a connection that is gone. A new one may be opened to the same server.
  case connectionClosed
  case refused
  case unreachable
  case timeout
  /// Handshake, certificate or name check failed.
  case tlsFailed
  /// The peer does not take what we send, or a UDP socket is full.
  case queueFull
  /// Larger than a datagram can be.
  case tooLarge
  /// The bound of connections.
  case limitReached
  /// The layer is closing.
  case closing
  /// Any other error of the system.
  case system

  /// Whether another server may work where this one did not (RFC 3263 §4.3).
  public var isOfPeer: Bool {
    switch self {
    case .refused, .unreachable, .timeout, .tlsFailed, .queueFull, .connectionClosed: true
    case .noListener, .tooLarge, .limitReached, .closing, .system: false
    }
  }
}

/// Why a connection ended.
public enum ConnectionCloseReason: String, Hashable, Sendable, CaseIterable {
  case byPeer
  /// A reset or another error of the network.
  case network
  case idle
  /// A message was begun and not finished in time.
  case partialMessage
  /// Bytes on the stream that are no SIP; where the next message begins cannot be known.
  case malformed
  /// The peer read too slowly.
  case queueFull
  /// No pong came.
  case keepAlive
  case connectFailed
  case tlsFailed
  case handshakeTimeout
  /// By ``SIPTransportLayer/close(_:)`` or with the layer.
  case byUs
}
