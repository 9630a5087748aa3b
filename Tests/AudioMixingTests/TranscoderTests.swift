import CallModel
import Codecs
import TestSupport
import Testing

@testable import AudioMixing

/// A sender, a transcoder, and the receiver behind it.
private final class Crossing {
  var transcoder: Transcoder
  let from: AudioEncoding
  let to: AudioEncoding
  var encoder: AudioEncoder
  var decoder: AudioDecoder
  var sequence: UInt16 = 65_530
  var timestamp: UInt32 = 0xffff_ff80
  var now: Int64 = 3_000_000
  var tick = 0
  var sent: [(type: UInt8, isMarked: Bool, sequence: UInt16, timestamp: UInt32, payload: [UInt8])] = []
  var heard: [Int16] = []
  var outcomes: [Transcoder.Outcome] = []

  init(
    _ from: AudioEncoding, _ to: AudioEncoding, opus: OpusSettings = OpusSettings(complexity: 2),
    sending: OpusSettings = OpusSettings(complexity: 2), noise: UInt8? = nil
  ) throws {
    self.from = from
    self.to = to
    transcoder = try unwrapped(
      Transcoder(
        Transcoder.Configuration(
          from: from, to: to, opus: opus, payloadType: 96, comfortNoisePayloadType: noise,
          eventPayloadType: 101, ssrc: 5, firstSequenceNumber: 65_533, firstTimestamp: 0xffff_f000)))
    encoder = try unwrapped(AudioEncoder(from, settings: sending))
    decoder = try unwrapped(AudioDecoder(to))
  }

  func receive(
    _ payload: [UInt8], sequence: UInt16? = nil, timestamp: UInt32? = nil, ssrc: UInt32 = 1,
    kind: PacketNote.Kind = .audio
  ) -> Transcoder.Outcome {
    let outcome = payload.withUnsafeBytes { bytes in
      transcoder.receive(
        sequenceNumber: sequence ?? self.sequence, timestamp: timestamp ?? self.timestamp, ssrc: ssrc,
        kind: kind, payload: bytes, now: MonotonicInstant(nanoseconds: now * 1_000)
      ) { packet in
        sent.append(
          (
            packet.payloadType, packet.isMarked, packet.sequenceNumber, packet.timestamp,
            Array(packet.payload)
          ))
        guard packet.payloadType == 96 else { return }
        var samples = [Int16](repeating: 0, count: decoder.maximumSamples)
        let count = samples.withUnsafeMutableBufferPointer { decoder.decode(packet.payload, into: $0) }
        heard += samples[..<(count ?? 0)]
      }
    }
    outcomes.append(outcome)
    return outcome
  }

  /// The next 20 ms; a packet that is lost is encoded all the same.
  func send(_ samples: [Int16], isLost: Bool = false) {
    var payload = [UInt8](repeating: 0, count: 2_048)
    let length = samples.withUnsafeBufferPointer { from in
      payload.withUnsafeMutableBytes { encoder.encode(from, into: $0) }
    }
    if !isLost, length > 0 { _ = receive(Array(payload[..<length])) }
    if length > 0 { sequence &+= 1 }
    pass()
  }

  func send(tone: Double, isLost: Bool = false) {
    let frame = from.sampleRate / 50
    send(AudioSignal.sine(tone, rate: from.sampleRate, count: frame, from: tick * frame), isLost: isLost)
  }

  /// 20 ms go by.
  func pass() {
    timestamp &+= UInt32(from.clockRate / 50)
    now += 20_000
    tick += 1
  }

  var step: UInt32 { UInt32(to.clockRate / 50) }

  func expectUnbrokenSequence() {
    for (a, b) in zip(sent, sent.dropFirst()) { #expect(b.sequence == a.sequence &+ 1) }
  }
}

@Suite struct TranscoderTests {
  static let encodings: [AudioEncoding] = [.pcmu, .pcma, .g722, .l16(.wide), .l16(.full), .opus]
  static let pairs = encodings.flatMap { a in encodings.filter { $0 != a }.map { (a, $0) } }

