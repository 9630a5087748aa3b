import CMediaIO
import CallModel

extension RelayLoop {
  /// Puts a negotiated side in place; nothing that goes on is disturbed.
  mutating func apply(_ update: UnsafeMutablePointer<SideUpdate>, to side: UnsafeMutablePointer<SideState>) {
    let u = update.pointee
    side.pointee.slot = u.slot
    side.pointee.rtpFD = u.rtpFD
    side.pointee.rtcpFD = u.rtcpFD
    slots[Int(u.slot)].side = side
    side.pointee.isMultiplexed = u.isMultiplexed
    side.pointee.sends = u.sends
    if side.pointee.receives != u.receives {
      side.pointee.receives = u.receives
      // Hold does not count as silence; it starts anew on resume.
      side.pointee.lastPacket = side.pointee.lastPacket == 0 ? 0 : now
      side.pointee.stream.pointee.reportedSilence = 0
    }
    side.pointee.resumed = now
    side.pointee.absorbsEvents = u.absorbsEvents
    side.pointee.eventTypeIn = u.eventTypeIn
    side.pointee.eventTypeOut = u.eventTypeOut
    side.pointee.secondEventTypeIn = u.secondEventTypeIn
    side.pointee.secondEventClockRate = u.secondEventClockRate
    side.pointee.clockRate = u.clockRate
    side.pointee.eventClockRate = u.eventClockRate
    side.pointee.payloadMap?.deallocate()
    side.pointee.payloadMap = u.payloadMap
    side.pointee.hasReportedFormat = false
    if !u.keepsReceiveSRTP {
      replace(&side.pointee.receiveSRTP, with: u.receiveSRTP)
    }
    if !u.keepsSendSRTP {
      replace(&side.pointee.sendSRTP, with: u.sendSRTP)
    }
    if u.addressChanged {
      freeSocket(side)
      side.pointee.refusesSegments = false
    }
    side.pointee.latch.negotiate(
      signalled: u.signalled, signallingHost: u.signallingHost, policy: u.latchSource,
      reopens: u.addressChanged, now: now)
    side.pointee.rtcpLatch.negotiate(
      signalled: u.signalledRTCP, signallingHost: u.signallingHost, policy: u.latchSource,
      reopens: u.addressChanged, now: now)
    if u.addressChanged || !side.pointee.latch.isLatched { side.pointee.destination = u.signalled }
    if u.addressChanged || !side.pointee.rtcpLatch.isLatched {
      side.pointee.rtcpDestination = u.isMultiplexed ? side.pointee.destination : u.signalledRTCP
    }
    if u.isMultiplexed { side.pointee.rtcpDestination = side.pointee.destination }
    update.deallocate()
  }

  private func replace(
    _ context: inout UnsafeMutablePointer<SRTPContext>?, with new: UnsafeMutablePointer<SRTPContext>?
  ) {
    if let old = context {
      new?.pointee.inheritedROC = old.pointee.currentROC
      SRTPContext.destroy(old)
    }
    context = new
  }

  func statistics(of stream: UnsafeMutablePointer<StreamState>) -> RelayStreamStatistics {
    var result = RelayStreamStatistics()
    result.a = statistics(of: stream.pointee.side(.a))
    result.b = statistics(of: stream.pointee.side(.b))
    return result
  }

  private func statistics(of side: UnsafeMutablePointer<SideState>) -> RelaySideStatistics {
    var s = RelaySideStatistics()
    let p = side.pointee
    s.packetsReceived = p.packetsReceived
    s.bytesReceived = p.bytesReceived
    s.packetsSent = p.packetsSent
    s.bytesSent = p.bytesSent
    s.rtcpReceived = p.rtcpReceived
    s.rtcpSent = p.rtcpSent
    s.packetsLost = p.reception.lost
    s.packetsOutOfOrder = p.reception.outOfOrder
    s.packetsDuplicated = p.reception.duplicates
    s.jitterMilliseconds = p.reception.jitterMilliseconds
    if p.reception.isActive {
      s.ssrc = p.reception.ssrc
      s.payloadType = p.reception.payloadType
    }
    if p.firstPacket != 0 { s.firstPacket = MonotonicInstant(nanoseconds: p.firstPacket) }
    if p.lastPacketEver != 0 { s.lastPacket = MonotonicInstant(nanoseconds: p.lastPacketEver) }
    s.source = p.latch.source.transportAddress
    if p.reported.roundTrip >= 0 { s.roundTripMilliseconds = Double(p.reported.roundTrip) / 1e6 }
    if p.reported.hasReport {
      s.reportedLost = p.reported.lost
      s.reportedFractionLost = Double(p.reported.fractionLost) / 256
      s.reportedJitterMilliseconds = Double(p.reported.jitter) * 1000 / Double(p.clockRate)
    }
    s.drops.counts = p.drops
    return s
  }
}
