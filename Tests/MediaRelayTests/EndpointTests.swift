import CallModel
import Synchronization
import Testing

@testable import MediaRelay

/// Streams that end with a tap, and what a session does on its thread.
@Suite struct EndpointTests {
  /// Answers each packet with two: back through what it was called with, and through what it was attached to.
  private final class Mirror: MediaTap {
    let attachments = Atomic<Int>(0)
    private let endpoint = Mutex<Box?>(nil)
    private struct Box: @unchecked Sendable { let endpoint: RelayEndpoint }

    var takesRTP: Bool { true }

    func attached(to endpoint: RelayEndpoint) {
      attachments.add(1, ordering: .relaxed)
      let box = Box(endpoint: endpoint)
      self.endpoint.withLock { $0 = box }
    }

    func detached() {
      attachments.subtract(1, ordering: .relaxed)
      endpoint.withLock { $0 = nil }
    }

    func received(
      _ packet: UnsafeRawBufferPointer, kind: PacketKind, from: TransportAddress, at: MonotonicInstant,
      output: borrowing RelayOutput
    ) {
      guard let header = RTPHeader.parse(packet), let box = endpoint.withLock({ $0 }) else { return }
      var answer = RTPHeader(
        payloadType: header.payloadType, sequenceNumber: header.sequenceNumber &* 2,
        timestamp: header.timestamp, ssrc: 77)
      let payload = UnsafeRawBufferPointer(rebasing: packet[header.length...])
      box.endpoint.sendRTP(answer, payload: payload)
      answer.sequenceNumber &+= 1
      // The packet in hand is still whole.
      box.endpoint.sendRTP(answer, payload: payload)
    }
  }

  private func endpoint(
    _ rig: Rig, _ peer: Peer, _ tap: any MediaTap, _ change: (inout RelaySide) -> Void = { _ in }
  ) throws -> (stream: RelayStream, port: RelayPort) {
    let port = try #require(rig.session.reserve())
    var side = RelaySide(port: port, remoteRTP: peer.address, isRTCPMultiplexed: true)
    change(&side)
    let stream = try #require(rig.session.makeStream(.init(a: side, mode: .endpoint), tap: tap))
    try rig.statistics(stream)
    return (stream, port)
  }

