import AudioMixing
import CallModel
import MediaRelay

/// The audio of one conference, mixed where its sockets are: all on one media thread.
///
/// ```swift
/// guard let room = BridgeRoom(relay: relay, onEvent: { event in loop.post { host.bridgeDid(event) } }) else { /* full */ }
/// let party = room.openParty()
/// ```
///
/// May be used from any thread; calls return at once and are carried out in order.
public final class BridgeRoom: Sendable {
  /// Opens a room on the media thread with the least to do. Nil: all of them have as much to do as they can.
  ///
  /// - Parameter onEvent: called on that thread; must not block.
  public init?(
    relay: MediaRelay, configuration: BridgeRoomConfiguration = BridgeRoomConfiguration(),
    onEvent: @escaping @Sendable (BridgeEvent) -> Void
  ) {
    return nil
  }

  /// Makes room for a party. Nil when there are ``BridgeRoomConfiguration/maximumParties``, or the room is closed.
  public func openParty() -> BridgeParty? { nil }

  /// Plays to an audience, in place of what was being played to it. Its end is reported as
  /// ``BridgeEvent/played(_:)``; with `repeats` there is none. What is played to a party that cannot hear it (on hold) takes
  /// its time all the same; for a party that is not connected yet it begins when that is.
  public func play(
    _ audio: PromptAudio, to audience: BridgeAudience, as playback: BridgePlayback, repeats: Bool = false
  ) {}

  public func stopPlaying(to audience: BridgeAudience) {}

  /// Records what those in the mix hear who do not speak into an Ogg Opus file, which must not exist yet; a recording under
  /// way ends before.
  ///
  /// - Throws: the file could not be made.
  public func record(to path: String, title: String = "") throws(BridgeRecordingError) {}

  public func stopRecording() {}

  /// Ends the room: all parties close.
  public func close() {}
}

/// Why a file for a recording could not be made.
public struct BridgeRecordingError: Error, Sendable, Hashable {
  public var path: String
  public var errno: Int32
}
