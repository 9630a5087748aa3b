import CallModel

/// What is known about servers that failed lately, so that new requests do not wait for them again (RFC 3263 §4.3,
/// RFC 3261 §21.5.4). Bounded; entries expire by themselves.
public struct ServerFailures: Sendable {
  public enum Reason: Hashable, Sendable {
    /// No transaction response, a transport error, or a refused connection. Such a server is tried last.
    case unreachable
    /// 503, with the Retry-After it carried. With one, the server is not tried at all until then.
    case unavailable(retryAfter: TimeSpan?)
  }

  private struct Key: Hashable {
    var transport: SIPTransportProtocol
    var address: TransportAddress
  }

  private struct Entry {
    var until: MonotonicInstant
    var isBarred: Bool
  }

  /// How long a failure without Retry-After is remembered.
  public var retryInterval: TimeSpan
  /// The longest Retry-After obeyed: a peer cannot bar itself for ever by mistake.
  public var maximumRetryAfter: TimeSpan
  public let capacity: Int
  private var entries: [Key: Entry] = [:]

  public init(
    retryInterval: TimeSpan = .seconds(60), maximumRetryAfter: TimeSpan = .seconds(3600), capacity: Int = 4096
  ) {
    self.retryInterval = retryInterval
    self.maximumRetryAfter = maximumRetryAfter
    self.capacity = max(capacity, 1)
  }

  public var count: Int { entries.count }

  public mutating func failed(_ server: ServerCandidate, _ reason: Reason, now: MonotonicInstant) {
    let key = Key(transport: server.transport, address: server.address)
    let entry: Entry
    switch reason {
    case .unavailable(let retryAfter?) where retryAfter > .zero:
      entry = Entry(until: now + min(retryAfter, maximumRetryAfter), isBarred: true)
    case .unreachable, .unavailable:
      entry = Entry(until: now + retryInterval, isBarred: false)
    }
    if entries[key] == nil, entries.count >= capacity { makeRoom(now: now) }
    // A server that barred itself stays barred until then, whatever else happens.
    if let old = entries[key], old.isBarred, !entry.isBarred, old.until > now { return }
    entries[key] = entry
  }

  /// A server answered: whatever was held against it is void.
  public mutating func succeeded(_ server: ServerCandidate) {
    guard !entries.isEmpty else { return }
    entries[Key(transport: server.transport, address: server.address)] = nil
  }

  /// The candidates with failed servers moved to the end, and barred ones left out. Empty when all are barred.
  public func arranged(_ candidates: [ServerCandidate], now: MonotonicInstant) -> [ServerCandidate] {
    guard !entries.isEmpty else { return candidates }
    var healthy: [ServerCandidate] = []
    var failed: [ServerCandidate] = []
    for candidate in candidates {
      let entry = entries[Key(transport: candidate.transport, address: candidate.address)]
      if let entry, entry.until > now {
        if !entry.isBarred { failed.append(candidate) }
      } else {
        healthy.append(candidate)
      }
    }
    return healthy + failed
  }

  /// Drops what has expired, else the entry that would expire first.
  private mutating func makeRoom(now: MonotonicInstant) {
    entries = entries.filter { $0.value.until > now }
    guard entries.count >= capacity, let first = entries.min(by: { $0.value.until < $1.value.until }) else {
      return
    }
    entries[first.key] = nil
  }
}

/// The servers of one request, in order, from first try to last (RFC 3263 §4.3).
public struct ServerSequence: Sendable {
  private let candidates: [ServerCandidate]
  private var index = -1

  /// - Parameter maximumAttempts: how many servers at most, so that failing over ends within the caller's patience.
  public init(_ candidates: [ServerCandidate], maximumAttempts: Int = .max) {
    self.candidates = Array(candidates.prefix(max(maximumAttempts, 0)))
  }

  /// The server being tried; ACK and CANCEL go there too.
  public var current: ServerCandidate? { candidates.indices.contains(index) ? candidates[index] : nil }
  public var remaining: Int { max(candidates.count - max(index + 1, 0), 0) }

  /// Moves on to the next server, at first to the first one.
  public mutating func next() -> ServerCandidate? {
    if index < candidates.count { index += 1 }
    return current
  }
}
