import CallModel
import Glibc
import Synchronization

/// What the callers and the thread of a resolver share: the cache, and who waits for which question.
///
/// One lock, held for look-ups and never while calling out. The c-ares channel is not here: only the thread touches it.
final class DNSResolverEngine: Sendable {
  typealias Completion = @Sendable (DNSAnswer) -> Void

  enum Asked {
    case answered(DNSAnswer)
    case waiting(UInt64)
  }

  private struct Outstanding {
    var waiters: [(id: UInt64, completion: Completion)]
    var generation: UInt64
  }

  private struct Shared {
    var cache: DNSCache
    var outstanding: [DNSQuestion: Outstanding] = [:]
    /// Questions for the thread to take up.
    var fresh: [DNSQuestion] = []
    /// In order of time, since every question has the same deadline.
    var deadlines: [(at: MonotonicInstant, question: DNSQuestion, generation: UInt64)] = []
    var nextDeadline = 0
    var lastNumber: UInt64 = 0
    var isShutDown = false
    var counters = DNSResolverCounters()
  }

  let configuration: DNSResolverConfiguration
  private let shared: Mutex<Shared>
  private let wake: WakePipe

  init(_ configuration: DNSResolverConfiguration) throws(DNSResolverError) {
    self.configuration = configuration
    shared = Mutex(Shared(cache: DNSCache(configuration.cache)))
    wake = try WakePipe()
  }

  func start() throws(DNSResolverError) {
    try DNSResolverThread.start(self, wake: wake)
  }

