import CallModel
import Codecs
import TestSupport
import Testing

@testable import AudioMixing

@Suite struct SpeakerTests {
  /// Five talk at once with levels in their packets: the three loudest are heard, and only they are decoded.
  @Test func theLoudestAreHeard() throws {
    let meeting = Meeting()
    for i in 0..<5 {
      let phone = try meeting.add(Phone(.opus, ssrc: UInt32(i), tone: 400 + 300 * Double(i)))
      phone.level = AudioLevelExtension(level: AudioLevel(UInt8(40 - 5 * i)), hasVoice: true)
    }
    let listener = try meeting.add(Phone(listening: .opus, ssrc: 9))
    meeting.run(seconds: 2)
    #expect(meeting.phones[..<5].map { meeting.isSpeaking($0) } == [false, false, true, true, true])
    #expect(listener.level(of: 400) < 60 && listener.level(of: 700) < 60)
    for tone in [1_000.0, 1_300, 1_600] { #expect(listener.level(of: tone) > 2_500) }
    let decoded = meeting.phones[..<2].map { meeting.decodedPackets(of: $0) }
    #expect(decoded.allSatisfy { $0 < 15 })
  }

  /// A little louder changes nothing, much louder does, and after a fifth of a second.
  @Test func challengers() throws {
    for (level, isHeard) in [(UInt8(27), false), (15, true)] {
      let meeting = Meeting()
      for i in 0..<3 {
        let phone = try meeting.add(Phone(.opus, ssrc: UInt32(i), tone: 400 + 300 * Double(i)))
        phone.level = AudioLevelExtension(level: AudioLevel(30), hasVoice: true)
      }
      meeting.run(seconds: 1)
      let late = try meeting.add(Phone(.opus, ssrc: 7, tone: 1_500))
      late.level = AudioLevelExtension(level: AudioLevel(level), hasVoice: true)
      meeting.run(seconds: 0.1)
      #expect(!meeting.isSpeaking(late))
      meeting.run(seconds: 0.9)
      #expect(meeting.isSpeaking(late) == isHeard)
      let changes = meeting.room.speakerChanges
      meeting.run(seconds: 2)
      #expect(meeting.room.speakerChanges == changes)
    }
  }

  /// Who falls silent is heard for half a second more, and goes without a click.
  @Test func theEndOfSpeechFadesOut() throws {
    let meeting = Meeting()
    let speaker = try meeting.add(
      Phone(.l16(.full), ssrc: 1) { tick in
        AudioSignal.sine(300, rate: 48_000, count: 960, amplitude: tick < 50 ? 6_000 : 60, from: tick * 960)
      })
    let listener = try meeting.add(Phone(listening: .l16(.full), ssrc: 2))
    meeting.run(seconds: 1.4)
    #expect(meeting.isSpeaking(speaker))
    meeting.run(seconds: 1)
    #expect(!meeting.isSpeaking(speaker))
    #expect(listener.last(seconds: 0.2).allSatisfy { $0 == 0 })
    // From the quiet tone to nothing: no step is larger than the tone's own.
    let end = listener.last(seconds: 1)
    let steps = zip(end, end.dropFirst()).map { abs(Int($0) - Int($1)) }
    #expect((steps.max() ?? 99) <= 6)
  }

  /// The first word is whole: 20 ms after its packet at the latest it is in the mix, and comes in without a
  /// click.
  @Test func theBeginningOfSpeechIsHeard() throws {
    let meeting = Meeting()
    let speaker = try Phone(.l16(.full), ssrc: 1) { tick in
      AudioSignal.sine(300, rate: 48_000, count: 960, amplitude: tick < 50 ? 0 : 6_000, from: tick * 960)
    }
    try meeting.add(speaker)
    let listener = try meeting.add(Phone(listening: .l16(.full), ssrc: 2))
    meeting.run(seconds: 2)
    let begin = try #require(listener.heard.firstIndex { abs(Int($0)) > 1_000 })
    // It was sent at one second: the jitter buffer holds it for 40 ms at first, and ticks come every 20.
    #expect(begin >= 48_000 && begin < 48_000 + 80 * 48)
    let steps = zip(listener.heard, listener.heard.dropFirst()).map { abs(Int($0) - Int($1)) }
    #expect((steps.max() ?? 999) < 300)
  }

  @Test func automaticGainIsGentle() {
    for (level, low, high) in [(Float(-45), Float(11.9), Float(12.1)), (-23, 0, 0), (-8, -9.1, -8.9)] {
      var gain = AutomaticGain()
      var before = gain.decibels
      for _ in 0..<2_000 {
        gain.note(level: level, hasVoice: true)
        #expect(abs(gain.decibels - before) <= 0.21)
        before = gain.decibels
      }
      #expect(gain.decibels >= low && gain.decibels <= high, "\(level): \(gain.decibels)")
      // Silence changes nothing.
      for _ in 0..<1_000 { gain.note(level: -80, hasVoice: false) }
      #expect(gain.decibels == before)
    }
  }

  @Test func loudSumsAreNeverCutOrWrapped() {
    let mix = UnsafeMutablePointer<Float>.allocate(capacity: 960)
    let samples = UnsafeMutablePointer<Int16>.allocate(capacity: 960)
    defer {
      mix.deallocate()
      samples.deallocate()
    }
    var limiter = Limiter()
    var random = SplitMix(seed: 1)
    for frame in 0..<200 {
      let loudness: Float = frame % 20 < 10 ? 300_000 : 8_000
      for i in 0..<960 { mix[i] = loudness * (Float(random.next() % 2_001) / 1_000 - 1) }
      limiter.process(mix, into: samples)
      for i in 0..<960 where abs(mix[i]) > 1_000 {
        // The sign is that of the sum: nothing wrapped.
        #expect((samples[i] > 0) == (mix[i] > 0))
      }
    }
    for _ in 0..<200 {
      for i in 0..<960 { mix[i] = 5_000 }
      limiter.process(mix, into: samples)
    }
    #expect(limiter.isIdle && samples[500] == 5_000)
  }
}
