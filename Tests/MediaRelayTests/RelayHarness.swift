import CallModel
import Synchronization
import Testing

@testable import MediaRelay

#if canImport(Glibc)
  import Glibc
#endif

/// A party of a call: one UDP socket on a loopback address, with bounded waits.
final class Peer: Sendable {
  let fd: Int32
  let address: TransportAddress

  /// - Parameter ip: an address of the loopback network, so that a test can have parties on several hosts.
  init(_ ip: IPAddress = .loopbackIPv4) throws {
    let isV6 = ip.isIPv6
    fd = socket(isV6 ? AF_INET6 : AF_INET, Int32(SOCK_DGRAM.rawValue), 0)
    try #require(fd >= 0)
    let (result, port) = Peer.withSocketAddress(TransportAddress(ip, 0)) { [fd] address, length in
      let result = bind(fd, address, length)
      var actual = length
      getsockname(fd, UnsafeMutablePointer(mutating: address), &actual)
      return (result, UnsafeRawPointer(address).loadUnaligned(fromByteOffset: 2, as: UInt16.self).byteSwapped)
    }
    try #require(result == 0)
    address = TransportAddress(ip, port)
  }

  deinit { close(fd) }

  func send(_ bytes: [UInt8], to: TransportAddress) {
    Peer.withSocketAddress(to) { address, length in
      _ = bytes.withUnsafeBytes { sendto(fd, $0.baseAddress, $0.count, 0, address, length) }
    }
  }

  /// The next datagram, or nil when none comes in time.
  func receive(within milliseconds: Int32 = 2_000) -> [UInt8]? {
    var p = pollfd(fd: fd, events: Int16(POLLIN), revents: 0)
    guard poll(&p, 1, milliseconds) == 1 else { return nil }
    var buffer = [UInt8](repeating: 0, count: 9_000)
    let n = recv(fd, &buffer, buffer.count, 0)
    return n >= 0 ? Array(buffer[..<n]) : nil
  }

  /// What waits, without waiting.
  func receiveAll() -> [[UInt8]] {
    var all: [[UInt8]] = []
    while let one = receive(within: 0) { all.append(one) }
    return all
  }

  private static func withSocketAddress<R>(
    _ address: TransportAddress, _ body: (UnsafePointer<sockaddr>, socklen_t) -> R
  ) -> R {
    var storage = [UInt8](repeating: 0, count: 28)
    let family: Int32
    let length: socklen_t
    switch address.ip {
    case .v4(let host):
      family = AF_INET
      length = 16
      storage.replaceSubrange(4..<8, with: bigEndian(host))
    case .v6(let high, let low):
      family = AF_INET6
      length = 28
      storage.replaceSubrange(8..<24, with: bigEndian(high) + bigEndian(low))
    }
    withUnsafeBytes(of: UInt16(family)) { storage.replaceSubrange(0..<2, with: Array($0)) }
    storage.replaceSubrange(2..<4, with: bigEndian(address.port))
    return storage.withUnsafeBytes {
      $0.withMemoryRebound(to: sockaddr.self) { body($0.baseAddress!, length) }
    }
  }
}

/// Events of a session, to be waited for.
final class EventLog: Sendable {
  private let events = Mutex<[RelayEvent]>([])

  var all: [RelayEvent] { events.withLock { $0 } }
  func append(_ event: RelayEvent) { events.withLock { $0.append(event) } }

  /// The first event for which `pick` gives a value; nil when none comes in two seconds.
  func wait<T>(_ pick: (RelayEvent) -> T?) -> T? {
    let deadline = ContinuousClock.now + .seconds(2)
    repeat {
      for event in all { if let value = pick(event) { return value } }
      usleep(500)
    } while ContinuousClock.now < deadline
    return nil
  }
}

/// A running relay on loopback with one session.
final class Rig {
  /// On which kind of thread the session is.
  enum Thread: CaseIterable {
    case relaying
    /// On one that mixes, without ticks.
    case idle
    /// On one that mixes, with a tick every 20 ms.
    case ticking
  }

  let relay: MediaRelay
  let session: RelaySession
  let log = EventLog()

