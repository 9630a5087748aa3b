import CallModel
import Synchronization
import Testing

@testable import MediaRelay

#if canImport(Glibc)
  import Glibc
#endif

/// Packets that wait in their sockets for the next tick.
@Suite struct TickTests {
  /// What a tap was told of a packet.
  private struct Note: Sendable {
    var sequence: UInt16
    var arrival: Int64
    var now: Int64
  }

  private final class Listener: MediaTap {
    private let notes = Mutex<[Note]>([])
    var all: [Note] { notes.withLock { $0 } }
    var takesRTP: Bool { true }

    func received(
      _ packet: UnsafeRawBufferPointer, kind: PacketKind, from: TransportAddress, at: MonotonicInstant,
      output: borrowing RelayOutput
    ) {
      guard let header = RTPHeader.parse(packet) else { return }
      let note = Note(
        sequence: header.sequenceNumber, arrival: at.nanoseconds, now: output.now.nanoseconds)
      notes.withLock { $0.append(note) }
    }

    /// What was heard once there are so many; less when they do not come in time.
    func wait(for count: Int) -> [Note] {
      let deadline = ContinuousClock.now + .seconds(3)
      while all.count < count, ContinuousClock.now < deadline { usleep(500) }
      return all
    }
  }

  private func listen(
    _ rig: Rig, _ peer: Peer, _ change: (inout RelaySide) -> Void = { _ in }
  ) throws -> (listener: Listener, stream: RelayStream, port: RelayPort) {
    let listener = Listener()
    let port = try #require(rig.session.reserve())
    var side = RelaySide(port: port, remoteRTP: peer.address, isRTCPMultiplexed: true)
    change(&side)
    let stream = try #require(rig.session.makeStream(.init(a: side, mode: .endpoint), tap: listener))
    try rig.statistics(stream)
    return (listener, stream, port)
  }

