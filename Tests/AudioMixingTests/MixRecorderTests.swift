import Codecs
import TestSupport
import Testing

@testable import AudioMixing

@Suite struct MixRecorderTests {
  /// A conference of five seconds, with a pause in it, is a file of five seconds with the pause in its place.
  @Test func theFileIsAsLongAsTheConference() throws {
    let meeting = Meeting()
    try meeting.add(
      Phone(.opus, ssrc: 1) { tick in
        tick < 100 || tick >= 200
          ? AudioSignal.sine(440, rate: 48_000, count: 960, amplitude: 6_000, from: tick * 960) : nil
      })
    let tape = try meeting.add(Phone(listening: .opus, ssrc: 2))
    try meeting.add(Phone(listening: .opus, ssrc: 3))
    let before = meeting.room.counters.encodedFrames
    meeting.run(seconds: 5)
    // The tape had no encoder of its own.
    #expect(meeting.room.counters.encodedFrames - before < 220)

    var recorder = MixRecorder(serialNumber: 3)
    var file = recorder.begin(title: "Test")
    for packet in tape.packets {
      file += packet.payload.withUnsafeBytes { recorder.append($0, timestamp: packet.timestamp) }
    }
    // Once more is not twice.
    let last = try #require(tape.packets.last)
    #expect(last.payload.withUnsafeBytes { recorder.append($0, timestamp: last.timestamp) } == [])
    #expect([0x7b, 0].withUnsafeBytes { recorder.append($0, timestamp: last.timestamp &+ 960) } == [])
    file += recorder.finish()
    #expect(abs(recorder.duration - 5 * 48_000) < 24_000)

    var reader = OggOpusReader()
    var decoder = try unwrapped(AudioDecoder(.opus))
    var samples: [Int16] = []
    for case .audio(let packet) in try file.withUnsafeBytes({ try reader.read($0) }) {
      var frame = [Int16](repeating: 0, count: decoder.maximumSamples)
      let count = packet.withUnsafeBytes { bytes in
        frame.withUnsafeMutableBufferPointer { decoder.decode(bytes, into: $0) }
      }
      samples += frame[..<(count ?? 0)]
    }
    let half = { (second: Double) in samples[Int(second * 48_000)..<Int(second * 48_000) + 24_000] }
    #expect(AudioSignal.level(of: 440, in: half(1), rate: 48_000) > 3_000)
    #expect(AudioSignal.rootMeanSquare(half(3)) < 100)
    #expect(AudioSignal.level(of: 440, in: half(4.3), rate: 48_000) > 3_000)
  }

  @Test func longHolesAreLeftOut() throws {
    let packet: [UInt8] = [0x78, 1, 2, 3]
    func duration(hole: UInt32) -> Int64 {
      var recorder = MixRecorder(serialNumber: 1)
      _ = recorder.begin(title: "")
      for timestamp in [0xffff_fff0, 0xffff_fff0 &+ 960 &+ hole] as [UInt32] {
        _ = packet.withUnsafeBytes { recorder.append($0, timestamp: timestamp) }
      }
      return recorder.duration
    }
    let most = UInt32(MixRecorder.longestSilence * 48_000)
    #expect(duration(hole: 0) == 1_920)
    #expect(duration(hole: most) == 1_920 + Int64(most))
    #expect(duration(hole: most + 1) == 1_920)
  }
}
