import Codecs
import Conferences
import Foundation
import NIOCore
import NIOPosix

/// Reads sound files on threads of their own, and brings what they hold to the signalling loop.
final class PromptFiles: SoundFiles {
  private let eventLoop: any EventLoop
  private let driver: LoopDriver

  init(eventLoop: any EventLoop, driver: LoopDriver) {
    self.eventLoop = eventLoop
    self.driver = driver
  }

  func read(_ path: String, then: @escaping (Result<Recording, SoundFileFailure>) -> Void) {
    let reader = NIOLoopBound((driver, then), eventLoop: eventLoop)
    NIOThreadPool.singleton.runIfActive(eventLoop: eventLoop) { PromptFiles.read(path) }
      .whenComplete { result in
        let (driver, then) = reader.value
        driver.turn {
          then(result.mapError { SoundFileFailure("\($0)") }.flatMap { $0 })
        }
      }
  }

  private static func read(_ path: String) -> Result<Recording, SoundFileFailure> {
    guard let file = FileHandle(forReadingAtPath: path) else {
      return .failure(SoundFileFailure("it cannot be opened"))
    }
    defer { try? file.close() }
    do {
      guard let data = try file.read(upToCount: Recording.maximumFileLength + 1), !data.isEmpty else {
        return .failure(SoundFileFailure("it is empty"))
      }
      guard data.count <= Recording.maximumFileLength else {
        return .failure(SoundFileFailure("it is too long"))
      }
      return .success(try data.withUnsafeBytes { try Recording(reading: $0) })
    } catch {
      return .failure(SoundFileFailure("\(error)"))
    }
  }
}

extension PromptThemes {
  /// Where the prompts that come with Tandem are: beside the program, as `make` builds it or as it is installed.
  static func standardDirectory() -> String? {
    guard let program = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe") else {
      return nil
    }
    var directory = URL(filePath: program).deletingLastPathComponent()
    for _ in 0..<3 {
      let prompts = directory.appending(path: "prompts").path(percentEncoded: false)
      if FileManager.default.fileExists(atPath: prompts) { return prompts }
      directory.deleteLastPathComponent()
    }
    let installed = "/usr/share/tandem/prompts"
    return FileManager.default.fileExists(atPath: installed) ? installed : nil
  }
}
