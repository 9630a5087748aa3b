import Codecs

/// What two listeners must have in common to be sent the same bytes.
struct EncodingKey: Hashable {
  var encoding: AudioEncoding
  var opus: OpusSettings
  /// Of what those hear who wait, not of the mix.
  var isForWaiting: Bool

  init(_ encoding: AudioEncoding, _ opus: OpusSettings, isForWaiting: Bool = false) {
    self.encoding = encoding
    self.isForWaiting = isForWaiting
    // Settings of Opus make no difference to others.
    self.opus = encoding == .opus ? opus : OpusSettings()
  }
}

/// A mix in one encoding: the encoder, the way from the rate of the mix to its own, and the payload of this
/// tick.
struct EncodedMix: ~Copyable {
  let key: EncodingKey
  private var encoder: AudioEncoder
  private var resampler: Resampler?
  private let samples: UnsafeMutablePointer<Int16>
  private let frame: Int
  private let buffer: UnsafeMutableRawBufferPointer
  /// Of this tick's payload; 0 when there is none.
  private(set) var length = 0
  /// Ticks since there was something to hear.
  private(set) var quietTicks = EncodedMix.tail + 1
  /// For a private mix: its own limiter, and who plays.
  var limiter = Limiter()
  /// Listeners of a shared one.
  var listeners = 0
  private(set) var encodedFrames: UInt64 = 0

  /// Silence is encoded for so long, that decoders come to rest.
  static let tail = 4
  /// Signs of life, in ticks.
  static let keepAlive = 20

  init?(_ key: EncodingKey) {
    guard let encoder = AudioEncoder(key.encoding, settings: key.opus) else { return nil }
    self.key = key
    frame = encoder.sampleRate / 50
    if encoder.sampleRate == InboundAudio.mixRate {
      resampler = nil
    } else {
      resampler = Resampler(from: InboundAudio.mixRate, to: encoder.sampleRate)
    }
    self.encoder = encoder
    samples = .allocate(capacity: InboundAudio.mixFrame)
    samples.initialize(repeating: 0, count: InboundAudio.mixFrame)
    buffer = .allocate(byteCount: max(2_048, key.encoding.maximumEncodedBytes), alignment: 16)
  }

  deinit {
    samples.deallocate()
    buffer.deallocate()
  }

  var payload: UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: buffer[..<length]) }
  var isQuiet: Bool { quietTicks > EncodedMix.tail }

  /// Encodes a frame of the mix.
  mutating func encode(_ mix: UnsafePointer<Int16>) {
    quietTicks = 0
    length = encodeFrame(mix)
  }

  /// A tick with nothing to hear. The end of what was heard is encoded, then the last payload stands for all
  /// silence; of Opus only a sign of life is left.
  mutating func rest(silence: UnsafePointer<Int16>, isKeepAlive: Bool) {
    if quietTicks <= EncodedMix.tail { quietTicks += 1 }
    if quietTicks <= EncodedMix.tail {
      length = encodeFrame(silence)
    } else if key.encoding == .opus {
      // With DTX the encoder writes its table of contents alone, and says that it need not be sent.
      length = isKeepAlive ? max(1, encodeFrame(silence)) : 0
    } else if length == 0 {
      length = encodeFrame(silence)
    }
  }

  private mutating func encodeFrame(_ mix: UnsafePointer<Int16>) -> Int {
    encodedFrames &+= 1
    let source = UnsafeBufferPointer(start: mix, count: InboundAudio.mixFrame)
    guard resampler != nil else { return encoder.encode(source, into: buffer) }
    let target = UnsafeMutableBufferPointer(start: samples, count: frame)
    let count = resampler?.process(source, into: target) ?? 0
    for i in count..<max(count, frame) { samples[i] = 0 }
    return encoder.encode(UnsafeBufferPointer(target), into: buffer)
  }

  /// Goes on where the other is, so that its listeners can change over without a seam.
  ///
  /// - Parameter previous: the frame of the mix that the other encoded last: it fills the filters.
  mutating func follow(_ other: borrowing EncodedMix, previous: UnsafePointer<Int16>) {
    encoder.copyState(from: other.encoder)
    // The other may be about to make a frame for somebody who comes in; this one's listener knows all before.
    encoder.setIndependent(false)
    limiter = other.limiter
    quietTicks = other.quietTicks
    length = 0
    if resampler != nil {
      resampler?.reset()
      let source = UnsafeBufferPointer(start: previous, count: InboundAudio.mixFrame)
      _ = resampler?.process(source, into: UnsafeMutableBufferPointer(start: samples, count: frame))
    }
  }

  /// While on, frames can be understood by those who did not hear the ones before.
  mutating func setIndependent(_ isOn: Bool) { encoder.setIndependent(isOn) }
}
