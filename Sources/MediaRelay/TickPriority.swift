/// Whether a thread that mixes goes before other programs: ticks wait for nobody, but a thread that has no end of work must
/// not keep the signalling from its processor.
///
/// So priority is for those who need little. A thread that takes more than ``limit`` of a processor goes back into the row
/// and tries again after a while, which doubles each time that it has too much to do at once.
struct TickPriority {
  /// Thousandths of a processor.
  static let limit = 750
  /// How long use is measured, in nanoseconds; at most so long the others wait.
  static let period: Int64 = 200_000_000
  private static let shortestRest: Int64 = 2_000_000_000
  private static let longestRest: Int64 = 32_000_000_000

  /// At the start it has it.
  private(set) var isRaised = true
  private var rest = TickPriority.shortestRest
  /// When it last changed.
  private var since: Int64 = 0

  /// Takes what was used of a processor lately. True: ``isRaised`` has changed.
  ///
  /// - Parameter now: nanoseconds.
  mutating func note(use: Int, at now: Int64) -> Bool {
    if isRaised {
      guard use > TickPriority.limit else { return false }
      // Who had enough of it for long begins with the shortest rest.
      rest = now - since > 2 * rest ? TickPriority.shortestRest : min(2 * rest, TickPriority.longestRest)
    } else {
      guard now - since >= rest else { return false }
    }
    isRaised.toggle()
    since = now
    return true
  }
}
