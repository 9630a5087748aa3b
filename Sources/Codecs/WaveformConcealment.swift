/// Fills gaps of a waveform codec by repeating the last period of the voice, fading out (the idea of ITU-T
/// G.711 appendix I).
struct WaveformConcealment: ~Copyable {
  /// The newest samples, oldest first.
  private let history: UnsafeMutablePointer<Int16>
  private let historyCount: Int
  /// One period, made such that its end flows into its beginning.
  private let period: UnsafeMutablePointer<Int16>
  private let pitch: PitchSearch
  private var lag = 0
  private var position = 0
  /// Samples concealed since the last good one.
  private var concealed = 0
  private let sampleRate: Int

  /// Full volume until here, in milliseconds, and silence from there.
  private static let steadyTime = 10
  private static let silentTime = 60
  /// Into the good audio behind a gap, in milliseconds.
  private static let mergeTime = 4

  init(sampleRate: Int) {
    self.sampleRate = sampleRate
    pitch = PitchSearch(sampleRate: sampleRate)
    historyCount = pitch.window + pitch.maximumLag
    history = .allocate(capacity: historyCount)
    history.initialize(repeating: 0, count: historyCount)
    period = .allocate(capacity: pitch.maximumLag)
    period.initialize(repeating: 0, count: pitch.maximumLag)
  }

  deinit {
    history.deallocate()
    period.deallocate()
  }

  mutating func reset() {
    history.update(repeating: 0, count: historyCount)
    concealed = 0
  }

  /// Takes good audio; behind a gap, its first milliseconds are blended with the concealment.
  mutating func note(_ samples: UnsafeMutableBufferPointer<Int16>) {
    guard let base = samples.baseAddress else { return }
    if concealed > 0 {
      let count = min(samples.count, sampleRate * WaveformConcealment.mergeTime / 1_000)
      for i in 0..<count {
        let weight = Float(i) / Float(count)
        let old = next()
        base[i] = Int16(Float(old) * (1 - weight) + Float(base[i]) * weight)
      }
      concealed = 0
    }
    let kept = min(samples.count, historyCount)
    if kept < historyCount { history.update(from: history + kept, count: historyCount - kept) }
    (history + historyCount - kept).update(from: base + samples.count - kept, count: kept)
  }

  mutating func conceal(into samples: UnsafeMutableBufferPointer<Int16>) {
    if concealed == 0 { start() }
    for i in samples.indices { samples[i] = next() }
  }

  private mutating func start() {
    lag = pitch.lag(endingAt: UnsafePointer(history + historyCount))
    position = 0
    let end = history + historyCount
    period.update(from: end - lag, count: lag)
    // The seam: the last quarter goes over into what came before the first sample of the period.
    let seam = lag / 4
    for i in 0..<seam {
      let weight = Float(i + 1) / Float(seam + 1)
      let own = Float(end[i - seam])
      let before = Float(end[i - seam - lag])
      period[lag - seam + i] = Int16(own * (1 - weight) + before * weight)
    }
  }

  private mutating func next() -> Int16 {
    guard lag > 0 else { return 0 }
    let sample = period[position]
    position = position + 1 == lag ? 0 : position + 1
    concealed += 1
    let steady = sampleRate * WaveformConcealment.steadyTime / 1_000
    let silent = sampleRate * WaveformConcealment.silentTime / 1_000
    if concealed <= steady { return sample }
    if concealed >= silent { return 0 }
    return Int16(Float(sample) * Float(silent - concealed) / Float(silent - steady))
  }
}
