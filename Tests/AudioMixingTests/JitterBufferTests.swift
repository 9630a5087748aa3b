import CallModel
import TestSupport
import Testing

@testable import AudioMixing

/// A stream of 20 ms packets at 8 kHz and a network, on virtual time; the buffer is asked every 20 ms.
private final class Conversation {
  var buffer: JitterBuffer
  var now: Int64 = 10_000_000
  private var inFlight:
    [(at: Int64, sequence: UInt16, timestamp: UInt32, ssrc: UInt32, kind: PacketNote.Kind)] = []
  var sequence: UInt16
  var timestamp: UInt32
  var ssrc: UInt32 = 1
  private(set) var played: [Int64] = []
  private(set) var events: [String] = []
  private(set) var delays: [Int64] = []
  private(set) var arrivals: [JitterBuffer.Arrival] = []

  init(
    sequence: UInt16 = 65_500, timestamp: UInt32 = 0xffff_ff00,
    _ configuration: JitterBuffer.Configuration = .init()
  ) {
    buffer = JitterBuffer(clockRate: 8_000, configuration: configuration)
    self.sequence = sequence
    self.timestamp = timestamp
  }

  /// Sends the next packet, to arrive after `delay` microseconds; nil loses it.
  func send(delay: Int64?, kind: PacketNote.Kind = .audio) {
    if let delay { inFlight.append((now + delay, sequence, timestamp, ssrc, kind)) }
    sequence &+= 1
    timestamp &+= 160
  }

  @discardableResult
  func insert(
    _ sequence: UInt16, _ timestamp: UInt32, ssrc: UInt32? = nil, kind: PacketNote.Kind = .audio,
    marked: Bool = false,
    payload: [UInt8] = [1, 2, 3]
  ) -> JitterBuffer.Arrival {
    payload.withUnsafeBytes { bytes in
      buffer.insert(
        sequenceNumber: sequence, timestamp: timestamp, ssrc: ssrc ?? self.ssrc, isMarked: marked,
        duration: kind == .audio || kind == .silence ? 160 : 0, note: PacketNote(kind: kind), payload: bytes,
        now: MonotonicInstant(nanoseconds: now * 1_000))
    }
  }

  var instant: MonotonicInstant { MonotonicInstant(nanoseconds: now * 1_000) }

  /// Lets 20 ms go by, and plays as much.
  func advance() {
    let end = now + 20_000
    for packet in inFlight.filter({ $0.at < end }).sorted(by: { $0.at < $1.at }) {
      now = max(now, packet.at)
      arrivals.append(
        insert(packet.sequence, packet.timestamp, ssrc: packet.ssrc, kind: packet.kind))
    }
    inFlight.removeAll { $0.at < end }
    now = end
    play()
  }

  func play() {
    for _ in 0..<8 {
      switch buffer.next(now: instant, wanted: 160) {
      case .packet(let packet):
        guard packet.note.kind != .event else { continue }
        played.append(packet.sequence)
        events.append("p")
        delays.append(buffer.delay(now: instant, pending: 160).nanoseconds / 1_000)
      case .lost(_, let next): events.append(next == nil ? "l" : "f")
      case .pause: events.append("-")
      case .empty: events.append(".")
      }
      return
    }
  }

  var history: String { events.joined() }
  var target: Int64 { buffer.targetDelay.nanoseconds / 1_000_000 }
}

@Suite struct JitterBufferTests {
  @Test func aSteadyStreamPlaysInOrderAcrossTheWrapOfAllCounters() {
    let talk = Conversation()
    for _ in 0..<500 {
      talk.send(delay: 5_000)
      talk.advance()
    }
    #expect(talk.played.count >= 496)
    #expect(zip(talk.played, talk.played.dropFirst()).allSatisfy { $1 == $0 + 1 })
    #expect(talk.history.drop { $0 == "." }.allSatisfy { $0 == "p" })
    #expect(talk.buffer.statistics.lost == 0 && talk.buffer.statistics.underruns == 0)
    // Nothing wobbles: the delay comes down to the least.
    #expect(talk.target <= 10)
  }

  @Test func reorderedPacketsArePutInOrder() {
    let talk = Conversation()
    for i in 0..<300 {
      talk.send(delay: i % 5 == 0 ? 30_000 : 2_000)
      talk.advance()
    }
    #expect(zip(talk.played, talk.played.dropFirst()).allSatisfy { $1 > $0 })
    #expect(talk.played.count > 290)
    #expect(talk.buffer.statistics.lost <= 2)
    #expect(talk.target >= 30 && talk.target <= 40)
  }

