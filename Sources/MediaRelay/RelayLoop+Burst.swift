import CMediaIO

/// Sockets that hold several packets at a time: video frames, and calls after a hiccup of the network.
///
/// They are recognised by being ready again right after they were read. From then on everything that waits in
/// one is read with one `recvmmsg`, equal packets in a row that the network card or a sender on this host
/// brought as one datagram (`UDP_GRO`) stay one until here, and what goes to the same party leaves in one
/// `sendmsg` (`UDP_SEGMENT`). A packet is looked at, counted, renumbered and encrypted by itself all the same.
/// Sockets that hold one packet at a time are better off with `recvfrom`.
extension RelayLoop {
  /// Buffers for bursts, made when a thread first meets one.
  struct BurstBuffers {
    let batch: OpaquePointer
    let messages: UnsafeMutablePointer<mio_message>
    let sources: UnsafeMutablePointer<mio_address>
    /// Room for segments that may grow, one behind the other.
    let segments: UnsafeMutableRawPointer
    let segmentStride: Int

    init?(maximumPacketSize: Int) {
      guard let batch = mio_batch_create() else { return nil }
      self.batch = batch
      messages = .allocate(capacity: Int(MIO_BATCH))
      messages.initialize(repeating: mio_message(), count: Int(MIO_BATCH))
      sources = .allocate(capacity: Int(MIO_BATCH))
      sources.initialize(repeating: .none, count: Int(MIO_BATCH))
      segmentStride = (maximumPacketSize + 1 + RelayLoop.tailRoom + 63) / 64 * 64 + 64
      segments = .allocate(byteCount: segmentStride * Int(MIO_SEGMENTS), alignment: 64)
    }

    func deallocate() {
      mio_batch_destroy(batch)
      messages.deallocate()
      sources.deallocate()
      segments.deallocate()
    }
  }

  /// Ready again within this many microseconds: it held more than was read.
  private static let readyAgain: UInt32 = 500
  private static let burstBegins: UInt8 = 6
  private static let burstLimit: UInt8 = 12
  private static let coalescingEnds: UInt8 = 3

  /// Notes that a socket was ready once more.
  @inline(__always)
  mutating func noteReady(_ slot: Int) {
    let stamp = roundStamp
    if _slowPath(stamp &- slots[slot].lastRead < RelayLoop.readyAgain) {
      slots[slot].burstiness += 2
      if slots[slot].burstiness >= RelayLoop.burstBegins { beginBursts(slot) }
    } else if slots[slot].burstiness > 0 {
      slots[slot].burstiness -= 1
    }
    slots[slot].lastRead = stamp
  }

  private mutating func beginBursts(_ slot: Int) {
    if burstBuffers == nil { burstBuffers = BurstBuffers(maximumPacketSize: maximumPacketSize) }
    guard burstBuffers != nil else {
      slots[slot].burstiness = 0
      return
    }
    slots[slot].hasBursts = true
    coalesce(slot, true)
  }

  /// Lets the kernel hand over equal packets as one, or ends that.
  mutating func coalesce(_ slot: Int, _ isOn: Bool) {
    guard coalescesReceived, slots[slot].isCoalescing != isOn else { return }
    slots[slot].isCoalescing = isOn
    _ = mio_set_coalescing(slots[slot].rtpFD, isOn)
  }

  /// After a read that found several packets, or one.
  private mutating func noteBurst(_ slot: Int, _ hadSeveral: Bool) {
    if hadSeveral {
      slots[slot].burstiness = min(slots[slot].burstiness + 2, RelayLoop.burstLimit)
      if slots[slot].burstiness >= RelayLoop.burstBegins { coalesce(slot, true) }
      return
    }
    if slots[slot].burstiness > 0 { slots[slot].burstiness -= 1 }
    // Some reads before the last of this kind: what the kernel has already put together must not meet a
    // buffer for one packet. For the same reason the pair keeps its habits when it goes to another call.
    if slots[slot].burstiness <= RelayLoop.coalescingEnds { coalesce(slot, false) }
    if slots[slot].burstiness == 0 { slots[slot].hasBursts = false }
  }

  /// Reads what waits in a socket known for bursts.
  mutating func receiveBurst(_ slot: Int) {
    guard let buffers = burstBuffers else { return }
    let fd = slots[slot].rtpFD
    let count = Int(mio_batch_receive(buffers.batch, fd, buffers.messages, buffers.sources))
    guard count > 0 else { return }
    noteBurst(slot, count > 1 || buffers.messages[0].segment != 0)
    let (singlePacket, singleSource) = (packet, source)
    gathers = segmentsSent
    var copied = 0
    for i in 0..<count {
      let message = buffers.messages[i]
      guard let bytes = message.bytes else { continue }
      source = buffers.sources + i
      let total = Int(message.length)
      let length = message.segment == 0 ? total : Int(message.segment)
      var offset = 0
      repeat {
        let rest = min(length, total - offset)
        guard let side = slots[slot].side else {
          dropStray(slot)
          offset += rest
          continue
        }
        packet = bytes + offset
        if length < total && mayGrow(side) {
          // The next segment begins where this one ends.
          if copied == Int(MIO_SEGMENTS) {
            flush()
            copied = 0
          }
          packet = buffers.segments + copied * buffers.segmentStride
          packet.copyMemory(from: bytes + offset, byteCount: min(rest, maximumPacketSize + 1))
          copied += 1
        }
        handle(side, rest)
        handled += 1
        offset += rest
      } while offset < total
    }
    flush()
    gathers = false
    packet = singlePacket
    source = singleSource
  }

  /// Whether a packet of this side can be longer when it leaves than when it came.
  private func mayGrow(_ side: UnsafeMutablePointer<SideState>) -> Bool {
    side.pointee.peer.pointee.sendSRTP != nil || side.pointee.tap != nil
  }

  /// Sends a packet with those before it when it can go with them.
  @inline(__always)
  mutating func gather(
    _ buffer: UnsafeMutableRawPointer, _ count: Int, to side: UnsafeMutablePointer<SideState>,
    for origin: UnsafeMutablePointer<SideState>
  ) {
    if !burst.takes(count, to: side, from: origin) { flush() }
    burst.append(buffer, count, to: side, from: origin)
    if side.pointee.refusesSegments { flush() }
  }

  /// Sends what was gathered. Before anything else goes out, and before an address changes.
  mutating func flush() {
    guard burst.count > 0, let side = burst.side, let origin = burst.origin else { return }
    let pieces = burst.pieces
    if burst.count > 1 {
      let sent = sendTogether(side)
      if sent == burst.bytes {
        noteSent(side, packets: burst.count, bytes: sent)
        return burst.clear()
      }
      // The way to this party is narrower than the packets (they are fragmented one by one), or its network
      // card cannot divide them; or no room is left, of which single packets need less.
      let code = mio_errno()
      side.pointee.refusesSegments = [EINVAL, EMSGSIZE, EIO, EOPNOTSUPP].contains(code)
    }
    for i in 0..<burst.count { sendSingly(pieces[i].bytes, pieces[i].length, to: side, for: origin) }
    burst.clear()
  }

  private func sendTogether(_ side: UnsafeMutablePointer<SideState>) -> Int {
    let segment = UInt16(truncatingIfNeeded: burst.segment)
    return side.pointee.isConnected
      ? mio_send_segments(side.pointee.rtpFD, burst.pieces, burst.count, segment, nil)
      : mio_send_segments(side.pointee.rtpFD, burst.pieces, burst.count, segment, &side.pointee.destination)
  }
}