  static func now() -> MonotonicInstant {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return MonotonicInstant(nanoseconds: Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec))
  }

  // MARK: Callers

  func ask(_ question: DNSQuestion, _ completion: @escaping Completion) -> Asked {
    guard DNSResolverEngine.isValid(question.name) else { return .answered(.failed(.invalidName)) }
    let now = DNSResolverEngine.now()
    var mustWake = false
    let asked: Asked = shared.withLock { shared in
      shared.counters.questions &+= 1
      guard !shared.isShutDown else { return .answered(.failed(.cancelled)) }
      if case .fresh(let answer) = shared.cache.lookup(question, now: now) {
        shared.counters.cacheHits &+= 1
        return .answered(answer)
      }
      shared.lastNumber += 1
      let id = shared.lastNumber
      if shared.outstanding[question] != nil {
        shared.outstanding[question]?.waiters.append((id, completion))
        return .waiting(id)
      }
      guard shared.outstanding.count < configuration.maximumOutstanding else {
        shared.counters.refused &+= 1
        return .answered(.failed(.overloaded))
      }
      shared.counters.asked &+= 1
      shared.outstanding[question] = Outstanding(waiters: [(id, completion)], generation: id)
      shared.deadlines.append((now + configuration.deadline, question, id))
      mustWake = shared.fresh.isEmpty
      shared.fresh.append(question)
      return .waiting(id)
    }
    if mustWake { wake.signal() }
    return asked
  }

  func cancel(_ question: DNSQuestion, _ waiter: UInt64) {
    let completion: Completion? = shared.withLock { shared in
      guard let index = shared.outstanding[question]?.waiters.firstIndex(where: { $0.id == waiter }) else {
        return nil
      }
      return shared.outstanding[question]?.waiters.remove(at: index).completion
    }
    completion?(.failed(.cancelled))
  }

  func flushCache() { shared.withLock { $0.cache.removeAll() } }

  var counters: DNSResolverCounters {
    shared.withLock { shared in
      var counters = shared.counters
      counters.outstanding = shared.outstanding.count
      counters.cached = shared.cache.count
      return counters
    }
  }

  func shutdown() {
    let waiters: [Completion] = shared.withLock { shared in
      guard !shared.isShutDown else { return [] }
      shared.isShutDown = true
      let waiters = shared.outstanding.values.flatMap { $0.waiters.map(\.completion) }
      shared.outstanding = [:]
      shared.fresh = []
      return waiters
    }
    for completion in waiters { completion(.failed(.cancelled)) }
    wake.signal()
  }

  /// Bounds of RFC 1035 §2.3.4; only characters that c-ares takes as they are.
  private static func isValid(_ name: String) -> Bool {
    guard (1...253).contains(name.utf8.count) else { return false }
    return name.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false).allSatisfy {
      label in
      (1...63).contains(label.count)
        && label.allSatisfy { $0 > 0x20 && $0 < 0x7f && $0 != UInt8(ascii: "\\") && $0 != UInt8(ascii: "\"") }
    }
  }

  // MARK: The thread

  /// New questions since the last time; nil when the resolver is shut down.
  func takeFresh() -> [DNSQuestion]? {
    shared.withLock { shared in
      guard !shared.isShutDown else { return nil }
      defer { shared.fresh = [] }
      return shared.fresh
    }
  }

  /// Hands an answer to everybody who waits for it. One that comes after the deadline still goes into the cache.
  func complete(_ question: DNSQuestion, _ answer: DNSAnswer, lifetime: UInt32?, isCachable: Bool = true) {
    let now = DNSResolverEngine.now()
    let (given, waiters): (DNSAnswer, [(id: UInt64, completion: Completion)]) = shared.withLock { shared in
      switch answer {
      case .failed(.timeout): shared.counters.timeouts &+= 1
      case .failed: shared.counters.failures &+= 1
      case .records, .noData, .noSuchName: break
      }
      var given = answer
      if isCachable {
        given = shared.cache.insert(answer, for: question, lifetime: lifetime, now: now)
        if given != answer { shared.counters.staleAnswers &+= 1 }
      }
      return (given, shared.outstanding.removeValue(forKey: question)?.waiters ?? [])
    }
    for waiter in waiters { waiter.completion(given) }
  }

  /// Answers what has waited too long, and says when to look again.
  func expire() -> MonotonicInstant {
    let now = DNSResolverEngine.now()
    var late: [DNSQuestion] = []
    let next: MonotonicInstant = shared.withLock { shared in
      while shared.nextDeadline < shared.deadlines.count {
        let (at, question, generation) = shared.deadlines[shared.nextDeadline]
        let isOutstanding = shared.outstanding[question]?.generation == generation
        if isOutstanding, at > now { break }
        if isOutstanding { late.append(question) }
        shared.nextDeadline += 1
      }
      if shared.nextDeadline > 1024 || shared.nextDeadline == shared.deadlines.count {
        shared.deadlines.removeFirst(shared.nextDeadline)
        shared.nextDeadline = 0
      }
      guard shared.nextDeadline < shared.deadlines.count else { return .distantFuture }
      return shared.deadlines[shared.nextDeadline].at
    }
    for question in late { complete(question, .failed(.timeout), lifetime: nil) }
    return next
  }
}

/// Wakes a thread out of `poll`.
final class WakePipe: Sendable {
  let readEnd: CInt
  private let writeEnd: CInt

  init() throws(DNSResolverError) {
    var ends: [CInt] = [-1, -1]
    guard pipe(&ends) == 0 else {
      throw DNSResolverError(
        description: "no descriptor for the resolver: \(String(cString: strerror(errno)))")
    }
    for end in ends {
      _ = fcntl(end, F_SETFL, fcntl(end, F_GETFL) | O_NONBLOCK)
      _ = fcntl(end, F_SETFD, FD_CLOEXEC)
    }
    readEnd = ends[0]
    writeEnd = ends[1]
  }

  deinit {
    close(readEnd)
    close(writeEnd)
  }

  /// A full pipe is awake enough.
  func signal() {
    var byte: UInt8 = 1
    _ = write(writeEnd, &byte, 1)
  }

  func drain() {
    var bytes = [UInt8](repeating: 0, count: 64)
    while read(readEnd, &bytes, bytes.count) == bytes.count {}
  }
}