  init(
    ip: IPAddress = .loopbackIPv4, ports: ClosedRange<UInt16> = Rig.freshPorts(), threads: Int = 1,
    latching: LatchTiming = LatchTiming(), quarantine: TimeSpan = .zero, segmentation: Bool = true,
    thread: Thread = .relaying
  ) throws {
    relay = try MediaRelay(
      configuration: MediaRelayConfiguration(
        interfaces: [.init(address: ip, ports: ports)], threads: threads,
        mixingThreads: thread == .relaying ? 0 : 1,
        portQuarantine: quarantine, latching: latching, segmentation: segmentation))
    try relay.start()
    let log = log
    session =
      thread == .relaying
      ? relay.openSession { log.append($0) } : try #require(relay.openMixingSession { log.append($0) })
    guard thread == .ticking else { return }
    let timer = session.makeTimer { $0 + .milliseconds(20) }
    session.perform { timer.schedule(at: $0) }
  }

  deinit {
    session.close()
    relay.shutdown()
  }

  /// Suites run side by side: each rig takes a range of its own.
  private static let next = Atomic<UInt16>(30_000)
  static func freshPorts(_ count: UInt16 = 64) -> ClosedRange<UInt16> {
    let first = next.wrappingAdd(count, ordering: .relaxed).oldValue
    return first...first + count - 1
  }

  /// A stream between two parties, as `change` alters it.
  func join(
    _ a: Peer, _ b: Peer, mode: RelayMode = .relay, timeout: MediaTimeout = .none,
    _ change: (inout RelaySide, inout RelaySide) -> Void = { _, _ in }
  ) throws -> (stream: RelayStream, a: RelaySide, b: RelaySide) {
    var sideA = RelaySide(
      port: try #require(session.reserve()), remoteRTP: a.address, isRTCPMultiplexed: true)
    var sideB = RelaySide(
      port: try #require(session.reserve()), remoteRTP: b.address, isRTCPMultiplexed: true)
    change(&sideA, &sideB)
    let stream = try #require(session.makeStream(.init(a: sideA, b: sideB, mode: mode, timeout: timeout)))
    // The mailbox is read in order: an answer means the stream is in place.
    _ = try statistics(stream)
    return (stream, sideA, sideB)
  }

  /// The figures, after everything that was asked of the thread before.
  @discardableResult
  func statistics(_ stream: RelayStream) throws -> RelayStreamStatistics {
    let box = Mutex<RelayStreamStatistics?>(nil)
    let shared = Shared(box)
    stream.snapshot { figures in shared.value.withLock { $0 = figures } }
    let deadline = ContinuousClock.now + .seconds(2)
    while ContinuousClock.now < deadline {
      if let figures = shared.value.withLock({ $0 }) { return figures }
      usleep(200)
    }
    throw NoAnswer()
  }

  /// Waits until the figures are as wanted; the last ones if they never are.
  func statistics(_ stream: RelayStream, until done: (RelayStreamStatistics) -> Bool) throws
    -> RelayStreamStatistics
  {
    let deadline = ContinuousClock.now + .seconds(2)
    var last = try statistics(stream)
    while !done(last), ContinuousClock.now < deadline { last = try statistics(stream) }
    return last
  }

  /// Runs the sweep of every thread as if `span` had passed.
  func sweep(after span: TimeSpan) throws {
    for worker in relay.workers {
      let done = Shared(Mutex(false))
      worker.mailbox.post(
        .sweep(at: MonotonicInstant.now.nanoseconds + span.nanoseconds) { done.value.withLock { $0 = true } })
      let deadline = ContinuousClock.now + .seconds(2)
      while !done.value.withLock({ $0 }) {
        guard ContinuousClock.now < deadline else { throw NoAnswer() }
        usleep(200)
      }
    }
  }

  struct NoAnswer: Error {}
}

/// A non-copyable value shared by closures.
final class Shared<Value: ~Copyable & Sendable>: Sendable {
  let value: Value
  init(_ value: consuming Value) { self.value = value }
}

extension MonotonicInstant {
  static var now: MonotonicInstant {
    var t = timespec()
    clock_gettime(CLOCK_MONOTONIC, &t)
    return MonotonicInstant(nanoseconds: Int64(t.tv_sec) * 1_000_000_000 + Int64(t.tv_nsec))
  }
}

/// Payload type, sequence number, SSRC of an RTP packet.
func fields(_ packet: [UInt8]?) -> (
  type: UInt8, sequence: UInt16, timestamp: UInt32, ssrc: UInt32, marker: Bool
)? {
  guard let packet else { return nil }
  return packet.withUnsafeBytes { bytes in
    RTPHeader.parse(bytes).map { ($0.payloadType, $0.sequenceNumber, $0.timestamp, $0.ssrc, $0.marker) }
  }
}
