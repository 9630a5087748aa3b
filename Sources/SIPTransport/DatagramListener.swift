import CallModel
import Logging
import NIOCore
import NIOPosix
import SIP

/// One UDP socket: each datagram is one message (RFC 3261 §18.3).
///
/// Reads one datagram a system call into a pooled buffer of 64 KiB, since vectored reads would cut datagrams over 2 KiB;
/// writes are gathered until the end of the loop's turn and leave in one `sendmmsg`.
final class DatagramListener: ChannelInboundHandler {
  typealias InboundIn = AddressedEnvelope<ByteBuffer>
  typealias OutboundOut = AddressedEnvelope<ByteBuffer>

  /// The largest payload of a UDP datagram (RFC 768 over IPv4; IPv6 without jumbograms has 20 bytes more).
  static let maximumPayload = 65_507

  let bound: BoundListener
  private let layer: SIPTransportLayer
  private var context: ChannelHandlerContext?
  private var isFlushPending = false
  private(set) var isClosing = false

  init(bound: BoundListener, layer: SIPTransportLayer) {
    self.bound = bound
    self.layer = layer
  }

  static func open(
    _ bind: TransportAddress, configuration: SIPTransportConfiguration, eventLoop: any EventLoop
  ) -> EventLoopFuture<any Channel> {
    var bootstrap = DatagramBootstrap(group: eventLoop)
      .channelOption(.socketOption(.so_rcvbuf), value: .init(configuration.datagramReceiveBuffer))
      .channelOption(.socketOption(.so_sndbuf), value: .init(configuration.datagramSendBuffer))
      .channelOption(.recvAllocator, value: FixedSizeRecvByteBufferAllocator(capacity: 65_536))
      .channelOption(.maxMessagesPerRead, value: 64)
      .channelOption(
        .writeBufferWaterMark,
        value: .init(
          low: max(configuration.datagramQueueLimit / 2, 1), high: max(configuration.datagramQueueLimit, 2))
      )
      // Reading begins when the handler is in place.
      .channelOption(.autoRead, value: false)
    if bind.ip.isIPv6 {
      bootstrap = bootstrap.channelOption(.ipv6Only, value: 1)
    }
    return bootstrap.bind(to: bind.socketAddress)
  }

  // MARK: Channel events

  func handlerAdded(context: ChannelHandlerContext) { self.context = context }

  func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    let envelope = unwrapInboundIn(data)
    guard let remote = TransportAddress(envelope.remoteAddress) else { return }
    let buffer = envelope.data
    switch DatagramContent(buffer) {
    case .keepAlive:
      layer.counters.keepAlivesReceived &+= 1
    case .stun:
      if let answer = STUNKeepAlive.answer(to: buffer, from: remote, allocator: context.channel.allocator) {
        layer.counters.stunAnswered &+= 1
        let reply = AddressedEnvelope(remoteAddress: envelope.remoteAddress, data: answer)
        context.write(wrapOutboundOut(reply), promise: nil)
        flushSoon()
      } else {
        layer.counters.malformed &+= 1
      }
    case .message:
      layer.receivedDatagram(buffer, hop: Hop(transport: .udp, remote: remote, listener: bound.id))
    }
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    // An ICMP error of an earlier datagram, or a shortage of the system: the socket goes on.
    layer.logger.debug("UDP socket reported an error", metadata: ["error": "\(error)"])
  }

  func channelInactive(context: ChannelHandlerContext) {
    self.context = nil
    if !isClosing { layer.listenerFailed(bound.id) }
  }

  // MARK: Sending

  func send(_ bytes: [UInt8], hop: Hop) {
    guard let context else { return layer.report(hop, .noListener) }
    guard bytes.count <= DatagramListener.maximumPayload else { return layer.report(hop, .tooLarge) }
    guard hop.remote.ip.isIPv6 == bound.local.ip.isIPv6, hop.remote.port != 0 else {
      return layer.report(hop, .unreachable)
    }
    guard context.channel.isWritable else {
      layer.counters.queueOverflows &+= 1
      return layer.report(hop, .queueFull)
    }
    let envelope = AddressedEnvelope(
      remoteAddress: hop.remote.socketAddress, data: context.channel.allocator.buffer(bytes: bytes))
    let promise = context.eventLoop.makePromise(of: Void.self)
    promise.futureResult.assumeIsolatedUnsafeUnchecked().whenFailure { error in
      self.layer.report(hop, SIPTransportFailure(error))
    }
    layer.counters.sent(.udp, bytes: bytes.count)
    context.write(wrapOutboundOut(envelope), promise: promise)
    flushSoon()
  }

  private func flushSoon() {
    guard !isFlushPending else { return }
    isFlushPending = true
    layer.flushSoon(self)
  }

  func flush() {
    isFlushPending = false
    context?.flush()
  }

  func close() {
    isClosing = true
    context?.flush()
    context?.close(promise: nil)
  }
}

/// What a datagram on a SIP port holds, told by its first bytes.
enum DatagramContent {
  case message
  /// Line ends or zeros only, which phones send to keep a NAT binding open.
  case keepAlive
  /// RFC 5626 §4.4.2: the two top bits are zero, no SIP message begins so.
  case stun

  init(_ buffer: ByteBuffer) {
    let kind: DatagramContent = buffer.withUnsafeReadableBytes { bytes in
      guard let first = bytes.first else { return .keepAlive }
      switch first {
      case 0x0d, 0x0a, 0x20, 0x09:
        // A message may have line ends before it (RFC 3261 §7.5).
        return bytes.allSatisfy { $0 == 0x0d || $0 == 0x0a || $0 == 0 || $0 == 0x20 || $0 == 0x09 }
          ? .keepAlive : .message
      case 0x00, 0x01:
        if bytes.count >= STUNKeepAlive.headerSize { return .stun }
        return bytes.allSatisfy { $0 == 0 } ? .keepAlive : .message
      default:
        return .message
      }
    }
    self = kind
  }
}