  @Test(arguments: pairs) func aToneStaysATone(from: AudioEncoding, to: AudioEncoding) throws {
    let crossing = try Crossing(from, to)
    for _ in 0..<100 { crossing.send(tone: 440) }
    let rate = to.sampleRate
    // Opus at 8 kHz models a voice, and a sine is none.
    let isModelled = to == .opus && from.sampleRate == 8_000
    #expect(AudioSignal.purity(of: 440, in: crossing.heard.suffix(rate), rate: rate) > (isModelled ? 10 : 18))
    let level = AudioSignal.level(of: 440, in: crossing.heard.suffix(rate), rate: rate)
    #expect(abs(level - 7_071) < (isModelled ? 1_800 : 1_000))
    #expect(crossing.outcomes.allSatisfy { $0 == .accepted })
    crossing.expectUnbrokenSequence()
    #expect(crossing.sent.first?.isMarked == true && crossing.sent.dropFirst().allSatisfy { !$0.isMarked })
    for (a, b) in zip(crossing.sent, crossing.sent.dropFirst()) {
      #expect(b.timestamp &- a.timestamp == crossing.step)
    }
  }

  /// From a click in to the click out: less than 40 ms, whatever the encodings.
  @Test(arguments: pairs) func theDelayIsThatOfTheCodecs(from: AudioEncoding, to: AudioEncoding) throws {
    let crossing = try Crossing(from, to, opus: OpusSettings(bitrate: 64_000, complexity: 5))
    let frame = from.sampleRate / 50
    for i in 0..<50 {
      crossing.send(
        i == 25
          ? AudioSignal.sine(1_000, rate: from.sampleRate, count: frame, amplitude: 20_000)
          : [Int16](repeating: 0, count: frame))
    }
    let energy = stride(from: 0, to: crossing.heard.count - to.sampleRate / 1_000, by: to.sampleRate / 1_000)
      .map { AudioSignal.rootMeanSquare(crossing.heard[$0..<$0 + to.sampleRate / 1_000]) }
    let begin = try #require(energy.firstIndex { $0 > 4_000 })
    // Milliseconds behind where it was put in.
    #expect(begin - 500 >= 0 && begin - 500 < 40, "\(begin - 500) ms")
  }

  @Test(arguments: [(AudioEncoding.pcma, AudioEncoding.opus), (.opus, .pcma), (.g722, .pcmu)])
  func lossesAreConcealed(from: AudioEncoding, to: AudioEncoding) throws {
    let crossing = try Crossing(from, to)
    for i in 0..<200 { crossing.send(tone: 400, isLost: i % 20 == 9 || i == 50) }
    let rate = to.sampleRate
    #expect(AudioSignal.level(of: 400, in: crossing.heard.suffix(2 * rate), rate: rate) > 5_500)
    crossing.expectUnbrokenSequence()
    // The receiver is missing nothing.
    #expect(crossing.sent.count >= 198)
    for (a, b) in zip(crossing.sent, crossing.sent.dropFirst()) {
      #expect(b.timestamp &- a.timestamp == crossing.step)
    }
    let concealed = crossing.transcoder.concealedPackets
    #expect(concealed >= 10)
  }

  @Test func whatOpusCarriesTwiceIsUsed() throws {
    var voice = SpeechLike(seed: 6, pitch: 120)
    let speech = voice.samples(96_000)
    let settings = OpusSettings(bitrate: 24_000, complexity: 5, usesRedundancy: true, expectedLoss: 20)
    func heard(loss: Bool) throws -> [Int16] {
      let crossing = try Crossing(.opus, .l16(.full), sending: settings)
      for i in 0..<100 { crossing.send(Array(speech[i * 960..<i * 960 + 960]), isLost: loss && i % 8 == 5) }
      return crossing.heard
    }
    let whole = try heard(loss: false)
    let holed = try heard(loss: true)
    #expect(whole.count == holed.count)
    let error = zip(whole, holed).map { Int16(clamping: Int($0) - Int($1)) }
    #expect(AudioSignal.rootMeanSquare(error) < 0.5 * AudioSignal.rootMeanSquare(whole))
  }

