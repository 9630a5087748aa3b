import CMediaIO
import CallModel

extension RelayLoop {
  mutating func enqueue(_ events: [TelephoneEvent], to side: UnsafeMutablePointer<SideState>) {
    guard side.pointee.exists, side.pointee.eventTypeOut < 128, side.pointee.sends else { return }
    if side.pointee.digits == nil {
      let digits = UnsafeMutablePointer<DigitSending>.allocate(capacity: 1)
      digits.initialize(to: DigitSending())
      side.pointee.digits = digits
    }
    for event in events { _ = side.pointee.digits?.pointee.add(event, now: now) }
    if !side.pointee.stream.pointee.isPlaying {
      side.pointee.stream.pointee.isPlaying = true
      players.append(side.pointee.stream)
    }
    play()
  }

  /// Sends the digit packets that are due.
  mutating func play() {
    var i = 0
    while i < players.count {
      let stream = players[i]
      var isIdle = true
      for name in RelaySideName.allCases {
        let side = stream.pointee.side(name)
        guard let digits = side.pointee.digits, !digits.pointee.isIdle else { continue }
        while let next = digits.pointee.next(now: now, clockRate: side.pointee.eventClockRate) {
          send(next, to: side, digits)
        }
        if digits.pointee.isIdle {
          stream.pointee.emit(.telephoneEventsSent(stream: stream.pointee.id, side: name))
        } else {
          isIdle = false
        }
      }
      if isIdle {
        stream.pointee.isPlaying = false
        players.remove(at: i)
      } else {
        i += 1
      }
    }
  }

  private mutating func send(
    _ digit: DigitSending.Packet, to side: UnsafeMutablePointer<SideState>,
    _ digits: UnsafeMutablePointer<DigitSending>
  ) {
    guard !side.pointee.destination.isNone else { return }
    if !side.pointee.sending.isActive {
      // Nothing has been relayed to this party yet: the digit opens a stream of its own (RFC 3550 §5.1:
      // random numbers).
      side.pointee.sending.begin(
        ssrc: .random(in: 1 ... .max), sequence: .random(in: 0...0x7fff), timestamp: .random(in: 0 ... .max),
        now: now)
    }
    if digit.isFirst {
      digits.pointee.timestamp = side.pointee.sending.timestamp(
        at: now, clockRate: side.pointee.eventClockRate)
    }
    let header = RTPHeader(
      payloadType: side.pointee.eventTypeOut, sequenceNumber: side.pointee.sending.insert(),
      timestamp: digits.pointee.timestamp, ssrc: side.pointee.sending.ssrc, marker: digit.isFirst)
    header.write(to: packet)
    let payload = RTPHeader.minimumLength
    packet.storeBytes(of: digit.code, toByteOffset: payload, as: UInt8.self)
    packet.storeBytes(of: digit.volume | (digit.isEnd ? 0x80 : 0), toByteOffset: payload + 1, as: UInt8.self)
    packet.storeBigEndian(digit.duration, payload + 2)
    side.pointee.control.note(ssrc: header.ssrc, payload: TelephoneEventHearing.payloadLength)
    transmit(
      packet, count: payload + TelephoneEventHearing.payloadLength, header: payload, to: side, for: side)
  }
}
