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

/// The themes of a policy, as they are found on the disk.
struct PromptThemes: Sendable {
  var base: Conferences.Theme
  var global: Conferences.Theme?
  var themes: [String: Conferences.Theme]

  /// - Parameter prompts: the directory of the base theme.
  init(prompts: String?, policy: [(name: String, directory: String)], global: String?) {
    base = prompts.map { PromptThemes.theme("base", at: $0) } ?? Conferences.Theme(name: "base", files: [])
    themes = Dictionary(
      policy.map { ($0.name, PromptThemes.theme($0.name, at: $0.directory)) },
      uniquingKeysWith: { first, _ in first })
    self.global = global.flatMap { themes[$0] }
  }

  /// The files of a directory, and of the directories of other languages in it.
  private static func theme(_ name: String, at directory: String) -> Conferences.Theme {
    var files: Set<String> = []
    let manager = FileManager.default
    for entry in (try? manager.contentsOfDirectory(atPath: directory)) ?? [] {
      if entry.hasSuffix(".wav") {
        files.insert(entry)
      } else if !entry.contains("."),
        let inner = try? manager.contentsOfDirectory(atPath: "\(directory)/\(entry)")
      {
        for file in inner where file.hasSuffix(".wav") { files.insert("\(entry.lowercased())/\(file)") }
      }
    }
    return Conferences.Theme(name: name, directory: directory, files: files)
  }

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
