import CallModel
import Codecs

/// A party of a ``MixRoom``: what comes from it, and what goes to it.
struct MixParticipant: ~Copyable {
  /// What payload types mean.
  enum PayloadUse {
    static let unknown: UInt8 = 0xff
    static let event: UInt8 = 0xfe
    static let comfortNoise: UInt8 = 0xfd
  }

  private(set) var configuration: MixParticipantConfiguration
  let generation: UInt32
  private var uses = InlineArray<128, UInt8>(repeating: PayloadUse.unknown)

  // From it.
  var inbound: InboundAudio?
  private var currentFormat = 0
  private var changedFormatAt: Int64 = .min
  var speaker = SpeakerState()
  var gain = AutomaticGain()
  /// The factor its voice had at the end of the last frame; 0 when it was not in the mix.
  var appliedGain: Float = 0
  /// Its place among this tick's frames; -1 when it is not in the mix.
  var frame = -1
  var isMuted = false
  /// Made when its voice is first heard, where the room cleans voices.
  private var noiseReduction: NoiseReduction?
  private var isCleaned = false

  // To it.
  private(set) var key: EncodingKey?
  var hearing: MixHearing
  /// What it is to hear from the next tick on.
  var wantedHearing: MixHearing
  /// The encoding it shares; -1 without one.
  var group = -1
  /// Its own, while it hears something else than the others.
  var own: UnsafeMutablePointer<EncodedMix>?
  /// Ticks until it may go back to the shared one.
  var separateTicks = 0
  var prompt: PromptPlayer?
  /// Keys that are being sent to it: nothing else is heard meanwhile.
  var tone: PromptPlayer?
  private var sequenceNumber: UInt16
  private var isSending = false

  init?(_ configuration: MixParticipantConfiguration, generation: UInt32, hearing: MixHearing) {
    guard MixParticipant.isValid(configuration) else { return nil }
    if let first = configuration.receives.first {
      guard
        let audio = InboundAudio(
          first.encoding, configuration: configuration.jitter, hearsKeys: configuration.hearsKeys)
      else { return nil }
      inbound = .some(consume audio)
    } else {
      inbound = nil
    }
    noiseReduction = nil
    self.configuration = configuration
    self.generation = generation
    self.hearing = hearing
    wantedHearing = hearing
    sequenceNumber = configuration.firstSequenceNumber
    readConfiguration()
  }

  private static func isValid(_ configuration: MixParticipantConfiguration) -> Bool {
    configuration.receives.allSatisfy { $0.payloadType < 128 }
      && configuration.sends.map { $0.payloadType < 128 } ?? true
  }

  private mutating func readConfiguration() {
    key = configuration.sends.map { EncodingKey($0.encoding, configuration.opus) }
    uses = InlineArray(repeating: PayloadUse.unknown)
    for (index, format) in configuration.receives.enumerated().reversed() where index < 16 {
      uses[Int(format.payloadType)] = UInt8(index)
    }
    for type in configuration.eventPayloadTypes where type < 128 { uses[Int(type)] = PayloadUse.event }
    if let type = configuration.comfortNoisePayloadType, type < 128 {
      uses[Int(type)] = PayloadUse.comfortNoise
    }
  }

  deinit {
    if let own {
      own.deinitialize(count: 1)
      own.deallocate()
    }
  }

  /// Goes on with what was agreed now. What comes from the party is not interrupted where its encoding stays, nor is the
  /// numbering of what goes to it where the SSRC stays. False: no memory, or numbers that are none; then nothing changes.
  mutating func update(_ new: MixParticipantConfiguration) -> Bool {
    guard MixParticipant.isValid(new) else { return false }
    let current =
      configuration.receives.indices.contains(currentFormat) ? configuration.receives[currentFormat] : nil
    if let kept = current.flatMap({ new.receives.firstIndex(of: $0) }), inbound != nil,
      new.hearsKeys == configuration.hearsKeys, new.jitter == configuration.jitter
    {
      currentFormat = kept
    } else if let first = new.receives.first {
      guard let audio = InboundAudio(first.encoding, configuration: new.jitter, hearsKeys: new.hearsKeys)
      else { return false }
      inbound = .some(consume audio)
      currentFormat = 0
    } else {
      inbound = nil
    }
    if new.ssrc != configuration.ssrc {
      sequenceNumber = new.firstSequenceNumber
      isSending = false
    }
    configuration = new
    readConfiguration()
    return true
  }

