import CMediaIO
import CallModel

extension RelayLoop {
  /// A socket for RTP (and with rtcp-mux RTCP, STUN, DTLS) is ready.
  @inline(__always)
  mutating func receiveRTP(_ slot: Int) {
    if slots[slot].hasBursts { return receiveBurst(slot) }
    // One datagram a wake: epoll is level-triggered and comes back for more, and a second `recv` that finds
    // nothing would cost a fifth of the packet.
    let count = mio_receive(slots[slot].rtpFD, packet, maximumPacketSize + 1, source)
    guard count > 0 else { return }
    handled += 1
    noteReady(slot)
    guard let side = slots[slot].side else { return dropStray(slot) }
    handle(side, count)
  }

  @inline(__always)
  mutating func handle(_ side: UnsafeMutablePointer<SideState>, _ count: Int) {
    if _slowPath(count > maximumPacketSize) { return drop(side, .tooLarge) }
    let first = packet.load(as: UInt8.self)
    let second = count > 1 ? packet.load(fromByteOffset: 1, as: UInt8.self) : 0
    switch PacketKind.of(first, second, multiplexed: side.pointee.isMultiplexed) {
    case .rtp: relayRTP(side, count)
    case .rtcp: relayRTCP(side, count, onRTPPort: true)
    case let kind: passToTap(side, kind, count)
    }
  }

  private mutating func passToTap(
    _ side: UnsafeMutablePointer<SideState>, _ kind: PacketKind, _ count: Int
  ) {
    guard let tap = side.pointee.tap, let from = source.pointee.transportAddress else {
      return drop(side, kind == .unknown ? .malformed : .unexpectedKind)
    }
    call(tap, kind, side, count, from)
  }

  private mutating func call(
    _ tap: UnsafeMutablePointer<any MediaTap>, _ kind: PacketKind, _ side: UnsafeMutablePointer<SideState>,
    _ count: Int,
    _ from: TransportAddress
  ) {
    // It may send at once, from the buffer of this packet.
    flush()
    let wasGathering = gathers
    gathers = false
    defer { gathers = wasGathering }
    tap.pointee.received(
      UnsafeRawBufferPointer(start: packet, count: count), kind: kind, from: from,
      at: MonotonicInstant(nanoseconds: arrival), output: RelayOutput(side: side, loop: address, source: from)
    )
  }

  private mutating func relayRTP(_ side: UnsafeMutablePointer<SideState>, _ received: Int) {
    var count = received
    let context = side.pointee.receiveSRTP
    let verdict = side.pointee.latch.judge(
      &source.pointee, authenticates: context != nil, timing: timing, now: arrival)
    if verdict == .foreign { return drop(side, .foreignSource) }
    if let context {
      do {
        count = try context.pointee.unprotect(packet, count: count)
      } catch {
        return drop(side, DropReason(error))
      }
    }
    guard let header = RTPHeader.parse(UnsafeRawBufferPointer(start: packet, count: count)),
      !header.hasPadding || header.payload(in: UnsafeRawBufferPointer(start: packet, count: count)) != nil
    else { return drop(side, .malformed) }
    var payloadType = header.payloadType
    if let map = side.pointee.payloadMap {
      payloadType = map[Int(payloadType)]
      if _slowPath(payloadType > 127) {
        return refuse(side, header.payloadType, isReported: payloadType != 255)
      }
    }
    if verdict == .candidate && !latch(side, header, isAuthenticated: context != nil) {
      return drop(side, .foreignSource)
    }
    if !side.pointee.receives { return drop(side, .direction) }

    if side.pointee.firstPacket == 0 { firstPacket(side) }
    side.pointee.lastPacket = arrival
    side.pointee.lastPacketEver = arrival
    side.pointee.packetsReceived &+= 1
    side.pointee.bytesReceived &+= UInt64(received)
    side.pointee.reception.note(
      ssrc: header.ssrc, sequence: header.sequenceNumber, timestamp: header.timestamp,
      payloadType: header.payloadType, clockRate: side.pointee.clockRate, now: arrival)
    if header.payloadType == side.pointee.eventTypeIn || header.payloadType == side.pointee.secondEventTypeIn
    {
      hear(side, header, count)
      if side.pointee.absorbsEvents { return drop(side, .absorbed) }
    }
    if side.pointee.tapTakesRTP, let tap = side.pointee.tap, let from = source.pointee.transportAddress {
      return call(tap, .rtp, side, count, from)
    }
    forward(side, header, payloadType: payloadType, count)
  }

