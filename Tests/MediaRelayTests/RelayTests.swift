import CallModel
import Testing

@testable import MediaRelay

#if canImport(Glibc)
  import Glibc
#endif

/// The whole relay over real sockets on loopback.
@Suite struct RelayTests {
  @Test("Packets pass both ways unchanged", arguments: ["127.0.0.1", "::1"])
  func bothWays(_ ip: String) throws {
    let ip = try #require(IPAddress(ip))
    let rig = try Rig(ip: ip)
    let (a, b) = (try Peer(ip), try Peer(ip))
    let (stream, sideA, sideB) = try rig.join(a, b)
    #expect(sideA.port.rtp.port % 2 == 0)
    #expect(sideA.port.rtcp.port == sideA.port.rtp.port + 1)
    for i in 0..<100 as Range<UInt16> {
      let there = rtp(0, sequence: i, ssrc: 1)
      let back = rtp(8, sequence: i &+ 7, ssrc: 2)
      a.send(there, to: sideA.port.rtp)
      b.send(back, to: sideB.port.rtp)
      #expect(b.receive() == there)
      #expect(a.receive() == back)
    }
    let figures = try rig.statistics(stream)
    #expect(figures.a.packetsReceived == 100 && figures.a.packetsSent == 100)
    #expect(figures.b.bytesReceived == 100 * 172)
    #expect(figures.a.packetsLost == 0 && figures.a.ssrc == 1 && figures.a.payloadType == 0)
    #expect(figures.b.ssrc == 2 && figures.b.source == b.address)
    #expect(rig.log.wait { if case .firstPacket(_, .a, a.address) = $0 { true } else { nil } } == true)
    #expect(rig.relay.counters.packetsRelayed == 200)
  }

  @Test("Payload types are renamed; those not agreed are dropped and counted")
  func payloadTypes() throws {
    let rig = try Rig()
    let (a, b) = (try Peer(), try Peer())
    let (stream, sideA, _) = try rig.join(a, b) { a, _ in
      a.payloadTypes = .init([.init(96, 111), .init(101, 97)])
    }
    a.send(rtp(0, sequence: 1), to: sideA.port.rtp)
    a.send(rtp(96, sequence: 2, marker: true), to: sideA.port.rtp)
    a.send(rtp(101, sequence: 3), to: sideA.port.rtp)
    let first = try #require(fields(b.receive()))
    #expect(first.type == 111 && first.sequence == 2 && first.marker)
    #expect(fields(b.receive())?.type == 97)
    #expect(try rig.statistics(stream).a.drops[.payloadType] == 1)
  }

  @Test("Hold stops packets and counts them, resume lets them pass")
  func hold() throws {
    let rig = try Rig()
    let (a, b) = (try Peer(), try Peer())
    var (stream, sideA, sideB) = try rig.join(a, b)
    a.send(rtp(0, sequence: 1), to: sideA.port.rtp)
    #expect(b.receive() != nil)
    // B says `sendonly`: we may not send to it.
    sideB.direction = .receiveOnly
    #expect(stream.update(b: sideB))
    _ = try rig.statistics(stream)
    a.send(rtp(0, sequence: 2), to: sideA.port.rtp)
    #expect(try rig.statistics(stream) { $0.a.drops[.direction] == 1 }.a.drops[.direction] == 1)
    b.send(rtp(0, sequence: 1, ssrc: 9), to: sideB.port.rtp)
    #expect(a.receive() != nil)
    sideB.direction = .inactive
    #expect(stream.update(b: sideB))
    _ = try rig.statistics(stream)
    b.send(rtp(0, sequence: 2, ssrc: 9), to: sideB.port.rtp)
    #expect(try rig.statistics(stream) { $0.b.drops[.direction] == 1 }.b.drops[.direction] == 1)
    sideB.direction = .sendReceive
    #expect(stream.update(b: sideB))
    _ = try rig.statistics(stream)
    a.send(rtp(0, sequence: 3), to: sideA.port.rtp)
    #expect(fields(b.receive())?.sequence == 3)
    #expect(a.receiveAll().isEmpty && b.receiveAll().isEmpty)
  }

