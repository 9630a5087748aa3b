import CallModel
import Codecs
import TestSupport
import Testing

@testable import AudioMixing

/// One party's audio through the network into the mix.
private final class Line {
  var audio: InboundAudio
  let encoding: AudioEncoding
  var encoder: AudioEncoder
  var sequence: UInt16 = 0
  var timestamp: UInt32 = 0
  var now: Int64 = 1_000_000
  var heard: [Int16] = []
  var delays: [Double] = []
  private var inFlight: [(at: Int64, sequence: UInt16, timestamp: UInt32, payload: [UInt8])] = []
  private var position = 0

  init(_ encoding: AudioEncoding, settings: OpusSettings = OpusSettings(complexity: 2)) throws {
    self.encoding = encoding
    audio = try unwrapped(InboundAudio(encoding))
    encoder = try unwrapped(AudioEncoder(encoding, settings: settings))
  }

  /// Sends the next 20 ms of a tone to arrive after so many microseconds; nil loses it.
  func send(tone: Double, delay: Int64?) {
    let frame = encoding.sampleRate / 50
    let samples = AudioSignal.sine(tone, rate: encoding.sampleRate, count: frame, from: position)
    position += frame
    var payload = [UInt8](repeating: 0, count: 2_048)
    let length = samples.withUnsafeBufferPointer { from in
      payload.withUnsafeMutableBytes { encoder.encode(from, into: $0) }
    }
    if let delay { inFlight.append((now + delay, sequence, timestamp, Array(payload[..<length]))) }
    sequence &+= 1
    timestamp &+= UInt32(encoding.clockRate / 50)
  }

  func receive(_ payload: [UInt8], sequence: UInt16, timestamp: UInt32, kind: PacketNote.Kind = .audio)
    -> JitterBuffer.Arrival?
  {
    payload.withUnsafeBytes { bytes in
      audio.receive(
        sequenceNumber: sequence, timestamp: timestamp, ssrc: 1, kind: kind, payload: bytes,
        now: MonotonicInstant(nanoseconds: now * 1_000))
    }
  }

  func advance(isHeard: Bool = true) {
    let end = now + 20_000
    for packet in inFlight.filter({ $0.at < end }).sorted(by: { $0.at < $1.at }) {
      now = max(now, packet.at)
      _ = receive(packet.payload, sequence: packet.sequence, timestamp: packet.timestamp)
    }
    inFlight.removeAll { $0.at < end }
    now = end
    let instant = MonotonicInstant(nanoseconds: now * 1_000)
    _ = audio.prepare(now: instant, isHeard: isHeard)
    guard isHeard else { return audio.skip() }
    var frame = [Int16](repeating: 0, count: 960)
    let isThere = frame.withUnsafeMutableBufferPointer { audio.take(into: $0, now: instant) }
    heard += isThere ? frame : [Int16](repeating: 0, count: 960)
    delays.append(Double(audio.jitter.delay(now: instant, pending: 0).milliseconds))
  }

  /// How well the tone comes through, in the last so many seconds.
  func purity(_ tone: Double, seconds: Int = 2) -> Double {
    AudioSignal.purity(of: tone, in: heard.suffix(48_000 * seconds), rate: 48_000)
  }

  func level(_ tone: Double) -> Double {
    AudioSignal.level(of: tone, in: heard.suffix(48_000), rate: 48_000)
  }
}

@Suite struct InboundAudioTests {
  static let encodings: [AudioEncoding] = [.pcma, .g722, .l16(.full), .opus]

  @Test(arguments: encodings) func jitterIsNotHeard(encoding: AudioEncoding) throws {
    let line = try Line(encoding)
    var random = SplitMix(seed: 1)
    for _ in 0..<500 {
      line.send(tone: 440, delay: 5_000 + Int64(random.next() % 50_000))
      line.advance()
    }
    #expect(line.purity(440) > 20)
    #expect(line.level(440) > 6_000)
    let statistics = line.audio.jitter.statistics
    #expect(statistics.late + statistics.lost <= 10)
  }

  /// 5 % loss leaves the note a note.
  @Test(arguments: encodings) func lossesAreFilled(encoding: AudioEncoding) throws {
    let line = try Line(encoding)
    for i in 0..<500 {
      line.send(tone: 400, delay: i % 20 == 7 ? nil : 3_000)
      line.advance()
    }
    #expect(line.level(400) > 5_500)
    #expect(line.purity(400) > 6)
    #expect(line.heard.count == 500 * 960)
  }

  /// After a bad time the delay comes down again while the party speaks, without a break in the sound.
  @Test(arguments: encodings) func theDelayComesDownInSpeech(encoding: AudioEncoding) throws {
    let line = try Line(encoding)
    var random = SplitMix(seed: 3)
    for _ in 0..<300 {
      line.send(tone: 200, delay: 5_000 + Int64(random.next() % 120_000))
      line.advance()
    }
    let before = line.delays.last ?? 0
    let quiet = line.heard.count
    for _ in 0..<3_000 {
      line.send(tone: 200, delay: 5_000)
      line.advance()
    }
    #expect(before > 80)
    #expect((line.delays.last ?? 999) < 45)
    let after = line.heard[quiet...]
    // Every half second is mostly the note: periods were left out, nothing was cut.
    for start in stride(from: after.startIndex + 48_000, to: after.endIndex - 24_000, by: 24_000) {
      let piece = after[start..<start + 24_000]
      #expect(AudioSignal.rootMeanSquare(piece) > 5_000)
      let steps = zip(piece, piece.dropFirst()).map { abs(Int($0) - Int($1)) }
      #expect((steps.max() ?? 0) < 1_500)
    }
  }

