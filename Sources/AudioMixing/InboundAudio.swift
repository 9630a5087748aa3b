import CallModel
import Codecs

/// One party's audio on its way into a mix: jitter buffer, decoder, concealment, stretching, and the rate of
/// the mix.
///
/// Twice every 20 ms it is called: ``prepare(now:isHeard:)`` finds out whether there is speech and how loud,
/// decoding only where the packets do not say so themselves; then either ``take(into:now:)`` gives the audio,
/// or ``skip()`` passes over it. Audio that nobody hears is not decoded: the packet before the first one that
/// is heard again is decoded along with it, so that the decoder is warm.
public struct InboundAudio: ~Copyable {
  /// What the last 20 ms are, as far as is known.
  public struct Estimate: Sendable, Hashable {
    /// False when nothing came, or nobody needs to hear it.
    public var hasVoice: Bool
    /// dBov.
    public var level: Float
  }

  public let encoding: AudioEncoding
  public private(set) var jitter: JitterBuffer
  private var decoder: AudioDecoder
  private var resampler: Resampler?
  private let stretch: TimeStretch
  private var detector = VoiceDetector()
  private var noise: ComfortNoiseGenerator
  private var hasNoise = false

  /// Decoded samples that wait, at the decoder's rate.
  private let queue: UnsafeMutablePointer<Int16>
  private let queueCapacity: Int
  private var queueCount = 0
  /// Samples that wait and need not, or not yet, be decoded.
  private var skipped = 0
  /// The packet that ``skipped`` stands for, if it may have to be decoded after all.
  private var pending: JitterBuffer.Packet?
  /// The last packet that was passed over.
  private var lastSkipped: JitterBuffer.Packet?
  /// Whether the decoder heard all that came before.
  private var isRunning = false
  private var bridged = 0
  private var probeLevel: Float = -127
  private var packetsSinceProbe = InboundAudio.longestProbeInterval
  /// Packets until one that claims to be no speech is looked into.
  private var quietInterval = InboundAudio.probeInterval
  /// Whether the last that was looked into was loud, speech or not.
  private var isLoud = false
  private var ticksTooLong = 0
  private var ticksTooShort = 0
  /// Whether what was decoded this time comes from a probe or a talker, not from a pause.
  private var speechHint: Bool?
  private var lastLevel: AudioLevel?
  /// Hears keys in the audio itself.
  private var keys: KeyListener?
  public private(set) var decodedPackets: UInt64 = 0
  public private(set) var malformedPackets: UInt64 = 0

  /// Samples of 20 ms at the decoder's rate, and at that of the mix.
  private let frame: Int
  public static let mixRate = 48_000
  public static let mixFrame = 960
  /// Of the packets of somebody who speaks and is not heard, one in so many is decoded to know how loud he
  /// is.
  static let probeInterval = 8
  /// And of those of somebody who was found quiet.
  static let longestProbeInterval = 64
  /// Ticks that the delay must be wrong before it is put right.
  private static let patience = 5
  /// Bridged without a packet before it is silence.
  private static let longestBridge = 5

  /// - Parameter hearsKeys: listens for in-band keys, and decodes everything.
  /// Nil when there is no memory.
  public init?(
    _ encoding: AudioEncoding, configuration: JitterBuffer.Configuration = .init(), hearsKeys: Bool = false
  ) {
    guard let decoder = AudioDecoder(encoding) else { return nil }
    let stretch = TimeStretch(sampleRate: encoding.sampleRate)
    let frame = encoding.sampleRate / 50
    let capacity = decoder.maximumSamples + 2 * frame + stretch.maximumGrowth
    self.encoding = encoding
    jitter = JitterBuffer(clockRate: encoding.clockRate, configuration: configuration)
    if encoding.sampleRate != InboundAudio.mixRate {
      resampler = Resampler(from: encoding.sampleRate, to: InboundAudio.mixRate)
    } else {
      resampler = nil
    }
    self.decoder = decoder
    self.stretch = stretch
    self.frame = frame
    queueCapacity = capacity
    queue = .allocate(capacity: capacity)
    queue.initialize(repeating: 0, count: capacity)
    noise = ComfortNoiseGenerator(seed: 0x9e37_79b9)
    keys = hearsKeys ? KeyListener(sampleRate: encoding.sampleRate, frame: frame) : nil
  }