  @Test func pausesStayPauses() throws {
    let crossing = try Crossing(.pcma, .opus)
    for _ in 0..<20 { crossing.send(tone: 440) }
    for _ in 0..<100 { crossing.pass() }
    for _ in 0..<20 { crossing.send(tone: 440) }
    #expect(crossing.sent.count == 40)
    #expect(crossing.sent[20].isMarked)
    #expect(crossing.sent[20].timestamp &- crossing.sent[19].timestamp == 101 * 960)
    #expect(crossing.sent[20].sequence == crossing.sent[19].sequence &+ 1)
    let concealed = crossing.transcoder.concealedPackets
    #expect(concealed == 0)
  }

  @Test func silenceOfOpusBecomesLittle() throws {
    let crossing = try Crossing(.pcma, .opus, opus: OpusSettings(complexity: 2, usesDTX: true))
    for _ in 0..<200 { crossing.send([Int16](repeating: 0, count: 160)) }
    #expect(crossing.sent.count < 60)
    for i in 0..<25 { crossing.send(AudioSignal.sine(300, rate: 8_000, count: 160, from: i * 160)) }
    #expect(crossing.sent.filter(\.isMarked).count >= 2)
    let back = try Crossing(.opus, .pcma, sending: OpusSettings(complexity: 2, usesDTX: true))
    for _ in 0..<200 { back.send([Int16](repeating: 0, count: 960)) }
    #expect(back.sent.count < 60)
  }

  @Test func comfortNoiseGoesThroughWhereItIsKnown() throws {
    for noise: UInt8? in [13, nil] {
      let crossing = try Crossing(.pcma, .pcmu, noise: noise)
      for _ in 0..<10 { crossing.send(tone: 440) }
      #expect(
        crossing.receive([60, 127] + [UInt8](repeating: 1, count: 30), kind: .comfortNoise) == .accepted)
      crossing.sequence &+= 1
      for _ in 0..<25 { crossing.pass() }
      for _ in 0..<10 { crossing.send(tone: 440) }
      let packets = crossing.sent.filter { $0.type == 13 }
      #expect(packets.count == (noise == nil ? 0 : 1))
      if let packet = packets.first { #expect(packet.payload.count == 11 && packet.payload[0] == 60) }
      crossing.expectUnbrokenSequence()
      let first = try #require(crossing.sent.last { $0.isMarked })
      #expect(first.timestamp &- crossing.sent[9].timestamp == 26 * 160)
    }
  }

  /// RFC 4733 §2.3: the time of its beginning and its duration, in the clock of the other side.
  @Test func eventsKeepTimeAndDuration() throws {
    let crossing = try Crossing(.pcma, .opus)
    for _ in 0..<10 { crossing.send(tone: 440) }
    let begun = crossing.timestamp
    for i in 1...5 {
      let duration = UInt8(i * 32)
      #expect(
        crossing.receive([5, i == 5 ? 0x8a : 0x0a, 0, duration], timestamp: begun, kind: .event) == .accepted)
      crossing.sequence &+= 1
      crossing.pass()
    }
    for _ in 0..<10 { crossing.send(tone: 440) }
    let events = crossing.sent.filter { $0.type == 101 }
    #expect(events.count == 5)
    #expect(Set(events.map(\.timestamp)).count == 1)
    #expect(events[0].timestamp == crossing.sent[9].timestamp &+ 960)
    #expect(events.map { UInt16($0.payload[2]) << 8 | UInt16($0.payload[3]) } == [192, 384, 576, 768, 960])
    crossing.expectUnbrokenSequence()
    #expect(crossing.sent[15].timestamp &- crossing.sent[9].timestamp == 6 * 960)
  }

