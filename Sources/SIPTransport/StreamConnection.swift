import CallModel
import NIOCore
import NIOSSL
import NIOTLS
import SIP

/// One TCP or TLS connection, ours or a peer's: framing, bounded output, time-outs and keep-alives.
///
/// It is the last handler of its channel and lives on the loop of the layer. It ends once, through ``finish(_:)``,
/// whichever of peer, time-out, overflow or owner is first; the channel follows.
final class StreamConnection: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer
  typealias OutboundOut = ByteBuffer

  private enum State {
    case connecting
    case handshaking
    case open
    /// No new messages; what is queued goes out, then the channel closes.
    case draining
    case finished
  }

  private struct Queued {
    var bytes: [UInt8]
    var hop: Hop
  }

  let id: ConnectionID
  let isInbound: Bool
  /// Names this connection: the hop of every message received on it.
  let hop: Hop
  /// Whether the server's certificate must carry its name; set by whoever opens the connection.
  var verifiesName = false
  private let layer: SIPTransportLayer
  private var state: State
  private var context: ChannelHandlerContext?
  private var framer: SIPStreamFramer
  private var ignoresInput = false

  /// Messages given before the connection was open.
  private var waiting: [Queued] = []
  /// Bytes given and not yet taken by the kernel.
  private(set) var queuedBytes = 0
  private var isFlushPending = false
  private var closeReason: ConnectionCloseReason?
  private var closeFailure: SIPTransportFailure?

  private let startedAt: MonotonicInstant
  private var lastActivity: MonotonicInstant
  private var partialSince: MonotonicInstant?
  private var drainDeadline = MonotonicInstant.distantFuture

  private var keepAlive: SIPTransportConfiguration.KeepAlive?
  private var nextPing = MonotonicInstant.distantFuture
  private var pongDeadline = MonotonicInstant.distantFuture

  init(id: ConnectionID, hop: Hop, isInbound: Bool, layer: SIPTransportLayer) {
    self.id = id
    var hop = hop
    hop.connection = id
    self.hop = hop
    self.isInbound = isInbound
    self.layer = layer
    state = isInbound ? .handshaking : .connecting
    framer = SIPStreamFramer(limits: layer.configuration.streamLimits, side: isInbound ? .accepted : .opened)
    startedAt = .now()
    lastActivity = startedAt
    if !isInbound { keepAlive = layer.configuration.keepAlive }
  }

  var isFinished: Bool { if case .finished = state { true } else { false } }
  var isUsable: Bool {
    switch state {
    case .connecting, .handshaking, .open: true
    case .draining, .finished: false
    }
  }

  // MARK: Sending

  /// Queues a message. Every way of failing is reported with the hop it was sent with.
  func send(_ bytes: [UInt8], hop: Hop) {
    guard isUsable else { return layer.report(hop, .connectionClosed) }
    guard queuedBytes + bytes.count <= layer.configuration.connectionQueueLimit else {
      layer.counters.queueOverflows &+= 1
      layer.report(hop, .queueFull)
      return finish(.queueFull)
    }
    queuedBytes += bytes.count
    guard case .open = state else { return waiting.append(Queued(bytes: bytes, hop: hop)) }
    write(bytes, hop: hop)
  }

  private func write(_ bytes: [UInt8], hop: Hop) {
    guard let context else { return layer.report(hop, .connectionClosed) }
    let count = bytes.count
    let promise = context.eventLoop.makePromise(of: Void.self)
    promise.futureResult.assumeIsolatedUnsafeUnchecked().whenComplete { result in
      self.written(count, hop: hop, result)
    }
    context.write(wrapOutboundOut(context.channel.allocator.buffer(bytes: bytes)), promise: promise)
    flushSoon()
  }

  private func written(_ count: Int, hop: Hop, _ result: Result<Void, any Error>) {
    queuedBytes -= count
    switch result {
    case .success:
      lastActivity = .now()
      layer.counters.sent(self.hop.transport, bytes: count)
    case .failure(let error):
      layer.report(hop, closeFailure ?? SIPTransportFailure(error))
    }
    if case .draining = state, queuedBytes == 0 { finish(closeReason ?? .byUs) }
  }

  /// Keep-alives are queued like a message: a peer that only pings and never reads meets the same bound.
  private func writeKeepAlives(_ bytes: StaticString, times: Int = 1) {
    guard let context, case .open = state, times > 0 else { return }
    let count = bytes.utf8CodeUnitCount * times
    guard queuedBytes + count <= layer.configuration.connectionQueueLimit else {
      layer.counters.queueOverflows &+= 1
      return finish(.queueFull)
    }
    queuedBytes += count
    let promise = context.eventLoop.makePromise(of: Void.self)
    promise.futureResult.assumeIsolatedUnsafeUnchecked().whenComplete { _ in
      self.queuedBytes -= count
      if case .draining = self.state, self.queuedBytes == 0 { self.finish(self.closeReason ?? .byUs) }
    }
    var buffer = context.channel.allocator.buffer(capacity: count)
    for _ in 0..<times { buffer.writeStaticString(bytes) }
    context.write(wrapOutboundOut(buffer), promise: promise)
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

  // MARK: Channel events

  func handlerAdded(context: ChannelHandlerContext) {
    self.context = context
    if context.channel.isActive { becameActive() }
  }

  func handlerRemoved(context: ChannelHandlerContext) {
    finish(closeReason ?? .byPeer)
    self.context = nil
  }

  func channelActive(context: ChannelHandlerContext) {
    becameActive()
    context.fireChannelActive()
  }

  private func becameActive() {
    guard !isFinished else { return }
    if hop.transport.isSecure { state = .handshaking } else { opened() }
  }

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    if let event = event as? TLSUserEvent, case .handshakeCompleted = event, case .handshaking = state {
      if hasRightPeer(context) { opened() } else { finish(.tlsFailed) }
    }
    context.fireUserInboundEventTriggered(event)
  }

  /// Nothing has been sent yet: what waits goes to the server that was meant, or to nobody.
  private func hasRightPeer(_ context: ChannelHandlerContext) -> Bool {
    guard verifiesName else { return true }
    guard
      let handler = try? context.pipeline.syncOperations.handler(type: NIOSSLClientHandler.self),
      let certificate = handler.peerCertificate
    else { return false }
    return CertificateIdentity(certificate).covers(serverName: hop.serverName, address: hop.remote.ip)
  }

  private func opened() {
    switch state {
    case .connecting, .handshaking: break
    case .open, .draining, .finished: return
    }
    state = .open
    lastActivity = .now()
    layer.opened(self)
    let waiting = self.waiting
    self.waiting = []
    for message in waiting { write(message.bytes, hop: message.hop) }
    schedulePing(from: lastActivity)
  }

  func channelInactive(context: ChannelHandlerContext) {
    finish(closeReason ?? .byPeer)
    context.fireChannelInactive()
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    if error is NIOSSLError || error is BoringSSLError || error is NIOSSLExtraError {
      // After the handshake, a peer that omits close_notify is simply gone.
      if case .open = state { return finish(.network) }
      return finish(.tlsFailed)
    }
    finish(.network)
  }

  /// The connect attempt failed before there was a channel.
  func connectFailed(_ failure: SIPTransportFailure) {
    closeFailure = closeFailure ?? failure
    finish(failure == .tlsFailed ? .tlsFailed : .connectFailed)
  }

  // MARK: Receiving

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    let buffer = unwrapInboundIn(data)
    guard !ignoresInput, !isFinished else { return }
    let now = MonotonicInstant.now()
    lastActivity = now
    layer.counters.received(hop.transport, bytes: buffer.readableBytes)
    buffer.withUnsafeReadableBytes { framer.append($0) }
    deliver(now: now)
  }

  private func deliver(now: MonotonicInstant) {
    // The pongs of one read leave together: written one by one, a stream of pings would cost a thousand times its bytes.
    var pings = 0
    defer { writeKeepAlives("\r\n", times: pings) }
    // A handler of a message may close this connection: look again each time.
    while !ignoresInput, !isFinished {
      guard let event = framer.next() else {
        partialSince = framer.hasPartialMessage ? (partialSince ?? now) : nil
        return
      }
      switch event {
      case .message(let message):
        partialSince = nil
        layer.counters.receivedMessage(hop.transport)
        layer.delegate?.received(message, hop: hop)
      case .ping:
        layer.counters.keepAlivesReceived &+= 1
        pings += 1
      case .pong:
        pongArrived(now: now)
      case .malformed(let error):
        partialSince = nil
        layer.malformed(error, hop: hop)
      case .failed(let error):
        ignoresInput = true
        partialSince = nil
        layer.malformed(error, hop: hop)
        drain(.malformed)
      }
    }
  }

  // MARK: Keep-alive (RFC 5626 §4.4.1)

  func setKeepAlive(_ keepAlive: SIPTransportConfiguration.KeepAlive?) {
    self.keepAlive = keepAlive
    pongDeadline = .distantFuture
    schedulePing(from: .now())
  }

  private func schedulePing(from now: MonotonicInstant) {
    guard let keepAlive else { return nextPing = .distantFuture }
    // A random part keeps the flows of many clients from beating together.
    let percent = Int64.random(in: 80...100)
    nextPing = now + TimeSpan(nanoseconds: keepAlive.interval.nanoseconds / 100 * percent)
  }

  private func pongArrived(now: MonotonicInstant) {
    guard pongDeadline != .distantFuture else { return }
    pongDeadline = .distantFuture
    layer.counters.pongsReceived &+= 1
    layer.delegate?.keepAliveAnswered(id)
  }

  // MARK: Time

  /// Looks at every time-out of this connection.
  func check(now: MonotonicInstant) {
    let times = layer.configuration
    switch state {
    case .connecting, .finished:
      break
    case .handshaking:
      if now - startedAt > times.handshakeTimeout { finish(.handshakeTimeout) }
    case .draining:
      if now >= drainDeadline { finish(closeReason ?? .byUs) }
    case .open:
      if let partialSince, now - partialSince > times.partialMessageTimeout { return drain(.partialMessage) }
      if now >= pongDeadline { return finish(.keepAlive) }
      if now - lastActivity > times.idleTimeout { return drain(.idle) }
      if now >= nextPing {
        schedulePing(from: now)
        layer.counters.pingsSent &+= 1
        if let timeout = keepAlive?.pongTimeout, pongDeadline == .distantFuture {
          pongDeadline = now + timeout
        }
        writeKeepAlives("\r\n\r\n")
      }
    }
  }

  // MARK: Ending

  /// Closes when what is queued has gone out, or after the close time-out.
  func drain(_ reason: ConnectionCloseReason) {
    switch state {
    case .connecting, .handshaking: return finish(reason)
    case .draining, .finished: return
    case .open: break
    }
    closeReason = closeReason ?? reason
    guard queuedBytes > 0 else { return finish(reason) }
    state = .draining
    layer.draining(self)
    drainDeadline = .now() + layer.configuration.closeTimeout
  }

  /// Ends at once. What is queued is reported as failed.
  func finish(_ reason: ConnectionCloseReason) {
    guard !isFinished else { return }
    var wasOpen = false
    switch state {
    case .open, .draining: wasOpen = true
    case .connecting, .handshaking, .finished: break
    }
    state = .finished
    let reason = closeReason ?? reason
    closeReason = reason
    let failure = closeFailure ?? SIPTransportFailure(reason)
    closeFailure = failure
    layer.ended(self, reason: reason, wasOpen: wasOpen)
    let waiting = self.waiting
    self.waiting = []
    for message in waiting {
      queuedBytes -= message.bytes.count
      layer.report(message.hop, failure)
    }
    context?.close(promise: nil)
  }
}

extension SIPTransportFailure {
  /// What a message still queued is told when its connection ends.
  fileprivate init(_ reason: ConnectionCloseReason) {
    self =
      switch reason {
      case .queueFull: .queueFull
      case .connectFailed: .unreachable
      case .tlsFailed: .tlsFailed
      case .handshakeTimeout: .timeout
      case .byUs: .closing
      case .byPeer, .network, .idle, .partialMessage, .malformed, .keepAlive: .connectionClosed
      }
  }
}