  private func rtp(_ sequence: UInt16) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: 12)
    bytes.withUnsafeMutableBytes {
      RTPHeader(payloadType: 0, sequenceNumber: sequence, timestamp: 160 * UInt32(sequence), ssrc: 5)
        .write(to: $0.baseAddress!)
    }
    return bytes + [1, 2, 3, 4]
  }

  /// Whatever the tick it waited for, a packet counts as come when it came.
  @Test func packetsKeepTheirTimesWhileTheyWait() throws {
    let rig = try Rig(thread: .ticking)
    let peer = try Peer()
    let (listener, stream, port) = try listen(rig, peer)
    var sent: [(before: Int64, after: Int64)] = []
    for sequence: UInt16 in 0..<40 {
      let before = MonotonicInstant.now.nanoseconds
      peer.send(rtp(sequence), to: port.rtp)
      sent.append((before, MonotonicInstant.now.nanoseconds))
      usleep(3_100)
    }
    let notes = listener.wait(for: 40)
    try #require(notes.map(\.sequence) == Array(0..<40))
    // One millisecond is what the two clocks may have moved against each other.
    for (note, time) in zip(notes, sent) {
      #expect(note.arrival >= time.before - 1_000_000 && note.arrival <= time.after + 1_000_000)
      #expect(note.arrival <= note.now)
    }
    #expect(notes.contains { $0.now - $0.arrival > 5_000_000 })
    // One waking reads what came before it: 40 packets in 124 ms, in which there are seven ticks.
    #expect(Set(notes.map(\.now)).count < 20)
    let figures = try rig.statistics(stream)
    let last = try #require(figures.a.lastPacket).nanoseconds
    #expect(last == notes[39].arrival)
  }

  /// A thread sleeps through the packets that come between two ticks.
  @Test func packetsWakeNobodyWhileATickIsNear() throws {
    let rig = try Rig(thread: .ticking)
    let peer = try Peer()
    let (listener, _, port) = try listen(rig, peer)
    let before = rig.relay.counters
    for sequence: UInt16 in 0..<200 {
      peer.send(rtp(sequence), to: port.rtp)
      usleep(900)
    }
    #expect(listener.wait(for: 200).count == 200)
    let after = rig.relay.counters
    #expect(after.ticks > before.ticks)
    #expect(after.wakes - before.wakes < 2 * (after.ticks - before.ticks) + 20)
  }

  @Test(arguments: [false, true]) func theFirstPacketWakesAnIdleThread(hadTicks: Bool) throws {
    let rig = try Rig(thread: .idle)
    let peer = try Peer()
    let (listener, _, port) = try listen(rig, peer)
    if hadTicks {
      let ticks = Shared(Atomic<Int>(0))
      let timer = rig.session.makeTimer { now in
        ticks.value.add(1, ordering: .relaxed).newValue < 5 ? now + .milliseconds(20) : nil
      }
      rig.session.perform { timer.schedule(at: $0) }
      let deadline = ContinuousClock.now + .seconds(3)
      while ticks.value.load(ordering: .relaxed) < 5, ContinuousClock.now < deadline { usleep(500) }
      #expect(ticks.value.load(ordering: .relaxed) == 5)
    }
    // Its tap asks for nothing, so nothing but the packet itself can have it read.
    peer.send(rtp(1), to: port.rtp)
    #expect(listener.wait(for: 1).map(\.sequence) == [1])
    peer.send(rtp(2), to: port.rtp)
    #expect(listener.wait(for: 2).map(\.sequence) == [1, 2])
  }

  /// Who floods is read a batch a tick; the others do not wait for him.
  @Test func aFloodIsReadABatchATick() throws {
    let rig = try Rig(thread: .ticking)
    let (flooder, quiet) = (try Peer(), try Peer())
    let (flood, _, floodPort) = try listen(rig, flooder)
    let (listener, _, port) = try listen(rig, quiet)
    for sequence: UInt16 in 0..<100 { flooder.send(rtp(sequence), to: floodPort.rtp) }
    quiet.send(rtp(7), to: port.rtp)
    let sent = MonotonicInstant.now.nanoseconds
    let notes = flood.wait(for: 100)
    #expect(notes.map(\.sequence) == Array(0..<100))
    let rounds = Dictionary(grouping: notes, by: \.now)
    #expect(rounds.values.allSatisfy { $0.count <= 16 })
    #expect(rounds.count >= 7)
    let heard = try #require(listener.wait(for: 1).first)
    // At the next tick, with the flooder's first or second batch.
    let ticks = rounds.keys.sorted()
    let next = try #require(ticks.first { $0 > sent })
    #expect(heard.now <= next)
  }

  /// Nothing that has come is missing from the figures, though no tick has come since.
  @Test func figuresTakeInWhatWaits() throws {
    let rig = try Rig(thread: .ticking)
    let peer = try Peer()
    let (_, stream, port) = try listen(rig, peer)
    for sequence: UInt16 in 0..<5 {
      peer.send(rtp(sequence), to: port.rtp)
      #expect(try rig.statistics(stream).a.packetsReceived == UInt64(sequence) + 1)
    }
    for sequence: UInt16 in 5..<8 { peer.send(rtp(sequence), to: port.rtp) }
    stream.close()
    let last = rig.log.wait { event -> RelayStreamStatistics? in
      if case .closed(_, let statistics) = event { statistics } else { nil }
    }
    #expect(last?.a.packetsReceived == 8)
  }

  /// Without rtcp-mux: the second socket waits like the first, and what comes to it keeps its time.
  @Test func reportsOnAPortOfTheirOwnAreRead() throws {
    let rig = try Rig(thread: .ticking)
    let (peer, control) = (try Peer(), try Peer())
    let port = try #require(rig.session.reserve(withRTCP: true))
    let side = RelaySide(port: port, remoteRTP: peer.address, remoteRTCP: control.address)
    let stream = try #require(rig.session.makeStream(.init(a: side, mode: .endpoint), tap: Listener()))
    try rig.statistics(stream)
    control.send([0x80, 201, 0, 1, 0, 0, 0, 5], to: port.rtcp)
    let figures = try rig.statistics(stream) { $0.a.rtcpReceived == 1 }
    #expect(figures.a.rtcpReceived == 1)
  }

  // MARK: Clocks

  private static let second: Int64 = 1_000_000_000
  /// What the wall clock is ahead of ours.
  private static let ahead = 1_700_000_000 * second

  @Test func stampsAreBroughtToOurClock() {
    var clock = ArrivalClock()
    // Nothing to compare with yet: whether the wall clock stands still is not known.
    clock.set(to: 100, wall: Self.ahead + 100)
    #expect(clock.time(of: Self.ahead + 60) == 100)
    clock.set(to: 20_000_100, wall: Self.ahead + 20_000_100)
    #expect(clock.time(of: Self.ahead + 60) == 60)
    #expect(clock.time(of: Self.ahead + 20_000_100) == 20_000_100)
    // No stamp, and stamps that cannot be.
    #expect(clock.time(of: 0) == 20_000_100)
    #expect(clock.time(of: Self.ahead + 30_000_000) == 20_000_100)
    clock.set(to: 20_000_200, wall: Self.ahead + 20_000_200)
    #expect(clock.time(of: 1) == 20_000_200 - Self.second)
  }

  /// The clock is slewed by half a thousandth at most: 10 µs a tick. More was set by somebody.
  @Test(
    arguments: [
      (0, true), (10_000, true), (-10_000, true), (999_999, true), (-999_999, true), (1_000_000, false),
      (-1_000_000, false), (3_600 * 1_000_000_000, false), (-3_600 * 1_000_000_000, false),
    ] as [(Int64, Bool)]) func aClockThatWasSetIsNotBelieved(step: Int64, isBelieved: Bool)
  {
    var clock = ArrivalClock()
    clock.set(to: 0, wall: Self.ahead)
    clock.set(to: 20_000_000, wall: Self.ahead + 20_000_000)
    clock.set(to: 40_000_000, wall: Self.ahead + 40_000_000 + step)
    let stamp = Self.ahead + step + 25_000_000
    #expect(clock.time(of: stamp) == (isBelieved ? 25_000_000 : 40_000_000))
    // And from then on it is again.
    clock.set(to: 60_000_000, wall: Self.ahead + 60_000_000 + step)
    #expect(clock.time(of: Self.ahead + step + 45_000_000) == 45_000_000)
  }
}
