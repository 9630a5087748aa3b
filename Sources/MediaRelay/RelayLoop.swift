import CMediaIO
import CallModel
import Synchronization

/// The poll loop of one relay thread and everything it owns.
///
/// Which system calls, and why (µs per packet of 172 bytes, 200 sockets, ten ready per wake, one machine
/// where the kernel's part is dear; all of it kernel time):
///
/// | read until empty, `sendto`        | 4.5 |
/// |-----------------------------------|-----|
/// | one `recvfrom` a wake, `sendto`   | 4.25 |
/// | the same, edge-triggered          | 4.1 |
/// | one `recvfrom` a wake, connected `send` | **3.8** |
/// | the same, edge-triggered          | 3.65 |
///
/// So: level-triggered with one read a wake (edge-triggered would leave the second of two packets that came
/// together lying until the next), and sockets are connected once a source has proven steady. Sockets that
/// turn out to hold several packets at a time are read and written otherwise (`RelayLoop+Burst`). Between
/// rounds, ``Pace`` says whether to let packets gather.
///
/// Budget per relayed packet: one `recvfrom`, one `sendto`, its share of an `epoll_wait`; no allocation, no
/// lock, no reference count, no dictionary, no clock (one reading a round). State is found by the number in
/// the epoll event: slot, then side.
struct RelayLoop: ~Copyable {
  /// The sockets of one port pair and the side they serve.
  struct Slot {
    var side: UnsafeMutablePointer<SideState>?
    var rtpFD: Int32 = -1
    var rtcpFD: Int32 = -1
    /// ``RelayLoop/roundStamp`` when the RTP socket was last read.
    var lastRead: UInt32 = 0
    /// How much speaks for several packets at a time.
    var burstiness: UInt8 = 0
    /// Read in batches; see `RelayLoop+Burst`.
    var hasBursts = false
    var isCoalescing = false
  }

  static let mailboxTag = UInt64.max
  static let eventCapacity = 256
  /// Room after the packet for what SRTP adds.
  static let tailRoom = SRTPContext.overhead + 64
  static let sweepInterval: Int64 = 1_000_000_000

  let pool: PortPool
  let mailbox: RelayMailbox
  let published: PublishedCounters
  let timing: LatchNanoseconds
  let maximumPacketSize: Int
  /// Where this value lives.
  let address: UnsafeMutablePointer<RelayLoop>

  let epoll: Int32
  /// On a thread that mixes: the mailbox alone, to sleep on while packets wait for a tick. Else -1.
  let bell: Int32
  let events: UnsafeMutablePointer<mio_event>
  /// The packet in hand, with room behind it for what SRTP adds, and where it came from.
  var packet: UnsafeMutableRawPointer
  var source: UnsafeMutablePointer<mio_address>
  /// For packets that are made here: reports, and those of taps.
  let outgoing: UnsafeMutableRawPointer
  let slots: UnsafeMutablePointer<Slot>
  let slotCount: Int

  /// The time of this round, in nanoseconds.
  var now: Int64 = 0
  /// When the packet in hand came in: ``now``, or somewhat before where packets wait for a tick.
  var arrival: Int64 = 0
  var arrivalClock = ArrivalClock()
  /// The same in microseconds, from any beginning.
  var roundStamp: UInt32 = 0
  /// Sockets in ``epoll``.
  var watched = 0
  /// Packets read in this round.
  var handled = 0
  var pace: Pace
  // Bursts.
  var burstBuffers: BurstBuffers?
  var burst = SendRun()
  /// Packets that go out wait in ``burst``.
  var gathers = false
  let segmentsSent: Bool
  let coalescesReceived: Bool
  var streams: UnsafeMutablePointer<StreamState>?
  var streamCount = 0
  var nextSweep: Int64 = 0
  /// Until then the thread looks into the mailbox by itself.
  private var lingerEnd: Int64 = 0
  /// Not part of this value: taps reach it while this value is in use.
  let timers: UnsafeMutablePointer<TimerTable>
  /// Serves streams whose packets are made at ticks; see `RelayLoop+Ticks`.
  let mixes: Bool
  var priority = TickPriority()
  /// When the thread's use of a processor was last looked at, and what it was.
  var usedSince: Int64 = 0
  var used: Int64 = 0
  /// The thread's processor time at ``loadSince``.
  private var loadTime: Int64 = 0
  private var loadSince: Int64 = 0
  /// Streams with digits to send.
  var players: [UnsafeMutablePointer<StreamState>] = []
  var isStopping = false
  private var commands: [RelayCommand] = []

