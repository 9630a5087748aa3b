typealias Evaluation = (Run) throws(Fault) -> Value
typealias Execution = (Run) throws(Fault) -> Void

/// A script made ready to run: its statements as closures.
///
/// @unchecked Sendable: the closures capture only values that nothing changes after compilation (constants are numbers and
/// texts, never lists or dictionaries), and what changes while they run is in the `Run` that is passed to them. The cache of patterns
/// has a lock. Tested by rendering one script from many threads.
final class Program: @unchecked Sendable {
  let body: Execution
  let slotCount: Int
  /// Names that are looked up in the context, by number.
  let names: [String]
  let patterns: PatternCache

  init(body: @escaping Execution, slotCount: Int, names: [String], patterns: PatternCache) {
    self.body = body
    self.slotCount = slotCount
    self.names = names
    self.patterns = patterns
  }
}
