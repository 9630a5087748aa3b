import TestSupport
import Testing

@testable import Codecs

/// Samples through an encoder and a decoder of the same kind, 20 ms at a time.
final class RoundTrip {
  var encoder: AudioEncoder
  var decoder: AudioDecoder

  init(_ encoding: AudioEncoding, rate: Int? = nil, settings: OpusSettings = OpusSettings()) throws {
    encoder = try unwrapped(AudioEncoder(encoding, sampleRate: rate, settings: settings))
    decoder = try unwrapped(AudioDecoder(encoding, sampleRate: rate))
  }

  func encode(_ samples: [Int16]) -> [[UInt8]] {
    let frame = encoder.sampleRate / 50
    return stride(from: 0, to: samples.count / frame * frame, by: frame).map { start in
      var payload = [UInt8](repeating: 0, count: 2_048)
      let length = samples[start..<start + frame].withUnsafeBufferPointer { from in
        payload.withUnsafeMutableBytes { encoder.encode(from, into: $0) }
      }
      return Array(payload[..<length])
    }
  }

  func decode(_ payload: [UInt8]) -> [Int16]? {
    var samples = [Int16](repeating: 0, count: decoder.maximumSamples)
    let count = payload.withUnsafeBytes { from in
      samples.withUnsafeMutableBufferPointer { decoder.decode(from, into: $0) }
    }
    return count.map { Array(samples[..<$0]) }
  }

  func conceal(_ count: Int) -> [Int16] {
    var samples = [Int16](repeating: 77, count: count)
    samples.withUnsafeMutableBufferPointer { decoder.conceal(into: $0) }
    return samples
  }

  func recover(_ count: Int, from next: [UInt8]) -> [Int16] {
    var samples = [Int16](repeating: 77, count: count)
    next.withUnsafeBytes { bytes in
      samples.withUnsafeMutableBufferPointer { decoder.recover(from: bytes, into: $0) }
    }
    return samples
  }
}

@Suite struct CodecRoundTripTests {
  static let encodings: [(AudioEncoding, Int)] = [
    (.pcmu, 8_000), (.pcma, 8_000), (.g722, 16_000), (.l16(.narrow), 8_000), (.l16(.wide), 16_000),
    (.l16(.full), 48_000), (.opus, 48_000), (.opus, 8_000), (.opus, 16_000),
  ]

  @Test(arguments: encodings) func aToneStaysATone(encoding: AudioEncoding, rate: Int) throws {
    let trip = try RoundTrip(encoding, rate: rate)
    let sent = AudioSignal.sine(440, rate: rate, count: rate)
    var heard: [Int16] = []
    for payload in trip.encode(sent) {
      let duration = payload.withUnsafeBytes { encoding.duration(of: $0) }
      #expect(duration == encoding.clockRate / 50)
      heard += trip.decode(payload) ?? []
    }
    #expect(heard.count == rate)
    let middle = heard[rate / 4..<rate * 3 / 4]
    #expect(AudioSignal.purity(of: 440, in: middle, rate: rate) > 20)
    let level = AudioSignal.level(of: 440, in: middle, rate: rate)
    #expect(level > 6_000 && level < 8_100)  // 10000 / √2 is 7071
  }

  @Test func linearIsExact() throws {
    let trip = try RoundTrip(.l16(.wide))
    let sent = AudioSignal.noise(count: 320, amplitude: 32_000, seed: 1)
    let payload = try #require(trip.encode(sent).first)
    #expect(payload.count == 640)
    #expect(payload[0] == UInt8(truncatingIfNeeded: sent[0] >> 8))
    #expect(trip.decode(payload) == sent)
  }

  /// The names and numbers of RFC 3551 and 7587.
  @Test func namesAndRates() {
    #expect(AudioEncoding(name: "opus", clockRate: 48_000, channels: 2) == .opus)
    #expect(AudioEncoding(name: "OPUS", clockRate: 48_000, channels: 2) == .opus)
    #expect(AudioEncoding(name: "opus", clockRate: 48_000, channels: 1) == nil)
    #expect(AudioEncoding(name: "G722", clockRate: 8_000) == .g722)
    #expect(AudioEncoding(name: "G722", clockRate: 16_000) == nil)
    #expect(AudioEncoding(name: "L16", clockRate: 16_000) == .l16(.wide))
    #expect(AudioEncoding(name: "L16", clockRate: 44_100) == nil)
    #expect(AudioEncoding.g722.clockRate == 8_000 && AudioEncoding.g722.sampleRate == 16_000)
    #expect(AudioEncoding.g722.samplesPerTick == 2)
    #expect([AudioEncoding.pcmu, .pcma, .g722, .opus].map(\.staticPayloadType) == [0, 8, 9, nil])
  }

