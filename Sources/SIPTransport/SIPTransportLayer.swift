import CallModel
import Logging
import NIOCore
import NIOPosix
import SIP

/// The transport layer of RFC 3261 §18 over UDP, TCP and TLS, IPv4 and IPv6.
///
/// Everything happens on one event loop: make it there, call it there, and it calls its delegate there. Nothing is locked
/// and no message waits for another thread. It frames and parses what comes in, and reports the true source of it; it
/// adds nothing to messages (`received` and `rport` belong to the transaction layer).
///
/// It must be closed: its sockets hold it until then.
///
/// Cost over the kernel's own, release build: a datagram in about 2 µs besides parsing, one out about 1.5 µs. Both are a
/// small part of handling a message, so the sockets stay with NIO.
public final class SIPTransportLayer {
  public let eventLoop: any EventLoop
  public let configuration: SIPTransportConfiguration
  public weak var delegate: (any SIPTransportDelegate)?
  let logger: Logger

  var counters = SIPTransportCounters()
  private var listeners: [Listener?] = []
  private var connections = ConnectionTable()
  private var datagramsToFlush: [DatagramListener] = []
  private var connectionsToFlush: [StreamConnection] = []
  private var isFlushScheduled = false
  private var sweep: Scheduled<Void>?
  private var isClosing = false
  private var allClosed: EventLoopPromise<Void>?

  /// An open socket that takes datagrams or connections.
  struct Listener {
    var bound: BoundListener
    var configuration: SIPListenerConfiguration
    var channel: any Channel
    /// Nil for streams.
    var datagrams: DatagramListener?
    var tls: TLSContexts?
  }

  /// - Parameter eventLoop: where all of it runs; this must be called on it.
  public init(
    eventLoop: any EventLoop, configuration: SIPTransportConfiguration = SIPTransportConfiguration(),
    logger: Logger
  ) {
    eventLoop.preconditionInEventLoop()
    self.eventLoop = eventLoop
    self.configuration = configuration
    self.logger = logger
  }

  /// What was sent, received and dropped so far.
  public func snapshot() -> SIPTransportCounters {
    var snapshot = counters
    snapshot.connections = connections.count
    return snapshot
  }

  // MARK: Listeners

  /// The open listeners, in the order they were opened.
  public var openListeners: [BoundListener] { listeners.compactMap { $0?.bound } }

  public func listener(_ id: ListenerID) -> BoundListener? { open(id)?.bound }

  /// The first listener by which a server can be reached: same transport, same address family.
  public func listener(for transport: SIPTransportProtocol, reaching remote: IPAddress) -> BoundListener? {
    for case let listener? in listeners
    where listener.bound.transport == transport && listener.bound.local.ip.isIPv6 == remote.isIPv6 {
      return listener.bound
    }
    return nil
  }

  /// Opens a listener. Fails with ``SIPTLSError`` for bad TLS files, and with the error of the system for the address.
  public func listen(_ configuration: SIPListenerConfiguration) -> EventLoopFuture<BoundListener> {
    eventLoop.preconditionInEventLoop()
    guard !isClosing else { return eventLoop.makeFailedFuture(SIPTransportFailure.closing) }
    let id = ListenerID(listeners.count)
    listeners.append(nil)
    startSweep()
    return bind(configuration, id: id, configuration.bind)
  }

  private func bind(
    _ configuration: SIPListenerConfiguration, id: ListenerID, _ address: TransportAddress
  ) -> EventLoopFuture<BoundListener> {
    let opening: EventLoopFuture<any Channel>
    var tls: TLSContexts?
    switch configuration.transport {
    case .udp:
      opening = DatagramListener.open(address, configuration: self.configuration, eventLoop: eventLoop)
    case .tcp:
      opening = StreamListener.open(address, id: id, transport: .tcp, layer: self)
    case .tls:
      do {
        guard let files = configuration.tls else {
          throw SIPTLSError(file: "\(address)", problem: "no certificate is configured")
        }
        tls = try TLSContexts(files)
      } catch {
        return eventLoop.makeFailedFuture(error)
      }
      opening = StreamListener.open(address, id: id, transport: .tls, layer: self)
    case .ws, .wss:
      return eventLoop.makeFailedFuture(SIPTransportFailure.noListener)
    }
    let contexts = tls
    return opening.assumeIsolated().flatMapThrowing { channel in
      try self.opened(channel, configuration, id: id, contexts)
    }.nonisolated()
  }

  private func opened(
    _ channel: any Channel, _ configuration: SIPListenerConfiguration, id: ListenerID, _ tls: TLSContexts?
  ) throws -> BoundListener {
    guard !isClosing, let local = channel.localAddress.flatMap({ TransportAddress($0) }) else {
      channel.close(promise: nil)
      throw SIPTransportFailure.closing
    }
    var advertised = configuration.advertised ?? local
    if advertised.port == 0 { advertised.port = local.port }
    let bound = BoundListener(
      id: id, transport: configuration.transport, local: local, advertised: advertised,
      advertisedName: configuration.advertisedName)
    var datagrams: DatagramListener?
    if configuration.transport == .udp {
      let handler = DatagramListener(bound: bound, layer: self)
      try channel.pipeline.syncOperations.addHandler(handler)
      datagrams = handler
    }
    listeners[id.index] = Listener(
      bound: bound, configuration: configuration, channel: channel, datagrams: datagrams, tls: tls)
    try channel.syncOptions?.setOption(.autoRead, value: true)
    channel.read()
    return bound
  }