  // Counters of this thread.
  var packetsRelayed: UInt64 = 0
  var bytesRelayed: UInt64 = 0
  var wakes: UInt64 = 0
  var strays: UInt64 = 0
  var drops = InlineCounts()
  var dropsChanged = false

  init(
    configuration: MediaRelayConfiguration, pool: PortPool, mailbox: RelayMailbox,
    published: PublishedCounters, mixes: Bool, address: UnsafeMutablePointer<RelayLoop>
  ) {
    self.mixes = mixes
    self.pool = pool
    self.mailbox = mailbox
    self.published = published
    self.address = address
    timing = LatchNanoseconds(configuration.latching)
    maximumPacketSize = configuration.maximumPacketSize
    pace = Pace(longest: configuration.coalescing.nanoseconds)
    segmentsSent = configuration.segmentation && mio_knows_segmentation()
    coalescesReceived = configuration.segmentation && mio_knows_coalescing()
    epoll = mio_epoll_create()
    bell = mixes ? mio_epoll_create() : -1
    events = .allocate(capacity: RelayLoop.eventCapacity)
    packet = .allocate(byteCount: configuration.maximumPacketSize + 1 + RelayLoop.tailRoom, alignment: 64)
    outgoing = .allocate(byteCount: configuration.maximumPacketSize + 1 + RelayLoop.tailRoom, alignment: 64)
    timers = .allocate(capacity: 1)
    timers.initialize(to: TimerTable())
    source = .allocate(capacity: 1)
    source.initialize(to: .none)
    slotCount = pool.capacity
    slots = .allocate(capacity: slotCount)
    slots.initialize(repeating: Slot(), count: slotCount)
  }

  /// - Parameter isPrompt: whether the system lets this thread go before others.
  mutating func run(isPrompt: () -> Bool) {
    _ = mio_epoll_add_edge(epoll, mailbox.eventFD, RelayLoop.mailboxTag)
    if bell >= 0 { _ = mio_epoll_add_edge(bell, mailbox.eventFD, RelayLoop.mailboxTag) }
    now = mio_now()
    while !isStopping {
      let isTickNear = isTickNear
      let count = isTickNear ? waitForTick() : wait()
      now = mio_now()
      arrival = now
      roundStamp = UInt32(truncatingIfNeeded: now >> 10)
      handled = 0
      wakes &+= 1
      // Before the packets: what was agreed before one came applies to it.
      if !mailbox.isEmpty { readMail() }
      if isTickNear {
        if timers.pointee.next <= now { receiveAll() }
      } else if mixes {
        arrivalClock.set(to: now, wall: mio_wall_clock())
        receiveReady(count)
      } else {
        for i in 0..<count {
          let tag = events[i].tag
          if tag == RelayLoop.mailboxTag { continue }
          if tag & 1 == 0 {
            receiveRTP(Int(tag >> 1))
          } else {
            receiveRTCP(Int(tag >> 1))
          }
        }
      }
      if now >= nextSweep && streamCount > 0 { sweep(at: now) }
      if !players.isEmpty { play() }
      if timers.pointee.next <= now { runTimers() }
      publish()
      if mixes {
        noteLoad()
        keepPriority(isPrompt)
        continue
      }
      let rest = pace.rest(after: handled, at: now)
      if rest > 0 { mio_sleep(rest) }
    }
  }