  /// A packet that never comes is passed over, and the next one is named to recover it from.
  @Test func lossesAreToldFromUnderruns() {
    let talk = Conversation()
    for i in 0..<300 {
      talk.send(delay: i % 10 == 9 ? nil : 2_000)
      talk.advance()
    }
    let history = talk.history
    #expect(talk.played.count > 260)
    let steady = history.dropFirst(100)
    #expect(steady.filter { $0 == "f" || $0 == "l" || $0 == "." }.count == 20)
    // What was bridged blindly is not lost a second time: no delay gathers.
    #expect(talk.delays.suffix(50).allSatisfy { $0 < 60_000 })
  }

  @Test func twoLossesInARow() {
    var configuration = JitterBuffer.Configuration()
    configuration.minimumDelay = .milliseconds(80)
    let talk = Conversation(configuration)
    for i in 0..<100 {
      talk.send(delay: i == 50 || i == 51 ? nil : 1_000)
      talk.advance()
    }
    #expect(talk.history.contains("plfp"))
    #expect(talk.buffer.statistics.lost == 2)
  }

  @Test func theDelayFollowsTheJitter() {
    let talk = Conversation()
    var random = SplitMix(seed: 5)
    func run(_ packets: Int, jitter: UInt64) {
      for _ in 0..<packets {
        talk.send(delay: 10_000 + Int64(random.next() % jitter))
        talk.advance()
      }
    }
    run(500, jitter: 2_000)
    #expect(talk.target <= 10)
    run(500, jitter: 80_000)
    #expect(talk.target >= 65 && talk.target <= 85)
    run(3_000, jitter: 2_000)
    #expect(talk.target <= 15)
  }

  @Test func theDelayIsBounded() {
    var configuration = JitterBuffer.Configuration()
    configuration.maximumDelay = .milliseconds(100)
    configuration.minimumDelay = .milliseconds(30)
    let talk = Conversation(configuration)
    for _ in 0..<600 {
      talk.send(delay: 1_000)
      talk.advance()
    }
    #expect(talk.target == 30)
    for i in 0..<300 {
      talk.send(delay: i % 3 == 0 ? 300_000 : 1_000)
      talk.advance()
    }
    #expect(talk.target == 100)
  }

  /// The network stops for 200 ms, then gives everything at once: nothing is lost.
  @Test func aStallLosesNothing() {
    let talk = Conversation()
    for i in 0..<200 {
      let stalled = (100..<110).contains(i)
      talk.send(delay: stalled ? Int64(110 - i) * 20_000 + 1_000 : 1_000)
      talk.advance()
    }
    #expect(talk.buffer.statistics.lost == 0)
    #expect(zip(talk.played, talk.played.dropFirst()).allSatisfy { $1 == $0 + 1 })
    #expect(talk.buffer.statistics.underruns >= 7)
  }

  /// Silence suppression: the sender says that it will be silent, is, and begins again.
  @Test func pauses() {
    let talk = Conversation()
    for _ in 0..<3 {
      for _ in 0..<50 {
        talk.send(delay: 2_000)
        talk.advance()
      }
      talk.send(delay: 2_000, kind: .silence)
      talk.advance()
      for _ in 0..<60 {
        talk.timestamp &+= 160
        talk.advance()
      }
    }
    for _ in 0..<10 { talk.advance() }
    #expect(talk.played.count == 153)
    #expect(talk.buffer.statistics.lost == 0)
    #expect(talk.history.filter { $0 == "-" }.count >= 3 * 58)
    #expect(talk.buffer.statistics.underruns == 0)
  }

  /// A phone on hold: silent on purpose, and then without a sign of life.
  @Test func aPauseOfWhichNothingIsHeardEnds() {
    let talk = Conversation()
    for _ in 0..<2 {
      for _ in 0..<50 {
        talk.send(delay: 2_000)
        talk.advance()
      }
      talk.send(delay: 2_000, kind: .silence)
      for _ in 0..<90 {
        talk.timestamp &+= 160
        talk.advance()
      }
      #expect(talk.buffer.isPlaying == true)
      for _ in 0..<60 {
        talk.timestamp &+= 160
        talk.advance()
      }
      #expect(talk.buffer.isPlaying == false)
    }
    #expect(talk.played.count == 102)
    #expect(talk.buffer.statistics.lost == 0 && talk.buffer.statistics.underruns == 0)
  }

