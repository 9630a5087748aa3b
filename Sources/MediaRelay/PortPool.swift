import CMediaIO
import CallModel
import Synchronization

#if canImport(Glibc)
  import Glibc
#endif

/// The local port pairs of every interface, and the sockets that are open on them.
///
/// Opening, binding and watching a socket costs several times what the rest of a call's set-up does, so a
/// released pair keeps its sockets, bound and watched by the thread it belongs to, and serves the next call
/// after the quarantine. In the meantime its thread reads and throws away what still arrives, and notes when:
/// a pair that somebody goes on sending to rests until he stops, as long as there are others. Pairs are
/// opened in random order (a guess at the next port is no better than a guess at any), and reused oldest
/// first.
///
/// Touched by the signalling under one lock; the relay threads learn of sockets through their mailboxes, and
/// say when a resting one was sent to through ``heardStray(slot:at:)``.
final class PortPool: Sendable {
  /// A reserved pair.
  struct Lease {
    var slot: Int32
    var rtp: TransportAddress
    var rtcp: TransportAddress
    var rtpFD: Int32
    /// -1 while no RTCP socket is open.
    var rtcpFD: Int32
    /// True when the thread has not been told of these sockets yet.
    var isNew: Bool
    /// The thread whose sockets these were, when a pair changes hands.
    var formerWorker: Int?
  }

  struct Usage {
    var inUse = 0
    var warm = 0
    var exhaustions: UInt64 = 0
  }

  private struct Pair {
    var rtpFD: Int32 = -1
    var rtcpFD: Int32 = -1
    var worker: Int16 = -1
    var dscp: UInt8 = 0
    var inUse = false
  }

  private struct Warm {
    var slot: Int32
    var released: Int64
  }

  /// A first-in first-out row that does not move its elements on every removal.
  private struct WarmQueue {
    private var items: [Warm] = []
    private var head = 0
    var count: Int { items.count - head }
    /// The items, oldest first; for the few that are looked at.
    subscript(i: Int) -> Warm? { head + i < items.count ? items[head + i] : nil }
    mutating func append(_ item: Warm) { items.append(item) }
    mutating func remove(_ i: Int) -> Warm {
      if i == 0 { return removeFirst() }
      return items.remove(at: head + i)
    }
    mutating func removeFirst() -> Warm {
      let item = items[head]
      head += 1
      if head > 64 && head * 2 > items.count {
        items.removeFirst(head)
        head = 0
      }
      return item
    }
  }

  private struct Bank {
    var interface: MediaRelayConfiguration.Interface
    var firstPort: UInt16
    var firstSlot: Int32
    /// Pairs without a socket.
    var closed: [Int32]
    /// One queue a worker.
    var warm: [WarmQueue]
  }

  private struct State {
    var banks: [Bank]
    var pairs: [Pair]
    var usage = Usage()
    var openSockets = 0
  }

  private let state: Mutex<State>
  private let quarantine: Int64
  private let warmLimit: Int
  private let receiveBuffer: Int32
  /// Sockets that may be open: what is left of the process's descriptors is for signalling, policies and records.
  private let socketLimit: Int
  /// When something last arrived on a pair that served no call, a slot each; written by the threads.
  private nonisolated(unsafe) let strays: UnsafeMutablePointer<Atomic<Int64>>
  /// Pairs over all interfaces.
  let capacity: Int

  /// - Parameter socketLimit: nil: the descriptors of the process, less an eighth or 256 of them.
  init(
    _ configuration: MediaRelayConfiguration, workers: Int, socketLimit: Int? = nil
  ) throws(MediaRelayError) {
    guard !configuration.interfaces.isEmpty else { throw .noInterface }
    var banks: [Bank] = []
    var slots: Int32 = 0
    for interface in configuration.interfaces {
      let first = (Int(interface.ports.lowerBound) + 1) / 2 * 2
      let pairs = (Int(interface.ports.upperBound) - first + 1) / 2
      guard first > 0, pairs > 0 else { throw .invalidPortRange(interface: interface.name) }
      banks.append(
        Bank(
          interface: interface, firstPort: UInt16(first), firstSlot: slots,
          closed: Array(slots..<slots + Int32(pairs)),
          warm: Array(repeating: WarmQueue(), count: workers)))
      slots += Int32(pairs)
    }
    capacity = Int(slots)
    quarantine = configuration.portQuarantine.nanoseconds
    warmLimit = configuration.warmPortLimit
    receiveBuffer = Int32(configuration.receiveBufferSize ?? 0)
    let descriptors = Int(clamping: mio_descriptor_limit())
    self.socketLimit = socketLimit ?? (descriptors - min(256, descriptors / 8))
    strays = .allocate(capacity: Int(slots))
    for i in 0..<Int(slots) { (strays + i).initialize(to: Atomic(.min / 2)) }
    state = Mutex(State(banks: banks, pairs: Array(repeating: Pair(), count: Int(slots))))
  }