  private mutating func runTimers() {
    TimerTable.run(timers, at: now)
    published.timers.store(timers.pointee.fired, ordering: .relaxed)
    published.lateTimers.store(timers.pointee.late, ordering: .relaxed)
  }

  private mutating func noteLoad() {
    let end = mio_now()
    let elapsed = end - loadSince
    guard elapsed >= RelayLoop.sweepInterval else { return }
    // Not by the clock: while other programs have the processor, nothing is done here.
    let time = mio_thread_time()
    published.load.store(Int((time - loadTime) * 1_000 / elapsed), ordering: .relaxed)
    loadTime = time
    loadSince = end
  }

  /// Sleeps until a packet, a command that cannot wait, or the next thing to do. Returns the number of
  /// events.
  private mutating func wait() -> Int {
    var milliseconds = timeout()
    var depth = milliseconds < 0 ? RelayMailbox.Sleep.endless : .timed
    if milliseconds < 0 && mixes { published.load.store(0, ordering: .relaxed) }
    let linger = lingerEnd - now
    if linger > 0 {
      // Calls tend to end, and to begin, in company: for a while, look without being asked.
      let rest = Int32(truncatingIfNeeded: (linger + 999_999) / 1_000_000)
      milliseconds = milliseconds < 0 ? rest : min(milliseconds, rest)
      depth = .lingering
    }
    if !mailbox.beginSleep(depth) { milliseconds = 0 }
    let count = Int(mio_epoll_wait(epoll, events, Int32(RelayLoop.eventCapacity), milliseconds))
    mailbox.endSleep()
    return count
  }

  /// Milliseconds to wait: for ever when there is no stream, else to the next sweep or digit.
  private func timeout() -> Int32 {
    guard streamCount > 0 || timers.pointee.next != .max else { return -1 }
    let deadline = min(streamCount > 0 ? nextSweep : .max, timers.pointee.next, nextDigit)
    return Int32(clamping: max(0, (deadline - now + 999_999) / 1_000_000))
  }

  /// When a digit goes on that is being sent; `.max` when none is.
  private var nextDigit: Int64 {
    var due = Int64.max
    for stream in players {
      for i in 0..<2 {
        if let digits = stream.pointee.sides[i].digits { due = min(due, digits.pointee.due) }
      }
    }
    return due
  }

  /// On a thread that mixes: whether a tick comes so soon that packets can wait for it.
  private var isTickNear: Bool { mixes && timers.pointee.next - mio_now() <= TimerTable.tick }

  /// Sleeps until the next tick or digit, or a command that cannot wait. What arrives stays in its socket.
  private mutating func waitForTick() -> Int {
    let rest = max(0, min(timers.pointee.next, nextDigit) - mio_now())
    // It looks into the mailbox when it wakes.
    var isSleeping = mailbox.beginSleep(rest <= RelayMailbox.linger * 1_000_000 ? .lingering : .timed)
    if rest == 0 { isSleeping = false }
    _ = mio_epoll_wait_precisely(bell, events, Int32(RelayLoop.eventCapacity), isSleeping ? rest : 0)
    mailbox.endSleep()
    return 0
  }

  private mutating func publish() {
    published.packets.store(packetsRelayed, ordering: .relaxed)
    published.bytes.store(bytesRelayed, ordering: .relaxed)
    published.wakes.store(wakes, ordering: .relaxed)
    published.strays.store(strays, ordering: .relaxed)
    if dropsChanged {
      published.set(drops: drops)
      dropsChanged = false
    }
  }

  @inline(__always)
  mutating func drop(_ side: UnsafeMutablePointer<SideState>, _ reason: DropReason) {
    side.pointee.drop(reason)
    drops[reason.rawValue] &+= 1
    dropsChanged = true
  }

  /// A packet for nobody: late from the call before, early for the next, or sprayed.
  mutating func dropStray(_ slot: Int) {
    strays &+= 1
    pool.heardStray(slot: slot, at: now)
  }

