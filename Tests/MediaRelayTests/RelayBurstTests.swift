import CMediaIO
import CallModel
import Testing

@testable import MediaRelay

#if canImport(Glibc)
  import Glibc
#endif

/// Several packets at a time: read together, sent together, and yet each by itself.
@Suite struct RelayBurstTests {
  enum Sender: CaseIterable { case singly, segmented }

  @Test(
    "Bursts arrive whole, in order, with equal and unequal sizes",
    arguments: ["127.0.0.1", "::1"], [true, false])
  func bursts(_ ip: String, _ segmentation: Bool) throws {
    let ip = try #require(IPAddress(ip))
    let rig = try Rig(ip: ip, segmentation: segmentation)
    let (a, b) = (try BurstPeer(ip), try BurstPeer(ip))
    let (stream, sideA, sideB) = try rig.join(a.peer, b.peer)
    var random = SeededGenerator(seed: 31)
    var sequence: UInt16 = 65_400
    var (packets, bytes) = (0, 0)
    for round in 0..<80 {
      let burst = makeBurst(round, &sequence, &random)
      let (from, port, to) = round % 3 == 2 ? (b, sideB.port, a) : (a, sideA.port, b)
      from.send(burst, to: port.rtp, round % 2 == 0 ? .singly : .segmented)
      #expect(try to.receive(burst.count) == burst, "round \(round)")
      packets += burst.count
      bytes += burst.reduce(0) { $0 + $1.count }
    }
    #expect(a.receiveNothing() && b.receiveNothing())
    let figures = try rig.statistics(stream)
    #expect(Int(figures.a.packetsReceived + figures.b.packetsReceived) == packets)
    #expect(Int(figures.a.packetsSent + figures.b.packetsSent) == packets)
    #expect(Int(figures.a.bytesReceived + figures.b.bytesReceived) == bytes)
    #expect(Int(figures.a.bytesSent + figures.b.bytesSent) == bytes)
    #expect(rig.relay.counters.packetsRelayed == UInt64(packets) && figures.a.drops.total == 0)
    #expect(figures.a.packetsOutOfOrder == 0 && figures.a.packetsDuplicated == 0)
    // What came as one was sent as one, where that is asked for and possible.
    #expect((b.together > 0) == (segmentation && mio_knows_segmentation() && mio_knows_coalescing()))
  }

  /// One to 40 packets: a video frame (equal, the last shorter), or anything.
  private func makeBurst(
    _ round: Int, _ sequence: inout UInt16, _ random: inout SeededGenerator
  ) -> [[UInt8]] {
    let count = round % 10 == 9 ? 1 : Int.random(in: 2...40, using: &random)
    let size = Int.random(in: 13...1_300, using: &random)
    let isFrame = round % 4 != 3
    return (0..<count).map { i in
      sequence &+= 1
      let length =
        !isFrame
        ? [12, 40, 1_188, 1_188, 1_500][Int.random(in: 0..<5, using: &random)]
        : i == count - 1 ? Int.random(in: 1...size, using: &random) : size
      return rtp(
        96, sequence: sequence, ssrc: round % 3 == 2 ? 2 : 1, payload: random.bytes(length))
    }
  }

