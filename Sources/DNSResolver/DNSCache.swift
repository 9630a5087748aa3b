import CallModel

/// Answers by question, each for its time to live. Bounded: the oldest goes first.
struct DNSCache {
  struct Entry {
    var answer: DNSAnswer
    var expires: MonotonicInstant
    /// Until when it serves while the servers fail.
    var staleUntil: MonotonicInstant
    fileprivate var sequence: UInt64
  }

  enum Lookup: Equatable {
    case fresh(DNSAnswer)
    /// Expired, but better than a failure.
    case stale(DNSAnswer)
    case missing
  }

  private let configuration: DNSResolverConfiguration.Cache
  private var entries: [DNSQuestion: Entry] = [:]
  /// Questions in the order they were put in. A question that was put in again has older places here, which are skipped.
  private var order: [(question: DNSQuestion, sequence: UInt64)] = []
  private var oldest = 0
  private var sequence: UInt64 = 0

  init(_ configuration: DNSResolverConfiguration.Cache) {
    self.configuration = configuration
  }

  var count: Int { entries.count }

  func lookup(_ question: DNSQuestion, now: MonotonicInstant) -> Lookup {
    guard let entry = entries[question] else { return .missing }
    if entry.expires > now { return .fresh(entry.answer) }
    return entry.staleUntil > now ? .stale(entry.answer) : .missing
  }

  /// Keeps an answer and returns what to give out: the same, or an expired one in the place of a failure.
  /// `lifetime` is what the response says, in seconds.
  mutating func insert(
    _ answer: DNSAnswer, for question: DNSQuestion, lifetime: UInt32?, now: MonotonicInstant
  ) -> DNSAnswer {
    if case .failed = answer, case .stale(let old) = lookup(question, now: now) {
      // While the servers fail it serves on without waiting for them at each call.
      entries[question]?.expires = now + configuration.failureLifetime
      return old
    }
    keep(answer, for: question, lifetime: lifetime, now: now)
    return answer
  }

  private mutating func keep(
    _ answer: DNSAnswer, for question: DNSQuestion, lifetime: UInt32?, now: MonotonicInstant
  ) {
    guard configuration.capacity > 0 else { return }
    let keep: TimeSpan
    var stale = TimeSpan.zero
    switch answer {
    case .records:
      let said = TimeSpan.seconds(Int64(lifetime ?? 0))
      // A time to live of 0 asks for no caching at all (RFC 1035 §3.2.1).
      guard said > .zero else { return remove(question) }
      keep = min(max(said, configuration.minimumLifetime), configuration.maximumLifetime)
      stale = configuration.staleLifetime
    case .noData, .noSuchName:
      keep = min(.seconds(Int64(lifetime ?? 5)), configuration.maximumNegativeLifetime)
    case .failed(.timeout), .failed(.serverFailure):
      keep = configuration.failureLifetime
    case .failed:
      return
    }
    guard keep > .zero else { return remove(question) }
    sequence += 1
    entries[question] = Entry(
      answer: answer, expires: now + keep, staleUntil: now + keep + stale, sequence: sequence)
    order.append((question, sequence))
    evict()
  }

  mutating func removeAll() {
    entries.removeAll()
    order.removeAll()
    oldest = 0
  }

  private mutating func remove(_ question: DNSQuestion) { entries[question] = nil }

  private mutating func evict() {
    while entries.count > configuration.capacity, oldest < order.count {
      let (question, sequence) = order[oldest]
      oldest += 1
      if entries[question]?.sequence == sequence { entries[question] = nil }
    }
    // Places already passed, and those of answers since renewed, are swept out now and then.
    if order.count > 2 * configuration.capacity + 64 {
      order = order[oldest...].filter { entries[$0.question]?.sequence == $0.sequence }
      oldest = 0
    }
  }
}