  deinit { queue.deallocate() }

  /// Takes a packet of this encoding, a comfort noise packet or an event. A payload that no decoder could
  /// read is refused here.
  public mutating func receive(
    sequenceNumber: UInt16, timestamp: UInt32, ssrc: UInt32, isMarked: Bool = false,
    kind: PacketNote.Kind = .audio, level: AudioLevelExtension? = nil, usesVoiceFlag: Bool = true,
    payload: UnsafeRawBufferPointer, now: MonotonicInstant
  ) -> JitterBuffer.Arrival? {
    var note = PacketNote(kind: kind)
    var duration = 0
    if kind == .audio {
      if encoding == .opus {
        guard let packet = OpusPacket(payload) else {
          malformedPackets &+= 1
          return nil
        }
        duration = packet.duration
        note.hasVoice = packet.hasVoice
        if packet.isSilence { note.kind = .silence }
      } else {
        guard let ticks = encoding.duration(of: payload) else {
          malformedPackets &+= 1
          return nil
        }
        duration = ticks
      }
    }
    if let level {
      note.level = level.level
      if usesVoiceFlag { note.hasVoice = level.hasVoice }
    }
    return jitter.insert(
      sequenceNumber: sequenceNumber, timestamp: timestamp, ssrc: ssrc, isMarked: isMarked,
      duration: duration, note: note, payload: payload, now: now)
  }

  /// Whether there is nothing to do until a packet comes.
  public var isAtRest: Bool { !jitter.isPlaying && jitter.count == 0 && queueCount == 0 && skipped == 0 }

  // MARK: The next 20 ms

  /// Makes the next 20 ms ready, and says what they are.
  ///
  /// - Parameter isHeard: whether the last ones were in the mix: then all is decoded, speech or not.
  public mutating func prepare(now: MonotonicInstant, isHeard: Bool) -> Estimate {
    let isHeard = isHeard || keys != nil
    pending = nil
    speechHint = nil
    lastLevel = nil
    keepDelay(now, isHeard)
    // A packet holds 2.5 ms or more; losses and pauses fill the frame at once.
    for _ in 0..<16 where queueCount + skipped < frame {
      let wanted = (frame - queueCount - skipped) / encoding.samplesPerTick
      switch jitter.next(now: now, wanted: wanted) {
      case .packet(let packet): take(packet, isHeard)
      case .lost(let ticks, let next): bridgeLoss(ticks * encoding.samplesPerTick, next)
      case .pause: bridgePause(isHeard)
      case .empty: bridgeGap()
      }
    }
    if keys != nil, queueCount > 0 {
      keys?.process(UnsafeBufferPointer(start: queue, count: min(queueCount, frame)))
    }
    return estimate()
  }

  /// The next key heard in the audio.
  public mutating func nextKey() -> DTMFDigit? {
    guard keys != nil else { return nil }
    return keys?.next()
  }

  private mutating func take(_ packet: JitterBuffer.Packet, _ isHeard: Bool) {
    bridged = 0
    let samples = packet.duration * encoding.samplesPerTick
    switch packet.note.kind {
    case .event: return
    case .comfortNoise:
      if let payload = jitter.payload(of: packet), let description = ComfortNoiseDescription(payload) {
        noise.update(description)
        hasNoise = true
      }
      return
    case .silence:
      if isHeard { decode(packet) } else { skip(samples, packet) }
      return
    case .audio: break
    }
    hasNoise = false
    let hasVoice = judge(packet)
    speechHint = hasVoice
    packetsSinceProbe += 1
    guard !isHeard, queueCount == 0, samples >= frame || hasVoice == false else { return decode(packet) }
    if hasVoice == false {
      skip(samples, packet)
    } else if hasVoice == true, skipped == 0,
      packet.note.level != nil || packetsSinceProbe < InboundAudio.probeInterval
    {
      skip(samples, packet)
      pending = packet
    } else {
      decode(packet)
    }
  }

