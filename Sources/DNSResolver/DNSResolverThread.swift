import CCares
import CallModel
import Glibc

/// The thread of a resolver: the only place that touches c-ares. It waits in `poll` for the sockets of c-ares, for new
/// questions, and for the next time-out.
final class DNSResolverThread {
  /// Carries a question through the C callback.
  private final class Pending {
    let thread: DNSResolverThread
    let question: DNSQuestion

    init(_ thread: DNSResolverThread, _ question: DNSQuestion) {
      self.thread = thread
      self.question = question
    }
  }

  private let engine: DNSResolverEngine
  private let wake: WakePipe
  private var channel: ares_channel?
  private var hosts: HostsFile?
  /// The events c-ares waits for, by socket.
  private var interest: [CInt: Int16] = [:]
  private var isStopping = false

  private init(_ engine: DNSResolverEngine, _ wake: WakePipe) {
    self.engine = engine
    self.wake = wake
    hosts = engine.configuration.hostsFile.map { HostsFile(path: $0) }
  }

  /// The C library is set up once in a process and never torn down.
  private static let library: CInt = ares_library_init(ARES_LIB_INIT_ALL)

  static func start(_ engine: DNSResolverEngine, wake: WakePipe) throws(DNSResolverError) {
    guard library == 0 else { throw DNSResolverError(description: "c-ares: \(text(library))") }
    let thread = DNSResolverThread(engine, wake)
    try thread.open()
    var handle = pthread_t()
    let argument = Unmanaged.passRetained(thread).toOpaque()
    let result = pthread_create(
      &handle, nil,
      { argument in
        guard let argument else { return nil }
        Unmanaged<DNSResolverThread>.fromOpaque(argument).takeRetainedValue().run()
        return nil
      }, argument)
    guard result == 0 else {
      Unmanaged<DNSResolverThread>.fromOpaque(argument).release()
      throw DNSResolverError(description: "no thread for the resolver: \(String(cString: strerror(result)))")
    }
    pthread_detach(handle)
  }

  private static func text(_ status: CInt) -> String { String(cString: ares_strerror(status)) }

  deinit {
    if let channel { ares_destroy(channel) }
  }

  // MARK: c-ares

  private func open() throws(DNSResolverError) {
    let configuration = engine.configuration
    var options = ares_options()
    options.flags = CInt(ARES_FLAG_NOALIASES) | CInt(ARES_FLAG_EDNS)
    // A size that passes every path unfragmented (RFC 9715 §3.2).
    options.ednspsz = 1232
    options.timeout = CInt(clamping: max(configuration.tryTimeout.milliseconds, 1))
    options.tries = CInt(clamping: max(configuration.tries, 1))
    options.sock_state_cb = { argument, socket, readable, writable in
      guard let argument else { return }
      let thread = Unmanaged<DNSResolverThread>.fromOpaque(argument).takeUnretainedValue()
      let events = (readable != 0 ? Int16(POLLIN) : 0) | (writable != 0 ? Int16(POLLOUT) : 0)
      thread.interest[socket] = events == 0 ? nil : events
    }
    // The channel never outlives this object, which destroys it.
    options.sock_state_cb_data = Unmanaged.passUnretained(self).toOpaque()
    let mask =
      CInt(ARES_OPT_FLAGS) | CInt(ARES_OPT_EDNSPSZ) | CInt(ARES_OPT_TIMEOUTMS) | CInt(ARES_OPT_TRIES)
      | CInt(ARES_OPT_SOCK_STATE_CB)
    let status = ares_init_options(&channel, &options, mask)
    guard status == 0, let channel else {
      throw DNSResolverError(description: "resolver configuration: \(DNSResolverThread.text(status))")
    }
    guard !configuration.servers.isEmpty else { return }
    let list = configuration.servers
      .map { TransportAddress($0.ip, $0.port == 0 ? 53 : $0.port).description }
      .joined(separator: ",")
    let result = ares_set_servers_ports_csv(channel, list)
    guard result == 0 else {
      throw DNSResolverError(description: "name servers \(list): \(DNSResolverThread.text(result))")
    }
  }

