import AudioBridge
import CallModel
import Conferences
import Foundation
import NIOCore
import NIOPosix

/// Makes the files of recordings on threads of their own: the signalling loop does not wait for a disk.
final class RecordingFiles: RecordingStore {
  private let eventLoop: any EventLoop
  private let driver: LoopDriver
  /// Of the recordings that begin from now on.
  var directory: String

  init(directory: String, eventLoop: any EventLoop, driver: LoopDriver) {
    self.directory = directory
    self.eventLoop = eventLoop
    self.driver = driver
  }

  func makeFile(
    for conference: String, at time: WallClock,
    then: @escaping (Result<RecordingFile, BridgeRecordingError>) -> Void
  ) {
    let (directory, name) = (directory, RecordingName(conference: conference, at: time))
    let asker = NIOLoopBound((driver, then), eventLoop: eventLoop)
    NIOThreadPool.singleton.runIfActive(eventLoop: eventLoop) {
      RecordingFiles.make(name, in: directory)
    }.whenComplete { result in
      let (driver, then) = asker.value
      driver.turn {
        then(
          result.mapError { _ in BridgeRecordingError(path: directory, errno: ESHUTDOWN) }.flatMap { $0 })
      }
    }
  }

  private static func make(
    _ name: RecordingName, in directory: String
  ) -> Result<RecordingFile, BridgeRecordingError> {
    // What people say in a meeting is not for everybody on this host.
    try? FileManager.default.createDirectory(
      atPath: directory, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o750])
    var failure = BridgeRecordingError(path: directory, errno: EEXIST)
    for copy in 1...RecordingName.maximumCopies {
      do throws(BridgeRecordingError) {
        return .success(try RecordingFile("\(directory)/\(name.file(copy: copy))"))
      } catch {
        failure = error
        if error.errno != EEXIST { break }
      }
    }
    return .failure(failure)
  }

  /// Lets what was recorded reach the disk, for the end of the process; a disk that does not answer is not waited for.
  static func finish() async {
    for _ in 0..<200 where !RecordingFile.areWritten {
      guard (try? await Task.sleep(for: .milliseconds(10))) != nil else { return }
    }
  }
}
