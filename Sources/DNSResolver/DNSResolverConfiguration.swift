import CallModel

/// Where and how the resolver asks. The defaults follow `/etc/resolv.conf` and suit telephony, where a caller waits.
public struct DNSResolverConfiguration: Sendable {
  /// When the search domains of `resolv.conf` are tried. They apply to host addresses only, never to SRV and NAPTR.
  public enum SearchDomains: Hashable, Sendable {
    case never
    /// For names without a dot.
    case singleLabel
    /// As `resolv.conf` says (`ndots`): needed for short service names inside a cluster.
    case resolvConf
  }

  /// Name servers to use instead of those of `resolv.conf`. Port 0 means 53.
  public var servers: [TransportAddress]
  public var searchDomains: SearchDomains
  /// A hosts file that is asked before the DNS for addresses; nil for none. It is read again when it changes.
  public var hostsFile: String?
  /// How long the first try of each server waits; each further round waits longer.
  public var tryTimeout: TimeSpan
  /// Tries of each server.
  public var tries: Int
  /// The most an answer may take, whatever the servers do.
  public var deadline: TimeSpan
  /// Questions that may be outstanding at once; more are answered ``DNSFailure/overloaded``.
  public var maximumOutstanding: Int
  public var cache: Cache

  public struct Cache: Hashable, Sendable {
    /// Most answers kept; 0 keeps none.
    public var capacity: Int
    /// Bounds of how long a record is kept, whatever its time to live.
    public var minimumLifetime: TimeSpan
    public var maximumLifetime: TimeSpan
    /// The most that "no such name" and "no data" are kept (RFC 2308 §5); without an SOA record, they are kept 5 s.
    public var maximumNegativeLifetime: TimeSpan
    /// How long a failure of the servers is kept, so that each call does not wait for them again (RFC 2308 §7).
    public var failureLifetime: TimeSpan
    /// How long an expired answer still serves while the servers fail (RFC 8767).
    public var staleLifetime: TimeSpan

    public init(
      capacity: Int = 4096, minimumLifetime: TimeSpan = .seconds(1),
      maximumLifetime: TimeSpan = .seconds(86_400),
      maximumNegativeLifetime: TimeSpan = .seconds(300), failureLifetime: TimeSpan = .seconds(5),
      staleLifetime: TimeSpan = .seconds(3600)
    ) {
      self.capacity = capacity
      self.minimumLifetime = minimumLifetime
      self.maximumLifetime = maximumLifetime
      self.maximumNegativeLifetime = maximumNegativeLifetime
      self.failureLifetime = failureLifetime
      self.staleLifetime = staleLifetime
    }
  }

  public init(
    servers: [TransportAddress] = [], searchDomains: SearchDomains = .singleLabel,
    hostsFile: String? = "/etc/hosts", tryTimeout: TimeSpan = .milliseconds(1500), tries: Int = 2,
    deadline: TimeSpan = .seconds(6), maximumOutstanding: Int = 4096, cache: Cache = Cache()
  ) {
    self.servers = servers
    self.searchDomains = searchDomains
    self.hostsFile = hostsFile
    self.tryTimeout = tryTimeout
    self.tries = tries
    self.deadline = deadline
    self.maximumOutstanding = maximumOutstanding
    self.cache = cache
  }
}

/// Why a resolver could not be made.
public struct DNSResolverError: Error, Hashable, Sendable, CustomStringConvertible {
  public var description: String
}
