import CallModel
import Codecs
import TestSupport
import Testing

@testable import AudioMixing

/// Parties that hear something else than the mix, and those that agree to something else in the middle of it.
@Suite struct MixHearingTests {
  private func music(_ tone: Double, seconds: Int = 10) throws -> PromptAudio {
    try unwrapped(
      PromptAudio(
        AudioSignal.sine(tone, rate: 8_000, count: seconds * 8_000, amplitude: 6_000), sampleRate: 8_000))
  }

  @Test(arguments: [AudioEncoding.pcmu, .opus]) func thoseWhoWaitShareOneEncoding(encoding: AudioEncoding)
    throws
  {
    let meeting = Meeting()
    try meeting.add(Phone(.l16(.wide), ssrc: 1, tone: 440))
    for i in 0..<20 {
      let phone = try Phone(listening: encoding, ssrc: UInt32(10 + i))
      phone.id = meeting.room.join(phone.configuration(), hearing: .waiting)
      meeting.phones.append(phone)
    }
    meeting.room.playToWaiting(try music(1_000))
    meeting.run(seconds: 1)
    let before = meeting.room.counters.encodedFrames
    meeting.run(seconds: 1)
    let frames = meeting.room.counters.encodedFrames - before
    // One for all who wait; the one who speaks hears nothing.
    #expect(frames <= 50 + 2)
    for phone in meeting.phones.dropFirst() {
      #expect(phone.level(of: 1_000) > 2_800 && phone.level(of: 440) < 60)
    }
  }

  /// Into the mix and out of it, without a click: the tones are pure through the change.
  @Test(arguments: [AudioEncoding.pcma, .g722, .opus]) func comingInHasNoSeam(encoding: AudioEncoding) throws
  {
    let meeting = Meeting()
    try meeting.add(Phone(.l16(.wide), ssrc: 1, tone: 440))
    let guest = try Phone(listening: encoding, ssrc: 2)
    let joined = meeting.room.join(guest.configuration(), hearing: .waiting)
    let id = try unwrapped(joined)
    guest.id = id
    meeting.phones.append(guest)
    let other = try meeting.add(Phone(listening: encoding, ssrc: 3))
    meeting.room.playToWaiting(try music(1_000))
    meeting.run(seconds: 1)
    meeting.room.setHearing(.mix, id)
    meeting.run(seconds: 0.5)
    #expect(guest.level(of: 440, seconds: 0.3) > 2_800 && guest.level(of: 1_000, seconds: 0.3) < 60)
    let hundred = guest.heard.suffix(guest.rate * 3 / 10)
    #expect(AudioSignal.purity(of: 440, in: hundred, rate: guest.rate) > 20)
    meeting.room.setHearing(.nothing, id)
    meeting.run(seconds: 0.5)
    #expect(AudioSignal.rootMeanSquare(guest.last(seconds: 0.2)) < 30)
    meeting.room.setHearing(.waiting, id)
    meeting.run(seconds: 0.5)
    #expect(guest.level(of: 1_000, seconds: 0.3) > 2_800 && guest.level(of: 440, seconds: 0.3) < 60)
    #expect(other.level(of: 440, seconds: 1) > 2_800)
    for phone in [guest, other] {
      let numbers = phone.packets.map(\.sequence)
      #expect(zip(numbers, numbers.dropFirst()).allSatisfy { $1 == $0 &+ 1 })
    }
  }

  @Test func aKeyIsHeardAloneAndWhatWasPlayedGoesOn() throws {
    let meeting = Meeting()
    try meeting.add(Phone(.pcmu, ssrc: 1, tone: 440))
    let guest = try meeting.add(Phone(listening: .pcmu, ssrc: 2))
    let id = try unwrapped(guest.id)
    meeting.room.play(try music(1_000), to: id)
    meeting.run(seconds: 1)
    #expect(guest.level(of: 1_000) > 2_800 && guest.level(of: 440) > 2_800)
    meeting.room.playTone(PromptAudio(SignalTone.digits([.five], milliseconds: 600, pause: 0)), to: id)
    #expect(meeting.isPlayingTone(to: id))
    meeting.run(seconds: 0.6)
    #expect(guest.level(of: 770, seconds: 0.4) > 2_000 && guest.level(of: 1_336, seconds: 0.4) > 2_000)
    #expect(guest.level(of: 1_000, seconds: 0.4) < 100 && guest.level(of: 440, seconds: 0.4) < 100)
    meeting.run(seconds: 1)
    #expect(!meeting.isPlayingTone(to: id) && meeting.isPlaying(to: id))
    #expect(guest.level(of: 1_000) > 2_800 && guest.level(of: 440) > 2_800)
  }

  @Test func aRenegotiationKeepsWhatStays() throws {
    let meeting = Meeting()
    let speaker = try meeting.add(Phone(.pcmu, ssrc: 1, tone: 440))
    let guest = try meeting.add(Phone(listening: .pcma, ssrc: 2))
    let witness = try meeting.add(Phone(listening: .opus, ssrc: 3))
    meeting.run(seconds: 1)
    let id = try unwrapped(speaker.id)
    // It goes on sending the same, and is sent something else: nobody else hears a difference.
    var changed = speaker.configuration()
    changed.sends = .init(8, .pcma)
    #expect(meeting.replace(changed, for: id))
    #expect(meeting.isSpeaking(speaker))
    meeting.run(seconds: 1)
    #expect(AudioSignal.purity(of: 440, in: witness.last(seconds: 1.5), rate: 48_000) > 20)
    #expect(AudioSignal.purity(of: 440, in: guest.last(seconds: 1.5), rate: 8_000) > 20)
    let types = speaker.packets.map(\.sequence)
    #expect(zip(types, types.dropFirst()).allSatisfy { $1 == $0 &+ 1 })
    // Numbers that are none, and a party that is gone.
    changed.receives = [.init(128, .pcmu)]
    #expect(!meeting.replace(changed, for: id))
    #expect(meeting.isSpeaking(speaker))
    meeting.room.leave(id)
    #expect(!meeting.replace(speaker.configuration(), for: id))
  }

  @Test func whatIsPlayedToOneWhoCannotHearItTakesItsTime() throws {
    let meeting = Meeting()
    let guest = try Phone(listening: .pcmu, ssrc: 2)
    var configuration = guest.configuration()
    configuration.sends = nil
    let id = try unwrapped(meeting.join(configuration))
    meeting.room.play(try music(1_000, seconds: 1), to: id)
    meeting.run(seconds: 0.9)
    #expect(meeting.isPlaying(to: id))
    meeting.run(seconds: 0.2)
    #expect(!meeting.isPlaying(to: id))
  }

  /// A room in which all wait in silence asks for signs of life alone.
  @Test func whoHearsNothingCostsNothing() throws {
    let meeting = Meeting()
    for i in 0..<4 {
      let phone = try Phone(listening: .opus, ssrc: UInt32(i))
      phone.id = meeting.room.join(phone.configuration(), hearing: i % 2 == 0 ? .waiting : .nothing)
      meeting.phones.append(phone)
    }
    meeting.run(seconds: 1)
    let next = try unwrapped(meeting.nextTick)
    #expect(next - meeting.now > .milliseconds(20))
  }
}

extension Meeting {
  func replace(_ configuration: MixParticipantConfiguration, for id: MixParticipantID) -> Bool {
    room.replace(configuration, for: id)
  }
  func isPlaying(to id: MixParticipantID) -> Bool { room.isPlaying(to: id) }
  func isPlayingTone(to id: MixParticipantID) -> Bool { room.isPlayingTone(to: id) }
}
