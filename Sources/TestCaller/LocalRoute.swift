import CallModel
import NIOCore
import NIOPosix

/// Which of this machine's addresses packets to a place come from.
enum LocalRoute {
  /// Asks the kernel's routing table by a UDP socket that is connected and sends nothing.
  static func address(
    toward remote: TransportAddress, on eventLoop: any EventLoop
  ) -> EventLoopFuture<IPAddress>.Isolated {
    DatagramBootstrap(group: eventLoop)
      .connect(host: remote.ip.description, port: Int(max(remote.port, 1)))
      .assumeIsolated()
      .flatMapThrowing { channel in
        let address = channel.localAddress?.ipAddress.flatMap { IPAddress($0) }
        channel.close(promise: nil)
        guard let address else { throw TestPhoneError("no way to \(remote.ip)") }
        return address
      }
  }
}