  @Test func lateAndDuplicatePacketsAreLeftOut() throws {
    let crossing = try Crossing(.pcma, .pcmu)
    for _ in 0..<20 { crossing.send(tone: 440) }
    let count = crossing.sent.count
    #expect(crossing.receive([UInt8](repeating: 1, count: 160), sequence: crossing.sequence &- 1) == .late)
    #expect(crossing.receive([UInt8](repeating: 1, count: 160), sequence: crossing.sequence &- 99) == .late)
    #expect(crossing.receive([]) == .malformed)
    #expect(crossing.sent.count == count)
  }

  /// Jumps of all kinds: the receiver sees one stream that goes on with the time that went by.
  @Test(arguments: ["ssrc", "sequence", "timestamp"]) func jumps(kind: String) throws {
    let crossing = try Crossing(.pcma, .opus)
    for _ in 0..<50 { crossing.send(tone: 440) }
    for _ in 0..<10 { crossing.pass() }
    var ssrc: UInt32 = 1
    if kind == "ssrc" {
      ssrc = 2
      crossing.timestamp = 77
      crossing.sequence = 12
    }
    if kind == "sequence" { crossing.sequence &+= 20_000 }
    if kind == "timestamp" { crossing.timestamp &+= 0x7000_0000 }
    for i in 0..<20 {
      let samples = AudioSignal.sine(440, rate: 8_000, count: 160, from: i * 160)
      #expect(crossing.receive(G711.pcma.encode(samples), ssrc: ssrc) == .accepted)
      crossing.sequence &+= 1
      crossing.pass()
    }
    crossing.expectUnbrokenSequence()
    #expect(crossing.sent.count == 70)
    let gap = crossing.sent[50].timestamp &- crossing.sent[49].timestamp
    // 200 ms went by, and one frame.
    #expect(gap >= 10 * 960 && gap <= 13 * 960, "\(gap)")
  }

  @Test func aFloodIsBounded() throws {
    let crossing = try Crossing(.pcma, .opus)
    let payload = [UInt8](repeating: 0xd5, count: 160)
    for _ in 0..<200 {
      for _ in 0..<100 {
        _ = crossing.receive(payload)
        crossing.sequence &+= 1
        crossing.timestamp &+= 160
      }
      crossing.now += 20_000
    }
    // Four seconds went by: no more than five, and what may come ahead, were worked on.
    #expect(crossing.outcomes.filter { $0 == .accepted }.count <= 310)
    #expect(crossing.outcomes.filter { $0 == .flooding }.count > 19_000)
    #expect(crossing.sent.count <= 330)
  }

  @Test(arguments: 1...8) func anything(seed: Int) throws {
    var random = SplitMix(seed: UInt64(seed))
    for (from, to) in Self.pairs where random.next() % 3 == 0 {
      let crossing = try Crossing(from, to, noise: 13)
      for _ in 0..<300 {
        let payload = (0..<Int(random.next() % 250)).map { _ in UInt8(truncatingIfNeeded: random.next()) }
        let kind: PacketNote.Kind = [.audio, .audio, .audio, .comfortNoise, .event][Int(random.next() % 5)]
        switch random.next() % 12 {
        case 0: crossing.sequence = UInt16(truncatingIfNeeded: random.next())
        case 1: crossing.timestamp = UInt32(truncatingIfNeeded: random.next())
        case 2: crossing.now += Int64(random.next() % 5_000_000)
        default: crossing.sequence &+= 1
        }
        _ = crossing.receive(payload, ssrc: UInt32(random.next() % 20 == 0 ? 2 : 1), kind: kind)
        crossing.pass()
      }
      crossing.expectUnbrokenSequence()
    }
  }
}
