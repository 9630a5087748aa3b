import Glibc

/// Tones with a cadence: call-progress tones (ITU-T E.180) and keys.
public struct SignalTone: Hashable, Sendable {
  /// A stretch of one or two tones, or of silence.
  public struct Segment: Hashable, Sendable {
    /// Hertz; 0 for none.
    public var first: Float
    public var second: Float
    /// Of each tone, in dBov.
    public var level: Float
    public var milliseconds: Int

    public init(_ first: Float, _ second: Float = 0, level: Float = -13, milliseconds: Int) {
      self.first = first
      self.second = second
      self.level = level
      self.milliseconds = milliseconds
    }

    public static func silence(milliseconds: Int) -> Segment { Segment(0, milliseconds: milliseconds) }
  }

  public var segments: [Segment]
  public var repeats: Bool

  public init(_ segments: [Segment], repeats: Bool = true) {
    self.segments = segments
    self.repeats = repeats
  }

  /// As in most of Europe: 425 Hz.
  public enum Europe {
    public static let dial = SignalTone([Segment(425, milliseconds: 1_000)])
    public static let ringing = on(1_000, off: 4_000)
    public static let busy = on(500, off: 500)
    public static let congestion = on(250, off: 250)
    private static func on(_ on: Int, off: Int) -> SignalTone {
      SignalTone([Segment(425, milliseconds: on), .silence(milliseconds: off)])
    }
  }

  /// The precise tone plan of North America.
  public enum NorthAmerica {
    public static let dial = SignalTone([Segment(350, 440, milliseconds: 1_000)])
    public static let ringing = pair(440, 480, -19, 2_000, 4_000)
    public static let busy = pair(480, 620, -24, 500, 500)
    public static let congestion = pair(480, 620, -24, 250, 250)
    private static func pair(_ a: Float, _ b: Float, _ level: Float, _ on: Int, _ off: Int) -> SignalTone {
      SignalTone([Segment(a, b, level: level, milliseconds: on), .silence(milliseconds: off)])
    }
  }

  /// Keys one after the other (ITU-T Q.24 asks for at least 40 ms each).
  public static func digits(
    _ digits: [TouchTone], milliseconds: Int = 80, pause: Int = 80, level: Float = -10
  ) -> SignalTone {
    SignalTone(
      digits.flatMap { digit in
        [
          Segment(digit.frequencies.low, digit.frequencies.high, level: level, milliseconds: milliseconds),
          .silence(milliseconds: pause),
        ]
      }, repeats: false)
  }

  /// The whole of it once, at a rate; what plays it again and again makes it endless. Segments begin and end
  /// within 2 ms, without a click; a single one that repeats, like dial tone, has no seam at all.
  public func samples(rate: Int) -> [Int16] {
    let isSeamless = segments.count == 1 && repeats
    let ramp = Float(max(1, rate / 500))
    var result: [Int16] = []
    for segment in segments {
      let count = max(0, segment.milliseconds) * rate / 1_000
      let rootMeanSquare = 32_768 * powf(10, segment.level / 20)
      let peak = rootMeanSquare * Float(2).squareRoot()
      result.reserveCapacity(result.count + count)
      for i in 0..<count {
        let value =
          SignalTone.sine(segment.first, at: i, rate: rate)
          + SignalTone.sine(segment.second, at: i, rate: rate)
        let edge = isSeamless ? 1 : min(1, Float(min(i, count - 1 - i)) / ramp)
        result.append(Int16(max(-32_767, min(32_767, value * peak * edge))))
      }
    }
    return result
  }

  /// From the position, not by adding angles: no error gathers.
  private static func sine(_ frequency: Float, at position: Int, rate: Int) -> Float {
    guard frequency > 0 else { return 0 }
    let turns = Double(position) * Double(frequency) / Double(rate)
    return sinf(2 * .pi * Float(turns - turns.rounded(.down)))
  }
}
