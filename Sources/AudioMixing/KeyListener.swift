import CallModel
import Codecs

/// Hears the keys of a telephone in audio of any rate. Their tones lie below 1.7 kHz (ITU-T Q.23), and are looked for at 8 kHz.
struct KeyListener: ~Copyable {
  private var detector: DTMFDetector
  /// nil: the audio has the detector's rate.
  private var resampler: Resampler?
  private let samples: UnsafeMutableBufferPointer<Int16>

  /// - Parameters:
  ///   - sampleRate: of the audio, in Hz.
  ///   - frame: the most samples that come at once.
  /// nil: there is no memory.
  init?(sampleRate: Int, frame: Int) {
    guard let detector = DTMFDetector() else { return nil }
    let isFast = sampleRate != DTMFDetector.sampleRate
    resampler = isFast ? Resampler(from: sampleRate, to: DTMFDetector.sampleRate) : nil
    if isFast, resampler == nil { return nil }
    self.detector = detector
    samples = .allocate(capacity: isFast ? frame * DTMFDetector.sampleRate / sampleRate + 1 : 0)
    samples.initialize(repeating: 0)
  }

  deinit { samples.deallocate() }

  mutating func process(_ audio: UnsafeBufferPointer<Int16>) {
    if resampler == nil { return detector.process(audio) }
    let count = resampler?.process(audio, into: samples) ?? 0
    detector.process(UnsafeBufferPointer(rebasing: samples[..<count]))
  }

  /// The next key heard, each press once.
  mutating func next() -> DTMFDigit? {
    guard let tone = detector.next() else { return nil }
    return DTMFDigit(event: tone.rawValue)
  }
}
