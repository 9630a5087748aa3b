import CMediaIO
import CallModel

/// One party of a stream, as the relay thread sees it. A plain value in memory of its own: no references are
/// counted when a packet touches it.
struct SideState {
  var stream: UnsafeMutablePointer<StreamState>
  /// Where packets of this side go: the other side, or itself when looped.
  var peer: UnsafeMutablePointer<SideState>
  var name: RelaySideName
  /// -1: the side does not exist (one-sided loop).
  var slot: Int32 = -1
  var rtpFD: Int32 = -1
  var rtcpFD: Int32 = -1

  // Negotiated.
  var isMultiplexed = false
  var sends = false
  var receives = false
  var absorbsEvents = false
  var isLooped = false
  /// The RTP socket is connected to ``destination``; see ``RelayLoop/tieSocket(_:_:)``.
  var isConnected = false
  /// The way to this party takes no packets together; see ``RelayLoop/flush()``.
  var refusesSegments = false
  var eventTypeIn: UInt8 = 255
  /// Where two formats with different clocks were agreed, each has events of its own.
  var secondEventTypeIn: UInt8 = 255
  var secondEventClockRate: UInt32 = 8000
  /// The clock of the event heard last.
  var heardClockRate: UInt32 = 8000
  var eventTypeOut: UInt8 = 255
  var clockRate: UInt32 = 8000
  var eventClockRate: UInt32 = 8000
  var payloadMap: UnsafeMutablePointer<UInt8>?
  var hasReportedFormat = false
  var receiveSRTP: UnsafeMutablePointer<SRTPContext>?
  var sendSRTP: UnsafeMutablePointer<SRTPContext>?
  /// The tap that is attached, in memory of its own: reading a plain pointer counts no references.
  var tap: UnsafeMutablePointer<any MediaTap>?
  var tapTakesRTP = false

  // Addresses.
  var latch = Latch()
  var rtcpLatch = Latch()
  /// Where RTP goes now: the latched source, or else the signalled address.
  var destination = mio_address.none
  var rtcpDestination = mio_address.none

  // What it sends.
  var reception = Reception()
  var hearing = TelephoneEventHearing()
  // What it is sent.
  var sending = Sending()
  var digits: UnsafeMutablePointer<DigitSending>?
  var reports = ReportTimes()
  var control = ReportSending()
  /// Our SSRC towards a looped party; 0 until needed.
  var echoSSRC: UInt32 = 0

  // Counters.
  var packetsReceived: UInt64 = 0
  var bytesReceived: UInt64 = 0
  var packetsSent: UInt64 = 0
  var bytesSent: UInt64 = 0
  var rtcpReceived: UInt64 = 0
  var rtcpSent: UInt64 = 0
  var firstPacket: Int64 = 0
  /// For the time-out: moved forward by resuming.
  var lastPacket: Int64 = 0
  var lastPacketEver: Int64 = 0
  /// When it was last (re)negotiated.
  var resumed: Int64 = 0
  var reported = ReceiverReport()
  var drops = InlineCounts()

  var exists: Bool { slot >= 0 }

  @inline(__always)
  mutating func drop(_ reason: DropReason) { drops[reason.rawValue] += 1 }
}

/// A stream in the table of its thread.
struct StreamState {
  var id: RelayStream.ID
  var mode: RelayMode
  var timeout: MediaTimeout
  /// Two: A, B.
  var sides: UnsafeMutablePointer<SideState>
  /// Configuration carried to the thread with the stream itself.
  var initialA: UnsafeMutablePointer<SideUpdate>?
  var initialB: UnsafeMutablePointer<SideUpdate>?
  /// Carried to the thread with the stream, like its configuration.
  var initialTaps: (a: (any MediaTap)?, b: (any MediaTap)?)
  var sink: Unmanaged<EventSink>
  var isAttached = false
  var created: Int64 = 0
  /// Which silences have been reported: bit 0 A, bit 1 B, bit 2 both.
  var reportedSilence: UInt8 = 0
  /// Digits are being sent to a side: the stream is in the loop's list of players.
  var isPlaying = false
  // The list of all streams of the thread.
  var next: UnsafeMutablePointer<StreamState>?
  var previous: UnsafeMutablePointer<StreamState>?

  static func create(
    id: RelayStream.ID, mode: RelayMode, timeout: MediaTimeout, sink: EventSink,
    taps: (a: (any MediaTap)?, b: (any MediaTap)?),
    a: UnsafeMutablePointer<SideUpdate>, b: UnsafeMutablePointer<SideUpdate>?
  ) -> UnsafeMutablePointer<StreamState> {
    let stream = UnsafeMutablePointer<StreamState>.allocate(capacity: 1)
    let sides = UnsafeMutablePointer<SideState>.allocate(capacity: 2)
    sides.initialize(to: SideState(stream: stream, peer: sides + 1, name: .a))
    (sides + 1).initialize(to: SideState(stream: stream, peer: sides, name: .b))
    stream.initialize(
      to: StreamState(
        id: id, mode: mode, timeout: timeout, sides: sides, initialA: a, initialB: b,
        initialTaps: taps,
        sink: Unmanaged.passRetained(sink)))
    return stream
  }

  /// Frees the stream and everything it owns; keys are wiped.
  static func destroy(_ stream: UnsafeMutablePointer<StreamState>) {
    for i in 0..<2 {
      let side = stream.pointee.sides + i
      side.pointee.payloadMap?.deallocate()
      if let context = side.pointee.receiveSRTP { SRTPContext.destroy(context) }
      if let context = side.pointee.sendSRTP { SRTPContext.destroy(context) }
      side.pointee.digits?.deinitialize(count: 1)
      side.pointee.digits?.deallocate()
      side.pointee.tap?.deinitialize(count: 1)
      side.pointee.tap?.deallocate()
    }
    if let update = stream.pointee.initialA { SideUpdate.destroy(update) }
    if let update = stream.pointee.initialB { SideUpdate.destroy(update) }
    stream.pointee.sides.deallocate()
    stream.pointee.sink.release()
    stream.deinitialize(count: 1)
    stream.deallocate()
  }

  @inline(__always)
  func side(_ name: RelaySideName) -> UnsafeMutablePointer<SideState> { sides + Int(name.rawValue) }

  func emit(_ event: RelayEvent) { sink.takeUnretainedValue().emit(event) }
}
