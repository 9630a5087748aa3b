import CallModel

/// Recording what the room hears.
extension Conference {
  /// A Host, an administrator or the settings want it, or want it no longer.
  mutating func record(_ isWanted: Bool) {
    guard wantsRecording != isWanted else { return }
    wantsRecording = isWanted
    act(.record(isWanted))
    guard !isWanted, status.isRecording else { return }
    status.isRecording = false
    if !isOver { say(.prompt(.recordingStopped), to: .everybody) }
  }

  /// From its beginning, where the settings say so. Once: who stops it has stopped it.
  mutating func recordFromBeginning() {
    guard status.isStarted, settings.isRecorded, !hasBegunRecording else { return }
    hasBegunRecording = true
    record(true)
  }

  /// The file is there, and fills. Everybody is told, and the recording says so itself.
  public mutating func recordingBegan(now: MonotonicInstant) -> [ConferenceAction] {
    turn(now) {
      guard $0.wantsRecording, !$0.status.isRecording else { return }
      $0.status.isRecording = true
      $0.say(.prompt(.recordingStarted), to: .everybody)
    }
  }

  /// The file cannot be made, or takes no more: the conference goes on without.
  public mutating func recordingFailed(now: MonotonicInstant) -> [ConferenceAction] {
    turn(now) {
      guard $0.wantsRecording else { return }
      $0.wantsRecording = false
      $0.status.isRecording = false
      $0.say(.prompt(.recordingFailed), to: .hosts)
    }
  }
}