  deinit {
    strays.deinitialize(count: capacity)
    strays.deallocate()
  }

  /// A packet came to a pair that serves no call. Called by its thread.
  func heardStray(slot: Int, at now: Int64) { strays[slot].store(now, ordering: .relaxed) }

  var usage: Usage { state.withLock { $0.usage } }

  /// Reserves a pair for streams of `worker`. Nil when none is free: all are in use, in quarantine, or taken
  /// by other programs.
  func reserve(interface: Int, worker: Int, withRTCP: Bool, dscp: UInt8, now: Int64) -> Lease? {
    state.withLock { state in
      guard state.banks.indices.contains(interface) else { return nil }
      guard let (slot, former) = take(&state, interface, worker, dscp, now) else {
        state.usage.exhaustions += 1
        return nil
      }
      let isNew = state.pairs[Int(slot)].worker != Int16(worker)
      state.pairs[Int(slot)].worker = Int16(worker)
      state.pairs[Int(slot)].inUse = true
      state.usage.inUse += 1
      setDSCP(&state, slot, dscp, isIPv6: state.banks[interface].interface.address.isIPv6)
      if withRTCP { openRTCP(&state, interface, slot) }
      return lease(state, interface, slot, isNew: isNew, former: former)
    }
  }

  /// Opens the RTCP socket of a reserved pair. Returns its descriptor if it was opened by this call.
  func openRTCP(_ port: RelayPort) -> Int32? {
    state.withLock { state in
      guard state.pairs[Int(port.slot)].rtcpFD < 0 else { return nil }
      openRTCP(&state, port.interface, port.slot)
      let fd = state.pairs[Int(port.slot)].rtcpFD
      return fd >= 0 ? fd : nil
    }
  }

  func descriptors(_ port: RelayPort) -> (rtp: Int32, rtcp: Int32) {
    state.withLock { ($0.pairs[Int(port.slot)].rtpFD, $0.pairs[Int(port.slot)].rtcpFD) }
  }

  /// Gives a pair back. Returns true when its sockets are to be closed by its thread, which then calls
  /// ``didClose(slot:)``.
  func release(_ port: RelayPort, now: Int64) -> Bool {
    state.withLock { state in
      let slot = Int(port.slot)
      guard state.pairs[slot].inUse else { return false }
      state.pairs[slot].inUse = false
      state.usage.inUse -= 1
      if state.usage.warm >= warmLimit { return true }
      state.usage.warm += 1
      let worker = Int(state.pairs[slot].worker)
      state.banks[port.interface].warm[worker].append(Warm(slot: port.slot, released: now))
      return false
    }
  }

  /// The sockets of the pair are closed: it may be opened anew.
  func didClose(slot: Int32) {
    state.withLock { state in
      let pair = state.pairs[Int(slot)]
      state.openSockets -= (pair.rtpFD >= 0 ? 1 : 0) + (pair.rtcpFD >= 0 ? 1 : 0)
      state.pairs[Int(slot)] = Pair()
      guard let bank = state.banks.lastIndex(where: { $0.firstSlot <= slot }) else { return }
      state.banks[bank].closed.append(slot)
    }
  }

  /// Closes every socket; the threads have ended.
  func closeAll() {
    state.withLock { state in
      for i in state.pairs.indices {
        if state.pairs[i].rtpFD >= 0 { close(state.pairs[i].rtpFD) }
        if state.pairs[i].rtcpFD >= 0 { close(state.pairs[i].rtcpFD) }
        state.pairs[i] = Pair()
      }
      for i in state.banks.indices {
        let first = state.banks[i].firstSlot
        let end = i + 1 < state.banks.count ? state.banks[i + 1].firstSlot : Int32(capacity)
        state.banks[i].closed = Array(first..<end)
        state.banks[i].warm = Array(repeating: WarmQueue(), count: state.banks[i].warm.count)
      }
      state.usage.inUse = 0
      state.usage.warm = 0
      state.openSockets = 0
    }
  }

  // MARK: Under the lock

