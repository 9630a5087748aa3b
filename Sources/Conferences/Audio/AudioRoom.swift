import AudioBridge
import AudioMixing
import CallModel
import Codecs
import MediaRelay

/// Where the audio of conferences is made: the media plane's mixing workers, or what stands in for them in a test.
public protocol AudioPlane: AnyObject {
  /// What can be mixed, for offers and answers.
  var codecs: [Codec] { get }
  /// The audio of one conference, reception or playback.
  ///
  /// - Parameter cleaning: what is done to each voice.
  /// - Parameter onEvent: called on the signalling loop.
  /// - Returns: nil: no more can be taken.
  func openRoom(cleaning: NoiseReduction.Settings, onEvent: @escaping (AudioRoomEvent) -> Void)
    -> (any AudioRoom)?
}

/// The audio of one conference. Commands never block, and are carried out in the order they were given.
public protocol AudioRoom: AnyObject {
  /// nil: no more parties can be taken.
  func openParty() -> (any AudioParty)?
  /// Plays something in the place of whatever played to the same audience.
  func play(_ audio: PromptAudio, to audience: AudioAudience, as playback: AudioPlayback, repeats: Bool)
  func stopPlaying(to audience: AudioAudience)
  /// Records what everybody hears, in the place of a recording under way. Its file ends with the room at the latest.
  func record(_ file: RecordingFile, title: String)
  func stopRecording()
  func close()
}

/// One participant's place in the audio of a conference.
public protocol AudioParty: AnyObject {
  var id: AudioPartyID { get }
  /// A local port for a stream of this party; nil: none is free.
  func reserve(interface: Int, kind: MediaStream.Kind) -> RelayPort?
  /// What offer and answer have agreed on, the first time and each time after.
  ///
  /// - Returns: false: nothing in it can be mixed, and all stays as it was.
  func connect(_ side: RelaySide, remote: MediaStream, local: MediaStream) -> Bool
  /// The stream was switched off: nothing is sent or taken until it is connected again.
  func disconnect()
  func place(_ placement: AudioPlacement)
  /// Sends a key to the party: as an event (RFC 4733) where that is agreed on, else as tones.
  func send(_ digit: DTMFDigit, for duration: TimeSpan)
  /// The last figures follow as ``AudioRoomEvent/closed(_:_:)``.
  func close()
}

/// Names a party within its room.
public struct AudioPartyID: Hashable, Sendable {
  public let number: UInt64
  public init(_ number: UInt64) { self.number = number }
}

/// Names one thing that is played.
public struct AudioPlayback: Hashable, Sendable {
  public let number: UInt64
  public init(_ number: UInt64) { self.number = number }
}

public enum AudioAudience: Hashable, Sendable {
  /// All that are in the mix.
  case everybody
  case party(AudioPartyID)
}

public enum AudioPlacement: Hashable, Sendable {
  /// Hears what is played to it, and is heard by nobody.
  case alone
  case mix(isHeard: Bool, hears: Bool)
}

public enum AudioRoomEvent: Sendable {
  case digit(AudioPartyID, DTMFDigit)
  case mediaStarted(AudioPartyID)
  /// Nothing comes from it any more.
  case mediaLost(AudioPartyID)
  case mediaReturned(AudioPartyID)
  /// Who speaks, the latest first.
  case speakers([AudioPartyID])
  /// It has come to its end.
  case played(AudioPlayback)
  /// The file takes no more, and the recording has ended.
  case recordingFailed(BridgeRecordingError)
  /// The last of a party: its figures.
  case closed(AudioPartyID, RelaySideStatistics)
}
