import CMediaIO

extension RelayLoop {
  /// A socket for RTCP alone is ready.
  mutating func receiveRTCP(_ slot: Int) {
    let count = mio_receive(slots[slot].rtcpFD, packet, maximumPacketSize + 1, source)
    guard count > 0 else { return }
    guard let side = slots[slot].side else { return dropStray(slot) }
    handleRTCP(side, count)
  }

  /// What came to the socket for RTCP alone.
  mutating func handleRTCP(_ side: UnsafeMutablePointer<SideState>, _ count: Int) {
    if count > maximumPacketSize { return drop(side, .tooLarge) }
    // A pooled pair may have its second socket open although this party agreed to use one.
    if side.pointee.isMultiplexed { return drop(side, .unexpectedKind) }
    let first = packet.load(as: UInt8.self)
    let second = count > 1 ? packet.load(fromByteOffset: 1, as: UInt8.self) : 0
    guard PacketKind.of(first, second, multiplexed: true) == .rtcp else { return drop(side, .malformed) }
    relayRTCP(side, count, onRTPPort: false)
  }

  /// Checks a compound packet, takes what it says about quality, and passes it to the other side's RTCP
  /// address: on its RTP port with rtcp-mux, else on the port above; as SRTCP where that side has keys.
  /// Reports flow on hold too (RFC 3264 §5.1).
  mutating func relayRTCP(_ side: UnsafeMutablePointer<SideState>, _ received: Int, onRTPPort: Bool) {
    var count = received
    let context = side.pointee.receiveSRTP
    let verdict =
      onRTPPort
      ? side.pointee.latch.judge(&source.pointee, authenticates: context != nil, timing: timing, now: arrival)
      : side.pointee.rtcpLatch.judge(
        &source.pointee, authenticates: context != nil, timing: timing, now: arrival)
    // On the RTP port only RTP may latch: before its first packet, RTCP passes from candidates but moves
    // nothing.
    if verdict == .foreign { return drop(side, .foreignSource) }
    if let context {
      do {
        count = try context.pointee.unprotectControl(packet, count: count)
      } catch {
        return drop(side, DropReason(error))
      }
    }
    let bytes = UnsafeRawBufferPointer(start: packet, count: count)
    guard let compound = RTCPCompound.parse(bytes) else { return drop(side, .malformed) }
    if verdict == .candidate && !onRTPPort {
      var rtpSource = side.pointee.latch.source
      guard
        side.pointee.rtcpLatch.admitRTCP(
          &source.pointee, isAuthenticated: context != nil, rtpSource: &rtpSource, now: arrival)
      else { return drop(side, .foreignSource) }
      side.pointee.rtcpDestination = source.pointee
    }
    side.pointee.rtcpReceived &+= 1
    if side.pointee.isLooped { return }
    observe(side, bytes)
    if side.pointee.tapTakesRTP {
      if let report = compound.senderReport { side.pointee.control.heard(report, at: arrival) }
      return
    }
    forwardRTCP(side, compound, count)
  }

  private mutating func observe(_ side: UnsafeMutablePointer<SideState>, _ bytes: UnsafeRawBufferPointer) {
    let base = packet
    let arrival = arrival
    RTCPCompound.forEachReportBlock(bytes) { at in
      let sent = side.pointee.sending
      guard sent.isActive, base.loadBigEndian32(at) == sent.ssrc else { return }
      let word = base.loadBigEndian32(at + 4)
      side.pointee.reported.hasReport = true
      side.pointee.reported.fractionLost = UInt8(word >> 24)
      side.pointee.reported.lost = Int32(bitPattern: word << 8) >> 8
      side.pointee.reported.jitter = base.loadBigEndian32(at + 12)
      if let trip = side.pointee.reports.roundTrip(
        last: base.loadBigEndian32(at + 16), delay: base.loadBigEndian32(at + 20), now: arrival)
      {
        side.pointee.reported.roundTrip = trip
      }
      // The sender knows its own numbers, not ours.
      if sent.shift != 0 {
        let shift = UInt32(bitPattern: Int32(Int16(bitPattern: sent.shift)))
        base.storeBigEndian(base.loadBigEndian32(at + 8) &- shift, at + 8)
      }
    }
  }

  /// Sends a report of our own to a party whose RTP ends here.
  mutating func sendReport(_ side: UnsafeMutablePointer<SideState>, isLast: Bool) {
    let fd = side.pointee.isMultiplexed ? side.pointee.rtpFD : side.pointee.rtcpFD
    guard side.pointee.exists, fd >= 0, !side.pointee.rtcpDestination.isNone else { return }
    var count = side.pointee.control.write(
      to: outgoing, side.pointee.sending, side.pointee.reception, clockRate: side.pointee.clockRate,
      isLast: isLast, now: now)
    guard count > 0 else { return }
    if let report = RTCPCompound.parse(UnsafeRawBufferPointer(start: outgoing, count: count))?.senderReport {
      side.pointee.reports.sent(report, now: now)
    }
    if let context = side.pointee.sendSRTP {
      guard let protected = try? context.pointee.protectControl(outgoing, count: count) else { return }
      count = protected
    }
    guard mio_send(fd, outgoing, count, &side.pointee.rtcpDestination) == count else { return }
    side.pointee.rtcpSent &+= 1
  }

  private mutating func forwardRTCP(
    _ side: UnsafeMutablePointer<SideState>, _ compound: RTCPCompound, _ length: Int
  ) {
    var count = length
    let peer = side.pointee.peer
    let fd = peer.pointee.isMultiplexed ? peer.pointee.rtpFD : peer.pointee.rtcpFD
    guard peer.pointee.exists, fd >= 0, !peer.pointee.rtcpDestination.isNone else {
      return drop(side, .noDestination)
    }
    if let report = compound.senderReport { peer.pointee.reports.sent(report, now: now) }
    if let context = peer.pointee.sendSRTP {
      do {
        count = try context.pointee.protectControl(packet, count: count)
      } catch {
        return drop(side, DropReason(error))
      }
    }
    flush()
    guard mio_send(fd, packet, count, &peer.pointee.rtcpDestination) == count else {
      return drop(side, .sendFailed)
    }
    peer.pointee.rtcpSent &+= 1
  }
}