  /// A sender that just stops and goes on (a timestamp gap without a gap in sequence) has lost nothing
  /// either.
  @Test func suddenPauses() {
    let talk = Conversation()
    for _ in 0..<4 {
      for _ in 0..<50 {
        talk.send(delay: 2_000)
        talk.advance()
      }
      for _ in 0..<100 {
        talk.timestamp &+= 160
        talk.advance()
      }
    }
    #expect(talk.played.count == 200)
    #expect(talk.buffer.statistics.lost == 0)
    #expect(!talk.buffer.isPlaying || talk.buffer.count == 0)
  }

  /// The sender's clock is 0.1 % fast, or slow, for five minutes: buffered audio neither grows nor runs dry,
  /// because the base moves along; the reader sees the drift as a delay to be kept.
  @Test(arguments: [-1_000, 1_000]) func clockDrift(partsPerMillion: Int) {
    let talk = Conversation()
    var sentAt = 0.0
    let start = Double(talk.now)
    let period = 20_000 * (1 + Double(partsPerMillion) / 1e6)
    var shortened = 0
    for _ in 0..<15_000 {
      while start + sentAt <= Double(talk.now) {
        talk.send(delay: 1_000)
        sentAt += period
      }
      // A reader of the simplest kind: it leaves out a packet when the delay is far too long.
      if talk.buffer.delay(now: talk.instant, pending: 0) - talk.buffer.targetDelay > .milliseconds(40),
        talk.buffer.count > 0
      {
        _ = talk.buffer.next(now: talk.instant, wanted: 160)
        shortened += 1
      }
      talk.advance()
    }
    #expect(talk.buffer.count <= 5)
    #expect(talk.buffer.statistics.restarts == 0)
    if partsPerMillion < 0 { #expect(shortened >= 10 && shortened <= 20) }
    #expect(talk.buffer.statistics.underruns <= 25)
  }

  @Test(arguments: ["sequence", "timestamp", "ssrc", "all"]) func jumpsAreFollowedWhenConfirmed(kind: String)
  {
    let talk = Conversation()
    for _ in 0..<100 {
      talk.send(delay: 1_000)
      talk.advance()
    }
    // One stray packet changes nothing.
    #expect(talk.insert(talk.sequence &+ 20_000, talk.timestamp &+ 9_000_000) == .probation)
    #expect(talk.insert(talk.sequence, talk.timestamp, ssrc: 99) == .probation)
    for _ in 0..<50 {
      talk.send(delay: 1_000)
      talk.advance()
    }
    #expect(talk.buffer.statistics.restarts == 0 && talk.buffer.statistics.lost == 0)
    if kind == "sequence" || kind == "all" { talk.sequence &+= 30_000 }
    if kind == "timestamp" || kind == "all" { talk.timestamp &+= 0x8000_1234 }
    if kind == "ssrc" || kind == "all" { talk.ssrc = 7 }
    let before = talk.played.count
    for _ in 0..<100 {
      talk.send(delay: 1_000)
      talk.advance()
    }
    #expect(talk.buffer.statistics.restarts == 1)
    #expect(talk.played.count - before >= 94)
  }

  @Test func twoSourcesThatTakeTurnsDoNotReplaceEachOther() {
    let talk = Conversation()
    for i in 0..<200 {
      talk.insert(UInt16(truncatingIfNeeded: i), UInt32(i) * 160, ssrc: 1)
      talk.insert(UInt16(truncatingIfNeeded: i &+ 9_000), UInt32(i) * 160, ssrc: 2)
      talk.advance()
    }
    #expect(talk.buffer.statistics.restarts == 0)
    #expect(talk.played.count > 190)
  }

  @Test func aFloodIsBounded() {
    let talk = Conversation()
    for i in 0..<500 {
      for j in 0..<100 {
        // A hundred times as many, each a copy, or one from the future.
        talk.insert(
          talk.sequence &+ UInt16(j % 3 == 0 ? 0 : j), talk.timestamp &+ UInt32(j % 3 == 0 ? 0 : j) * 160)
      }
      talk.send(delay: 500)
      talk.advance()
      if i == 250 { #expect(talk.buffer.count <= 64) }
    }
    let statistics = talk.buffer.statistics
    #expect(statistics.flooding > 40_000)
    #expect(statistics.accepted + statistics.late + statistics.duplicates + statistics.strays < 6_000)
    #expect(talk.buffer.count <= 64)
  }

  @Test func limitsOfPayloads() {
    let talk = Conversation()
    #expect(talk.insert(1, 160, payload: [UInt8](repeating: 0, count: 4_097)) == .oversized)
    #expect(talk.insert(1, 160, payload: [UInt8](repeating: 0, count: 4_096)) == .accepted)
    #expect(talk.insert(1, 160) == .duplicate)
    #expect(talk.insert(2, 320, payload: []) == .accepted)
  }

  @Test func payloadsComeBackAsTheyWere() {
    let talk = Conversation()
    var random = SplitMix(seed: 4)
    var sent: [[UInt8]] = []
    var got: [[UInt8]] = []
    for i in 0..<400 {
      let payload = (0..<Int(random.next() % 1_500)).map { _ in UInt8(truncatingIfNeeded: random.next()) }
      sent.append(payload)
      talk.insert(UInt16(i), UInt32(i) * 160, payload: payload)
      talk.now += 20_000
      if case .packet(let packet) = talk.buffer.next(now: talk.instant, wanted: 160) {
        got.append(talk.buffer.payload(of: packet).map { Array($0) } ?? [])
      }
    }
    #expect(got.count > 390 && got == Array(sent[..<got.count]))
  }

  /// What does not fit any more has made room for newer: it is lost, and never read as something else.
  @Test func storageThatRunsOverLosesTheOldest() {
    let talk = Conversation()
    for i in 0..<20 {
      talk.insert(UInt16(i), UInt32(i) * 160, payload: [UInt8](repeating: UInt8(i), count: 2_000))
    }
    talk.now += 500_000
    var seen = 0
    for _ in 0..<40 {
      if case .packet(let packet) = talk.buffer.next(now: talk.instant, wanted: 160) {
        seen += 1
        let payload = talk.buffer.payload(of: packet).map { Array($0) }
        #expect(payload == [UInt8](repeating: UInt8(packet.sequence & 0xff), count: 2_000))
      }
    }
    #expect(seen >= 6 && seen <= 8)
  }

  /// A long key press keeps its first timestamp; the audio behind it goes on where it should.
  @Test func eventsAreNoJump() {
    let talk = Conversation()
    for _ in 0..<50 {
      talk.send(delay: 1_000)
      talk.advance()
    }
    let begun = talk.timestamp
    for _ in 0..<100 {
      #expect(talk.insert(talk.sequence, begun, kind: .event) == .accepted)
      talk.sequence &+= 1
      talk.timestamp &+= 160
      talk.advance()
    }
    for _ in 0..<50 {
      talk.send(delay: 1_000)
      talk.advance()
    }
    #expect(talk.buffer.statistics.restarts == 0 && talk.buffer.statistics.lost == 0)
    #expect(talk.played.count >= 97)
  }

  /// Whatever comes: order is kept, nothing is given twice, and a stream that settles down is heard again.
  @Test(arguments: 1...20) func anything(seed: Int) {
    let talk = Conversation(sequence: UInt16(seed * 3_000 % 65_536), timestamp: UInt32(seed) &* 0x1234_5678)
    var random = SplitMix(seed: UInt64(seed))
    for _ in 0..<2_000 {
      switch random.next() % 40 {
      case 0:
        talk.insert(UInt16(truncatingIfNeeded: random.next()), UInt32(truncatingIfNeeded: random.next()))
      case 1: talk.sequence &+= UInt16(truncatingIfNeeded: random.next() % 300)
      case 2: talk.timestamp &+= UInt32(truncatingIfNeeded: random.next() % 20_000)
      case 3: talk.insert(talk.sequence &- 1, talk.timestamp &- 160)
      case 4: talk.ssrc = UInt32(random.next() % 3)
      case 5: for _ in 0..<10 { talk.send(delay: 500) }
      case 6: talk.send(delay: 2_000, kind: [.silence, .comfortNoise, .event][Int(random.next() % 3)])
      case 7: for _ in 0..<Int(random.next() % 50) { talk.advance() }
      default: talk.send(delay: random.next() % 10 == 0 ? nil : Int64(random.next() % 60_000))
      }
      talk.advance()
      #expect(talk.buffer.count <= 64)
    }
    let before = talk.played.count
    for _ in 0..<300 {
      talk.send(delay: 2_000)
      talk.advance()
    }
    #expect(talk.played.count - before > 200)
    let end = Array(talk.played.suffix(150))
    #expect(zip(end, end.dropFirst()).allSatisfy { $1 == $0 + 1 })
  }
}