  @Test func payloadsAtTheirLimits() {
    func duration(_ encoding: AudioEncoding, _ count: Int) -> Int? {
      [UInt8](repeating: 0xd5, count: count).withUnsafeBytes { encoding.duration(of: $0) }
    }
    #expect(duration(.pcma, 0) == nil)
    #expect(duration(.pcma, 1) == 1)
    #expect(duration(.pcma, 960) == 960)
    #expect(duration(.pcma, 961) == nil)
    #expect(duration(.l16(.narrow), 1_920) == 960)
    #expect(duration(.l16(.narrow), 1_922) == nil)
    #expect(duration(.l16(.narrow), 5) == nil)
  }

  @Test(arguments: encodings) func whatIsTooLongForTheBufferIsRefused(encoding: AudioEncoding, rate: Int)
    throws
  {
    let trip = try RoundTrip(encoding, rate: rate)
    let payload = try #require(trip.encode(AudioSignal.sine(440, rate: rate, count: rate / 50)).first)
    var small = [Int16](repeating: 0, count: rate / 50 - 1)
    let count = payload.withUnsafeBytes { from in
      small.withUnsafeMutableBufferPointer { trip.decoder.decode(from, into: $0) }
    }
    #expect(count == nil)
    var tiny = [UInt8](repeating: 0, count: 1)
    let length = AudioSignal.sine(440, rate: rate, count: rate / 50).withUnsafeBufferPointer { from in
      tiny.withUnsafeMutableBytes { trip.encoder.encode(from, into: $0) }
    }
    #expect(length <= 1)
  }

  @Test(arguments: encodings) func anythingCanBeDecodedOrRefused(encoding: AudioEncoding, rate: Int) throws {
    let trip = try RoundTrip(encoding, rate: rate)
    var generator = SplitMix(seed: 42)
    for _ in 0..<2_000 {
      let payload = (0..<Int(generator.next() % 300)).map { _ in UInt8(truncatingIfNeeded: generator.next()) }
      let most = trip.decoder.maximumSamples
      if let samples = trip.decode(payload) { #expect(samples.count <= most) }
      if generator.next() % 4 == 0 { _ = trip.conceal(rate / 50) }
      if generator.next() % 4 == 0 { _ = trip.recover(rate / 50, from: payload) }
    }
  }

  /// A hole of 20 ms in a tone is filled: the level holds, and there is no click.
  @Test(arguments: encodings) func aLossIsConcealed(encoding: AudioEncoding, rate: Int) throws {
    let trip = try RoundTrip(encoding, rate: rate)
    let frame = rate / 50
    var heard: [Int16] = []
    for (index, payload) in trip.encode(AudioSignal.sine(440, rate: rate, count: rate)).enumerated() {
      heard += index == 25 ? trip.conceal(frame) : trip.decode(payload) ?? []
    }
    // Opus may be off by its lookahead; the frame after the lost one is looked at with it.
    let hole = heard[25 * frame..<26 * frame]
    #expect(AudioSignal.rootMeanSquare(hole) > 3_500)
    let around = heard[22 * frame..<30 * frame]
    // Opus models a voice, and a sine is none.
    if encoding != .opus { #expect(AudioSignal.purity(of: 440, in: around, rate: rate) > 8) }
    let steps = zip(around, around.dropFirst()).map { abs(Int($0) - Int($1)) }
    // The steepest slope of the tone itself is amplitude times 2π f / rate.
    let steepest = 10_000 * 2 * 3.1416 * 440 / Double(rate)
    #expect(Double(steps.max() ?? 0) < 3.5 * steepest)
  }

  @Test(arguments: encodings.filter { $0.0 != .opus })
  func longLossesFadeToSilence(encoding: AudioEncoding, rate: Int) throws {
    let trip = try RoundTrip(encoding, rate: rate)
    for payload in trip.encode(AudioSignal.sine(440, rate: rate, count: rate / 2)) {
      _ = trip.decode(payload)
    }
    let filled = trip.conceal(rate / 5)
    #expect(AudioSignal.rootMeanSquare(filled[..<(rate / 100)]) > 5_000)
    #expect(filled[(rate * 60 / 1_000)...].allSatisfy { $0 == 0 })
  }

  @Test func changesOfSettingsGoOnInTheStream() throws {
    let trip = try RoundTrip(.opus, settings: OpusSettings(bitrate: 64_000))
    let sent = AudioSignal.noise(count: 48_000, amplitude: 8_000, seed: 3)
    let many = trip.encode(sent).map(\.count).reduce(0, +)
    trip.encoder.update(OpusSettings(bitrate: 16_000))
    let few = trip.encode(sent).map(\.count).reduce(0, +)
    #expect(many > 3 * few)
    let settings = trip.encoder.settings
    #expect(settings.bitrate == 16_000)
  }

  @Test func settingsAreKeptWithinTheirRange() {
    let settings = OpusSettings(bitrate: 1, complexity: 99, expectedLoss: -4, maximumPlaybackRate: 1)
    #expect(settings.bitrate == 6_000 && settings.complexity == 10)
    #expect(settings.expectedLoss == 0 && settings.maximumPlaybackRate == 8_000)
    #expect(throws: NothingThere.self) { _ = try RoundTrip(.opus, rate: 44_100) }
  }
}