  @Test("Encryption changes every size, one way and the other", arguments: SDESCrypto.Suite.allCases)
  func encryption(_ suite: SDESCrypto.Suite) throws {
    var random = SeededGenerator(seed: 32)
    let (theirs, ours) = (
      random.bytes(suite.keyLength + suite.saltLength), random.bytes(suite.keyLength + suite.saltLength)
    )
    let rig = try Rig()
    let (a, b) = (try BurstPeer(), try BurstPeer())
    let (stream, sideA, sideB) = try rig.join(a.peer, b.peer) { a, _ in
      a.receiveKeys = SRTPParameters(suite: suite, keyAndSalt: secret(theirs))
      a.sendKeys = SRTPParameters(suite: suite, keyAndSalt: secret(ours))
    }
    let (sender, receiver) = (try Oracle(suite, theirs, .send), try Oracle(suite, ours, .receive))
    for round in 0..<40 as Range<UInt16> {
      let burst = (0..<9 as Range<UInt16>).map {
        rtp(96, sequence: round * 9 + $0, payload: random.bytes($0 == 8 ? 300 : 1_100))
      }
      let way: Sender = round % 2 == 0 ? .segmented : .singly
      a.send(try burst.map { try #require(sender.protect($0)) }, to: sideA.port.rtp, way)
      #expect(try b.receive(9) == burst)
      b.send(burst, to: sideB.port.rtp, way)
      #expect(try a.receive(9).map { receiver.unprotect($0) } == burst)
    }
    #expect(try rig.statistics(stream).a.drops.total == 0)
    #expect(a.together > 0 && b.together > 0)
  }

  @Test("What is dropped from the middle of a burst is counted by itself")
  func drops() throws {
    let rig = try Rig()
    let (a, b) = (try BurstPeer(), try BurstPeer())
    let (stream, sideA, _) = try rig.join(a.peer, b.peer) { a, _ in a.payloadTypes = .init([.init(96, 100)]) }
    for round in 0..<30 as Range<UInt16> {
      var burst = (0..<8 as Range<UInt16>).map {
        rtp(
          $0 == 2 || $0 == 5 ? 97 : 96, sequence: round * 8 + $0, payload: [UInt8](repeating: 7, count: 700))
      }
      burst[3][0] = 0xff  // RTP version 3
      a.send(burst, to: sideA.port.rtp, .segmented)
      #expect(try b.receive(5).map { fields($0)?.sequence } == [0, 1, 4, 6, 7].map { round * 8 + $0 })
    }
    let oversize = (0..<3 as Range<UInt16>).map {
      rtp(96, sequence: 1_000 + $0, payload: [UInt8](repeating: 7, count: 2_048 - 11))
    }
    a.send(oversize, to: sideA.port.rtp, .segmented)
    let figures = try rig.statistics(stream) { $0.a.drops[.tooLarge] == 3 }.a
    #expect(
      figures.drops[.payloadType] == 60 && figures.drops[.unexpectedKind] + figures.drops[.malformed] == 30)
    #expect(figures.drops[.tooLarge] == 3 && figures.packetsReceived == 150)
    #expect(b.receiveNothing())
  }

  @Test("RTCP in the middle of a burst keeps its place")
  func control() throws {
    var random = SeededGenerator(seed: 33)
    let rig = try Rig()
    let (a, b) = (try BurstPeer(), try BurstPeer())
    let (_, sideA, _) = try rig.join(a.peer, b.peer)
    for round in 0..<40 as Range<UInt16> {
      let report = random.rtcp(ssrc: 1)
      var burst = (0..<6 as Range<UInt16>).map {
        rtp(96, sequence: round * 6 + $0, ssrc: 1, payload: random.bytes(report.count - 12))
      }
      burst.insert(report, at: Int(round % 7))
      a.send(burst, to: sideA.port.rtp, round % 2 == 0 ? .segmented : .singly)
      #expect(try b.receive(7) == burst)
    }
  }

  @Test("A tap that answers at once finds its packet untouched and the order kept")
  func tap() throws {
    let rig = try Rig()
    let (a, b) = (try BurstPeer(), try BurstPeer())
    let (stream, sideA, _) = try rig.join(a.peer, b.peer)
    stream.setTap(Passing(), on: .a)
    try rig.statistics(stream)
    for round in 0..<30 as Range<UInt16> {
      let burst = (0..<8 as Range<UInt16>).map {
        rtp(96, sequence: round * 8 + $0, payload: [UInt8](repeating: UInt8($0), count: 900))
      }
      a.send(burst, to: sideA.port.rtp, round % 2 == 0 ? .segmented : .singly)
      #expect(try b.receive(16) == burst.flatMap { [$0, $0] })
    }
  }

  /// Sends everything twice, from a buffer of its own and from the relay's.
  private final class Passing: MediaTap {
    let takesRTP = true
    func received(
      _ packet: UnsafeRawBufferPointer, kind: PacketKind, from: TransportAddress, at: MonotonicInstant,
      output: borrowing RelayOutput
    ) {
      Array(packet).withUnsafeBytes { output.sendRTPToOther($0) }
      output.sendRTPToOther(packet)
    }
  }

  @Test("When nothing can be sent, every packet of a burst counts as such")
  func refused() throws {
    let rig = try Rig()
    let a = try BurstPeer()
    let (stream, sideA, _) = try rig.join(a.peer, a.peer) { _, b in
      // Broadcasts need leave, which a media socket does not have.
      b.remoteRTP = TransportAddress(.v4(0xffff_ffff), 9)
    }
    for round in 0..<20 as Range<UInt16> {
      a.send(
        (0..<8 as Range<UInt16>).map { rtp(96, sequence: round * 8 + $0) }, to: sideA.port.rtp, .segmented)
    }
    let figures = try rig.statistics(stream) { $0.a.drops[.sendFailed] == 160 }
    #expect(figures.a.drops[.sendFailed] == 160 && figures.b.packetsSent == 0)
  }

  @Test("A pair that carried bursts serves a call without, and the other way round")
  func reuse() throws {
    let first = Rig.freshPorts(16).lowerBound
    let rig = try Rig(ports: first...first + 3)
    let (a, b) = (try BurstPeer(), try BurstPeer())
    for round in 0..<6 as Range<UInt16> {
      let session = rig.relay.openSession { _ in }
      defer { session.close() }
      let (one, two) = (try #require(session.reserve()), try #require(session.reserve()))
      let stream = try #require(
        session.makeStream(
          .init(
            a: RelaySide(port: one, remoteRTP: a.peer.address, isRTCPMultiplexed: true),
            b: RelaySide(port: two, remoteRTP: b.peer.address, isRTCPMultiplexed: true))))
      for i in 0..<20 as Range<UInt16> {
        let burst = (0..<(round % 2 == 0 ? 12 : 1) as Range<UInt16>).map {
          rtp(96, sequence: i * 12 + $0, payload: [UInt8](repeating: UInt8(i), count: 1_100))
        }
        a.send(burst, to: one.rtp, .segmented)
        #expect(try b.receive(burst.count) == burst)
      }
      #expect(try rig.statistics(stream).a.drops.total == 0)
    }
  }

  @Test("A run takes equal packets and one shorter, to one party, within the kernel's limits")
  func run() {
    let sides = UnsafeMutablePointer<SideState>.allocate(capacity: 2)
    let packet = UnsafeMutableRawPointer.allocate(byteCount: 1, alignment: 1)
    var run = SendRun()
    defer {
      sides.deallocate()
      packet.deallocate()
      run.pieces.deallocate()
    }
    func takes(_ length: Int, _ to: Int = 0, _ from: Int = 1) -> Bool {
      run.takes(length, to: sides + to, from: sides + from)
    }
    func append(_ length: Int) { run.append(packet, length, to: sides, from: sides + 1) }
    #expect(takes(100, 1, 0))
    append(100)
    #expect(takes(100) && takes(99) && !takes(101) && !takes(100, 1, 1) && !takes(100, 0, 0))
    for _ in 1..<Int(MIO_SEGMENTS) - 1 { append(100) }
    #expect(takes(100))
    append(100)
    #expect(!takes(100) && run.count == 64 && run.bytes == 6_400 && run.segment == 100)
    run.clear()
    append(100)
    append(99)
    #expect(!takes(99) && !takes(1))
    run.clear()
    for _ in 0..<7 { append(8_192) }
    #expect(takes(65_000 - 7 * 8_192) && !takes(65_000 - 7 * 8_192 + 1))
  }
}

/// A party that sends several packets in one system call and tells which came as one.
final class BurstPeer {
  let peer: Peer
  /// Datagrams received that stood for several.
  private(set) var together = 0
  private let batch: OpaquePointer
  private var waiting: [[UInt8]] = []

