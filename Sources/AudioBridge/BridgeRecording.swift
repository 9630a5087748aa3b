import AudioMixing
import Codecs

/// A recording under way, on the media thread: the listener in the mix, and the file that it fills.
final class BridgeRecording {
  let participant: MixParticipantID
  private var recorder: MixRecorder
  private let file: RecordingFile

  init(_ file: RecordingFile, _ participant: MixParticipantID, title: String) {
    self.file = file
    self.participant = participant
    recorder = MixRecorder(serialNumber: .random(in: 0 ... .max))
    file.append(recorder.begin(title: title))
  }

  /// Why the file takes no more.
  var failure: BridgeRecordingError? {
    file.failure.map { BridgeRecordingError(path: file.path, errno: $0) }
  }

  func append(_ payload: UnsafeRawBufferPointer, timestamp: UInt32) {
    let page = recorder.append(payload, timestamp: timestamp)
    if !page.isEmpty { file.append(page) }
  }

  func finish() { file.finish(recorder.finish()) }
}
