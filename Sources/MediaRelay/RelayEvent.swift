import CallModel

/// What the media plane tells the signalling. Delivered on a relay thread: the handler must not block, and
/// hands the event to the call's own event loop.
public enum RelayEvent: Sendable, Hashable {
  /// The first valid packet from this party since the stream was made.
  case firstPacket(stream: RelayStream.ID, side: RelaySideName, from: TransportAddress)
  /// The side now believes (and sends to) this source; see ``LatchPolicy``.
  case latched(stream: RelayStream.ID, side: RelaySideName, to: TransportAddress, previous: TransportAddress?)
  /// Nothing arrived for the configured time. Nil: from neither party; otherwise from this one. Reported once
  /// per silence.
  case mediaTimeout(stream: RelayStream.ID, side: RelaySideName?, silence: TimeSpan)
  /// The party sends a format that was agreed with it and that the other does not take
  /// (``RelayPayloadTypes/reported``). Once after each ``RelayStream/update(a:b:)``.
  case otherFormat(stream: RelayStream.ID, side: RelaySideName, payloadType: UInt8)
  /// A telephone event has ended (RFC 4733): code 0...9 digits, 10 `*`, 11 `#`, 12...15 A to D, 16 flash.
  case telephoneEvent(stream: RelayStream.ID, side: RelaySideName, event: UInt8, duration: TimeSpan)
  /// The queue of digits to be sent to this side has run empty.
  case telephoneEventsSent(stream: RelayStream.ID, side: RelaySideName)
  /// The stream is gone; its last figures. Always the last event of a stream.
  case closed(stream: RelayStream.ID, statistics: RelayStreamStatistics)
}
