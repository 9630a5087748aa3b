import CMediaIO
import CallModel

extension RelayLoop {
  /// An event whose end packets were all lost is taken to have ended after this silence.
  private static let eventSilence: Int64 = 500_000_000

  /// Once a second while there are streams: silence, and digits left open.
  mutating func sweep(at time: Int64) {
    nextSweep = time + RelayLoop.sweepInterval
    var connects = RelayLoop.connectsPerSweep
    var stream = streams
    while let current = stream {
      stream = current.pointee.next
      checkSilence(current, time)
      for i in 0..<2 where current.pointee.sides[i].exists {
        let side = current.pointee.sides + i
        if side.pointee.isConnected {
          if time - side.pointee.latch.heard >= RelayLoop.sweepInterval { freeSocket(side) }
        } else if connects > 0 && isSteady(side, time) {
          tieSocket(side)
          connects -= 1
        }
        if side.pointee.tapTakesRTP, side.pointee.control.isDue(time) { sendReport(side, isLast: false) }
        if let heard = side.pointee.hearing.expire(now: time, after: RelayLoop.eventSilence) {
          report(heard, side)
        }
      }
    }
  }

  /// How long a source must have been believed before its socket is connected to it.
  private static let steady: Int64 = 500_000_000
  /// Connecting takes one to two microseconds: not for thousands of streams between two packets.
  private static let connectsPerSweep = 256

  private func isSteady(_ side: UnsafeMutablePointer<SideState>, _ time: Int64) -> Bool {
    side.pointee.latch.isLatched && (side.pointee.tap == nil || side.pointee.tapTakesRTP)
      && side.pointee.sends && side.pointee.receives
      && time - side.pointee.latch.latched >= RelayLoop.steady
      && time - side.pointee.latch.heard < RelayLoop.steady
      && !side.pointee.latch.isProvisional(timing.window, time)
  }

  /// Connects the RTP socket of a side to the source it believes: sending costs a tenth less, and the kernel
  /// turns strangers away before they cost anything (they then no longer count as
  /// ``DropReason/foreignSource``). The rules of ``Latch`` stay in force; to let a party move, the sweep
  /// frees the socket after a second without a packet.
  private func tieSocket(_ side: UnsafeMutablePointer<SideState>) {
    var source = side.pointee.latch.source
    guard mio_address_equal(&side.pointee.destination, &source) else { return }
    side.pointee.isConnected = mio_connect(side.pointee.rtpFD, &side.pointee.destination) == 0
  }

  func freeSocket(_ side: UnsafeMutablePointer<SideState>) {
    guard side.pointee.isConnected else { return }
    side.pointee.isConnected = false
    _ = mio_disconnect(side.pointee.rtpFD)
  }

  private func checkSilence(_ stream: UnsafeMutablePointer<StreamState>, _ time: Int64) {
    let timeout = stream.pointee.timeout
    guard timeout.oneSide != nil || timeout.bothSides != nil else { return }
    var shortest = Int64.max
    var isExpected = false
    for name in RelaySideName.allCases {
      let side = stream.pointee.side(name)
      guard side.pointee.exists, side.pointee.receives else { continue }
      isExpected = true
      let silence = time - side.pointee.heardOrExpected
      shortest = min(shortest, silence)
      report(stream, bit: 1 << name.rawValue, side: name, silence: silence, limit: timeout.oneSide)
    }
    guard isExpected else { return }
    report(stream, bit: 4, side: nil, silence: shortest, limit: timeout.bothSides)
  }

  private func report(
    _ stream: UnsafeMutablePointer<StreamState>, bit: UInt8, side: RelaySideName?, silence: Int64,
    limit: TimeSpan?
  ) {
    guard let limit else { return }
    if silence < limit.nanoseconds {
      stream.pointee.reportedSilence &= ~bit
    } else if stream.pointee.reportedSilence & bit == 0 {
      stream.pointee.reportedSilence |= bit
      stream.pointee.emit(
        .mediaTimeout(stream: stream.pointee.id, side: side, silence: .nanoseconds(silence)))
    }
  }
}

extension SideState {
  /// When silence began: the last packet, or the moment this party was first allowed to send.
  var heardOrExpected: Int64 { max(lastPacket, resumed) }
}
