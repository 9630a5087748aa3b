import CallModel
import Glibc
import NIOCore
import NIOPosix

/// Learns at once that nothing listens at a server's UDP port.
///
/// The socket that SIP goes out by is not connected, so the kernel does not tell it of ICMP errors, and a caller would wait
/// for timer B. A connected one is told. It sends the keep-alive of RFC 5626 §3.5.1, which servers pass over.
final class ServerProbe: ChannelInboundHandler {
  typealias InboundIn = AddressedEnvelope<ByteBuffer>
  typealias OutboundOut = AddressedEnvelope<ByteBuffer>

  private var onRefused: (() -> Void)?
  private var channel: (any Channel)?

  /// - Parameter onRefused: called on the event loop when the port turns out to be closed.
  init(onRefused: @escaping () -> Void) { self.onRefused = onRefused }

  func start(toward remote: TransportAddress, on eventLoop: any EventLoop) {
    let probe = NIOLoopBound(self, eventLoop: eventLoop)
    DatagramBootstrap(group: eventLoop)
      .channelInitializer { channel in
        channel.eventLoop.makeCompletedFuture { try channel.pipeline.syncOperations.addHandler(probe.value) }
      }
      .connect(host: remote.ip.description, port: Int(remote.port))
      .assumeIsolated()
      .whenSuccess { channel in
        guard self.onRefused != nil, let address = channel.remoteAddress else {
          return channel.close(promise: nil)
        }
        self.channel = channel
        let ping = AddressedEnvelope(remoteAddress: address, data: ByteBuffer(string: "\r\n\r\n"))
        channel.writeAndFlush(ping, promise: nil)
      }
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    guard let error = error as? IOError, error.errnoCode == ECONNREFUSED else { return }
    onRefused?()
  }

  func close() {
    onRefused = nil
    channel?.close(promise: nil)
    channel = nil
  }
}