  mutating func receive(
    payloadType: UInt8, sequenceNumber: UInt16, timestamp: UInt32, ssrc: UInt32, isMarked: Bool,
    level: AudioLevelExtension?, payload: UnsafeRawBufferPointer, now: MonotonicInstant
  ) -> MixReception {
    guard payloadType < 128, inbound != nil else { return .unknownPayloadType }
    let use = uses[Int(payloadType)]
    let kind: PacketNote.Kind
    switch use {
    case PayloadUse.unknown: return .unknownPayloadType
    case PayloadUse.event: kind = .event
    case PayloadUse.comfortNoise: kind = .comfortNoise
    default:
      kind = .audio
      if Int(use) != currentFormat {
        guard changeFormat(to: Int(use), now) else { return .changesTooOften }
      }
    }
    let arrival = inbound?.receive(
      sequenceNumber: sequenceNumber, timestamp: timestamp, ssrc: ssrc, isMarked: isMarked, kind: kind,
      level: level, usesVoiceFlag: configuration.usesVoiceFlag, payload: payload, now: now)
    return arrival.map { .buffered($0) } ?? .malformed
  }

  /// Takes noise out of its voice, 20 ms at the rate of the mix.
  mutating func clean(_ voice: UnsafeMutableBufferPointer<Int16>, _ settings: NoiseReduction.Settings) {
    if !isCleaned {
      isCleaned = true
      if let made = NoiseReduction(settings, sampleRate: InboundAudio.mixRate) {
        noiseReduction = .some(consume made)
      }
    }
    noiseReduction?.process(voice)
  }

  /// Whether what it hears is not what others hear.
  var hearsOwnMix: Bool {
    frame >= 0 && hearing == .mix || hearing == .nothing || prompt != nil || tone != nil
  }

  /// Another of the agreed encodings: a new decoder, once a second at most.
  private mutating func changeFormat(to index: Int, _ now: MonotonicInstant) -> Bool {
    guard changedFormatAt == .min || now.nanoseconds - changedFormatAt >= 1_000_000_000,
      configuration.receives.indices.contains(index),
      let audio = InboundAudio(
        configuration.receives[index].encoding, configuration: configuration.jitter,
        hearsKeys: configuration.hearsKeys)
    else { return false }
    changedFormatAt = now.nanoseconds
    currentFormat = index
    inbound = .some(consume audio)
    return true
  }

  /// Makes the packet of this tick out of the mix that it hears; nil when there is nothing to send.
  mutating func packet(
    _ mix: borrowing EncodedMix, tick: Int64, isKeepAlive: Bool, noise: UnsafeRawBufferPointer,
    id: MixParticipantID
  ) -> MixedPacket? {
    guard let format = configuration.sends else { return nil }
    var payloadType = format.payloadType
    var payload = mix.payload
    if mix.isQuiet, case .comfortNoise(let type) = configuration.silence {
      guard tick % 10 == 0 else { return rest() }
      payloadType = type
      payload = noise
    } else if mix.isQuiet, configuration.silence == .suppressed, !isKeepAlive {
      return rest()
    }
    guard !payload.isEmpty else { return rest() }
    let isMarked = !isSending && !mix.isQuiet
    isSending = !mix.isQuiet || configuration.silence == .continuous
    defer { sequenceNumber &+= 1 }
    let step = Int64(format.encoding.clockRate / 50)
    return MixedPacket(
      participant: id, payloadType: payloadType, isMarked: isMarked, sequenceNumber: sequenceNumber,
      timestamp: configuration.firstTimestamp &+ UInt32(truncatingIfNeeded: tick &* step),
      ssrc: configuration.ssrc, payload: payload)
  }

  private mutating func rest() -> MixedPacket? {
    isSending = false
    return nil
  }
}
