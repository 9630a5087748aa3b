import AudioBridge
import CallModel
import MediaRelay

/// Telling the relay what has been agreed.
extension CallMedia {
  /// Brings the relay in line with the slots. Streams that stay are changed in place: no packet is lost over a re-INVITE.
  func joinSides() {
    for index in slots.indices {
      guard var a = relaySide(index, .a), var b = relaySide(index, .b) else {
        slots[index].relay?.close()
        slots[index].relay = nil
        slots[index].transcoding = nil
        continue
      }
      let before = slots[index].transcoding
      let between = transcoding(index)
      slots[index].transcoding = between
      if let between {
        a = between.completing(a, .a)
        b = between.completing(b, .b)
      }
      guard let relay = slots[index].relay else {
        let timeout = MediaTimeout(bothSides: settings.timeout)
        slots[index].relay = session.makeStream(
          RelayStreamConfiguration(a: a, b: b, timeout: timeout), tap: between?.fromA, tapB: between?.fromB)
        if let relay = slots[index].relay { track(relay) }
        continue
      }
      // In between packets must not pass as they are under numbers that mean something else.
      if let between, between !== before {
        relay.setTap(between.fromA, on: .a)
        relay.setTap(between.fromB, on: .b)
      }
      relay.update(a: a, b: b)
      if between == nil, before != nil { for side in RelaySideName.allCases { relay.setTap(nil, on: side) } }
    }
  }

  /// One side of a stream as the relay sees it; nil while the stream is off.
  private func relaySide(_ slot: Int, _ side: RelaySideName) -> RelaySide? {
    let here = slots[slot][side]
    let there = slots[slot][side.other]
    guard let port = here.port, let remote = here.remote, let local = here.local, remote.isEnabled,
      local.isEnabled,
      let otherRemote = there.remote, otherRemote.isEnabled
    else { return nil }
    let isMuxed = remote.isRTCPMultiplexed && local.isRTCPMultiplexed
    let event = local.codecs.first(where: \.isTelephoneEvent)
    let otherTakesEvents = otherRemote.codecs.contains(where: \.isTelephoneEvent)
    var result = RelaySide(
      port: port, remoteRTP: remote.address, remoteRTCP: remote.rtcpAddress, isRTCPMultiplexed: isMuxed,
      latch: latchPolicy(side, remote),
      // We send to a party what it receives and we are allowed to send.
      direction: MediaStream.Direction(
        sends: remote.direction.receives && local.direction.sends,
        receives: remote.direction.sends && local.direction.receives),
      payloadTypes: payloadTypes(slot, from: side),
      clockRate: UInt32(clamping: local.codecs.first?.clockRate ?? 8000),
      receivedTelephoneEvent: event?.payloadType,
      sentTelephoneEvent: remote.codecs.first(where: \.isTelephoneEvent)?.payloadType,
      telephoneEventClockRate: UInt32(clamping: event?.clockRate ?? 8000),
      absorbsTelephoneEvents: event != nil && !otherTakesEvents)
    if let key = here.remoteCrypto, let ours = here.localCrypto {
      result.receiveKeys = SRTPParameters(key)
      result.sendKeys = SRTPParameters(ours)
    }
    return result
  }

  private func latchPolicy(_ side: RelaySideName, _ remote: MediaStream) -> LatchPolicy {
    LatchPolicy(signalled: remote.address.ip, signalling: signallingAddress[side])
  }

  /// What a side sends us under our numbers, and the numbers the other side wants.
  private func payloadTypes(_ slot: Int, from side: RelaySideName) -> RelayPayloadTypes {
    guard let local = slots[slot][side].local, let other = slots[slot][side.other].remote else { return .all }
    var entries: [RelayPayloadTypes.Entry] = []
    for codec in local.codecs {
      guard let target = codec.counterpart(in: other.codecs, among: local.codecs) else { continue }
      entries.append(.init(codec.payloadType, target.payloadType))
      // Some peers send with the numbers they gave for receiving; take that where it cannot be mistaken.
      let theirs = slots[slot][side].remote?.codecs ?? []
      if let own = codec.counterpart(in: theirs, among: local.codecs),
        !local.codecs.contains(where: { $0.payloadType == own.payloadType })
      {
        entries.append(.init(own.payloadType, target.payloadType))
      }
    }
    if let event = local.codecs.first(where: \.isTelephoneEvent),
      !entries.contains(where: { $0.incoming == event.payloadType })
    {
      // Absorbed in the relay and passed on as signalling, but it must get that far.
      entries.append(.init(event.payloadType, event.payloadType))
    }
    return RelayPayloadTypes(entries, reporting: transcodable(local.codecs).map(\.payloadType))
  }

  /// Whether a stream that fell silent on both sides means that the call is dead: not while a party is on hold, whose phones
  /// may send nothing for hours, and not for a video that was switched off while the audio goes on.
  func isMissed(_ stream: RelayStream.ID) -> Bool {
    guard let slot = slots.first(where: { $0.relay?.id == stream }) else { return false }
    if slot.kind != .audio, slots.contains(where: { $0.kind == .audio && $0.relay != nil }) { return false }
    return !RelaySideName.allCases.contains { side in
      slot[side].remote.map { $0.direction != .sendReceive } ?? false
    }
  }

  /// Which side of which call a relay event is about, if it is a digit.
  func digit(_ event: RelayEvent) -> (side: RelaySideName, digit: DTMFDigit, duration: TimeSpan)? {
    guard case .telephoneEvent(let stream, let side, let code, let duration) = event,
      let slot = slots.first(where: { $0.relay?.id == stream }),
      slot[side.other].remote.map({ !$0.codecs.contains(where: \.isTelephoneEvent) }) ?? false,
      let digit = DTMFDigit(event: code)
    else { return nil }
    return (side, digit, duration)
  }

  /// Plays a digit that came in signalling to a party that takes RFC 4733. False: it does not.
  func play(_ digit: DTMFDigit, duration: TimeSpan, to side: RelaySideName) -> Bool {
    guard let slot = slots.first(where: { $0.kind == .audio && $0.relay != nil }), let relay = slot.relay,
      slot[side].remote?.codecs.contains(where: \.isTelephoneEvent) ?? false
    else { return false }
    relay.send([TelephoneEvent(code: digit.event, duration: duration)], to: side)
    return true
  }

  /// The record's figures, one line a side and stream.
  func quality(_ statistics: [RelayStream.ID: RelayStreamStatistics]) -> [MediaQuality] {
    var result: [MediaQuality] = []
    for slot in slots {
      guard let id = slot.relay?.id, let figures = statistics[id] else { continue }
      for side in RelaySideName.allCases {
        let f = figures[side]
        let codec =
          slot[side].local?.codecs.first { $0.payloadType == f.payloadType } ?? slot[side].local?.codecs.first
        result.append(
          MediaQuality(
            side: side == .a ? .caller : .called, kind: slot.kind.name, codec: codec?.name ?? "",
            isEncrypted: slot[side].remoteCrypto != nil, packetsReceived: f.packetsReceived,
            packetsSent: f.packetsSent, bytesReceived: f.bytesReceived,
            packetsLost: Int64(clamping: f.packetsLost),
            jitter: f.jitterMilliseconds, roundTrip: f.roundTripMilliseconds))
      }
    }
    return result
  }
}

extension MediaStream.Kind {
  var name: String {
    switch self {
    case .audio: "audio"
    case .video: "video"
    case .application: "application"
    case .text: "text"
    case .image: "image"
    case .message: "message"
    case .other(let name): name
    }
  }
}