  private mutating func refuse(
    _ side: UnsafeMutablePointer<SideState>, _ payloadType: UInt8, isReported: Bool
  ) {
    drop(side, .payloadType)
    guard isReported, !side.pointee.hasReportedFormat else { return }
    side.pointee.hasReportedFormat = true
    side.pointee.stream.pointee.emit(
      .otherFormat(
        stream: side.pointee.stream.pointee.id, side: side.pointee.name, payloadType: payloadType))
  }

  /// Numbers, protects and sends a packet that has been found good.
  @inline(__always)
  private mutating func forward(
    _ side: UnsafeMutablePointer<SideState>, _ header: RTPHeader, payloadType: UInt8, _ length: Int
  ) {
    let peer = side.pointee.peer
    if !peer.pointee.sends { return drop(side, .direction) }
    if peer.pointee.digits != nil && !(peer.pointee.digits?.pointee.isIdle ?? true) {
      return drop(side, .absorbed)
    }
    if peer.pointee.destination.isNone { return drop(side, .noDestination) }
    var ssrc = header.ssrc
    if side.pointee.isLooped {
      ssrc = peer.pointee.loopSSRC(avoiding: ssrc)
      packet.storeBigEndian(ssrc, 8)
    }
    guard
      let sequence = peer.pointee.sending.forward(
        ssrc: ssrc, sequence: header.sequenceNumber, timestamp: header.timestamp, now: now)
    else { return drop(side, .absorbed) }
    if sequence != header.sequenceNumber { packet.storeBigEndian(sequence, 2) }
    if payloadType != header.payloadType {
      packet.storeBytes(of: payloadType | (header.marker ? 0x80 : 0), toByteOffset: 1, as: UInt8.self)
    }
    transmit(packet, count: length, header: header.length, to: peer, for: side)
  }

  /// Protects and sends the RTP packet in `buffer`; failures count on `origin`.
  @inline(__always)
  mutating func transmit(
    _ buffer: UnsafeMutableRawPointer, count: Int, header: Int, to side: UnsafeMutablePointer<SideState>,
    for origin: UnsafeMutablePointer<SideState>
  ) {
    var count = count
    if let context = side.pointee.sendSRTP {
      do {
        count = try context.pointee.protect(buffer, count: count, header: header)
      } catch {
        return drop(origin, DropReason(error))
      }
    }
    if gathers { return gather(buffer, count, to: side, for: origin) }
    sendSingly(buffer, count, to: side, for: origin)
  }

  @inline(__always)
  mutating func sendSingly(
    _ buffer: UnsafeMutableRawPointer, _ count: Int, to side: UnsafeMutablePointer<SideState>,
    for origin: UnsafeMutablePointer<SideState>
  ) {
    let sent =
      side.pointee.isConnected
      ? mio_send_connected(side.pointee.rtpFD, buffer, count)
      : mio_send(side.pointee.rtpFD, buffer, count, &side.pointee.destination)
    guard sent == count else { return drop(origin, .sendFailed) }
    noteSent(side, packets: 1, bytes: count)
  }

  @inline(__always)
  mutating func noteSent(_ side: UnsafeMutablePointer<SideState>, packets: Int, bytes: Int) {
    side.pointee.packetsSent &+= UInt64(packets)
    side.pointee.bytesSent &+= UInt64(bytes)
    packetsRelayed &+= UInt64(packets)
    bytesRelayed &+= UInt64(bytes)
  }

  private mutating func latch(
    _ side: UnsafeMutablePointer<SideState>, _ header: RTPHeader, isAuthenticated: Bool
  ) -> Bool {
    let previous = side.pointee.latch.source
    guard
      side.pointee.latch.admit(
        &source.pointee, ssrc: header.ssrc, sequence: header.sequenceNumber, isAuthenticated: isAuthenticated,
        continues: side.pointee.reception.continues(ssrc: header.ssrc, sequence: header.sequenceNumber),
        window: timing.window, now: arrival)
    else { return false }
    flush()
    side.pointee.refusesSegments = false
    side.pointee.destination = source.pointee
    if side.pointee.isMultiplexed { side.pointee.rtcpDestination = source.pointee }
    if let to = source.pointee.transportAddress {
      side.pointee.stream.pointee.emit(
        .latched(
          stream: side.pointee.stream.pointee.id, side: side.pointee.name, to: to,
          previous: previous.transportAddress))
    }
    return true
  }

