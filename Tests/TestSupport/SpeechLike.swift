import Glibc

/// A voice that says nothing: glottal pulses through three formants that wander, in syllables with pauses,
/// with hisses in between. The same for the same seed, on every machine: what an encoder and a voice detector
/// have to do with it is like speech.
public struct SpeechLike {
  private var generator: SplitMix
  private var time = 0
  private var phase = 0.0
  private var resonators: [(a: Double, b: Double, y1: Double, y2: Double)] = []
  private let pitch: Double
  private var formants: [Double] = []
  private var syllableEnd = 0
  private var level = 0.0
  private var target = 0.0
  private var isHiss = false

  public static let rate = 48_000

  public init(seed: UInt64, pitch: Double) {
    generator = SplitMix(seed: seed)
    self.pitch = pitch
  }

  private mutating func random() -> Double {
    Double(generator.next() >> 11) / Double(1 << 53)
  }

  private mutating func beginSyllable() {
    let isPause = random() < 0.12
    isHiss = !isPause && random() < 0.25
    target = isPause ? 0 : 0.4 + 0.6 * random()
    syllableEnd = time + Int(Double(SpeechLike.rate) * (isPause ? 0.25 : 0.1 + 0.15 * random()))
    formants = [300 + 500 * random(), 900 + 1_400 * random(), 2_300 + 900 * random()]
    let widths = [80.0, 110, 160]
    let old = resonators
    resonators = (0..<3).map { i in
      let r = exp(-.pi * widths[i] / Double(SpeechLike.rate))
      let a = 2 * r * cos(2 * .pi * formants[i] / Double(SpeechLike.rate))
      return (a, -r * r, old.isEmpty ? 0 : old[i].y1, old.isEmpty ? 0 : old[i].y2)
    }
  }

  public mutating func samples(_ count: Int) -> [Int16] {
    (0..<count).map { _ in
      if time >= syllableEnd { beginSyllable() }
      time += 1
      level += (target - level) * 0.002
      phase += pitch * (1 + 0.15 * sin(Double(time) / 21_000)) / Double(SpeechLike.rate)
      var source = (random() - 0.5) * (isHiss ? 1.2 : 0.02)
      if phase >= 1 {
        phase -= 1
        if !isHiss { source += 12 }
      }
      var value = 0.0
      for i in 0..<3 {
        let y = source + resonators[i].a * resonators[i].y1 + resonators[i].b * resonators[i].y2
        resonators[i].y2 = resonators[i].y1
        resonators[i].y1 = y
        value += y * [1, 0.6, 0.35][i]
      }
      return Int16(max(-30_000, min(30_000, value * level * 60 + (random() - 0.5) * 16)))
    }
  }
}
