/// How late packets of a stream come, against the quickest ones, and what delay takes nearly all of them in.
///
/// Transit times are arrival minus sending time, each on its own clock: only differences mean anything. The
/// quickest of the last ten seconds is the base, so that a drift between the clocks moves the base along.
struct ArrivalStatistics {
  /// Microseconds a class of the histogram covers.
  static let classWidth: Int64 = 5_000
  /// The part of the packets that the target takes in.
  static let share: Float = 0.98
  /// What a packet leaves of the weight of those before it: a memory of some ten seconds.
  private static let forgetting: Float = 0.998
  private static let windowLength: Int64 = 5_000_000

  private var weights = InlineArray<64, Float>(repeating: 0)
  private var windowStart: Int64 = 0
  private var minimum: Int64 = .max
  private var minimumBefore: Int64 = .max
  private var count = 0
  /// Microseconds.
  private(set) var target: Int64

  init(initialTarget: Int64) {
    target = initialTarget
    // As if ten packets had come so late.
    weights[min(63, Int(initialTarget / ArrivalStatistics.classWidth) - 1)] = 0.02
  }

  /// The transit time of the quickest packet lately.
  var base: Int64 { min(minimum, minimumBefore) }

  /// Begins a new timeline; what was learnt of jitter stays.
  mutating func restart(transit: Int64, now: Int64) {
    minimum = transit
    minimumBefore = .max
    windowStart = now
  }

  mutating func note(transit: Int64, now: Int64) {
    if now - windowStart > ArrivalStatistics.windowLength {
      minimumBefore = minimum
      minimum = transit
      windowStart = now
    } else if transit < minimum {
      minimum = transit
    }
    let late = Int(max(0, transit - base) / ArrivalStatistics.classWidth)
    for i in 0..<64 { weights[i] *= ArrivalStatistics.forgetting }
    weights[min(63, late)] += 1 - ArrivalStatistics.forgetting
    count += 1
    // Late ones are heard of at once, since the next may be as late.
    if count % 8 == 0 || Int64(late) * ArrivalStatistics.classWidth >= target { updateTarget() }
  }

  private mutating func updateTarget() {
    var total: Float = 0
    for i in 0..<64 { total += weights[i] }
    var sum: Float = 0
    for i in 0..<64 {
      sum += weights[i]
      if sum >= total * ArrivalStatistics.share {
        target = Int64(i + 1) * ArrivalStatistics.classWidth
        return
      }
    }
    target = 64 * ArrivalStatistics.classWidth
  }
}