  private func ask(_ question: DNSQuestion) {
    let isAddress = question.type == .a || question.type == .aaaa
    if isAddress, let found = hosts?.addresses(of: question.name, now: DNSResolverEngine.now()),
      !found.isEmpty
    {
      // The file is the truth for its names: of a family it does not list there is none.
      let family = found.filter { $0.isIPv6 == (question.type == .aaaa) }
      let answer: DNSAnswer = family.isEmpty ? .noData : .records(family.map { .address($0) })
      return engine.complete(question, answer, lifetime: nil, isCachable: false)
    }
    guard let channel else { return engine.complete(question, .failed(.serverFailure), lifetime: nil) }
    let argument = Unmanaged.passRetained(Pending(self, question)).toOpaque()
    let callback: ares_callback = { argument, status, _, bytes, count in
      guard let argument else { return }
      let pending = Unmanaged<Pending>.fromOpaque(argument).takeRetainedValue()
      pending.thread.answered(
        pending.question, status, UnsafeRawBufferPointer(start: bytes, count: Int(count)))
    }
    if isAddress, usesSearchDomains(question.name) {
      ares_search(channel, question.name, 1, CInt(question.type.rawValue), callback, argument)
    } else {
      ares_query(channel, question.name, 1, CInt(question.type.rawValue), callback, argument)
    }
  }

  private func usesSearchDomains(_ name: String) -> Bool {
    switch engine.configuration.searchDomains {
    case .never: false
    case .singleLabel: !name.utf8.contains(UInt8(ascii: "."))
    case .resolvConf: true
    }
  }

  private func answered(_ question: DNSQuestion, _ status: CInt, _ bytes: UnsafeRawBufferPointer) {
    // While it is shutting down, everybody has had an answer.
    guard !isStopping else { return }
    let hasResponse = bytes.baseAddress != nil && bytes.count > 0
    switch status {
    case ARES_SUCCESS, ARES_ENODATA, ARES_ENOTFOUND:
      guard hasResponse else { return engine.complete(question, .noSuchName, lifetime: nil) }
      let message = DNSMessage(bytes, question: question.type)
      engine.complete(question, message.answer, lifetime: message.lifetime)
    default:
      engine.complete(question, .failed(DNSFailure(aresStatus: status)), lifetime: nil)
    }
  }

  // MARK: The loop

  private func run() {
    while let fresh = engine.takeFresh() {
      for question in fresh { ask(question) }
      let deadline = engine.expire()
      wait(until: deadline)
    }
    isStopping = true
    if let channel { ares_destroy(channel) }
    channel = nil
  }

  private func wait(until deadline: MonotonicInstant) {
    var polled = [pollfd(fd: wake.readEnd, events: Int16(POLLIN), revents: 0)]
    for (socket, events) in interest { polled.append(pollfd(fd: socket, events: events, revents: 0)) }
    let ready = poll(&polled, nfds_t(polled.count), timeout(deadline))
    guard ready > 0 else {
      // Nothing came, or a signal did: let c-ares look at its own time-outs.
      if let channel { ares_process_fd(channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD) }
      return
    }
    if polled[0].revents != 0 { wake.drain() }
    guard let channel else { return }
    for entry in polled.dropFirst() where entry.revents != 0 {
      let failed = entry.revents & Int16(POLLERR | POLLHUP | POLLNVAL) != 0
      let reads = failed || entry.revents & Int16(POLLIN) != 0
      let writes = entry.revents & Int16(POLLOUT) != 0
      ares_process_fd(channel, reads ? entry.fd : ARES_SOCKET_BAD, writes ? entry.fd : ARES_SOCKET_BAD)
    }
  }

  /// Milliseconds to the next time-out of ours or of c-ares, rounded up; -1 for none.
  private func timeout(_ deadline: MonotonicInstant) -> CInt {
    var milliseconds = Int64.max
    if deadline != .distantFuture {
      let left = (deadline - DNSResolverEngine.now()).nanoseconds
      milliseconds = max((left + 999_999) / 1_000_000, 0)
    }
    if let channel {
      var time = timeval()
      if let next = ares_timeout(channel, nil, &time) {
        let left = Int64(next.pointee.tv_sec) * 1000 + (Int64(next.pointee.tv_usec) + 999) / 1000
        milliseconds = min(milliseconds, max(left, 0))
      }
    }
    return milliseconds == .max ? -1 : CInt(clamping: milliseconds)
  }
}

extension DNSFailure {
  fileprivate init(aresStatus status: CInt) {
    self =
      switch status {
      case ARES_ETIMEOUT: .timeout
      case ARES_EBADNAME: .invalidName
      case ARES_EDESTRUCTION, ARES_ECANCELLED: .cancelled
      case ARES_ENOMEM: .overloaded
      default: .serverFailure
      }
  }
}