  // MARK: Commands

  private mutating func readMail() {
    mailbox.take(into: &commands)
    for i in commands.indices {
      if commands[i].urgency == .soon { lingerEnd = now + RelayMailbox.linger * 1_000_000 }
      perform(commands[i])
    }
    commands.removeAll(keepingCapacity: true)
  }

  private mutating func perform(_ command: RelayCommand) {
    switch command {
    case .open(let slot, let rtpFD, let rtcpFD):
      watch(slot, rtpFD)
      if rtcpFD >= 0 { watchRTCP(slot, rtcpFD) }
    case .openRTCP(let slot, let fd): watchRTCP(slot, fd)
    case .handOver(let slot): unwatch(slot)
    case .close(let slot):
      let old = slots[Int(slot)]
      unwatch(slot)
      if old.rtpFD >= 0 { mio_close(old.rtpFD) }
      if old.rtcpFD >= 0 { mio_close(old.rtcpFD) }
      pool.didClose(slot: slot)
    case .attach(let stream): attach(stream)
    case .update(let stream, let name, let update): apply(update, to: stream.pointee.side(name))
    case .detach(let stream): detach(stream)
    case .setTimeout(let stream, let timeout):
      stream.pointee.timeout = timeout
      stream.pointee.reportedSilence = 0
    case .setMode(let stream, let mode): setMode(stream, mode)
    case .playEvents(let stream, let name, let events): enqueue(events, to: stream.pointee.side(name))
    case .sendRaw(let stream, let name, let bytes, var to):
      let fd = stream.pointee.side(name).pointee.rtpFD
      if fd >= 0 { _ = bytes.withUnsafeBytes { mio_send(fd, $0.baseAddress, $0.count, &to) } }
    case .setTap(let stream, let name, let tap): setTap(tap, on: stream.pointee.side(name))
    case .addTimer(let timer): timer.attach(to: timers)
    case .cancelTimer(let timer): timer.cancel()
    case .perform(let work): work(MonotonicInstant(nanoseconds: now))
    case .snapshot(let stream, let completion):
      if mixes { receive(of: stream) }
      completion(statistics(of: stream))
    case .sweep(let time, let done):
      sweep(at: time)
      done()
    case .ageLatches(let span):
      var stream = streams
      while let current = stream {
        for i in 0..<2 { current.pointee.sides[i].latch.age(span.nanoseconds) }
        stream = current.pointee.next
      }
    case .stop: isStopping = true
    }
  }

  private mutating func watch(_ slot: Int32, _ fd: Int32) {
    guard slots[Int(slot)].rtpFD != fd else { return }
    slots[Int(slot)].hasBursts = false
    slots[Int(slot)].isCoalescing = false
    slots[Int(slot)].rtpFD = fd
    if mixes { _ = mio_set_stamping(fd, true) }
    watched += 1
    _ = mio_epoll_add(epoll, fd, UInt64(slot) << 1)
  }

  private mutating func watchRTCP(_ slot: Int32, _ fd: Int32) {
    guard slots[Int(slot)].rtcpFD != fd else { return }
    slots[Int(slot)].rtcpFD = fd
    if mixes { _ = mio_set_stamping(fd, true) }
    watched += 1
    _ = mio_epoll_add(epoll, fd, UInt64(slot) << 1 | 1)
    // A side without rtcp-mux was configured before the socket was known here.
    if let side = slots[Int(slot)].side, !side.pointee.isMultiplexed { side.pointee.rtcpFD = fd }
  }

  private mutating func unwatch(_ slot: Int32) {
    coalesce(Int(slot), false)
    let old = slots[Int(slot)]
    for fd in [old.rtpFD, old.rtcpFD] where fd >= 0 {
      watched -= 1
      _ = mio_epoll_remove(epoll, fd)
      if mixes { _ = mio_set_stamping(fd, false) }
    }
    slots[Int(slot)] = Slot()
  }