  @Test("Nothing is sent to a party without an address; it comes with the answer")
  func earlyOffer() throws {
    let rig = try Rig()
    let (a, b) = (try Peer(), try Peer())
    var (stream, sideA, sideB) = try rig.join(a, b) { _, b in b.remoteRTP = nil }
    a.send(rtp(0, sequence: 1), to: sideA.port.rtp)
    #expect(try rig.statistics(stream) { $0.a.drops[.noDestination] == 1 }.a.drops[.noDestination] == 1)
    sideB.remoteRTP = b.address
    #expect(stream.update(b: sideB))
    _ = try rig.statistics(stream)
    a.send(rtp(0, sequence: 2), to: sideA.port.rtp)
    #expect(fields(b.receive())?.sequence == 2)
  }

  @Test("A looped side hears itself under another SSRC, in order")
  func loop() throws {
    let rig = try Rig()
    let a = try Peer()
    let port = try #require(rig.session.reserve())
    let stream = try #require(
      rig.session.makeStream(
        .init(a: RelaySide(port: port, remoteRTP: a.address, isRTCPMultiplexed: true), mode: .loop)))
    _ = try rig.statistics(stream)
    var echo: UInt32?
    for i in 0..<20 as Range<UInt16> {
      let packet = rtp(0, sequence: 500 + i, timestamp: UInt32(i) * 160, ssrc: 77)
      a.send(packet, to: port.rtp)
      let heard = try #require(a.receive())
      let header = try #require(fields(heard))
      #expect(header.ssrc != 77 && header.sequence == 500 + i && header.timestamp == UInt32(i) * 160)
      #expect(echo == nil || echo == header.ssrc)
      echo = header.ssrc
      #expect(heard[12...] == packet[12...])
    }
    a.send([0x80, 201, 0, 1, 0, 0, 0, 77], to: port.rtp)
    #expect(try rig.statistics(stream) { $0.a.rtcpReceived == 1 }.a.rtcpReceived == 1)
    #expect(a.receiveAll().isEmpty)
  }

  @Test("SRTP on one side, RTP on the other, roll-over included", arguments: SDESCrypto.Suite.allCases)
  func interworking(_ suite: SDESCrypto.Suite) throws {
    var random = SeededGenerator(seed: 20)
    let theirs = random.bytes(suite.keyLength + suite.saltLength)
    let ours = random.bytes(suite.keyLength + suite.saltLength)
    let rig = try Rig()
    let (a, b) = (try Peer(), try Peer())
    let (stream, sideA, sideB) = try rig.join(a, b) { a, _ in
      a.receiveKeys = SRTPParameters(suite: suite, keyAndSalt: secret(theirs))
      a.sendKeys = SRTPParameters(suite: suite, keyAndSalt: secret(ours))
    }
    let sender = try Oracle(suite, theirs, .send)
    let receiver = try Oracle(suite, ours, .receive)
    for i in 0..<200 {
      let sequence = UInt16(truncatingIfNeeded: 65_436 + i)
      let there = rtp(0, sequence: sequence, ssrc: 1)
      a.send(try #require(sender.protect(there)), to: sideA.port.rtp)
      #expect(b.receive() == there)
      let back = rtp(0, sequence: sequence, ssrc: 2)
      b.send(back, to: sideB.port.rtp)
      #expect(receiver.unprotect(try #require(a.receive())) == back)
    }
    // Plain RTP, a changed packet and a repeated one do not pass.
    a.send(rtp(0, sequence: 101, ssrc: 1), to: sideA.port.rtp)
    var bad = try #require(sender.protect(rtp(0, sequence: 101, ssrc: 1)))
    a.send(bad, to: sideA.port.rtp)
    #expect(b.receive() != nil)
    a.send(bad, to: sideA.port.rtp)
    bad[20] ^= 1
    bad[3] &+= 1
    a.send(bad, to: sideA.port.rtp)
    let figures = try rig.statistics(stream) { $0.a.drops[.authentication] == 2 && $0.a.drops[.replay] == 1 }
    #expect(figures.a.drops[.authentication] == 2 && figures.a.drops[.replay] == 1)
    #expect(b.receiveAll().isEmpty)
  }

  @Test("A re-INVITE with the same keys keeps the roll-over counter; new keys start anew")
  func rekeying() throws {
    var random = SeededGenerator(seed: 21)
    let suite = SDESCrypto.Suite.aesCM128HMACSHA1_80
    let first = random.bytes(30)
    let second = random.bytes(30)
    let rig = try Rig()
    let (a, b) = (try Peer(), try Peer())
    var (stream, sideA, sideB) = try rig.join(a, b) { a, b in
      a.receiveKeys = SRTPParameters(suite: suite, keyAndSalt: secret(first))
      b.sendKeys = SRTPParameters(suite: suite, keyAndSalt: secret(first))
    }
    let sender = try Oracle(suite, first, .send)
    let receiver = try Oracle(suite, first, .receive)
    for sequence in [65_534, 65_535, 0, 1] as [UInt16] {
      let plain = rtp(0, sequence: sequence, ssrc: 1)
      a.send(try #require(sender.protect(plain)), to: sideA.port.rtp)
      #expect(receiver.unprotect(try #require(b.receive())) == plain)
    }
    sideA.direction = .sendReceive
    #expect(stream.update(a: sideA, b: sideB))
    _ = try rig.statistics(stream)
    let third = rtp(0, sequence: 2, ssrc: 1)
    a.send(try #require(sender.protect(third)), to: sideA.port.rtp)
    #expect(receiver.unprotect(try #require(b.receive())) == third)

    sideA.receiveKeys = SRTPParameters(suite: suite, keyAndSalt: secret(second))
    sideB.sendKeys = SRTPParameters(suite: suite, keyAndSalt: secret(second))
    #expect(stream.update(a: sideA, b: sideB))
    _ = try rig.statistics(stream)
    let newSender = try Oracle(suite, second, .send)
    let newReceiver = try Oracle(suite, second, .receive)
    let fourth = rtp(0, sequence: 3, ssrc: 1)
    a.send(try #require(newSender.protect(fourth)), to: sideA.port.rtp)
    #expect(newReceiver.unprotect(try #require(b.receive())) == fourth)
    // A key that does not fit changes nothing.
    sideA.receiveKeys = SRTPParameters(suite: .aeadAES256GCM, keyAndSalt: secret(second))
    #expect(!stream.update(a: sideA))
  }

  @Test("RTCP crosses from rtcp-mux to two ports and back, in SRTCP on one side")
  func rtcpConversion() throws {
    var random = SeededGenerator(seed: 22)
    let suite = SDESCrypto.Suite.aeadAES128GCM
    let theirs = random.bytes(28)
    let ours = random.bytes(28)
    let rig = try Rig()
    let (a, b, bControl) = (try Peer(), try Peer(), try Peer())
    let (stream, sideA, sideB) = try rig.join(a, b) { a, b in
      a.receiveKeys = SRTPParameters(suite: suite, keyAndSalt: secret(theirs))
      a.sendKeys = SRTPParameters(suite: suite, keyAndSalt: secret(ours))
      b.isRTCPMultiplexed = false
      b.remoteRTCP = bControl.address
    }
    let sender = try Oracle(suite, theirs, .send)
    let receiver = try Oracle(suite, ours, .receive)
    a.send(try #require(sender.protect(rtp(0, sequence: 1, ssrc: 5))), to: sideA.port.rtp)
    #expect(b.receive() != nil)
    let report = random.rtcp(ssrc: 5)
    a.send(try #require(sender.protectControl(report)), to: sideA.port.rtp)
    #expect(bControl.receive() == report)
    let answer = random.rtcp(ssrc: 6)
    bControl.send(answer, to: sideB.port.rtcp)
    #expect(receiver.unprotectControl(try #require(a.receive())) == answer)
    bControl.send([0x80, 200, 0, 9, 1, 2, 3, 4], to: sideB.port.rtcp)
    #expect(try rig.statistics(stream) { $0.b.drops[.malformed] == 1 }.b.drops[.malformed] == 1)
  }

  @Test("A party that agreed to rtcp-mux is not heard on the second port")
  func muxedOnly() throws {
    let rig = try Rig()
    let (a, b) = (try Peer(), try Peer())
    let port = try #require(rig.session.reserve(withRTCP: true))
    let (stream, sideA, _) = try rig.join(a, b) { a, _ in a.port = port }
    a.send([0x80, 201, 0, 1, 0, 0, 0, 7], to: sideA.port.rtcp)
    #expect(try rig.statistics(stream) { $0.a.drops[.unexpectedKind] == 1 }.a.drops[.unexpectedKind] == 1)
    a.send([0x80, 201, 0, 1, 0, 0, 0, 7], to: sideA.port.rtp)
    #expect(b.receive() == [0x80, 201, 0, 1, 0, 0, 0, 7])
  }

  @Test("Round trip and loss come from the reports of a party")
  func reports() throws {
    let rig = try Rig()
    let (a, b) = (try Peer(), try Peer())
    let (stream, sideA, sideB) = try rig.join(a, b)
    a.send(rtp(0, sequence: 1, ssrc: 5), to: sideA.port.rtp)
    b.send(rtp(0, sequence: 1, ssrc: 6), to: sideB.port.rtp)
    #expect(b.receive() != nil && a.receive() != nil)
    // A's sender report, NTP middle bits 0x2222_3333.
    a.send(
      [0x80, 200, 0, 6] + bigEndian(UInt32(5)) + [0x11, 0x11, 0x22, 0x22, 0x33, 0x33, 0x44, 0x44]
        + [UInt8](repeating: 0, count: 12), to: sideA.port.rtp)
    #expect(b.receive() != nil)
    let delay = UInt32(65536 / 100)
    usleep(10_000)
    b.send(
      [0x81, 201, 0, 7] + bigEndian(UInt32(6)) + bigEndian(UInt32(5)) + [64, 0xff, 0xff, 0xfe]
        + bigEndian(UInt32(1)) + bigEndian(UInt32(80)) + bigEndian(UInt32(0x2222_3333)) + bigEndian(delay),
      to: sideB.port.rtp)
    #expect(a.receive() != nil)
    let figures = try rig.statistics(stream).b
    #expect(figures.reportedFractionLost == 0.25 && figures.reportedLost == -2)
    #expect(figures.reportedJitterMilliseconds == 10)
    let trip = try #require(figures.roundTripMilliseconds)
    #expect(trip >= 0 && trip < 1_000)
  }

  @Test("Loss, order and duplicates are seen in the sequence numbers")
  func quality() throws {
    let rig = try Rig()
    let (a, b) = (try Peer(), try Peer())
    let (stream, sideA, _) = try rig.join(a, b)
    for sequence in [65_533, 65_535, 65_534, 65_535, 2, 3, 7] as [UInt16] {
      a.send(rtp(0, sequence: sequence), to: sideA.port.rtp)
      #expect(b.receive() != nil)
    }
    let figures = try rig.statistics(stream).a
    #expect(figures.packetsLost == 5)
    #expect(figures.packetsOutOfOrder == 1 && figures.packetsDuplicated == 1)
  }

  @Test("Junk, cut packets and oversize are counted, and the stream goes on")
  func junk() throws {
    var random = SeededGenerator(seed: 23)
    let rig = try Rig()
    let (a, b) = (try Peer(), try Peer())
    let (stream, sideA, _) = try rig.join(a, b)
    let whole = rtp(0, sequence: 1)
    a.send(whole, to: sideA.port.rtp)
    #expect(b.receive() == whole)
    for count in 1..<12 { a.send(Array(whole[..<count]), to: sideA.port.rtp) }
    a.send([0x9f] + whole[1..<40], to: sideA.port.rtp)  // 15 CSRCs do not fit
    a.send([0x90] + whole[1..<12] + [0, 0, 0xff, 0xff], to: sideA.port.rtp)  // nor the extension
    a.send([0xa0] + whole[1..<12] + [200], to: sideA.port.rtp)  // nor the padding
    a.send([0x00, 0x01, 0, 0], to: sideA.port.rtp)  // STUN nobody asked for
    a.send(whole + [UInt8](repeating: 0, count: 2_048 - whole.count + 1), to: sideA.port.rtp)
    let figures = try rig.statistics(stream) {
      $0.a.drops[.malformed] == 14 && $0.a.drops[.unexpectedKind] == 1 && $0.a.drops[.tooLarge] == 1
    }
    #expect(figures.a.drops[.malformed] == 14)
    #expect(figures.a.drops[.unexpectedKind] == 1 && figures.a.drops[.tooLarge] == 1)
    for _ in 0..<500 { a.send(random.bytes(Int.random(in: 1...300, using: &random)), to: sideA.port.rtp) }
    _ = try rig.statistics(stream) { $0.a.drops.total + $0.a.packetsReceived + $0.a.rtcpReceived >= 517 }
    _ = b.receiveAll()
    let exact = whole + [UInt8](repeating: 0, count: 2_048 - whole.count)
    a.send(exact, to: sideA.port.rtp)
    #expect(b.receive() == exact)
  }
}

/// Key material as SDES carries it.
func secret(_ bytes: [UInt8]) -> Secret {
  let suite: SDESCrypto.Suite =
    bytes.count == 30 ? .aesCM128HMACSHA1_80 : bytes.count == 28 ? .aeadAES128GCM : .aeadAES256GCM
  return SDESCrypto(tag: 1, suite: suite, keyAndSalt: bytes)?.keyAndSalt ?? Secret("")
}
