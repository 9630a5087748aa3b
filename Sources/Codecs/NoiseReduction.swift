import CSpeexDSP

/// Takes steady noise out of a voice, and turns it down while it is not speech.
///
/// Learns what the noise is from what goes through: the first quarter of a second is cleaned less well than the rest. Owned by
/// one thread; makes no memory after it was made itself.
public struct NoiseReduction: ~Copyable {
  public struct Settings: Hashable, Sendable {
    /// Takes noise out, in speech and beside it (`denoise_enabled`).
    public var denoises: Bool
    /// Turns down who does not speak (`softmute_enabled`): noise that changes, such as typing, too.
    public var softMutes: Bool

    public init(denoises: Bool = false, softMutes: Bool = false) {
      self.denoises = denoises
      self.softMutes = softMutes
    }

    public var isOff: Bool { !denoises && !softMutes }
  }

  public let frame: Int
  private let state: OpaquePointer
  private let denoises: Bool
  private var voicing: VoicingDetector?
  private var framesWithoutSpeech = 0
  private var gain: Float = 1

  /// dB that steady noise is taken down by at most: more would make what is left of it warble.
  static let suppression: Int32 = -20
  /// Frames without a voiced sound before it is turned down: hisses and pauses between words are not.
  static let hangover = 20
  /// Where it is turned down to: still there, so that nobody thinks the line is dead.
  static let quiet: Float = 0.125
  /// A frame's step on the way there; the way back is taken within one.
  private static let fall: Float = 0.1

  /// For frames of 20 ms. Nil when nothing is to be done, and when there is no memory.
  public init?(_ settings: Settings, sampleRate: Int) {
    guard !settings.isOff, (8_000...48_000).contains(sampleRate),
      let state = speex_preprocess_state_init(Int32(sampleRate / 50), Int32(sampleRate))
    else { return nil }
    self.state = state
    frame = sampleRate / 50
    voicing = settings.softMutes ? VoicingDetector(sampleRate: sampleRate) : nil
    denoises = settings.denoises
    set(SPEEX_PREPROCESS_SET_NOISE_SUPPRESS, NoiseReduction.suppression)
  }

  deinit { speex_preprocess_state_destroy(state) }

  private func set(_ request: Int32, _ value: Int32) {
    var value = value
    speex_preprocess_ctl(state, request, &value)
  }

  /// Cleans the next frame. Anything but ``frame`` samples is left alone.
  public mutating func process(_ samples: UnsafeMutableBufferPointer<Int16>) {
    guard samples.count == frame, let base = samples.baseAddress else { return }
    // Judged before it is cleaned: what is left of noise warbles, and may seem to have a period.
    let isSpeech = voicing?.isVoiced(UnsafeBufferPointer(samples))
    if denoises { speex_preprocess_run(state, base) }
    guard let isSpeech else { return }
    framesWithoutSpeech = isSpeech ? 0 : min(framesWithoutSpeech + 1, NoiseReduction.hangover)
    let isQuiet = framesWithoutSpeech >= NoiseReduction.hangover
    let wanted = isQuiet ? max(NoiseReduction.quiet, gain - NoiseReduction.fall) : 1
    defer { gain = wanted }
    guard gain != 1 || wanted != 1 else { return }
    let step = (wanted - gain) / Float(frame)
    for i in 0..<frame { base[i] = Int16(Float(base[i]) * (gain + step * Float(i))) }
  }
}
