import CallModel

/// What the media plane is given at start. Values are checked by ``MediaRelay/init(configuration:)``.
public struct MediaRelayConfiguration: Sendable, Hashable {
  /// One local address that media may use.
  public struct Interface: Sendable, Hashable {
    /// The name policy refers to, e.g. `default` or `dmz`.
    public var name: String
    /// The address sockets are bound to. `0.0.0.0` and `::` are allowed when ``advertised`` is set.
    public var address: IPAddress
    /// The address written into SDP when a static NAT stands before us; nil means ``address``.
    public var advertised: IPAddress?
    /// Local ports. RTP takes even ports, RTCP the odd one above (RFC 3550 §11), so a range of `n` ports
    /// carries `n / 2` streams.
    public var ports: ClosedRange<UInt16>

    public init(
      name: String = "default", address: IPAddress, advertised: IPAddress? = nil,
      ports: ClosedRange<UInt16> = 40000...49999
    ) {
      self.name = name
      self.address = address
      self.advertised = advertised
      self.ports = ports
    }
  }

  public var interfaces: [Interface]
  /// Threads that carry packets, 1...64. Nil takes one a core, but not more than two.
  public var threads: Int?
  /// Threads beside these that mix conferences, 0...64; without packets they sleep. Nil takes one a core, but not more than
  /// two. A mix takes a thread for up to a millisecond at a time, which calls that are only relayed must not notice.
  public var mixingThreads: Int?
  /// Sessions a thread takes before the next one is used, 1 or more; when all have as many, the one with the
  /// fewest gets the next.
  ///
  /// Filling one thread first is cheaper than spreading: it finds more sockets ready per wake, and wakes half
  /// as often. 100 calls cost 1.1 times the bare system calls on one thread and up to 3 times on two.
  public var sessionsPerThread: Int
  /// Differentiated services code points, 0...63 (RFC 4594: EF for telephony, AF41 for video).
  public var audioDSCP: UInt8
  public var videoDSCP: UInt8
  /// How long a released port stays unused, so that late packets of its last call meet nobody.
  public var portQuarantine: TimeSpan
  /// Released port pairs whose sockets stay open for the next call. Beyond it sockets are closed.
  public var warmPortLimit: Int
  /// Largest datagram taken, in bytes, 512...8192. Longer ones are dropped and counted.
  public var maximumPacketSize: Int
  /// Socket receive buffer in bytes; nil leaves the kernel's default (about 200 kB).
  public var receiveBufferSize: Int?
  /// Rules by which a changed source address is believed.
  public var latching: LatchTiming
  /// How long a thread that is woken often for few packets waits before it asks again, so that more sockets are
  /// ready per wake. At most 2 ms; zero never waits. A thread woken less often than every
  /// half millisecond, or for many packets at once, does not wait: the latency is added under load only.
  public var coalescing: TimeSpan
  /// Hands equal packets of a burst to the kernel together where it knows how to take them apart
  /// (`UDP_SEGMENT`), and takes them together (`UDP_GRO`). False sends and receives one by one.
  public var segmentation: Bool

  public init(
    interfaces: [Interface], threads: Int? = nil, mixingThreads: Int? = nil, sessionsPerThread: Int = 400,
    audioDSCP: UInt8 = 46,
    videoDSCP: UInt8 = 34,
    portQuarantine: TimeSpan = .seconds(2), warmPortLimit: Int = 4096, maximumPacketSize: Int = 2048,
    receiveBufferSize: Int? = nil, latching: LatchTiming = LatchTiming(),
    coalescing: TimeSpan = .microseconds(300), segmentation: Bool = true
  ) {
    self.interfaces = interfaces
    self.threads = threads
    self.mixingThreads = mixingThreads
    self.sessionsPerThread = sessionsPerThread
    self.audioDSCP = audioDSCP
    self.videoDSCP = videoDSCP
    self.portQuarantine = portQuarantine
    self.warmPortLimit = warmPortLimit
    self.maximumPacketSize = maximumPacketSize
    self.receiveBufferSize = receiveBufferSize
    self.latching = latching
    self.coalescing = coalescing
    self.segmentation = segmentation
  }
}

/// Why the media plane did not start. Every case names what the operator has to change.
public enum MediaRelayError: Error, Hashable, Sendable, CustomStringConvertible {
  case noInterface
  case invalidPortRange(interface: String)
  case invalidValue(String)
  /// A local address cannot be bound; `errno` as the system gave it.
  case cannotBind(TransportAddress, errno: Int32)
  case system(call: String, errno: Int32)

  public var description: String {
    switch self {
    case .noInterface: "no media interface is configured"
    case .invalidPortRange(let name): "the port range of media interface '\(name)' holds no even/odd pair"
    case .invalidValue(let what): what
    case .cannotBind(let address, let code): "cannot bind media address \(address) (errno \(code))"
    case .system(let call, let code): "\(call) failed (errno \(code))"
    }
  }
}
