import CallModel
import Codecs
import TestSupport
import Testing

@testable import AudioMixing

@Suite struct MixRoomTests {
  static let encodings: [AudioEncoding] = [.pcmu, .pcma, .g722, .l16(.wide), .opus]
  static let tones = [440.0, 700, 1_100]

  /// Three notes: each hears exactly the other two, and one who listens hears all.
  @Test(arguments: encodings) func everybodyHearsTheOthers(encoding: AudioEncoding) throws {
    let meeting = Meeting()
    for (i, tone) in Self.tones.enumerated() { try meeting.add(Phone(encoding, ssrc: UInt32(i), tone: tone)) }
    let listener = try meeting.add(Phone(listening: encoding, ssrc: 9))
    meeting.run(seconds: 2)
    for (i, phone) in meeting.phones.dropLast().enumerated() {
      for (j, tone) in Self.tones.enumerated() {
        let level = phone.level(of: tone)
        if i == j {
          #expect(level < 60, "\(i) hears himself")
        } else {
          #expect(level > 2_800 && level < 5_500, "\(i) hears \(j) at \(level)")
        }
      }
    }
    for tone in Self.tones { #expect(listener.level(of: tone) > 2_800) }
  }

  /// Everybody in an encoding of his own.
  @Test func everyPairOfEncodings() throws {
    let meeting = Meeting(
      {
        var configuration = Meeting.plain
        configuration.speakers = 5
        return configuration
      }())
    let tones = [300.0, 500, 800, 1_300, 2_100]
    for (i, encoding) in Self.encodings.enumerated() {
      try meeting.add(Phone(encoding, ssrc: UInt32(i), tone: tones[i], amplitude: 4_000))
    }
    meeting.run(seconds: 2)
    for (i, phone) in meeting.phones.enumerated() {
      for (j, tone) in tones.enumerated() {
        let level = phone.level(of: tone)
        if i == j {
          #expect(level < 60)
        } else {
          #expect(level > 1_500 && level < 4_000, "\(i) \(j) \(level)")
        }
      }
    }
  }

  @Test func listenersShareOneEncoding() throws {
    let meeting = Meeting()
    let speaker = try meeting.add(Phone(.opus, ssrc: 1, tone: 440))
    for i in 0..<20 { try meeting.add(Phone(listening: .opus, ssrc: UInt32(10 + i))) }
    try meeting.add(Phone(listening: .pcma, ssrc: 50))
    meeting.run(seconds: 1)
    let before = meeting.room.counters
    meeting.run(seconds: 1)
    let after = meeting.room.counters
    // One in Opus and one in G.711; the speaker, who is alone, hears nothing but signs of life.
    #expect(after.encodedFrames - before.encodedFrames <= 100 + 3)
    #expect(after.sentPackets - before.sentPackets >= 21 * 50)
    #expect(AudioSignal.rootMeanSquare(speaker.last(seconds: 0.5)) < 30)
    let last = meeting.phones[1].packets.last?.payload
    #expect(meeting.phones[2...20].allSatisfy { $0.packets.last?.payload == last })
  }

  @Test func sequenceAndTimeAreUnbroken() throws {
    let meeting = Meeting()
    let speaker = try meeting.add(Phone(.opus, ssrc: 1, tone: 440))
    speaker.voice = { tick in
      (tick / 50) % 2 == 0 ? AudioSignal.sine(440, rate: 48_000, count: 960, from: tick * 960) : nil
    }
    try meeting.add(Phone(.opus, ssrc: 2, tone: 700))
    try meeting.add(Phone(listening: .opus, ssrc: 3))
    try meeting.add(Phone(listening: .pcmu, ssrc: 4))
    meeting.run(seconds: 6)
    for phone in meeting.phones {
      let step = UInt32(phone.encoding.clockRate / 50)
      #expect(phone.packets.count > 10)
      for (a, b) in zip(phone.packets, phone.packets.dropFirst()) {
        #expect(b.sequence == a.sequence &+ 1)
        let ticks = b.timestamp &- a.timestamp
        #expect(ticks > 0 && ticks % step == 0)
      }
    }
    #expect(meeting.phones[3].packets.count == 300)
  }

  /// Nobody is interrupted by a click when somebody becomes, or ceases to be, a speaker: his own stream takes
  /// over where the shared one was, and goes back to it.
  @Test(arguments: [AudioEncoding.opus, .g722, .pcma])
  func becomingASpeakerLeavesNoSeam(encoding: AudioEncoding) throws {
    let meeting = Meeting()
    let frame = encoding.sampleRate / 50
    try meeting.add(Phone(encoding, ssrc: 1, tone: 440))
    let guest = try meeting.add(
      Phone(encoding, ssrc: 2) { tick in
        (100..<200).contains(tick)
          ? AudioSignal.sine(
            1_000, rate: encoding.sampleRate, count: frame, amplitude: 6_000, from: tick * frame)
          : [Int16](repeating: 0, count: frame)
      })
    try meeting.add(Phone(listening: encoding, ssrc: 3))
    meeting.run(seconds: 6)
    #expect(meeting.phones[0].level(of: 1_000, seconds: 6) > 500)
    // The guest hears one clean note from beginning to end.
    let heard = Array(guest.heard[(frame * 30)...])
    let steps = zip(heard, heard.dropFirst()).map { abs(Int($0) - Int($1)) }
    let steepest = 6_000 * 2 * 3.1416 * 440 / Double(encoding.sampleRate)
    #expect(Double(steps.max() ?? 0) < 2 * steepest + 300)
    for start in stride(from: 0, to: heard.count - 10 * frame, by: 5 * frame) {
      let piece = heard[start..<start + 10 * frame]
      #expect(AudioSignal.purity(of: 440, in: piece, rate: encoding.sampleRate) > 15, "at \(start / frame)")
      #expect(AudioSignal.level(of: 440, in: piece, rate: encoding.sampleRate) > 3_500)
    }
  }

  @Test func silenceIsNeitherDecodedNorEncoded() throws {
    let meeting = Meeting()
    for i in 0..<10 {
      let phone = try meeting.add(
        Phone(.opus, ssrc: UInt32(i)) { tick in
          AudioSignal.noise(count: 960, amplitude: 4, seed: UInt64(tick * 10 + i))
        })
      // Half of them say how loud they are, and half leave it to their encoder.
      if i % 2 == 0 { phone.level = AudioLevelExtension(level: AudioLevel(80), hasVoice: false) }
    }
    meeting.run(seconds: 2)
    let before = (meeting.phones.map { meeting.decodedPackets(of: $0) }.reduce(0, +), meeting.room.counters)
    meeting.run(seconds: 4)
    let after = (meeting.phones.map { meeting.decodedPackets(of: $0) }.reduce(0, +), meeting.room.counters)
    // Without levels, one packet in 64 is looked into, and the one before it: 40 of 1000 at most.
    #expect(after.0 - before.0 <= 40)
    // A sign of life every 400 ms, encoded once for all.
    #expect(after.1.encodedFrames - before.1.encodedFrames <= 11)
    #expect(after.1.sentPackets - before.1.sentPackets <= 110)
  }

  @Test func aPartyOnHoldLetsTheRoomRest() throws {
    let meeting = Meeting()
    let id = try #require(try meeting.add(Phone(listening: .opus, ssrc: 1)).id)
    // An encoder's last words before the hold: nothing to hear.
    for number in 0..<3 {
      let silence: [UInt8] = [0xf8]
      let reception = silence.withUnsafeBytes {
        meeting.room.receive(
          from: id, payloadType: 111, sequenceNumber: UInt16(number), timestamp: UInt32(number * 960),
          ssrc: 7,
          payload: $0, now: meeting.now)
      }
      #expect(reception == .buffered(.accepted))
      meeting.run(seconds: 0.02)
    }
    meeting.run(seconds: 1)
    #expect(try #require(meeting.nextTick) - meeting.now <= .milliseconds(20))
    meeting.run(seconds: 4)
    #expect(try #require(meeting.nextTick) - meeting.now > .milliseconds(40))
  }

  @Test func aRoomAtRestAsksForNothing() throws {
    let meeting = Meeting()
    #expect(meeting.nextTick == nil)
    let phone = try meeting.add(Phone(listening: .opus, ssrc: 1))
    #expect(meeting.nextTick == .zero)
    var now = MonotonicInstant(nanoseconds: 5_000_000_000)
    meeting.room.tick(now: now) { _ in }
    var calls = 0
    let end = now + .seconds(10)
    while let next = meeting.nextTick, next < end {
      calls += 1
      now = next
      meeting.room.tick(now: now) { _ in }
    }
    #expect(calls >= 24 && calls <= 40)
    let id = try #require(phone.id)
    meeting.room.leave(id)
    #expect(meeting.nextTick == nil && !meeting.isHere(id))
  }

  @Test func comfortNoiseAndContinuousSilence() throws {
    let meeting = Meeting()
    let noisy = try meeting.add(Phone(listening: .pcma, ssrc: 1)) { $0.silence = .comfortNoise(13) }
    let fed = try meeting.add(Phone(listening: .pcma, ssrc: 2))
    meeting.run(seconds: 2)
    #expect(noisy.packets.count >= 9 && noisy.packets.count <= 14)
    #expect(noisy.packets.last?.payload == [75])
    #expect(fed.packets.count == 100)
    #expect(fed.packets.last?.payload == [UInt8](repeating: 0xd5, count: 160))
    #expect(meeting.room.counters.encodedFrames < 8)
  }

  /// The sum of many is kept inside the range: no wrap, and the notes stay notes.
  @Test func theLimiterHoldsTheSum() throws {
    let meeting = Meeting()
    for (i, tone) in Self.tones.enumerated() {
      try meeting.add(Phone(.l16(.full), ssrc: UInt32(i), tone: tone, amplitude: 30_000))
    }
    let listener = try meeting.add(Phone(listening: .l16(.full), ssrc: 9))
    meeting.run(seconds: 2)
    let heard = listener.last(seconds: 0.5)
    let largest = heard.map { abs(Int($0)) }.max() ?? 0
    #expect(largest <= 31_000)
    for tone in Self.tones { #expect(listener.level(of: tone) > 6_000) }
    let expected = Self.tones.map { listener.level(of: $0) }.reduce(0) { $0 + $1 * $1 }
    let total = AudioSignal.rootMeanSquare(heard)
    #expect(total * total / expected < 1.05)
  }

  /// Quiet and loud speech come out near each other.
  @Test func automaticGain() throws {
    var levels: [Double] = []
    for factor in [0.05, 1.0] {
      let meeting = Meeting(MixRoom.Configuration())
      var speech = SpeechLike(seed: 4, pitch: 120)
      try meeting.add(
        Phone(.l16(.full), ssrc: 1) { _ in speech.samples(960).map { Int16(Double($0) * factor) } })
      let listener = try meeting.add(Phone(listening: .l16(.full), ssrc: 2))
      meeting.run(seconds: 12)
      levels.append(AudioSignal.rootMeanSquare(listener.last(seconds: 4)))
    }
    #expect(levels[1] / levels[0] < 6)
    // Without gain it would be a twentieth of the other.
    #expect(levels[0] > 400)
  }

  @Test func promptsForAllAndForOne() throws {
    let meeting = Meeting()
    try meeting.add(Phone(.opus, ssrc: 1, tone: 440))
    let one = try meeting.add(Phone(listening: .opus, ssrc: 2))
    let other = try meeting.add(Phone(listening: .pcma, ssrc: 3))
    let tone = try #require(
      PromptAudio(AudioSignal.sine(1_000, rate: 8_000, count: 8_000, amplitude: 5_000), sampleRate: 8_000))
    meeting.run(seconds: 1)
    meeting.room.play(tone, to: try #require(one.id))
    meeting.run(seconds: 0.8)
    #expect(one.level(of: 1_000) > 2_000 && one.level(of: 440) > 2_800)
    #expect(other.level(of: 1_000) < 60 && other.level(of: 440) > 2_800)
    meeting.run(seconds: 1.5)
    #expect(one.level(of: 1_000) < 60 && one.level(of: 440) > 2_800)
    meeting.room.play(tone, repeats: true)
    meeting.run(seconds: 3)
    for phone in meeting.phones { #expect(phone.level(of: 1_000) > 2_000) }
    #expect(meeting.phones[0].level(of: 440) < 60)
    meeting.room.play(nil)
    meeting.run(seconds: 1)
    #expect(one.level(of: 1_000) < 60)
    #expect(PromptAudio([], sampleRate: 8_000) == nil)
    #expect(PromptAudio([1], sampleRate: 0) == nil)
  }

  @Test func comingGoingAndMuting() throws {
    var configuration = Meeting.plain
    configuration.maximumParticipants = 3
    let meeting = Meeting(configuration)
    let first = try meeting.add(Phone(.pcma, ssrc: 1, tone: 440))
    let second = try meeting.add(Phone(.pcma, ssrc: 2, tone: 700))
    let third = try meeting.add(Phone(.pcma, ssrc: 3, tone: 1_100))
    #expect(meeting.join(first.configuration()) == nil)
    meeting.run(seconds: 1)
    meeting.room.setMuted(true, try #require(second.id))
    meeting.run(seconds: 1)
    #expect(third.level(of: 700) < 20 && third.level(of: 440) > 2_800 && second.level(of: 440) > 2_800)
    #expect(!meeting.isSpeaking(second) && meeting.isSpeaking(first))
    meeting.room.setMuted(false, try #require(second.id))
    let gone = try #require(first.id)
    meeting.room.leave(gone)
    meeting.run(seconds: 1)
    #expect(third.level(of: 440) < 20 && third.level(of: 700) > 2_800)
    #expect(meeting.receive(first, [1]) == .notInRoom)
    meeting.room.leave(gone)
    #expect(meeting.room.count == 2)
    // Whoever takes the place is somebody else.
    let new = try #require(meeting.join(first.configuration()))
    #expect(new != gone && !meeting.isHere(gone))
    #expect(!Meeting().isHere(new))
  }

  @Test func encodingsAreBounded() throws {
    let meeting = Meeting()
    let phone = try Phone(listening: .opus, ssrc: 1)
    var ids: [MixParticipantID] = []
    for i in 0..<MixRoom.maximumGroups {
      ids.append(
        try #require(meeting.join(phone.configuration(opus: OpusSettings(bitrate: 10_000 + 1_000 * i)))))
    }
    #expect(meeting.join(phone.configuration(opus: OpusSettings(bitrate: 200_000))) == nil)
    meeting.room.leave(ids[5])
    #expect(meeting.join(phone.configuration(opus: OpusSettings(bitrate: 200_000))) != nil)
    #expect(meeting.join(phone.configuration(opus: OpusSettings(bitrate: 300_000))) == nil)
    var strange = phone.configuration()
    strange.receives = [.init(128, .pcma)]
    #expect(meeting.join(strange) == nil)
  }

  /// Where events were not agreed on, keys are tones, whatever they are encoded in.
  @Test(arguments: [AudioEncoding.pcma, .pcmu, .g722, .opus, .l16(.wide), .l16(.narrow)])
  func keysInTheAudio(encoding: AudioEncoding) throws {
    let meeting = Meeting()
    let rate = encoding.sampleRate
    let frame = rate / 50
    let keys = SignalTone.digits([.one, .star, .d]).samples(rate: rate)
    let phone = try Phone(encoding, ssrc: 1) { tick in
      let start = max(0, tick - 20) * frame
      guard tick >= 20, start + frame <= keys.count else { return [Int16](repeating: 0, count: frame) }
      return Array(keys[start..<start + frame])
    }
    try meeting.add(phone) { $0.hearsKeys = true }
    meeting.run(seconds: 2)
    var found = ""
    let id = try #require(phone.id)
    while let key = meeting.room.nextKey(of: id) { found += "\(key)" }
    #expect(found == "1*D")
  }

  @Test func theMixCanBeRead() throws {
    let meeting = Meeting()
    try meeting.add(Phone(.opus, ssrc: 1, tone: 440))
    let nothing = meeting.room.withMix { $0.count }
    meeting.run(seconds: 1)
    let level = meeting.room.withMix { AudioSignal.rootMeanSquare(Array($0)) }
    #expect(nothing == nil)
    #expect(level ?? 0 > 3_000)
  }

  @Test func aFanBesideAVoiceIsHeardLessWhereTheRoomCleans() throws {
    func fan(_ settings: NoiseReduction.Settings) throws -> Double {
      var configuration = Meeting.plain
      configuration.noiseReduction = settings
      let meeting = Meeting(configuration)
      try meeting.add(
        Phone(.pcmu, ssrc: 1) { tick in AudioSignal.noise(count: 160, amplitude: 4_000, seed: UInt64(tick)) })
      let listener = try meeting.add(Phone(listening: .pcma, ssrc: 2))
      meeting.run(seconds: 3)
      return AudioSignal.rootMeanSquare(listener.last(seconds: 1))
    }
    let plain = try fan(.init())
    #expect(plain > 1_000)
    #expect(try fan(.init(denoises: true)) < plain / 4)
    #expect(try fan(.init(softMutes: true)) < plain / 4)
  }
}