  private func rtp(_ sequence: UInt16, type: UInt8 = 0, payload: [UInt8] = [1, 2, 3, 4]) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: 12)
    bytes.withUnsafeMutableBytes {
      RTPHeader(payloadType: type, sequenceNumber: sequence, timestamp: 160 * UInt32(sequence), ssrc: 5)
        .write(to: $0.baseAddress!)
    }
    return bytes + payload
  }

  @Test(arguments: Rig.Thread.allCases) func aTapTakesAndMakesAllPackets(_ thread: Rig.Thread) throws {
    let rig = try Rig(thread: thread)
    let peer = try Peer()
    let mirror = Mirror()
    let (stream, port) = try endpoint(rig, peer, mirror)
    #expect(mirror.attachments.load(ordering: .relaxed) == 1)
    for sequence: UInt16 in 10...12 {
      peer.send(rtp(sequence), to: port.rtp)
      for expected in [sequence * 2, sequence * 2 + 1] {
        let answer = try #require(peer.receive())
        #expect(fields(answer)?.sequence == expected && fields(answer)?.ssrc == 77)
        #expect(answer.suffix(4) == [1, 2, 3, 4])
      }
    }
    let figures = try rig.statistics(stream)
    #expect(figures.a.packetsReceived == 3 && figures.a.packetsSent == 6)
    stream.setTap(nil, on: .a)
    try rig.statistics(stream)
    #expect(mirror.attachments.load(ordering: .relaxed) == 0)
    // Nobody takes it, and it comes back from nowhere.
    peer.send(rtp(13), to: port.rtp)
    _ = try rig.statistics(stream) { $0.a.drops[.direction] == 1 }
    #expect(peer.receive(within: 0) == nil)
  }

  @Test(arguments: Rig.Thread.allCases) func aTapIsDetachedWhenItsStreamEnds(_ thread: Rig.Thread) throws {
    let rig = try Rig(thread: thread)
    let mirror = Mirror()
    let (stream, _) = try endpoint(rig, try Peer(), mirror)
    stream.close()
    #expect(rig.log.wait { if case .closed = $0 { true } else { nil } } == true)
    #expect(mirror.attachments.load(ordering: .relaxed) == 0)
  }

  /// Numbers stay without a hole when a key was sent in between.
  @Test(arguments: Rig.Thread.allCases)
  func keysAreWorkedInBetweenThePacketsOfATap(_ thread: Rig.Thread) throws {
    let rig = try Rig(thread: thread)
    let peer = try Peer()
    let (stream, port) = try endpoint(rig, peer, Mirror()) { $0.sentTelephoneEvent = 101 }
    peer.send(rtp(1), to: port.rtp)
    var sequences = try (0..<2).map { _ in try #require(fields(peer.receive())).sequence }
    stream.send([TelephoneEvent(code: 5, duration: .milliseconds(60))], to: .a)
    for _ in 0..<5 { sequences.append(try #require(fields(peer.receive())).sequence) }
    #expect(rig.log.wait { if case .telephoneEventsSent = $0 { true } else { nil } } == true)
    peer.send(rtp(2), to: port.rtp)
    sequences += try (0..<2).map { _ in try #require(fields(peer.receive())).sequence }
    #expect(sequences == Array(sequences[0]..<sequences[0] + 9))
  }

  @Test(arguments: Rig.Thread.allCases) func eventsOfTwoClocksAreHeard(_ thread: Rig.Thread) throws {
    let rig = try Rig(thread: thread)
    let peer = try Peer()
    let (_, port) = try endpoint(rig, peer, Mirror()) {
      $0.receivedTelephoneEvent = 101
      $0.secondTelephoneEvent = .init(payloadType: 110, clockRate: 48_000)
    }
    peer.send(rtp(1, type: 101, payload: [3, 0x8a, 0x03, 0x20]), to: port.rtp)
    peer.send(rtp(2, type: 110, payload: [4, 0x8a, 0x12, 0xc0]), to: port.rtp)
    for code: UInt8 in [3, 4] {
      let duration = rig.log.wait { event -> TimeSpan? in
        if case .telephoneEvent(_, .a, code, let duration) = event { duration } else { nil }
      }
      #expect(duration == .milliseconds(100))
    }
  }

  /// Reports of a party end here, and it gets ours (RFC 3550 §6.4).
  @Test(arguments: Rig.Thread.allCases) func reportsEndAndBeginHere(_ thread: Rig.Thread) throws {
    let rig = try Rig(thread: thread)
    let peer = try Peer()
    let (stream, port) = try endpoint(rig, peer, Mirror())
    for sequence: UInt16 in [1, 2, 4] { peer.send(rtp(sequence), to: port.rtp) }
    for _ in 0..<6 { #expect(peer.receive() != nil) }
    // A sender report, so that its time is quoted.
    var report = [UInt8](repeating: 0, count: 28)
    report.replaceSubrange(0..<8, with: [0x80, 200, 0, 6, 0, 0, 0, 5])
    report.replaceSubrange(10..<14, with: [1, 2, 3, 4])
    peer.send(report, to: port.rtp)
    _ = try rig.statistics(stream) { $0.a.rtcpReceived == 1 }
    // The first sweep plans, one after the longest interval sends.
    try rig.sweep(after: .seconds(1))
    try rig.sweep(after: .seconds(10))
    let ours = try #require(peer.receive())
    let compound = try #require(ours.withUnsafeBytes { RTCPCompound.parse($0) })
    #expect(ours[0] == 0x81 && ours[1] == 200 && compound.count == 2 && compound.ssrc == 77)
    func word(_ at: Int) -> UInt32 { ours[at..<at + 4].reduce(0) { $0 << 8 | UInt32($1) } }
    // Six packets of four bytes.
    #expect(word(20) == 6 && word(24) == 24)
    // About SSRC 5: one of four lost, 4 the highest, its own report quoted.
    #expect(word(28) == 5 && word(32) == 64 << 24 | 1 && word(36) == 4 && word(44) == 0x0102_0304)
    stream.close()
    let goodbye = try #require(peer.receive())
    #expect(goodbye.suffix(8).prefix(2) == [0x81, 203])
  }

  @Test func aFormatThatTheOtherSideLacksIsReportedOnce() throws {
    let rig = try Rig()
    let (a, b) = (try Peer(), try Peer())
    let (stream, sideA, _) = try rig.join(a, b) { a, _ in
      a.payloadTypes = RelayPayloadTypes([.init(0, 0)], reporting: [96, 0])
    }
    for (i, type) in [UInt8(0), 96, 96, 97, 0].enumerated() {
      a.send(rtp(UInt16(i), type: type), to: sideA.port.rtp)
    }
    #expect(fields(b.receive())?.sequence == 0)
    #expect(fields(b.receive())?.sequence == 4)
    let figures = try rig.statistics(stream)
    #expect(figures.a.drops[.payloadType] == 3)
    let reports = rig.log.all.filter { if case .otherFormat = $0 { true } else { false } }
    #expect(reports == [.otherFormat(stream: stream.id, side: .a, payloadType: 96)])
  }

  // MARK: Timers

  @Test func timersAreDoneWhenTheyAreDueAndInTheirTurn() throws {
    let rig = try Rig()
    let times = Shared(Mutex<[Int64]>([]))
    let timer = rig.session.makeTimer { now in
      let count = times.value.withLock {
        $0.append(now.nanoseconds)
        return $0.count
      }
      return count < 4 ? now + .milliseconds(5) : nil
    }
    let start = Shared(Mutex<Int64>(0))
    rig.session.perform { now in
      start.value.withLock { $0 = now.nanoseconds }
      timer.schedule(at: now + .milliseconds(10))
      // Later than what is asked for already.
      timer.schedule(at: now + .seconds(100))
    }
    let deadline = ContinuousClock.now + .seconds(5)
    while times.value.withLock({ $0.count }) < 4, ContinuousClock.now < deadline {}
    let all = times.value.withLock { $0 }
    try #require(all.count == 4)
    let began = start.value.withLock { $0 }
    #expect(all[0] >= began + 10_000_000)
    for (one, next) in zip(all, all.dropFirst()) { #expect(next >= one + 5_000_000) }
    // It sleeps now; cancelled, it stays asleep.
    rig.session.cancel(timer)
    let done = Shared(Mutex(false))
    rig.session.perform { now in
      timer.schedule(at: now)
      done.value.withLock { $0 = true }
    }
    while !done.value.withLock({ $0 }), ContinuousClock.now < deadline {}
    #expect(times.value.withLock { $0.count } == 4)
    #expect(rig.relay.counters.ticks == 4)
  }

  @Test func timersOfAThreadBeginAtDifferentTimes() throws {
    let rig = try Rig()
    let timers = (0..<8).map { _ in rig.session.makeTimer { _ in nil } }
    let done = Shared(Mutex(false))
    rig.session.perform { _ in done.value.withLock { $0 = true } }
    let deadline = ContinuousClock.now + .seconds(5)
    while !done.value.withLock({ $0 }), ContinuousClock.now < deadline {}
    let phases = timers.map(\.phase).sorted()
    #expect(phases.allSatisfy { $0 >= .zero && $0 < .milliseconds(20) })
    for (one, next) in zip(phases, phases.dropFirst()) { #expect(next - one > .milliseconds(1)) }
  }
}
