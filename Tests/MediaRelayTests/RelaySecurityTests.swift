import CallModel
import Testing

@testable import MediaRelay

/// Attempts to take over or disturb a live stream.
@Suite struct RelaySecurityTests {
  private let elsewhere = IPAddress("127.0.0.9") ?? .loopbackIPv4

  @Test("A stranger's packets are dropped and counted, media keeps going to the party")
  func hijack() throws {
    let rig = try Rig()
    let (a, b, stranger, neighbour) = (try Peer(), try Peer(), try Peer(elsewhere), try Peer())
    let (stream, sideA, sideB) = try rig.join(a, b)
    a.send(rtp(0, sequence: 1), to: sideA.port.rtp)
    #expect(b.receive() != nil)
    for i in 2..<12 as Range<UInt16> {
      stranger.send(rtp(0, sequence: i), to: sideA.port.rtp)
      neighbour.send(rtp(0, sequence: i), to: sideA.port.rtp)
    }
    #expect(try rig.statistics(stream) { $0.a.drops[.foreignSource] == 20 }.a.drops[.foreignSource] == 20)
    b.send(rtp(0, sequence: 1, ssrc: 2), to: sideB.port.rtp)
    #expect(a.receive() != nil)
    #expect(b.receiveAll().isEmpty && stranger.receiveAll().isEmpty && neighbour.receiveAll().isEmpty)
  }

  @Test("A caller behind NAT is followed to where it sends from")
  func nat() throws {
    let rig = try Rig()
    let (a, b) = (try Peer(elsewhere), try Peer())
    let (_, sideA, sideB) = try rig.join(a, b) { a, _ in
      a.remoteRTP = TransportAddress(IPAddress("10.0.0.4") ?? .anyIPv4, 4000)
      a.latch = LatchPolicy(.any)
    }
    a.send(rtp(0, sequence: 1), to: sideA.port.rtp)
    a.send(rtp(0, sequence: 2), to: sideA.port.rtp)
    #expect(fields(b.receive())?.sequence == 2)
    #expect(rig.log.wait { if case .latched(_, .a, a.address, nil) = $0 { true } else { nil } } == true)
    b.send(rtp(0, sequence: 1, ssrc: 2), to: sideB.port.rtp)
    #expect(a.receive() != nil)
  }

  @Test("A party that moves in silence is followed; plain RTP must continue its stream")
  func move() throws {
    let rig = try Rig(latching: LatchTiming(silence: .zero, authenticatedSilence: .zero))
    let (a, moved, b) = (try Peer(), try Peer(), try Peer())
    let (stream, sideA, sideB) = try rig.join(a, b)
    a.send(rtp(0, sequence: 1), to: sideA.port.rtp)
    #expect(b.receive() != nil)
    moved.send(rtp(0, sequence: 2, ssrc: 0x9999), to: sideA.port.rtp)
    #expect(try rig.statistics(stream) { $0.a.drops[.foreignSource] == 1 }.a.drops[.foreignSource] == 1)
    moved.send(rtp(0, sequence: 2), to: sideA.port.rtp)
    #expect(fields(b.receive())?.sequence == 2)
    b.send(rtp(0, sequence: 1, ssrc: 2), to: sideB.port.rtp)
    #expect(moved.receive() != nil)
  }

  @Test("A steady source gets its socket to itself; silence and negotiation give it free again")
  func connected() throws {
    let rig = try Rig(latching: LatchTiming(silence: .zero))
    let (a, moved, b) = (try Peer(), try Peer(), try Peer())
    var (stream, sideA, sideB) = try rig.join(a, b)
    func exchange(_ sequence: UInt16, _ party: Peer) {
      party.send(rtp(0, sequence: sequence), to: sideA.port.rtp)
      #expect(fields(b.receive())?.sequence == sequence)
      b.send(rtp(0, sequence: sequence, ssrc: 2), to: sideB.port.rtp)
      #expect(fields(party.receive())?.sequence == sequence)
    }
    exchange(1, a)
    // Believed for long enough and heard just now, as the sweep sees it.
    let worker = rig.session.worker
    worker.mailbox.post(.ageLatches(.seconds(1)))
    try rig.sweep(after: .zero)
    exchange(2, a)
    moved.send(rtp(0, sequence: 3), to: sideA.port.rtp)
    exchange(4, a)
    #expect(b.receiveAll().isEmpty)
    #expect(try rig.statistics(stream).a.drops.total == 0, "the kernel turned it away")
    try rig.sweep(after: .seconds(2))
    exchange(5, moved)
    #expect(a.receiveAll().isEmpty)
    worker.mailbox.post(.ageLatches(.seconds(1)))
    try rig.sweep(after: .zero)
    exchange(6, moved)
    // A negotiation that moves the address counts at once.
    sideA.remoteRTP = a.address
    sideA.latch = LatchPolicy(.exact)
    sideB.remoteRTP = b.address
    #expect(stream.update(a: sideA, b: sideB))
    _ = try rig.statistics(stream)
    sideA.remoteRTP = moved.address
    #expect(stream.update(a: sideA))
    sideA.remoteRTP = a.address
    #expect(stream.update(a: sideA))
    _ = try rig.statistics(stream)
    exchange(7, a)
  }

  @Test("With SRTP a stranger cannot latch even first")
  func authenticatedLatch() throws {
    var random = SeededGenerator(seed: 30)
    let key = random.bytes(30)
    let rig = try Rig()
    let (a, b, stranger) = (try Peer(elsewhere), try Peer(), try Peer())
    let (stream, sideA, sideB) = try rig.join(a, b) { a, _ in
      a.receiveKeys = SRTPParameters(suite: .aesCM128HMACSHA1_80, keyAndSalt: secret(key))
    }
    for i in 0..<5 as Range<UInt16> { stranger.send(rtp(0, sequence: i), to: sideA.port.rtp) }
    #expect(try rig.statistics(stream) { $0.a.drops[.authentication] == 5 }.a.drops[.authentication] == 5)
    // From an address nobody signalled, but with the key.
    let sender = try Oracle(.aesCM128HMACSHA1_80, key, .send)
    a.send(try #require(sender.protect(rtp(0, sequence: 9))), to: sideA.port.rtp)
    #expect(fields(b.receive())?.sequence == 9)
    b.send(rtp(0, sequence: 1, ssrc: 2), to: sideB.port.rtp)
    #expect(a.receive() != nil)
    #expect(stranger.receiveAll().isEmpty)
  }
}
