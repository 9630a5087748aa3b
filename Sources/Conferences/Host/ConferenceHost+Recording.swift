import AudioBridge
import CallModel
import Router

/// A recording that a conference wants: its file is made, or fills.
final class HostedRecording {
  /// nil: the file is not there yet.
  var path: String?
  /// Who asked, and waits for what comes of it.
  var waiting: [(Result<String, RecordingRefusal>) -> Void] = []

  func tell(_ result: Result<String, RecordingRefusal>) {
    let waiting = waiting
    self.waiting = []
    for then in waiting { then(result) }
  }
}

/// Why a conference is not recorded, for an administrator.
public struct RecordingRefusal: Error, Hashable, Sendable, CustomStringConvertible {
  public var description: String
}

/// Recordings of what rooms hear.
extension ConferenceHost {
  /// Begins to record a conference, or ends it.
  ///
  /// - Parameters:
  ///   - conference: its name or its id.
  ///   - then: told the path of the file, at once or when it has been made; empty when none was under way.
  public func record(
    _ isWanted: Bool, on conference: String, then: @escaping (Result<String, RecordingRefusal>) -> Void
  ) {
    let name = directory.name(of: conference) ?? conference
    let path = rooms[name]?.recording?.path
    if let refusal = perform(.record(isWanted), on: name) {
      return then(.failure(RecordingRefusal(description: refusal.words)))
    }
    guard isWanted else { return then(.success(path ?? "")) }
    guard let room = rooms[name], let recording = room.recording else {
      return then(
        .failure(RecordingRefusal(description: rooms[name]?.recordingFailure ?? "the conference is over")))
    }
    if let path = recording.path { return then(.success(path)) }
    recording.waiting.append(then)
  }

  /// What the conference wants.
  func record(_ isWanted: Bool, in room: HostedRoom) {
    guard isWanted else { return endRecording(in: room) }
    guard room.recording == nil else { return }
    let recording = HostedRecording()
    room.recording = recording
    room.recordingFailure = nil
    guard let recordings else {
      return recordingFailed("no directory for recordings is set", in: room)
    }
    recordings.makeFile(for: room.name, at: loop.wallClock) { [weak self, weak room, weak recording] result in
      guard let self, let room, let recording, room.recording === recording,
        self.rooms[room.name] === room
      else {
        // It ended before it began.
        if case .success(let file) = result { file.discard() }
        return
      }
      switch result {
      case .success(let file): self.begin(recording, file, in: room)
      case .failure(let error): self.recordingFailed("\(error)", in: room)
      }
    }
  }

  private func begin(_ recording: HostedRecording, _ file: RecordingFile, in room: HostedRoom) {
    recording.path = file.path
    room.audio.record(file, title: room.name)
    onNotice?(.recordingBegan(conference: room.name, path: file.path))
    recording.tell(.success(file.path))
    let now = loop.now
    carryOut(
      directory.tell(conference: room.name, protection: protection, now: now) { $0.recordingBegan(now: now) },
      in: room)
  }

  private func endRecording(in room: HostedRoom) {
    guard let recording = room.recording else { return }
    room.recording = nil
    if let path = recording.path {
      room.audio.stopRecording()
      onNotice?(.recordingEnded(conference: room.name, path: path))
    }
    recording.tell(.failure(RecordingRefusal(description: "it was stopped at once")))
  }

  /// Nobody in the conference is the worse for it.
  func recordingFailed(_ reason: String, in room: HostedRoom) {
    guard let recording = room.recording else { return }
    room.recording = nil
    room.recordingFailure = reason
    onNotice?(.recordingFailed(conference: room.name, path: recording.path, reason: reason))
    recording.tell(.failure(RecordingRefusal(description: reason)))
    // In a turn of its own: the conference may be in the middle of what led to this.
    loop.schedule(after: .zero) { [weak self, weak room] in
      guard let self, let room else { return }
      let now = self.loop.now
      self.carryOut(
        self.directory.tell(conference: room.name, protection: self.protection, now: now) {
          $0.recordingFailed(now: now)
        }, in: room)
    }
  }
}