  init(_ ip: IPAddress = .loopbackIPv4) throws {
    peer = try Peer(ip)
    batch = try #require(mio_batch_create())
    if mio_knows_coalescing() { try #require(mio_set_coalescing(peer.fd, true) == 0) }
  }

  deinit { mio_batch_destroy(batch) }

  /// `.segmented`: runs of equal packets, with a shorter one at their end, in one call each.
  func send(_ packets: [[UInt8]], to: TransportAddress, _ sender: RelayBurstTests.Sender) {
    guard sender == .segmented, mio_knows_segmentation() else {
      for packet in packets { peer.send(packet, to: to) }
      return
    }
    var rest = packets[...]
    while let first = rest.first {
      let begin = rest.startIndex
      var run = Array(rest.prefix { $0.count == first.count }.prefix(50))
      rest = rest.dropFirst(run.count)
      if run.count < 50, let shorter = rest.first, shorter.count < first.count {
        run.append(shorter)
        rest = rest.dropFirst()
      }
      var bytes = Array(run.joined())
      var address = mio_address(to)
      let sent = bytes.withUnsafeMutableBytes { b in
        var piece = mio_piece(bytes: b.baseAddress, length: b.count)
        return mio_send_segments(peer.fd, &piece, 1, UInt16(first.count), &address)
      }
      // A network too narrow for them: in pieces, one by one.
      if sent < 0 { for packet in packets[begin..<rest.startIndex] { peer.send(packet, to: to) } }
    }
  }

  /// The next packets, one by one.
  func receive(_ count: Int) throws -> [[UInt8]] {
    while waiting.count < count, read(within: 2_000) {}
    defer { waiting = Array(waiting.dropFirst(count)) }
    return Array(waiting.prefix(count))
  }

  func receiveNothing() -> Bool { waiting.isEmpty && !read(within: 0) }

  private func read(within milliseconds: Int32) -> Bool {
    var p = pollfd(fd: peer.fd, events: Int16(POLLIN), revents: 0)
    guard poll(&p, 1, milliseconds) == 1 else { return false }
    var messages = [mio_message](repeating: mio_message(), count: Int(MIO_BATCH))
    var sources = [mio_address](repeating: .none, count: Int(MIO_BATCH))
    let count = mio_batch_receive(batch, peer.fd, &messages, &sources)
    for message in messages.prefix(Int(max(0, count))) {
      let bytes = Array(UnsafeRawBufferPointer(start: message.bytes, count: Int(message.length)))
      if message.segment == 0 {
        waiting.append(bytes)
      } else {
        together += 1
        for start in stride(from: 0, to: bytes.count, by: Int(message.segment)) {
          waiting.append(Array(bytes[start..<min(start + Int(message.segment), bytes.count)]))
        }
      }
    }
    return count > 0
  }
}
