import CallModel
import MediaRelay

/// What a ``BridgeRoom`` tells the signalling. Delivered on a media thread: the handler must not block, and hands the event
/// to the call's own loop. Nothing follows a party's ``closed(_:_:)``.
public enum BridgeEvent: Sendable, Hashable {
  /// A key was pressed: once for each press, however it came. The time is that for which it was held; nil where it was heard
  /// in the audio itself.
  case digit(BridgeParty.ID, DTMFDigit, TimeSpan?)
  /// The digits given to ``BridgeParty/send(_:for:)`` are out.
  case digitsSent(BridgeParty.ID)
  /// The first valid packet of this party.
  case mediaStarted(BridgeParty.ID)
  /// Nothing came for ``BridgeRoomConfiguration/mediaTimeout`` although the party may send. Once per silence.
  case mediaLost(BridgeParty.ID)
  /// A packet came after ``mediaLost(_:)``.
  case mediaReturned(BridgeParty.ID)
  /// Who is in the mix now, the one who came in last first. Only when that has changed.
  case speakers([BridgeParty.ID])
  /// It was played to its end. What is stopped, replaced by another for the same audience, or loses its party is not
  /// reported.
  case played(BridgePlayback)
  /// The file could not be written any further: the recording has ended. What was written can be played.
  case recordingFailed(BridgeRecordingError)
  /// The party is gone; what came from it and was sent to it is side `a` of the figures. Always its last event, also when the
  /// room closes.
  case closed(BridgeParty.ID, RelayStreamStatistics)
}