  /// Reads the certificate files of a TLS listener again; connections made from now on use them. On an error the old ones
  /// stay in use.
  public func reloadTLS(_ id: ListenerID, _ configuration: SIPTLSConfiguration? = nil) throws {
    guard let listener = open(id), let files = configuration ?? listener.configuration.tls,
      listener.bound.transport == .tls
    else { throw SIPTransportFailure.noListener }
    let contexts = try TLSContexts(files)
    listeners[id.index]?.tls = contexts
    listeners[id.index]?.configuration.tls = files
  }

  /// Stops listening. Connections made through it live on.
  public func stopListening(_ id: ListenerID) {
    guard let listener = open(id) else { return }
    listeners[id.index] = nil
    if let datagrams = listener.datagrams { datagrams.close() } else { listener.channel.close(promise: nil) }
  }

  func open(_ id: ListenerID) -> Listener? {
    listeners.indices.contains(id.index) ? listeners[id.index] : nil
  }

  /// A UDP socket closed by itself: it is opened again, since calls in progress need its port.
  func listenerFailed(_ id: ListenerID) {
    guard !isClosing, let listener = open(id) else { return }
    logger.error("listener failed, opening it again", metadata: ["address": "\(listener.bound.local)"])
    listeners[id.index] = nil
    reopen(listener, id: id, after: .milliseconds(100))
  }

  private func reopen(_ listener: Listener, id: ListenerID, after delay: TimeAmount) {
    eventLoop.assumeIsolated().scheduleTask(in: delay) {
      guard !self.isClosing else { return }
      self.bind(listener.configuration, id: id, listener.bound.local).assumeIsolated().whenComplete {
        result in
        switch result {
        case .success: self.counters.listenerRestarts &+= 1
        case .failure: self.reopen(listener, id: id, after: .seconds(1))
        }
      }
    }
  }

  // MARK: Sending

  /// Sends a message over a hop: its connection if it names one, else one we have or open to that place.
  ///
  /// Never fails at once and never calls the delegate before it returns; each message that cannot be sent is reported by
  /// ``SIPTransportDelegate/transportFailed(_:_:)`` with this hop.
  public func send(_ bytes: [UInt8], over hop: Hop) {
    eventLoop.assertInEventLoop()
    if hop.transport == .udp {
      guard let datagrams = open(hop.listener)?.datagrams else { return report(hop, .noListener) }
      return datagrams.send(bytes, hop: hop)
    }
    if let id = hop.connection {
      guard let connection = connections[id] else { return report(hop, .connectionClosed) }
      return connection.send(bytes, hop: hop)
    }
    if let connection = connections.connection(to: hop), connection.isUsable {
      return connection.send(bytes, hop: hop)
    }
    connect(hop)?.send(bytes, hop: hop)
  }

  /// Opens a connection to a place; nil when that is refused, which is reported.
  private func connect(_ hop: Hop) -> StreamConnection? {
    guard !isClosing else {
      report(hop, .closing)
      return nil
    }
    guard let listener = open(hop.listener), listener.bound.transport == hop.transport else {
      report(hop, .noListener)
      return nil
    }
    guard listener.bound.local.ip.isIPv6 == hop.remote.ip.isIPv6, hop.remote.port != 0 else {
      report(hop, .unreachable)
      return nil
    }
    guard connections.count < configuration.maximumConnections else {
      counters.refusedTotalLimit &+= 1
      report(hop, .limitReached)
      return nil
    }
    let connection = StreamConnection(id: connections.makeID(), hop: hop, isInbound: false, layer: self)
    connections.insert(connection)
    StreamConnector.connect(connection, from: listener, layer: self)
    return connection
  }

  /// Tells the delegate, after the caller has returned.
  func report(_ hop: Hop, _ failure: SIPTransportFailure) {
    counters.sendFailures &+= 1
    eventLoop.assumeIsolatedUnsafeUnchecked().execute { self.delegate?.transportFailed(hop, failure) }
  }

  // MARK: Flushing, once per turn of the loop

  func flushSoon(_ listener: DatagramListener) {
    datagramsToFlush.append(listener)
    scheduleFlush()
  }

  func flushSoon(_ connection: StreamConnection) {
    connectionsToFlush.append(connection)
    scheduleFlush()
  }

  private func scheduleFlush() {
    guard !isFlushScheduled else { return }
    isFlushScheduled = true
    eventLoop.assumeIsolatedUnsafeUnchecked().execute { self.flushAll() }
  }

  private func flushAll() {
    isFlushScheduled = false
    for listener in datagramsToFlush { listener.flush() }
    datagramsToFlush.removeAll(keepingCapacity: true)
    // Flushing may end connections, which may send again: those are for the next turn.
    let connections = connectionsToFlush
    connectionsToFlush.removeAll(keepingCapacity: true)
    for connection in connections { connection.flush() }
  }

