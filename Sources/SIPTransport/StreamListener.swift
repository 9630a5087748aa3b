import CallModel
import Logging
import NIOCore
import NIOPosix
import SIP

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// Takes the connections of a TCP or TLS listener.
enum StreamListener {
  static func open(
    _ bind: TransportAddress, id: ListenerID, transport: SIPTransportProtocol, layer: SIPTransportLayer
  ) -> EventLoopFuture<any Channel> {
    let loop = layer.eventLoop
    let bound = NIOLoopBound(layer, eventLoop: loop)
    var bootstrap = ServerBootstrap(group: loop, childGroup: loop)
      .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
      .serverChannelOption(.backlog, value: 1024)
      .serverChannelOption(.maxMessagesPerRead, value: 64)
      .serverChannelOption(.autoRead, value: false)
      .serverChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          try channel.pipeline.syncOperations.addHandler(AcceptPause(layer: bound.value))
        }
      }
      .childChannelOption(.socketOption(.so_keepalive), value: 1)
      .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
      .childChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          try accept(channel, id: id, transport: transport, layer: bound.value)
        }
      }
    if bind.ip.isIPv6 {
      bootstrap = bootstrap.serverChannelOption(.ipv6Only, value: 1)
    }
    return bootstrap.bind(to: bind.socketAddress)
  }

  private static func accept(
    _ channel: any Channel, id: ListenerID, transport: SIPTransportProtocol, layer: SIPTransportLayer
  ) throws {
    // A peer that is gone already has no address. Throwing closes the channel.
    guard let remote = channel.remoteAddress.flatMap({ TransportAddress($0) }),
      let listener = layer.open(id),
      let connection = layer.accept(from: remote, listener: id, transport: transport)
    else { throw SIPTransportFailure.limitReached }
    do {
      if let tls = listener.tls {
        try channel.pipeline.syncOperations.addHandler(tls.serverHandler())
      }
      try channel.pipeline.syncOperations.addHandler(connection)
    } catch {
      connection.finish(.network)
      throw error
    }
  }
}

/// Stops accepting for a while when the process has no descriptor left: the listening socket stays readable, and would
/// otherwise be tried without end.
private final class AcceptPause: ChannelDuplexHandler {
  typealias InboundIn = any Channel
  typealias OutboundIn = any Channel

  private let layer: SIPTransportLayer
  private var isPaused = false

  init(layer: SIPTransportLayer) { self.layer = layer }

  func read(context: ChannelHandlerContext) {
    if !isPaused { context.read() }
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    guard let error = error as? IOError, [EMFILE, ENFILE, ENOBUFS, ENOMEM].contains(error.errnoCode) else {
      return context.fireErrorCaught(error)
    }
    layer.counters.acceptFailures &+= 1
    guard !isPaused else { return }
    isPaused = true
    layer.logger.error("cannot accept connections", metadata: ["error": "\(error)"])
    let bound = NIOLoopBound(context, eventLoop: context.eventLoop)
    context.eventLoop.assumeIsolated().scheduleTask(in: .milliseconds(500)) {
      self.isPaused = false
      bound.value.read()
    }
  }
}

/// Opens connections.
enum StreamConnector {
  static func connect(
    _ connection: StreamConnection, from listener: SIPTransportLayer.Listener, layer: SIPTransportLayer
  ) {
    let hop = connection.hop
    let loop = layer.eventLoop
    let pair = NIOLoopBound((connection: connection, tls: listener.tls), eventLoop: loop)
    var bootstrap = ClientBootstrap(group: loop)
      .connectTimeout(layer.configuration.connectTimeout.timeAmount)
      .channelOption(.socketOption(.so_keepalive), value: 1)
      .channelOption(.tcpOption(.tcp_nodelay), value: 1)
      .channelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          let (connection, tls) = pair.value
          guard !connection.isFinished else { throw SIPTransportFailure.closing }
          if let tls {
            connection.verifiesName = tls.verification(for: hop) == .full
            do {
              try channel.pipeline.syncOperations.addHandler(tls.clientHandler(for: hop))
            } catch {
              throw SIPTransportFailure.tlsFailed
            }
          }
          try channel.pipeline.syncOperations.addHandler(connection)
        }
      }
    // The peer should see the address it knows us by; the port is any.
    if !listener.bound.local.ip.isUnspecified, !hop.remote.ip.isLoopback || listener.bound.local.ip.isLoopback
    {
      bootstrap = bootstrap.bind(to: TransportAddress(listener.bound.local.ip, 0).socketAddress)
    }
    bootstrap.connect(to: hop.remote.socketAddress).assumeIsolated().whenFailure { error in
      connection.connectFailed(SIPTransportFailure(error))
    }
  }
}
