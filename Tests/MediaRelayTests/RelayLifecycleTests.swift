import CallModel
import Synchronization
import Testing

@testable import MediaRelay

#if canImport(Glibc)
  import Glibc
#endif

/// Ports, sessions, time-outs.
@Suite struct RelayLifecycleTests {
  @Test("A range of n pairs gives n ports, then none; what is given back can be had again")
  func exhaustion() throws {
    let first = Rig.freshPorts(16).lowerBound
    let rig = try Rig(ports: first...first + 7)
    let ports = (0..<4).compactMap { _ in rig.session.reserve() }
    #expect(ports.count == 4)
    #expect(Set(ports.map(\.rtp.port)) == [first, first + 2, first + 4, first + 6])
    #expect(rig.session.reserve() == nil)
    #expect(rig.relay.counters.portExhaustions == 1 && rig.relay.counters.portsInUse == 4)
    rig.session.release(port: ports[2])
    #expect(rig.session.reserve()?.rtp == ports[2].rtp)
    #expect(rig.session.reserve(interface: 1) == nil)
    rig.session.close()
    #expect(rig.relay.counters.portsInUse == 0 && rig.relay.counters.portsWarm == 4)
    #expect(rig.session.reserve() == nil)
  }

  @Test("Sockets leave descriptors for others: what is full opens again when sockets are closed")
  func descriptorsAreLeft() throws {
    let ports = Rig.freshPorts(32)
    let pool = try PortPool(
      MediaRelayConfiguration(
        interfaces: [.init(address: .loopbackIPv4, ports: ports)], warmPortLimit: 0), workers: 1,
      socketLimit: 4)
    defer { pool.closeAll() }
    func reserve() -> PortPool.Lease? {
      pool.reserve(interface: 0, worker: 0, withRTCP: true, dscp: 0, now: 0)
    }
    let first = try #require(reserve())
    #expect(reserve()?.rtcpFD ?? -1 >= 0)
    #expect(reserve() == nil && pool.usage.exhaustions == 1)
    let port = RelayPort(slot: first.slot, rtp: first.rtp, rtcp: first.rtcp, interface: 0)
    #expect(pool.release(port, now: 0), "to be closed by its thread")
    close(first.rtpFD)
    close(first.rtcpFD)
    pool.didClose(slot: first.slot)
    #expect(reserve() != nil && reserve() == nil)
  }

