/// The files and settings of one theme, as found in its directory.
public struct Theme: Hashable, Sendable {
  public var name: String
  /// Where its files are.
  public var directory: String
  /// Names of the files below ``directory``, as listed.
  public var files: Set<String>
  /// Values of `themeconfig.json` that are single words or numbers, by key.
  public var settings: [String: String]
  /// Its own telephone keys; nil: it says nothing of them.
  public var controls: ControlProfile?

  public init(
    name: String, directory: String = "", files: Set<String>, settings: [String: String] = [:],
    controls: ControlProfile? = nil
  ) {
    self.name = name
    self.directory = directory
    self.files = files
    self.settings = settings
    self.controls = controls
  }
}

/// Where a file or a setting comes from: the service's theme, else the default theme, else the base theme (reference §6.10).
/// Each is looked up by itself: a theme that replaces one prompt leaves the others as they were.
public struct ThemeLookup: Hashable, Sendable {
  private let themes: [Theme]

  /// - Parameters:
  ///   - service: the service's own theme, if it has one.
  ///   - global: the default theme for all services, if one is set.
  ///   - base: what comes with Tandem.
  public init(service: Theme?, global: Theme?, base: Theme) {
    themes = [service, global, base].compactMap { $0 }
  }

  /// The theme that has the file, and the file's name in it.
  public func file(named name: String) -> (theme: Theme, file: String)? {
    // A name that comes from outside must not lead out of the theme.
    guard !name.isEmpty, !name.contains("/"), !name.hasPrefix(".") else { return nil }
    return themes.first { $0.files.contains(name) }.map { ($0, name) }
  }

  /// The recording of a prompt, in the language asked for if there is one (`fr/conf-knock_48kHz_mono.wav`).
  public func recording(of prompt: Prompt, language: String? = nil) -> (theme: Theme, file: String)? {
    for theme in themes {
      if let language, Theme.isLanguageTag(language) {
        let file = language.lowercased() + "/" + prompt.fileName
        if theme.files.contains(file) { return (theme, file) }
      }
      if theme.files.contains(prompt.fileName) { return (theme, prompt.fileName) }
    }
    return nil
  }

  public func setting(_ key: String) -> String? { themes.lazy.compactMap { $0.settings[key] }.first }

  public var controls: ControlProfile { themes.lazy.compactMap(\.controls).first ?? .vmr }
}

extension Theme {
  /// Letters, digits and hyphens (RFC 5646 §2.1), and short.
  static func isLanguageTag(_ text: String) -> Bool {
    (2...35).contains(text.utf8.count)
      && text.utf8.allSatisfy {
        ($0 | 0x20) >= 0x61 && ($0 | 0x20) <= 0x7a || (0x30...0x39).contains($0) || $0 == 0x2d
      }
  }
}
