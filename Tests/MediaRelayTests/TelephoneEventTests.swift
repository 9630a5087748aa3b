import CallModel
import Testing

@testable import MediaRelay

/// RFC 4733 both ways.
@Suite struct TelephoneEventTests {
  private func payload(_ code: UInt8, end: Bool, _ duration: UInt16) -> [UInt8] {
    [code, end ? 0x8a : 0x0a] + bigEndian(duration)
  }

  @Test("Many packets are one event, whichever of its end packets arrive")
  func hearing() {
    var hearing = TelephoneEventHearing()
    func note(_ bytes: [UInt8], _ timestamp: UInt32, at now: Int64 = 0) -> TelephoneEventHearing.Heard? {
      bytes.withUnsafeBytes { hearing.note($0, ssrc: 1, timestamp: timestamp, now: now) }
    }
    #expect(note(payload(5, end: false, 160), 1000) == nil)
    #expect(note(payload(5, end: false, 320), 1000) == nil)
    #expect(note(payload(5, end: true, 480), 1000) == .init(code: 5, duration: 480))
    #expect(note(payload(5, end: true, 480), 1000) == nil)
    // All its end packets lost: the next event ends it.
    #expect(note(payload(6, end: false, 160), 3000) == nil)
    #expect(note(payload(7, end: true, 800), 5000) == .init(code: 6, duration: 160))
    #expect(note(payload(7, end: true, 800), 5000) == .init(code: 7, duration: 800))
    // A late packet of an event that is over.
    #expect(note(payload(6, end: true, 800), 3000) == nil)
    #expect(note(payload(8, end: false, 160), 7000, at: 100) == nil)
    #expect(hearing.expire(now: 599, after: 500) == nil)
    #expect(hearing.expire(now: 600, after: 500) == .init(code: 8, duration: 160))
    #expect(hearing.expire(now: 9_000, after: 500) == nil)
    #expect(note([1, 2, 3], 9000) == nil)
  }

