/// Tells speech from background by its level alone: it must stand out from the noise of this source.
///
/// The background is the quietest of the last seconds: speech has gaps, noise has none. Whatever is loud is
/// heard, gaps or not: a tone, or music, is no background.
public struct VoiceDetector: Sendable {
  /// Speech is this much louder than the background, in dB.
  public static let margin: Float = 9
  /// Nothing quieter than this is speech, in dBov.
  public static let threshold: Float = -52
  /// No background is taken for louder than this, in dBov.
  public static let loudestBackground: Float = -42
  /// Frames that still count as speech after the last loud one: the ends of words are quiet.
  public static let hangover = 8
  /// Half of the time that is looked back on, in frames of 20 ms.
  private static let window = 75

  private var minimum: Float = -60
  private var minimumBefore: Float = -60
  private var framesInWindow = 0
  private var framesLeft = 0

  public init() {}

  /// dBov of the background, as far as known.
  public var noiseFloor: Float { min(min(minimum, minimumBefore), VoiceDetector.loudestBackground) }

  /// Takes the level of the next 20 ms; returns whether it is speech.
  public mutating func note(_ level: AudioLevel) -> Bool {
    let value = Float(level.decibels)
    minimum = min(minimum, value)
    framesInWindow += 1
    if framesInWindow == VoiceDetector.window {
      minimumBefore = minimum
      minimum = 0
      framesInWindow = 0
    }
    if value > VoiceDetector.threshold, value > noiseFloor + VoiceDetector.margin {
      framesLeft = VoiceDetector.hangover
      return true
    }
    guard framesLeft > 0 else { return false }
    framesLeft -= 1
    return value > VoiceDetector.threshold - 10
  }
}