  private mutating func attach(_ stream: UnsafeMutablePointer<StreamState>) {
    stream.pointee.isAttached = true
    stream.pointee.created = now
    stream.pointee.next = streams
    streams?.pointee.previous = stream
    streams = stream
    streamCount += 1
    if streamCount == 1 { nextSweep = now + RelayLoop.sweepInterval }
    // Nothing needs to be thrown away here: a reused socket has been read by this thread all along, and what
    // waits in a new one is early media of this call.
    for (name, initial) in [
      (RelaySideName.a, stream.pointee.initialA), (.b, stream.pointee.initialB),
    ] {
      guard let initial else { continue }
      apply(initial, to: stream.pointee.side(name))
    }
    let taps = stream.pointee.initialTaps
    stream.pointee.initialTaps = (nil, nil)
    if let tap = taps.a { setTap(tap, on: stream.pointee.side(.a)) }
    if let tap = taps.b { setTap(tap, on: stream.pointee.side(.b)) }
    stream.pointee.initialA = nil
    stream.pointee.initialB = nil
    setMode(stream, stream.pointee.mode)
  }

  private mutating func setMode(_ stream: UnsafeMutablePointer<StreamState>, _ mode: RelayMode) {
    stream.pointee.mode = mode
    for name in RelaySideName.allCases {
      let side = stream.pointee.side(name)
      let loops = mode == .loop
      side.pointee.peer = loops ? side : stream.pointee.side(name.other)
      side.pointee.isLooped = loops
    }
  }

  private mutating func setTap(_ tap: (any MediaTap)?, on side: UnsafeMutablePointer<SideState>) {
    freeSocket(side)
    removeTap(side)
    guard let tap else { return }
    let memory = UnsafeMutablePointer<any MediaTap>.allocate(capacity: 1)
    memory.initialize(to: tap)
    side.pointee.tap = memory
    side.pointee.tapTakesRTP = tap.takesRTP
    tap.attached(to: RelayEndpoint(side: side, loop: address))
  }

  private func removeTap(_ side: UnsafeMutablePointer<SideState>) {
    guard let old = side.pointee.tap else { return }
    side.pointee.tap = nil
    side.pointee.tapTakesRTP = false
    old.pointee.detached()
    old.deinitialize(count: 1)
    old.deallocate()
  }

  private mutating func detach(_ stream: UnsafeMutablePointer<StreamState>) {
    if mixes { receive(of: stream) }
    for i in 0..<2 {
      if stream.pointee.sides[i].tapTakesRTP { sendReport(stream.pointee.sides + i, isLast: true) }
      removeTap(stream.pointee.sides + i)
    }
    let last = statistics(of: stream)
    for i in 0..<2 where stream.pointee.sides[i].exists {
      let slot = Int(stream.pointee.sides[i].slot)
      freeSocket(stream.pointee.sides + i)
      if slots[slot].side == stream.pointee.sides + i { slots[slot].side = nil }
    }
    if stream.pointee.isPlaying { players.removeAll { $0 == stream } }
    stream.pointee.previous?.pointee.next = stream.pointee.next
    stream.pointee.next?.pointee.previous = stream.pointee.previous
    if streams == stream { streams = stream.pointee.next }
    streamCount -= 1
    stream.pointee.emit(.closed(stream: stream.pointee.id, statistics: last))
    StreamState.destroy(stream)
  }

  /// Frees what is left when the thread ends.
  mutating func shutDown() {
    readMail()
    while let stream = streams { detach(stream) }
    publish()
    mio_close(epoll)
    if bell >= 0 { mio_close(bell) }
    events.deallocate()
    packet.deallocate()
    source.deallocate()
    outgoing.deallocate()
    while let timer = timers.pointee.timers.last { timer.cancel() }
    timers.deinitialize(count: 1)
    timers.deallocate()
    slots.deallocate()
    burst.pieces.deallocate()
    burstBuffers?.deallocate()
  }
}