  @Test("A digit is repeated every 20 ms, its end three times, then a gap")
  func sending() throws {
    var digits = DigitSending()
    var added = digits.add(TelephoneEvent(code: 1, duration: .milliseconds(70)), now: 0)
    added = digits.add(TelephoneEvent(code: 2, duration: .milliseconds(1)), now: 0) && added
    #expect(added)
    var sent: [(at: Int64, packet: DigitSending.Packet)] = []
    while !digits.isIdle {
      let now = digits.due
      while let packet = digits.next(now: now, clockRate: 8000) { sent.append((now / 1_000_000, packet)) }
    }
    #expect(sent.map(\.at) == [0, 20, 40, 60, 80, 100, 200, 220, 240, 260])
    #expect(sent.map(\.packet.duration) == [160, 320, 480, 560, 560, 560, 160, 320, 320, 320])
    #expect(sent.map(\.packet.isEnd) == [false, false, false, true, true, true, false, true, true, true])
    #expect(
      sent.map(\.packet.isFirst) == [true] + Array(repeating: false, count: 5) + [true, false, false, false])
    let results = (0...DigitSending.queueLimit).map { _ in digits.add(TelephoneEvent(code: 3), now: 0) }
    #expect(results == Array(repeating: true, count: DigitSending.queueLimit) + [false])
  }

  @Test("Inserted packets leave neither gap nor double number")
  func numbering() {
    var sending = Sending()
    #expect(sending.forward(ssrc: 1, sequence: 65_534, timestamp: 0, now: 0) == 65_534)
    #expect(sending.forward(ssrc: 1, sequence: 65_535, timestamp: 160, now: 20_000_000) == 65_535)
    #expect(sending.timestamp(at: 30_000_000, clockRate: 8000) == 240)
    let inserted = [sending.insert(), sending.insert(), sending.insert()]
    #expect(inserted == [0, 1, 2])
    // Five packets of audio were left out; a late one from before keeps its number, one from in between has
    // none.
    #expect(sending.forward(ssrc: 1, sequence: 65_533, timestamp: 0, now: 0) == 65_533)
    #expect(sending.forward(ssrc: 1, sequence: 5, timestamp: 1000, now: 120_000_000) == 3)
    #expect(sending.forward(ssrc: 1, sequence: 3, timestamp: 900, now: 120_000_000) == nil)
    #expect(sending.forward(ssrc: 1, sequence: 65_532, timestamp: 0, now: 0) == 65_532)
    #expect(sending.forward(ssrc: 1, sequence: 7, timestamp: 1300, now: 0) == 5)
    #expect(sending.forward(ssrc: 1, sequence: 6, timestamp: 1150, now: 0) == 4)
    // Another source begins its own numbering.
    #expect(sending.forward(ssrc: 2, sequence: 100, timestamp: 0, now: 0) == 100)
  }

  @Test("Digits come out of the relay within the stream, SRTP included, and audio is left out meanwhile")
  func generated() throws {
    var random = SeededGenerator(seed: 40)
    let key = random.bytes(30)
    let rig = try Rig()
    let (a, b) = (try Peer(), try Peer())
    let (stream, sideA, _) = try rig.join(a, b) { _, b in
      b.sentTelephoneEvent = 101
      b.sendKeys = SRTPParameters(suite: .aesCM128HMACSHA1_32, keyAndSalt: secret(key))
    }
    let receiver = try Oracle(.aesCM128HMACSHA1_32, key, .receive)
    func next() throws -> [UInt8] {
      let sealed = try #require(b.receive())
      return try #require(receiver.unprotect(sealed))
    }
    a.send(rtp(0, sequence: 1_000, timestamp: 8_000, ssrc: 3), to: sideA.port.rtp)
    #expect(fields(try next())?.sequence == 1_000)
    stream.send([TelephoneEvent(code: 11, duration: .milliseconds(60))], to: .b)
    let first = try next()
    a.send(rtp(0, sequence: 1_001, timestamp: 8_160, ssrc: 3), to: sideA.port.rtp)
    var events = [first]
    for _ in 0..<4 { events.append(try next()) }
    let headers = events.compactMap { fields($0) }
    #expect(headers.map(\.sequence) == [1_001, 1_002, 1_003, 1_004, 1_005])
    #expect(headers.allSatisfy { $0.type == 101 && $0.ssrc == 3 && $0.timestamp == headers[0].timestamp })
    #expect(headers[0].timestamp >= 8_000 && headers.map(\.marker) == [true, false, false, false, false])
    #expect(events.map { Array($0[12...]) }.last == payload(11, end: true, 480))
    #expect(rig.log.wait { if case .telephoneEventsSent(_, .b) = $0 { true } else { nil } } == true)
    #expect(try rig.statistics(stream).a.drops[.absorbed] == 1)
    a.send(rtp(0, sequence: 1_004, timestamp: 9_600, ssrc: 3), to: sideA.port.rtp)
    #expect(fields(try next())?.sequence == 1_006)
  }

  @Test("Digits heard on one side are reported, and end there when absorbed")
  func heard() throws {
    let rig = try Rig()
    let (a, b) = (try Peer(), try Peer())
    let (stream, sideA, _) = try rig.join(a, b) { a, _ in
      a.receivedTelephoneEvent = 96
      a.absorbsTelephoneEvents = true
    }
    for (i, end) in [false, false, true, true, true].enumerated() {
      a.send(
        rtp(
          96, sequence: UInt16(i), timestamp: 500, payload: payload(9, end: end, UInt16(min(i + 1, 3) * 400))),
        to: sideA.port.rtp)
    }
    let event = rig.log.wait {
      if case .telephoneEvent(stream.id, .a, let code, let span) = $0 { (code, span) } else { nil }
    }
    #expect(event?.0 == 9 && event?.1 == .milliseconds(150))
    #expect(try rig.statistics(stream) { $0.a.drops[.absorbed] == 5 }.a.drops[.absorbed] == 5)
    #expect(b.receiveAll().isEmpty)
    #expect(rig.log.all.filter { if case .telephoneEvent = $0 { true } else { false } }.count == 1)
  }

  @Test("Event codes and characters")
  func characters() {
    #expect(TelephoneEvent(digit: "0")?.code == 0 && TelephoneEvent(digit: "*")?.code == 10)
    #expect(TelephoneEvent(digit: "d")?.code == 15 && TelephoneEvent(digit: "!")?.code == 16)
    #expect(TelephoneEvent(digit: "x") == nil && TelephoneEvent(digit: "ß") == nil)
    #expect(TelephoneEvent.digit(11) == "#" && TelephoneEvent.digit(17) == nil)
  }
}
