import CallModel
import Router

/// What a running conference has beside its state: its audio, its calls, its timer.
final class HostedRoom {
  let name: String
  let audio: HostedAudio
  var calls: [ParticipantID: RoomCall] = [:]
  /// Whose party is whose.
  var parties: [AudioPartyID: ParticipantID] = [:]
  var timer: SignallingLoop.TimerID?
  /// The latest event that was brought to the records, and of which conference: one may follow another in the same room.
  var shown: (conference: String, sequence: UInt64) = ("", 0)
  /// nil: nobody wants it recorded.
  var recording: HostedRecording?
  /// Why the last one came to nothing.
  var recordingFailure: String?
  /// The service as the first call was given it.
  let service: ServiceConfiguration

  init(name: String, audio: HostedAudio, service: ServiceConfiguration) {
    self.name = name
    self.audio = audio
    self.service = service
  }
}