  private mutating func firstPacket(_ side: UnsafeMutablePointer<SideState>) {
    side.pointee.firstPacket = arrival
    if let from = source.pointee.transportAddress {
      side.pointee.stream.pointee.emit(
        .firstPacket(stream: side.pointee.stream.pointee.id, side: side.pointee.name, from: from))
    }
  }

  private mutating func hear(_ side: UnsafeMutablePointer<SideState>, _ header: RTPHeader, _ count: Int) {
    let bytes = UnsafeRawBufferPointer(start: packet, count: count)
    guard let range = header.payload(in: bytes) else { return }
    side.pointee.heardClockRate =
      header.payloadType == side.pointee.eventTypeIn
      ? side.pointee.eventClockRate : side.pointee.secondEventClockRate
    let heard = side.pointee.hearing.note(
      UnsafeRawBufferPointer(rebasing: bytes[range]), ssrc: header.ssrc, timestamp: header.timestamp,
      now: arrival)
    if let heard { report(heard, side) }
  }

  mutating func report(_ heard: TelephoneEventHearing.Heard, _ side: UnsafeMutablePointer<SideState>) {
    let duration = TimeSpan.microseconds(
      Int64(heard.duration) * 1_000_000 / Int64(side.pointee.heardClockRate))
    side.pointee.stream.pointee.emit(
      .telephoneEvent(
        stream: side.pointee.stream.pointee.id, side: side.pointee.name, event: heard.code, duration: duration
      ))
  }

  // MARK: For taps

  func sendRaw(
    _ bytes: UnsafeRawBufferPointer, from side: UnsafeMutablePointer<SideState>, to: TransportAddress
  ) {
    var to = mio_address(to)
    guard side.pointee.rtpFD >= 0, let base = bytes.baseAddress else { return }
    _ = mio_send(side.pointee.rtpFD, base, bytes.count, &to)
  }

  mutating func sendRTPFromTap(_ bytes: UnsafeRawBufferPointer, to side: UnsafeMutablePointer<SideState>) {
    guard bytes.count <= maximumPacketSize, let base = bytes.baseAddress, let header = RTPHeader.parse(bytes),
      let sequence = admitFromTap(header, to: side)
    else { return }
    outgoing.copyMemory(from: base, byteCount: bytes.count)
    outgoing.storeBigEndian(sequence, 2)
    side.pointee.control.note(ssrc: header.ssrc, payload: bytes.count - header.length)
    transmit(outgoing, count: bytes.count, header: header.length, to: side, for: side)
  }

  /// Sends a packet without extension and padding. Not from the buffer of the packet in hand, of which the tap may not have
  /// seen the end yet.
  @inline(__always)
  mutating func sendFromTap(
    _ header: RTPHeader, _ payload: UnsafeRawBufferPointer, to side: UnsafeMutablePointer<SideState>
  ) {
    let count = RTPHeader.minimumLength + payload.count
    guard count <= maximumPacketSize, let base = payload.baseAddress,
      let sequence = admitFromTap(header, to: side)
    else { return }
    var header = header
    header.sequenceNumber = sequence
    header.hasPadding = false
    header.write(to: outgoing)
    (outgoing + RTPHeader.minimumLength).copyMemory(from: base, byteCount: payload.count)
    side.pointee.control.note(ssrc: header.ssrc, payload: payload.count)
    transmit(outgoing, count: count, header: RTPHeader.minimumLength, to: side, for: side)
  }

  /// The number under which a tap's packet goes out; nil when it must not.
  @inline(__always)
  private mutating func admitFromTap(
    _ header: RTPHeader, to side: UnsafeMutablePointer<SideState>
  ) -> UInt16? {
    guard side.pointee.exists, side.pointee.sends, !side.pointee.destination.isNone,
      side.pointee.digits?.pointee.isIdle ?? true
    else { return nil }
    return side.pointee.sending.forward(
      ssrc: header.ssrc, sequence: header.sequenceNumber, timestamp: header.timestamp, now: now)
  }
}

extension DropReason {
  init(_ failure: SRTPContext.Failure) {
    switch failure {
    case .malformed: self = .malformed
    case .authentication: self = .authentication
    case .replay: self = .replay
    case .exhausted: self = .sendFailed
    }
  }
}

extension SideState {
  /// Our SSRC towards a looped party; another when the party uses the same.
  @inline(__always)
  mutating func loopSSRC(avoiding theirs: UInt32) -> UInt32 {
    if echoSSRC == 0 || echoSSRC == theirs { echoSSRC = UInt32.random(in: 1...UInt32.max) }
    if echoSSRC == theirs { echoSSRC ^= 1 }
    return echoSSRC
  }
}
