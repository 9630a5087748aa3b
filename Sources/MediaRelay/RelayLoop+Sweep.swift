import CMediaIO
import CallModel

extension RelayLoop {
  /// An event whose end packets were all lost is taken to have ended after this silence.
  private static let eventSilence: Int64 = 500_000_000

  /// Once a second while there are streams: silence, and digits left open.
  mutating func sweep(at time: Int64) {
    nextSweep = time + RelayLoop.sweepInterval
    var stream = streams
    while let current = stream {
      stream = current.pointee.next
      checkSilence(current, time)
      for i in 0..<2 where current.pointee.sides[i].exists {
        let side = current.pointee.sides + i
        if let heard = side.pointee.hearing.expire(now: time, after: RelayLoop.eventSilence) {
          report(heard, side)
        }
      }
    }
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
