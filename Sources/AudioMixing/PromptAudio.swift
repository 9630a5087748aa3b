import Codecs

/// Samples to be played into a mix: tones, announcements. Made once, shared by all that play them.
public final class PromptAudio: @unchecked Sendable {
  // Sendable: written in the initialiser only.
  let samples: UnsafePointer<Int16>
  let count: Int
  private let storage: UnsafeMutablePointer<Int16>

  /// Half an hour.
  public static let maximumSeconds = 1_800

  /// Nil when there is nothing, or more than ``maximumSeconds``, or a rate that cannot be converted.
  public init?(_ samples: [Int16], sampleRate: Int) {
    guard !samples.isEmpty, sampleRate > 0, samples.count / sampleRate <= PromptAudio.maximumSeconds else {
      return nil
    }
    let rate = InboundAudio.mixRate
    guard var resampler = Resampler(from: sampleRate, to: rate) else { return nil }
    let capacity = resampler.outputCount(for: samples.count)
    storage = .allocate(capacity: capacity)
    storage.initialize(repeating: 0, count: capacity)
    if sampleRate == rate {
      storage.update(from: samples, count: samples.count)
      count = samples.count
    } else {
      let target = UnsafeMutableBufferPointer(start: storage, count: capacity)
      count = samples.withUnsafeBufferPointer { resampler.process($0, into: target) }
    }
    self.samples = UnsafePointer(storage)
  }

  public convenience init?(_ tone: SignalTone) {
    self.init(tone.samples(rate: InboundAudio.mixRate), sampleRate: InboundAudio.mixRate)
  }

  deinit { storage.deallocate() }
}

/// Where a prompt is being played.
struct PromptPlayer {
  private let audio: PromptAudio
  private var position = 0
  private let repeats: Bool

  init(_ audio: PromptAudio, repeats: Bool) {
    self.audio = audio
    self.repeats = repeats
  }

  /// Adds the next 20 ms to a mix. False when it is over.
  mutating func add(to mix: UnsafeMutablePointer<Float>) -> Bool {
    let samples = audio.samples
    var done = 0
    while done < MixArithmetic.count {
      if position >= audio.count {
        guard repeats else { return done > 0 }
        position = 0
      }
      let step = min(MixArithmetic.count - done, audio.count - position)
      for i in 0..<step { mix[done + i] += Float(samples[position + i]) }
      done += step
      position += step
    }
    return true
  }
}
