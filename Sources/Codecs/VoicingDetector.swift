import Glibc

/// Tells the sounding parts of speech from noise by their period: vocal folds have one, fans and keyboards have none.
///
/// Tones and music have one, too, and are left in peace. For frames of 20 ms of one source; owned by one thread.
public struct VoicingDetector: ~Copyable {
  /// Of two neighbouring periods, how alike they must be: 1 is the same but for loudness.
  static let likeness: Float = 0.65
  /// Nothing quieter than this is speech, in mean squares of 16-bit samples: -60 dBov.
  static let faintest: Float = 1_074

  private static let rate = 8_000
  private let decimation: Int
  private let search = PitchSearch(sampleRate: VoicingDetector.rate)
  /// The newest samples at 8 kHz, the latest last.
  private let history: UnsafeMutablePointer<Int16>
  private static let frame = rate / 50
  private static let kept = 2 * frame

  /// Nil for rates that are no multiple of 8 kHz.
  public init?(sampleRate: Int) {
    guard sampleRate >= VoicingDetector.rate, sampleRate % VoicingDetector.rate == 0 else { return nil }
    decimation = sampleRate / VoicingDetector.rate
    history = .allocate(capacity: VoicingDetector.kept)
    history.initialize(repeating: 0, count: VoicingDetector.kept)
  }

  deinit { history.deallocate() }

  /// Whether the end of this frame is voiced.
  public mutating func isVoiced(_ samples: UnsafeBufferPointer<Int16>) -> Bool {
    let (frame, kept) = (VoicingDetector.frame, VoicingDetector.kept)
    guard samples.count == frame * decimation else { return false }
    history.update(from: history + frame, count: kept - frame)
    for i in 0..<frame {
      // The mean is filter enough: what folds back is no voice's period.
      var sum: Int32 = 0
      for j in i * decimation..<(i + 1) * decimation { sum += Int32(samples[j]) }
      history[kept - frame + i] = Int16(clamping: sum / Int32(decimation))
    }
    let newest = UnsafeBufferPointer(start: history + kept - frame, count: frame)
    guard AudioLevel.meanSquare(of: newest) > VoicingDetector.faintest else { return false }
    let end = history + kept
    let lag = search.lag(endingAt: UnsafePointer(end))
    var (product, now, before): (Float, Float, Float) = (0, 1, 1)
    for i in -frame..<0 {
      let a = Float(end[i])
      let b = Float(end[i - lag])
      product += a * b
      now += a * a
      before += b * b
    }
    return product > 0
      && product * product > VoicingDetector.likeness * VoicingDetector.likeness * now * before
  }
}