  @Test("A released port stays in quarantine")
  func quarantine() throws {
    let first = Rig.freshPorts(16).lowerBound
    let pool = try PortPool(
      MediaRelayConfiguration(
        interfaces: [.init(address: .loopbackIPv4, ports: first...first + 1)], portQuarantine: .seconds(2)),
      workers: 2)
    defer { pool.closeAll() }
    let second: Int64 = 1_000_000_000
    let lease = try #require(pool.reserve(interface: 0, worker: 0, withRTCP: true, dscp: 46, now: 0))
    #expect(lease.rtpFD >= 0 && lease.rtcpFD >= 0 && lease.isNew)
    let port = RelayPort(slot: lease.slot, rtp: lease.rtp, rtcp: lease.rtcp, interface: 0)
    #expect(!pool.release(port, now: second))
    #expect(!pool.release(port, now: second), "a second release changes nothing")
    #expect(pool.reserve(interface: 0, worker: 0, withRTCP: false, dscp: 46, now: 3 * second - 1) == nil)
    let again = try #require(
      pool.reserve(interface: 0, worker: 1, withRTCP: false, dscp: 34, now: 3 * second))
    #expect(again.rtpFD == lease.rtpFD && again.isNew && again.formerWorker == 0)
  }

  @Test("A pair that somebody still sends to rests until he stops, unless all others are taken")
  func strays() throws {
    let first = Rig.freshPorts(16).lowerBound
    let pool = try PortPool(
      MediaRelayConfiguration(
        interfaces: [.init(address: .loopbackIPv4, ports: first...first + 3)], portQuarantine: .seconds(2)),
      workers: 1)
    defer { pool.closeAll() }
    let second: Int64 = 1_000_000_000
    func reserve(_ now: Int64) -> RelayPort? {
      pool.reserve(interface: 0, worker: 0, withRTCP: false, dscp: 0, now: now).map {
        RelayPort(slot: $0.slot, rtp: $0.rtp, rtcp: $0.rtcp, interface: 0)
      }
    }
    let (one, other) = (try #require(reserve(0)), try #require(reserve(0)))
    _ = pool.release(one, now: second)
    _ = pool.release(other, now: 2 * second)
    pool.heardStray(slot: Int(one.slot), at: 3 * second)
    #expect(reserve(3 * second) == one, "the only one that has rested is better than none")
    _ = pool.release(one, now: 3 * second)
    #expect(reserve(4 * second) == other)
    _ = pool.release(other, now: 4 * second)
    pool.heardStray(slot: Int(one.slot), at: 5 * second)
    #expect(reserve(6 * second) == other, "the oldest is sent to: the next")
    _ = pool.release(other, now: 6 * second)
    #expect(reserve(7 * second) == one, "quiet for two seconds")
  }

  @Test("Packets to a port that rests are thrown away, and the next call on it hears none of them")
  func quiet() throws {
    let first = Rig.freshPorts(16).lowerBound
    let rig = try Rig(ports: first...first + 3)
    let (a, b) = (try Peer(), try Peer())
    for round in 0..<20 as Range<UInt16> {
      let session = rig.relay.openSession { _ in }
      let (one, two) = (try #require(session.reserve()), try #require(session.reserve()))
      let stream = try #require(
        session.makeStream(
          .init(
            a: RelaySide(port: one, remoteRTP: a.address, isRTCPMultiplexed: true),
            b: RelaySide(port: two, remoteRTP: b.address, isRTCPMultiplexed: true))))
      a.send(rtp(0, sequence: round), to: one.rtp)
      #expect(fields(b.receive())?.sequence == round)
      stream.close()
      session.close()
      a.send(rtp(0, sequence: round), to: one.rtp)
      #expect(
        waitUntil { rig.relay.counters.strayPackets == UInt64(round) + 1 }, "read by an idle pair's thread")
    }
    #expect(b.receiveAll().isEmpty)
  }

  @Test("A relay that never ran gives its ports back all the same")
  func shutdownBeforeStart() throws {
    let first = Rig.freshPorts(16).lowerBound
    for _ in 0..<2 {
      let relay = try MediaRelay(
        configuration: MediaRelayConfiguration(
          interfaces: [.init(address: .loopbackIPv4, ports: first...first + 3)], threads: 1))
      let session = relay.openSession { _ in }
      #expect(session.reserve() != nil && session.reserve() != nil)
      relay.shutdown()
      // The session, and with it the relay, is still there; the sockets are not.
      session.close()
    }
  }

  @Test("Ports that other programs hold are passed over")
  func foreignPorts() throws {
    let blocker = try Peer()
    let even = blocker.address.port & ~1
    let rig = try Rig(ports: even...even + 3)
    let ports = (0..<2).compactMap { _ in rig.session.reserve() }
    #expect(!ports.isEmpty && ports.allSatisfy { $0.rtp.port != blocker.address.port })
  }

  @Test("Warm sockets beyond the limit are closed by their thread")
  func warmLimit() throws {
    let relay = try MediaRelay(
      configuration: MediaRelayConfiguration(
        interfaces: [.init(address: .loopbackIPv4, ports: Rig.freshPorts())], threads: 1,
        portQuarantine: .zero,
        warmPortLimit: 2))
    try relay.start()
    defer { relay.shutdown() }
    for _ in 0..<20 {
      let session = relay.openSession { _ in }
      var ports = 0
      // A pair that is being closed comes back when its thread has done so.
      #expect(
        waitUntil {
          if session.reserve(withRTCP: true) != nil { ports += 1 }
          return ports == 8
        })
      session.close()
      #expect(relay.counters.portsWarm <= 2)
    }
  }

  @Test("A thousand sessions come and go without a descriptor left or memory growing")
  func churn() throws {
    let relay = try MediaRelay(
      configuration: MediaRelayConfiguration(
        interfaces: [.init(address: .loopbackIPv4, ports: 50_000...50_255)], threads: 2, portQuarantine: .zero
      ))
    try relay.start()
    let closed = Shared(Atomic<Int>(0))
    func round(_ count: Int) throws {
      for i in 0..<count {
        let session = relay.openSession {
          if case .closed = $0 { closed.value.wrappingAdd(1, ordering: .relaxed) }
        }
        let a = try #require(session.reserve(withRTCP: i % 2 == 0))
        let b = try #require(session.reserve())
        let key = SRTPParameters(
          suite: .aeadAES256GCM, keyAndSalt: secret([UInt8](repeating: UInt8(i & 255), count: 44)))
        let peer = TransportAddress(.loopbackIPv4, 9)
        let stream = try #require(
          session.makeStream(
            .init(
              a: RelaySide(port: a, remoteRTP: peer, sendKeys: key, receiveKeys: key),
              b: RelaySide(
                port: b, remoteRTP: peer, isRTCPMultiplexed: true, payloadTypes: .init([.init(0, 0)])))))
        stream.send([TelephoneEvent(code: 5)], to: .a)
        session.close()
      }
    }
    try round(200)
    let (descriptors, memory) = (openDescriptors(), residentKilobytes())
    try round(1_000)
    #expect(waitUntil { closed.value.load(ordering: .relaxed) == 1_200 })
    #expect(openDescriptors() <= descriptors + 600, "sockets stay within the port range")
    #expect(residentKilobytes() - memory < 4_000)
    #expect(relay.counters.sessions == 0 && relay.counters.streams == 0)
    let before = openDescriptors()
    relay.shutdown()
    #expect(openDescriptors() < before)
  }

  @Test("Silence is reported once per side and once for both; hold is no silence; packets begin anew")
  func timeouts() throws {
    let rig = try Rig()
    let (a, b) = (try Peer(), try Peer())
    var (stream, sideA, sideB) = try rig.join(
      a, b, timeout: MediaTimeout(oneSide: .seconds(10), bothSides: .seconds(30)))
    func reported() -> [RelaySideName?] {
      rig.log.all.compactMap { if case .mediaTimeout(_, let side, _) = $0 { .some(side) } else { nil } }
    }
    a.send(rtp(0, sequence: 1), to: sideA.port.rtp)
    #expect(b.receive() != nil)
    try rig.sweep(after: .seconds(5))
    #expect(reported().isEmpty)
    try rig.sweep(after: .seconds(12))
    try rig.sweep(after: .seconds(13))
    #expect(reported() == [.a, .b])
    try rig.sweep(after: .seconds(31))
    #expect(reported() == [.a, .b, nil])
    a.send(rtp(0, sequence: 2), to: sideA.port.rtp)
    #expect(b.receive() != nil)
    try rig.sweep(after: .seconds(1))
    try rig.sweep(after: .seconds(12))
    #expect(reported() == [.a, .b, nil, .a, .b])
    // Both held: nothing is expected any more.
    sideA.direction = .inactive
    sideB.direction = .inactive
    #expect(stream.update(a: sideA, b: sideB))
    try rig.sweep(after: .seconds(100))
    #expect(reported().count == 5)
  }

  @Test("One thread is filled before the next is used; beyond that the emptiest takes the session")
  func threads() throws {
    let relay = try MediaRelay(
      configuration: MediaRelayConfiguration(
        interfaces: [.init(address: .loopbackIPv4)], threads: 2, sessionsPerThread: 3))
    var sessions = (0..<8).map { _ in relay.openSession { _ in } }
    #expect(sessions.map(\.worker.index) == [0, 0, 0, 1, 1, 1, 0, 1])
    sessions[4].close()
    sessions[5].close()
    sessions.append(relay.openSession { _ in })
    #expect(sessions.last?.worker.index == 1)
  }

  @Test("Closing delivers the last figures, as the last event, once")
  func closing() throws {
    let rig = try Rig()
    let (a, b) = (try Peer(), try Peer())
    let (stream, sideA, _) = try rig.join(a, b)
    a.send(rtp(0, sequence: 1), to: sideA.port.rtp)
    #expect(b.receive() != nil)
    stream.close()
    stream.close()
    #expect(!stream.update(a: sideA))
    let figures = rig.log.wait { if case .closed(stream.id, let figures) = $0 { figures } else { nil } }
    #expect(figures?.a.packetsReceived == 1 && figures?.b.packetsSent == 1)
    rig.session.close()
    rig.relay.shutdown()
    let last = rig.log.all
    #expect(last.filter { if case .closed = $0 { true } else { false } }.count == 1)
    if case .closed = last.last {} else { Issue.record("closed is not last") }
    #expect(throws: MediaRelayError.self) { try rig.relay.start() }
  }

  @Test("Wrong configurations are refused with what is wrong")
  func configuration() {
    func error(_ configuration: MediaRelayConfiguration) -> MediaRelayError? {
      do throws(MediaRelayError) {
        _ = try MediaRelay(configuration: configuration)
        return nil
      } catch { return error }
    }
    #expect(error(.init(interfaces: [])) == .noInterface)
    #expect(
      error(.init(interfaces: [.init(name: "x", address: .loopbackIPv4, ports: 4001...4002)]))
        == .invalidPortRange(interface: "x"))
    #expect(error(.init(interfaces: [.init(address: .anyIPv4)])) != nil)
    #expect(error(.init(interfaces: [.init(address: .loopbackIPv4)], threads: 0)) != nil)
    #expect(error(.init(interfaces: [.init(address: .loopbackIPv4)], threads: 65)) != nil)
    #expect(error(.init(interfaces: [.init(address: .loopbackIPv4)], audioDSCP: 64)) != nil)
    #expect(error(.init(interfaces: [.init(address: .loopbackIPv4)], maximumPacketSize: 511)) != nil)
    #expect(error(.init(interfaces: [.init(address: .loopbackIPv4)], threads: 64)) == nil)
  }

  private func waitUntil(_ condition: () -> Bool) -> Bool {
    let deadline = ContinuousClock.now + .seconds(5)
    while !condition() {
      if ContinuousClock.now > deadline { return false }
      usleep(1_000)
    }
    return true
  }

  private func openDescriptors() -> Int {
    guard let directory = opendir("/proc/self/fd") else { return 0 }
    defer { closedir(directory) }
    var count = 0
    while readdir(directory) != nil { count += 1 }
    return count
  }

  private func residentKilobytes() -> Int {
    guard let file = fopen("/proc/self/statm", "r") else { return 0 }
    defer { fclose(file) }
    var line = [CChar](repeating: 0, count: 200)
    guard fgets(&line, 200, file) != nil else { return 0 }
    let pages = String(decoding: line.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
      .split(separator: " ").dropFirst().first.flatMap { Int($0) }
    return (pages ?? 0) * 4
  }
}