  // MARK: Receiving

  func receivedDatagram(_ buffer: ByteBuffer, hop: Hop) {
    let limits = configuration.datagramLimits
    counters.received(.udp, bytes: buffer.readableBytes)
    let result: Result<SIPMessage, SIPSyntaxError> = buffer.withUnsafeReadableBytes { bytes in
      do throws(SIPSyntaxError) {
        return .success(try SIPParser.parse(bytes, limits: limits))
      } catch {
        return .failure(error)
      }
    }
    switch result {
    case .success(let message):
      counters.receivedMessage(.udp)
      delegate?.received(message, hop: hop)
    case .failure(let error):
      if error.code == .empty {
        counters.keepAlivesReceived &+= 1
      } else {
        malformed(error, hop: hop)
      }
    }
  }

  /// Counts, answers if that can be done, and reports bytes that are no message.
  func malformed(_ error: SIPSyntaxError, hop: Hop) {
    counters.malformed &+= 1
    if error.status == 513 || error.status == 413 || error.status == 414 { counters.oversized &+= 1 }
    var isAnswered = false
    if configuration.answersMalformedRequests, let answer = MalformedRequestAnswer(error, hop: hop) {
      counters.malformedAnswered &+= 1
      isAnswered = true
      send(answer.response.serialised(), over: answer.hop)
    }
    delegate?.malformed(error, hop: hop, isAnswered: isAnswered)
  }

  // MARK: Connections

  public var connectionCount: Int { connections.count }

  /// Whether a connection is open, or being opened.
  public func isOpen(_ id: ConnectionID) -> Bool { connections[id]?.isUsable ?? false }

  /// Closes a connection after what is queued on it.
  public func close(_ id: ConnectionID) { connections[id]?.drain(.byUs) }

  /// Sets or ends the pings on one connection, e.g. after a registration that negotiated RFC 5626.
  public func setKeepAlive(_ keepAlive: SIPTransportConfiguration.KeepAlive?, on id: ConnectionID) {
    connections[id]?.setKeepAlive(keepAlive)
  }

  /// A peer's connection, or nil when it is over a bound and must be closed.
  func accept(from remote: TransportAddress, listener: ListenerID, transport: SIPTransportProtocol)
    -> StreamConnection?
  {
    guard !isClosing else { return nil }
    guard connections.count < configuration.maximumConnections else {
      counters.refusedTotalLimit &+= 1
      return nil
    }
    guard connections.inboundCount(from: remote.ip) < configuration.maximumConnectionsPerSource else {
      counters.refusedSourceLimit &+= 1
      return nil
    }
    counters.connectionsAccepted &+= 1
    let hop = Hop(transport: transport, remote: remote, listener: listener)
    let connection = StreamConnection(id: connections.makeID(), hop: hop, isInbound: true, layer: self)
    connections.insert(connection)
    return connection
  }

  func opened(_ connection: StreamConnection) {
    if !connection.isInbound { counters.connectionsOpened &+= 1 }
  }

  func draining(_ connection: StreamConnection) { connections.retire(connection) }

  func ended(_ connection: StreamConnection, reason: ConnectionCloseReason, wasOpen: Bool) {
    connections.remove(connection)
    counters.closed[reason, default: 0] &+= 1
    switch reason {
    case .tlsFailed, .handshakeTimeout: counters.tlsFailures &+= 1
    case .connectFailed: counters.connectFailures &+= 1
    default: break
    }
    if wasOpen {
      let hop = connection.hop
      let id = connection.id
      eventLoop.assumeIsolatedUnsafeUnchecked().execute {
        self.delegate?.connectionClosed(id, hop: hop, reason: reason)
      }
    }
    if isClosing, connections.count == 0 { allClosed?.succeed(()) }
  }

  private func startSweep() {
    guard sweep == nil, !isClosing else { return }
    let interval = configuration.sweepInterval.timeAmount
    sweep = eventLoop.assumeIsolated().scheduleTask(in: interval) {
      self.sweep = nil
      let now = MonotonicInstant.now()
      for connection in self.connections.all { connection.check(now: now) }
      self.startSweep()
    }
  }

  // MARK: Closing

  /// Stops listening, sends what is queued, and closes every connection; done when all are closed, at the latest after
  /// the close time-out.
  public func close() -> EventLoopFuture<Void> {
    eventLoop.preconditionInEventLoop()
    if let allClosed { return allClosed.futureResult }
    let promise = eventLoop.makePromise(of: Void.self)
    allClosed = promise
    flushAll()
    isClosing = true
    for listener in listeners.indices { stopListening(ListenerID(listener)) }
    for connection in connections.all { connection.drain(.byUs) }
    sweep?.cancel()
    sweep = nil
    guard connections.count > 0 else {
      promise.succeed(())
      return promise.futureResult
    }
    eventLoop.assumeIsolated().scheduleTask(in: configuration.closeTimeout.timeAmount) {
      for connection in self.connections.all { connection.finish(.byUs) }
    }
    return promise.futureResult
  }
}