  /// Whether a packet has something to hear; nil when only decoding tells.
  ///
  /// Encoders and header extensions know speech. Tones and music are none, but nobody would understand why
  /// they were not heard: what is loud is heard.
  private mutating func judge(_ packet: JitterBuffer.Packet) -> Bool? {
    if let level = packet.note.level {
      lastLevel = level
      let isLoud = detector.note(level)
      guard let hasVoice = packet.note.hasVoice else { return isLoud }
      return InboundAudio.isHeard(Float(level.decibels), hasVoice)
    }
    switch packet.note.hasVoice {
    case true: return true
    case false: return isLoud ? true : packetsSinceProbe >= quietInterval ? nil : false
    case nil: return nil
    }
  }

  private static func isHeard(_ level: Float, _ hasVoice: Bool) -> Bool {
    level > (hasVoice ? VoiceDetector.threshold : VoiceDetector.loudestBackground + VoiceDetector.margin)
  }

  private mutating func skip(_ samples: Int, _ packet: JitterBuffer.Packet) {
    skipped += samples
    lastSkipped = packet
    isRunning = false
  }

  private mutating func decode(_ packet: JitterBuffer.Packet) {
    if !isRunning { warmUp(before: packet) }
    let room = UnsafeMutableBufferPointer(start: queue + queueCount, count: queueCapacity - queueCount)
    guard let payload = jitter.payload(of: packet), let count = decoder.decode(payload, into: room) else {
      malformedPackets &+= 1
      bridge(packet.duration * encoding.samplesPerTick)
      return
    }
    decodedPackets &+= 1
    queueCount += count
    isRunning = true
  }

  /// Brings the decoder to where the packet goes on: what it heard last may be long ago.
  private mutating func warmUp(before packet: JitterBuffer.Packet) {
    defer { lastSkipped = nil }
    guard !encoding.isStateless else { return }
    if resampler != nil { resampler?.reset() }
    guard let last = lastSkipped, last.sequence == packet.sequence - 1,
      let payload = jitter.payload(of: last)
    else { return }
    let room = UnsafeMutableBufferPointer(start: queue + queueCount, count: queueCapacity - queueCount)
    if decoder.decode(payload, into: room) != nil { decodedPackets &+= 1 }
  }

  // MARK: What is not there

  private mutating func bridgeLoss(_ samples: Int, _ next: JitterBuffer.Packet?) {
    let count = min(samples, queueCapacity - queueCount)
    guard isRunning else {
      skipped += count
      return
    }
    let target = UnsafeMutableBufferPointer(start: queue + queueCount, count: count)
    if let next, let payload = jitter.payload(of: next) {
      decoder.recover(from: payload, into: target)
    } else {
      decoder.conceal(into: target)
    }
    queueCount += count
  }

  private mutating func bridge(_ samples: Int) {
    let count = min(samples, queueCapacity - queueCount)
    guard isRunning else {
      skipped += count
      return
    }
    decoder.conceal(into: UnsafeMutableBufferPointer(start: queue + queueCount, count: count))
    queueCount += count
  }

  private mutating func bridgeGap() {
    let missing = frame - queueCount - skipped
    bridged += 1
    if bridged > InboundAudio.longestBridge { isRunning = false }
    bridge(missing)
  }

  private mutating func bridgePause(_ isHeard: Bool) {
    let missing = frame - queueCount - skipped
    speechHint = false
    guard isHeard, isRunning || hasNoise else {
      skipped += missing
      return
    }
    guard hasNoise else {
      // Opus makes background noise of its own.
      bridge(missing)
      return
    }
    noise.generate(into: UnsafeMutableBufferPointer(start: queue + queueCount, count: missing))
    queueCount += missing
  }

  // MARK: Delay

  /// Looks at the delay, and where nobody listens puts it right; ``take(into:now:)`` does it in speech.
  private mutating func keepDelay(_ now: MonotonicInstant, _ isHeard: Bool) {
    guard jitter.isPlaying, jitter.count > 0 else {
      ticksTooLong = 0
      ticksTooShort = 0
      return
    }
    let pending = (queueCount + skipped) / encoding.samplesPerTick
    let excess = jitter.delay(now: now, pending: pending) - jitter.targetDelay
    // Audio goes by frames: up to one of them more than needed is as good as it gets.
    ticksTooLong = excess > .milliseconds(25) ? ticksTooLong + 1 : 0
    ticksTooShort = excess < .milliseconds(-5) ? ticksTooShort + 1 : 0
    guard !isHeard, queueCount + skipped == 0 else { return }
    if ticksTooShort >= InboundAudio.patience {
      skipped += frame
    } else if ticksTooLong >= InboundAudio.patience,
      case .packet(let packet) = jitter.next(now: now, wanted: frame / encoding.samplesPerTick)
    {
      guard packet.note.kind == .audio, packet.note.hasVoice == false else { return take(packet, isHeard) }
      jitter.noteDropped(packet.duration)
      lastSkipped = packet
      isRunning = false
      ticksTooLong = 0
    }
  }

