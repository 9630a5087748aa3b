import CMediaIO

/// A thread that mixes reads when it is about to mix.
///
/// What a party sends is heard at the next tick of its room, never before. So while a tick is near, packets wait in their
/// sockets, and the thread sleeps through their arrival: one waking a tick takes all of them, a call a socket, where each
/// cost a waking before. The kernel notes when a packet came in, so that jitter, silence and the delay of the jitter buffer
/// are what they would be if it had been read at once. While no tick is near, the thread is woken by the first packet, as
/// others are.
extension RelayLoop {
  /// Reads what waits in every socket, just before a tick.
  mutating func receiveAll() {
    arrivalClock.set(to: now, wall: mio_wall_clock())
    // As often as there are sockets, however fast they fill: what is ready goes round, so each is read once, and the tick
    // waits for no more. The mailbox may be among them.
    var left = watched + 1
    while left > 0 {
      let wanted = min(left, RelayLoop.eventCapacity)
      let count = Int(mio_epoll_wait(epoll, events, Int32(wanted), 0))
      receiveReady(count)
      guard count == wanted else { return }
      left -= count
    }
  }

  /// Reads the sockets of the first `count` events.
  mutating func receiveReady(_ count: Int) {
    for i in 0..<count {
      let tag = events[i].tag
      if tag != RelayLoop.mailboxTag { receive(Int(tag >> 1), isControl: tag & 1 != 0) }
    }
  }

  /// Reads what waits for a stream, so that nothing of it is missing from its figures.
  mutating func receive(of stream: UnsafeMutablePointer<StreamState>) {
    arrivalClock.set(to: now, wall: mio_wall_clock())
    for i in 0..<2 where stream.pointee.sides[i].exists {
      let slot = Int(stream.pointee.sides[i].slot)
      guard slots[slot].side == stream.pointee.sides + i else { continue }
      receive(slot, isControl: false)
      receive(slot, isControl: true)
    }
  }

  /// Reads what waits in one socket, up to a batch: more than half a second of any encoding's packets would be late anyway.
  private mutating func receive(_ slot: Int, isControl: Bool) {
    let fd = isControl ? slots[slot].rtcpFD : slots[slot].rtpFD
    guard fd >= 0, let buffers = burstBuffers ?? makeBurstBuffers() else { return }
    let count = Int(mio_batch_receive(buffers.batch, fd, buffers.messages, buffers.sources))
    guard count > 0 else { return }
    let (singlePacket, singleSource) = (packet, source)
    for i in 0..<count {
      guard let bytes = buffers.messages[i].bytes else { continue }
      packet = bytes
      source = buffers.sources + i
      arrival = arrivalClock.time(of: buffers.messages[i].stamp)
      guard let side = slots[slot].side else {
        dropStray(slot)
        continue
      }
      let length = Int(buffers.messages[i].length)
      if isControl { handleRTCP(side, length) } else { handle(side, length) }
    }
    packet = singlePacket
    source = singleSource
    arrival = now
  }

  /// Goes back into the row of all programs, or before it.
  mutating func keepPriority(_ isPrompt: () -> Bool) {
    let elapsed = now - usedSince
    guard elapsed >= TickPriority.period else { return }
    let total = mio_thread_time()
    let use = Int((total - used) * 1_000 / elapsed)
    used = total
    usedSince = now
    if isPrompt(), priority.note(use: use, at: now) {
      _ = mio_thread_raise(mio_this_thread(), priority.isRaised)
    }
  }

  private mutating func makeBurstBuffers() -> BurstBuffers? {
    burstBuffers = BurstBuffers(maximumPacketSize: maximumPacketSize)
    return burstBuffers
  }
}

/// Brings the kernel's times of arrival, which are on the wall clock, to the monotonic clock.
struct ArrivalClock {
  /// Larger steps of the wall clock against ours, from one look to the next, were set by hand: nobody can tell which packets
  /// came before.
  private static let step: Int64 = 1_000_000
  /// Nothing counts as older, in nanoseconds.
  private static let oldest: Int64 = 1_000_000_000

  private var offset: Int64?
  private var isSteady = false
  private var now: Int64 = 0

  /// Looks at both clocks, in nanoseconds.
  mutating func set(to now: Int64, wall: Int64) {
    let offset = wall - now
    if let before = self.offset {
      isSteady = (offset - before).magnitude < UInt64(ArrivalClock.step)
    }
    self.offset = offset
    self.now = now
  }

  /// When a packet with this stamp came in; the time of the last look where that cannot be told.
  func time(of stamp: Int64) -> Int64 {
    guard stamp != 0, isSteady, let offset else { return now }
    return max(now - ArrivalClock.oldest, min(stamp - offset, now))
  }
}
