import Glibc

/// Brings quiet and loud speakers near each other, slowly: it follows speech only, and stays as it is in
/// between.
struct AutomaticGain {
  /// Where speech should be, in dBov: the nominal level of telephony (ITU-T P.56) a little up.
  static let target: Float = -23
  static let mostGain: Float = 12
  static let mostLoss: Float = 9
  /// Speech this near the target is left alone, in dB.
  static let tolerance: Float = 3
  /// dB a frame: 2.5 dB a second up, 10 down.
  private static let rise: Float = 0.05
  private static let fall: Float = 0.2

  private var speechLevel: Float = AutomaticGain.target
  private(set) var decibels: Float = 0
  /// Factor.
  private(set) var gain: Float = 1

  /// Takes the level of 20 ms that are in the mix.
  mutating func note(level: Float, hasVoice: Bool) {
    guard hasVoice, level > -60 else { return }
    // Loud parts of speech are its level; gaps inside of words are not.
    speechLevel += (level - speechLevel) * (level > speechLevel ? 0.1 : 0.01)
    let missing = AutomaticGain.target - speechLevel
    let wanted =
      abs(missing) <= AutomaticGain.tolerance
      ? 0 : missing - (missing > 0 ? AutomaticGain.tolerance : -AutomaticGain.tolerance)
    let limited = max(-AutomaticGain.mostLoss, min(AutomaticGain.mostGain, wanted))
    let step = max(-AutomaticGain.fall, min(AutomaticGain.rise, limited - decibels))
    guard step != 0 else { return }
    decibels += step
    gain = powf(10, decibels / 20)
  }
}