  /// A sender whose clock is 500 ppm off, either way, for two minutes: delay stays where it is, and so does
  /// the note.
  @Test(arguments: [-500.0, 500]) func clocksThatDrift(partsPerMillion: Double) throws {
    let line = try Line(.pcma)
    var due = Double(line.now)
    for _ in 0..<6_000 {
      while due <= Double(line.now) {
        line.send(tone: 300, delay: 2_000)
        due += 20_000 * (1 + partsPerMillion / 1e6)
      }
      line.advance()
    }
    #expect(line.delays.suffix(500).allSatisfy { $0 > -25 && $0 < 70 })
    #expect(line.audio.jitter.count <= 4)
    #expect(line.purity(300) > 8)
    #expect(line.level(300) > 6_000)
  }

  @Test func otherPacketTimes() throws {
    // 10, 30 and 60 ms of G.711 in a packet.
    for milliseconds in [10, 30, 60] {
      let line = try Line(.pcmu)
      let count = milliseconds * 8
      var sent = 0
      for tick in 0..<300 {
        while sent * milliseconds <= tick * 20 {
          let samples = AudioSignal.sine(500, rate: 8_000, count: count, from: sent * count)
          _ = line.receive(
            G711.pcmu.encode(samples), sequence: UInt16(sent), timestamp: UInt32(sent * count))
          sent += 1
        }
        line.advance()
      }
      #expect(line.purity(500) > 25, "\(milliseconds) ms")
    }
  }

  @Test func comfortNoiseFillsPauses() throws {
    let line = try Line(.pcma)
    for _ in 0..<50 {
      line.send(tone: 440, delay: 1_000)
      line.advance()
    }
    _ = line.receive([45], sequence: line.sequence, timestamp: line.timestamp, kind: .comfortNoise)
    for _ in 0..<60 { line.advance() }
    let level = Array(line.heard.suffix(960 * 20)).withUnsafeBufferPointer { AudioLevel(of: $0).value }
    #expect(level > 42 && level < 49)
    #expect(line.audio.jitter.statistics.underruns <= 2)
  }

  @Test func aPartyThatStopsSendingFallsSilent() throws {
    for encoding in Self.encodings {
      let line = try Line(encoding)
      for _ in 0..<50 {
        line.send(tone: 440, delay: 1_000)
        line.advance()
      }
      for _ in 0..<200 { line.advance() }
      #expect(AudioSignal.rootMeanSquare(line.heard.suffix(960 * 150)) < 20)
      let isAtRest = line.audio.isAtRest
      #expect(isAtRest)
    }
  }

  /// Who becomes heard after he was passed over is heard cleanly from the first frame.
  @Test func aColdDecoderIsWarmedUp() throws {
    let line = try Line(.opus)
    for i in 0..<200 {
      line.send(tone: 440, delay: 1_000)
      line.advance(isHeard: i < 50 || i >= 100)
    }
    let heard = line.heard[(960 * 50)...]
    #expect(AudioSignal.purity(of: 440, in: heard.prefix(960 * 20), rate: 48_000) > 15)
    let first = heard.prefix(960)
    #expect(AudioSignal.rootMeanSquare(first) > 4_000)
  }

  @Test func malformedPayloadsAreCountedAndBridged() throws {
    let line = try Line(.opus)
    for i in 0..<200 {
      line.send(tone: 440, delay: 1_000)
      if i > 50, i % 4 == 0 {
        #expect(line.receive([], sequence: line.sequence, timestamp: line.timestamp) == nil)
        #expect(line.receive([0x7b, 0], sequence: line.sequence, timestamp: line.timestamp) == nil)
      }
      line.advance()
    }
    let malformed = line.audio.malformedPackets
    #expect(malformed > 50)
    #expect(line.purity(440) > 15)
  }

  @Test(arguments: 1...6) func anyBytesAtAll(seed: Int) throws {
    for encoding in Self.encodings {
      let line = try Line(encoding)
      var random = SplitMix(seed: UInt64(seed))
      for _ in 0..<600 {
        for _ in 0..<Int(random.next() % 4) {
          let payload = (0..<Int(random.next() % 200)).map { _ in UInt8(truncatingIfNeeded: random.next()) }
          let kind: PacketNote.Kind = [.audio, .audio, .audio, .comfortNoise, .event][Int(random.next() % 5)]
          if random.next() % 30 == 0 { line.sequence &+= UInt16(truncatingIfNeeded: random.next()) }
          if random.next() % 30 == 0 { line.timestamp &+= UInt32(truncatingIfNeeded: random.next()) }
          line.sequence &+= 1
          line.timestamp &+= UInt32(encoding.clockRate / 50)
          _ = line.receive(payload, sequence: line.sequence, timestamp: line.timestamp, kind: kind)
        }
        line.advance(isHeard: random.next() % 3 != 0)
      }
    }
  }
}
