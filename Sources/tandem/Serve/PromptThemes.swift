import CallModel
import Conferences
import Foundation
import PolicyEngine

/// The themes of a policy, as they are found on the disk.
struct PromptThemes: Sendable {
  var base: Conferences.Theme
  var global: Conferences.Theme?
  var themes: [String: Conferences.Theme] = [:]
  var language: LanguageTag?
  /// What of them cannot be read; everything else is used.
  private(set) var problems: [Problem] = []

  struct Problem: Sendable, CustomStringConvertible {
    /// Of the policy's list.
    var theme: Int?
    var file: String
    var reason: String
    var description: String { "\(file): \(reason)" }
  }

  /// - Parameters:
  ///   - prompts: the directory of the base theme; nil: there is none.
  ///   - global: the name of the theme of services that name none.
  ///   - language: where neither service nor theme names one.
  init(prompts: String?, policy: [PolicyEngine.Theme], global: String?, language: LanguageTag?) {
    self.language = language
    base = Conferences.Theme(name: "base", files: [])
    if let prompts { base = theme("base", at: prompts, language: nil, index: nil) }
    for (index, theme) in policy.enumerated() where themes[theme.name] == nil {
      themes[theme.name] = self.theme(
        theme.name, at: theme.directory, language: theme.language, index: index)
    }
    self.global = global.flatMap { themes[$0] }
  }

  /// The files of a directory, and of the directories of other languages in it.
  private mutating func theme(
    _ name: String, at directory: String, language: LanguageTag?, index: Int?
  ) -> Conferences.Theme {
    var files: Set<String> = []
    let manager = FileManager.default
    do {
      for entry in try manager.contentsOfDirectory(atPath: directory) {
        if entry.hasSuffix(".wav") {
          files.insert(entry)
        } else if LanguageTag(entry)?.description == entry,
          let inner = try? manager.contentsOfDirectory(atPath: "\(directory)/\(entry)")
        {
          for file in inner where file.hasSuffix(".wav") { files.insert("\(entry)/\(file)") }
        }
      }
    } catch {
      problems.append(Problem(theme: index, file: directory, reason: "the directory cannot be read"))
    }
    return Conferences.Theme(
      name: name, directory: directory, files: files, configuration: configuration(at: directory, index),
      language: language)
  }

  private mutating func configuration(at directory: String, _ index: Int?) -> ThemeConfiguration {
    let path = "\(directory)/\(ThemeConfiguration.fileName)"
    guard FileManager.default.fileExists(atPath: path) else { return ThemeConfiguration() }
    guard let file = FileHandle(forReadingAtPath: path),
      let bytes = try? file.read(upToCount: ThemeConfiguration.maximumLength + 1)
    else {
      problems.append(Problem(theme: index, file: path, reason: "it cannot be read"))
      return ThemeConfiguration()
    }
    let (configuration, wrong) = ThemeConfiguration.read([UInt8](bytes))
    problems += wrong.map { Problem(theme: index, file: path, reason: "\($0)") }
    return configuration
  }

  /// For `tandem check`: nothing of this keeps a policy from being used.
  var findings: [PolicyFinding] {
    problems.map { problem in
      PolicyFinding(
        severity: .warning, code: "theme-not-readable", message: problem.description,
        path: PolicyPath("themes", problem.theme ?? 0, "directory"))
    }
  }
}
