import CMediaIO
import CallModel

/// A negotiated side on its way to the relay thread: plain values and owned pointers, no references.
struct SideUpdate {
  var slot: Int32
  var rtpFD: Int32
  var rtcpFD: Int32
  var signalled: mio_address
  var signalledRTCP: mio_address
  /// Host the signalling came from; port unused.
  var signallingHost: mio_address
  var latchSource: LatchPolicy.Source
  /// The signalled address differs from the one before: the latch opens.
  var addressChanged: Bool
  var isMultiplexed: Bool
  var sends: Bool
  var receives: Bool
  var absorbsEvents: Bool
  /// 255: none.
  var eventTypeIn: UInt8
  var eventTypeOut: UInt8
  var secondEventTypeIn: UInt8
  var secondEventClockRate: UInt32
  var clockRate: UInt32
  var eventClockRate: UInt32
  /// 128 bytes, 255 = drop; nil passes all.
  var payloadMap: UnsafeMutablePointer<UInt8>?
  /// New contexts; with `keeps…` the one in place goes on.
  var receiveSRTP: UnsafeMutablePointer<SRTPContext>?
  var sendSRTP: UnsafeMutablePointer<SRTPContext>?
  var keepsReceiveSRTP: Bool
  var keepsSendSRTP: Bool

  /// Nil when a key does not fit its suite.
  static func make(
    _ side: RelaySide, previous: RelaySide?, relay: MediaRelay, worker: RelayWorker
  ) -> UnsafeMutablePointer<SideUpdate>? {
    let keepsReceive = previous != nil && previous?.receiveKeys == side.receiveKeys
    let keepsSend = previous != nil && previous?.sendKeys == side.sendKeys
    var receive: UnsafeMutablePointer<SRTPContext>?
    var send: UnsafeMutablePointer<SRTPContext>?
    if !keepsReceive, let keys = side.receiveKeys {
      receive = SRTPContext.create(keys, direction: .receive)
      if receive == nil { return nil }
    }
    if !keepsSend, let keys = side.sendKeys {
      send = SRTPContext.create(keys, direction: .send)
      if send == nil {
        if let receive { SRTPContext.destroy(receive) }
        return nil
      }
    }
    if !side.isRTCPMultiplexed, let fd = relay.pool.openRTCP(side.port) {
      worker.mailbox.post(.openRTCP(slot: side.port.slot, fd: fd))
    }
    let fds = relay.pool.descriptors(side.port)
    let usesRTCP = !side.isRTCPMultiplexed
    let rtcp =
      side.remoteRTCP
      ?? side.remoteRTP.flatMap { $0.port < .max ? TransportAddress($0.ip, $0.port + 1) : nil }
    let update = UnsafeMutablePointer<SideUpdate>.allocate(capacity: 1)
    update.initialize(
      to: SideUpdate(
        slot: side.port.slot, rtpFD: fds.rtp, rtcpFD: usesRTCP ? fds.rtcp : -1,
        signalled: destination(side.remoteRTP),
        signalledRTCP: usesRTCP ? destination(rtcp) : destination(side.remoteRTP),
        signallingHost: mio_address(side.latch.signallingAddress.map { TransportAddress($0, 0) }),
        latchSource: side.latch.source,
        addressChanged: previous == nil || previous?.remoteRTP != side.remoteRTP,
        isMultiplexed: side.isRTCPMultiplexed, sends: side.direction.sends, receives: side.direction.receives,
        absorbsEvents: side.absorbsTelephoneEvents, eventTypeIn: side.receivedTelephoneEvent ?? 255,
        eventTypeOut: side.sentTelephoneEvent ?? 255,
        secondEventTypeIn: side.secondTelephoneEvent?.payloadType ?? 255,
        secondEventClockRate: max(1, side.secondTelephoneEvent?.clockRate ?? 8000),
        clockRate: max(1, side.clockRate),
        eventClockRate: max(1, side.telephoneEventClockRate), payloadMap: table(side.payloadTypes),
        receiveSRTP: receive, sendSRTP: send, keepsReceiveSRTP: keepsReceive, keepsSendSRTP: keepsSend))
    return update
  }

  /// `c=0.0.0.0` and port 0 mean "do not send" (RFC 3264 §8.4, RFC 2543 hold); a socket of the other family
  /// cannot send there.
  private static func destination(_ address: TransportAddress?) -> mio_address {
    guard let address, !address.ip.isUnspecified, address.port != 0 else { return .none }
    return mio_address(address)
  }

  /// In the table of payload types: dropped and reported.
  static let reportedType: UInt8 = 254

  private static func table(_ map: RelayPayloadTypes) -> UnsafeMutablePointer<UInt8>? {
    guard let entries = map.entries else { return nil }
    let table = UnsafeMutablePointer<UInt8>.allocate(capacity: 128)
    table.initialize(repeating: 255, count: 128)
    for entry in entries where table[Int(entry.incoming)] == 255 {
      table[Int(entry.incoming)] = entry.outgoing
    }
    for type in map.reported { table[Int(type)] = reportedType }
    return table
  }

  /// Frees an update that was not applied.
  static func destroy(_ update: UnsafeMutablePointer<SideUpdate>) {
    update.pointee.payloadMap?.deallocate()
    if let context = update.pointee.receiveSRTP { SRTPContext.destroy(context) }
    if let context = update.pointee.sendSRTP { SRTPContext.destroy(context) }
    update.deallocate()
  }
}