  /// Speech that waits too long loses a period of its voice now and then, and speech that comes too late gets
  /// one twice.
  private mutating func adjustSpeech(_ now: MonotonicInstant) {
    let isTooLong = ticksTooLong >= InboundAudio.patience
    guard isTooLong || ticksTooShort >= InboundAudio.patience, jitter.count > 0, queueCount <= 2 * frame
    else {
      return
    }
    if queueCount < stretch.minimumCount || queueCount < frame + stretch.maximumGrowth,
      case .packet(let packet) = jitter.next(now: now, wanted: frame / encoding.samplesPerTick)
    {
      take(packet, true)
    }
    if isTooLong {
      guard queueCount >= max(stretch.minimumCount, frame + stretch.maximumGrowth) else { return }
      let count = stretch.compress(queue, count: queueCount)
      jitter.noteDropped((queueCount - count) / encoding.samplesPerTick)
      queueCount = count
    } else {
      guard queueCount + stretch.maximumGrowth <= queueCapacity else { return }
      queueCount = stretch.expand(queue, count: queueCount)
    }
    ticksTooLong = 0
    ticksTooShort = 0
  }

  // MARK: Giving

  private mutating func estimate() -> Estimate {
    if let level = lastLevel { return Estimate(hasVoice: speechHint == true, level: Float(level.decibels)) }
    if pending != nil { return Estimate(hasVoice: true, level: probeLevel) }
    guard queueCount > 0, bridged == 0 else { return Estimate(hasVoice: false, level: -127) }
    let level = AudioLevel(of: UnsafeBufferPointer(start: queue, count: min(queueCount, frame)))
    let value = Float(level.decibels)
    let isVoice = detector.note(level)
    probeLevel = value
    packetsSinceProbe = 0
    isLoud = InboundAudio.isHeard(value, false)
    // Who was found quiet is asked less and less often.
    quietInterval =
      isLoud || speechHint == true
      ? InboundAudio.probeInterval : min(2 * quietInterval, InboundAudio.longestProbeInterval)
    guard encoding == .opus else { return Estimate(hasVoice: isVoice, level: value) }
    let hasVoice = speechHint.map { InboundAudio.isHeard(value, $0) } ?? (isLoud || isVoice)
    return Estimate(hasVoice: hasVoice, level: value)
  }

  /// Writes the 20 ms at the rate of the mix. Returns false, and writes nothing, when they are silence.
  ///
  /// - Parameter output: ``mixFrame`` samples.
  public mutating func take(into output: UnsafeMutableBufferPointer<Int16>, now: MonotonicInstant) -> Bool {
    if let packet = pending {
      pending = nil
      // It was the last to be skipped: before it, the one before.
      skipped = max(0, skipped - packet.duration * encoding.samplesPerTick)
      lastSkipped = nil
      decode(packet)
    }
    if queueCount > 0 { adjustSpeech(now) }
    let count = min(queueCount, frame)
    guard count > 0 else {
      skip()
      return false
    }
    if count < frame {
      // The rest was silence.
      (queue + count).update(repeating: 0, count: frame - count)
    }
    let source = UnsafeBufferPointer(start: queue, count: frame)
    if resampler != nil {
      let written = resampler?.process(source, into: output) ?? 0
      for i in written..<max(written, output.count) { output[i] = 0 }
    } else if let base = output.baseAddress, let from = source.baseAddress {
      base.update(from: from, count: min(frame, output.count))
    }
    skip()
    return true
  }

  /// Passes over the 20 ms.
  public mutating func skip() {
    pending = nil
    let fromQueue = min(queueCount, frame)
    if fromQueue > 0 {
      queueCount -= fromQueue
      if queueCount > 0 { queue.update(from: queue + fromQueue, count: queueCount) }
    }
    skipped = max(0, skipped - (frame - fromQueue))
  }
}