  private func take(
    _ state: inout State, _ bank: Int, _ worker: Int, _ dscp: UInt8, _ now: Int64
  ) -> (slot: Int32, former: Int?)? {
    if let slot = takeWarm(&state, bank, worker, now, isPicky: true) { return (slot, nil) }
    if let slot = open(&state, bank, dscp) { return (slot, nil) }
    if let slot = takeWarm(&state, bank, worker, now, isPicky: false) { return (slot, nil) }
    for other in state.banks[bank].warm.indices where other != worker {
      if let slot = takeWarm(&state, bank, other, now, isPicky: false) { return (slot, other) }
    }
    return nil
  }

  /// Pairs looked at for one that nobody sends to.
  private static let looks = 8

  /// The pair of a thread that has rested longest. Being `isPicky`, one on which it has been quiet for as
  /// long: a sprayed range of ports must not keep all of them out of use, so this is a wish only.
  private func takeWarm(
    _ state: inout State, _ bank: Int, _ worker: Int, _ now: Int64, isPicky: Bool
  ) -> Int32? {
    for i in 0..<PortPool.looks {
      guard let candidate = state.banks[bank].warm[worker][i], now - candidate.released >= quarantine else {
        return nil
      }
      let heard = strays[Int(candidate.slot)].load(ordering: .relaxed)
      if isPicky && now - heard < quarantine { continue }
      state.usage.warm -= 1
      return state.banks[bank].warm[worker].remove(i).slot
    }
    return nil
  }

  /// Binds a random pair that has no socket. Ports other programs hold are passed over, a bounded number of
  /// times.
  private func open(_ state: inout State, _ bank: Int, _ dscp: UInt8) -> Int32? {
    // With a place for its RTCP.
    guard state.openSockets + 2 <= socketLimit else { return nil }
    // Drawn without putting back: a port another program holds is tried once.
    var candidates = state.banks[bank].closed.count
    for _ in 0..<min(32, candidates) {
      let i = Int.random(in: 0..<candidates)
      let slot = state.banks[bank].closed[i]
      let fd = bind(state, bank, slot, rtcp: false, dscp)
      candidates -= 1
      state.banks[bank].closed.swapAt(i, candidates)
      guard fd >= 0 else { continue }
      state.banks[bank].closed.swapAt(candidates, state.banks[bank].closed.count - 1)
      state.banks[bank].closed.removeLast()
      state.pairs[Int(slot)] = Pair(rtpFD: fd, dscp: dscp)
      state.openSockets += 1
      return slot
    }
    return nil
  }

  private func openRTCP(_ state: inout State, _ bank: Int, _ slot: Int32) {
    guard state.pairs[Int(slot)].rtcpFD < 0, state.openSockets < socketLimit else { return }
    // When another program holds the odd port, the call goes on without RTCP.
    let fd = bind(state, bank, slot, rtcp: true, state.pairs[Int(slot)].dscp)
    state.pairs[Int(slot)].rtcpFD = fd
    if fd >= 0 { state.openSockets += 1 }
  }

  private func bind(_ state: State, _ bank: Int, _ slot: Int32, rtcp: Bool, _ dscp: UInt8) -> Int32 {
    var address = mio_address(
      TransportAddress(state.banks[bank].interface.address, port(state.banks[bank], slot) + (rtcp ? 1 : 0)))
    return mio_udp_socket(&address, dscp, receiveBuffer)
  }

  private func setDSCP(_ state: inout State, _ slot: Int32, _ dscp: UInt8, isIPv6: Bool) {
    guard state.pairs[Int(slot)].dscp != dscp else { return }
    state.pairs[Int(slot)].dscp = dscp
    _ = mio_set_dscp(state.pairs[Int(slot)].rtpFD, isIPv6, dscp)
    if state.pairs[Int(slot)].rtcpFD >= 0 {
      _ = mio_set_dscp(state.pairs[Int(slot)].rtcpFD, isIPv6, dscp)
    }
  }

  private func port(_ bank: Bank, _ slot: Int32) -> UInt16 {
    bank.firstPort + UInt16(slot - bank.firstSlot) * 2
  }

  private func lease(_ state: State, _ bank: Int, _ slot: Int32, isNew: Bool, former: Int?) -> Lease {
    let interface = state.banks[bank].interface
    let ip = interface.advertised ?? interface.address
    let rtp = port(state.banks[bank], slot)
    let pair = state.pairs[Int(slot)]
    return Lease(
      slot: slot, rtp: TransportAddress(ip, rtp), rtcp: TransportAddress(ip, rtp + 1), rtpFD: pair.rtpFD,
      rtcpFD: pair.rtcpFD, isNew: isNew, formerWorker: former)
  }
}
