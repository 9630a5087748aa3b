import CallModel

/// The files and settings of one theme, as found in its directory.
public struct Theme: Hashable, Sendable {
  public var name: String
  /// Where its files are.
  public var directory: String
  /// Names of the files below ``directory``, as listed.
  public var files: Set<String>
  public var configuration: ThemeConfiguration
  /// Of the prompts of services that name no language themselves.
  public var language: LanguageTag?

  public init(
    name: String, directory: String = "", files: Set<String>,
    configuration: ThemeConfiguration = ThemeConfiguration(), language: LanguageTag? = nil
  ) {
    self.name = name
    self.directory = directory
    self.files = files
    self.configuration = configuration
    self.language = language
  }

  /// The file of a prompt: in the language asked for or one it is a kind of (`pt/…` for `pt-BR`), else in that of the theme.
  func file(of prompt: Prompt, language: LanguageTag?) -> String? {
    let inLanguage = language?.lookupOrder.lazy.map { "\($0)/\(prompt.fileName)" }
      .first { files.contains($0) }
    return inLanguage ?? (files.contains(prompt.fileName) ? prompt.fileName : nil)
  }
}

/// Where a file or a setting comes from: the service's theme, else the default theme, else the base theme (reference §6.10).
/// Each is looked up by itself: a theme that replaces one prompt leaves the others as they were.
public struct ThemeLookup: Hashable, Sendable {
  private let themes: [Theme]
  private let language: LanguageTag?

  /// - Parameters:
  ///   - service: the service's own theme, if it has one.
  ///   - global: the default theme for all services, if one is set.
  ///   - base: what comes with Tandem.
  ///   - language: of its prompts; nil: that of the themes' own files.
  public init(service: Theme?, global: Theme?, base: Theme, language: LanguageTag? = nil) {
    themes = [service, global, base].compactMap { $0 }
    self.language = language
  }

  /// The recording of a prompt; nil: no theme has it.
  public func recording(of prompt: Prompt) -> (theme: Theme, file: String)? {
    for theme in themes {
      if let file = theme.file(of: prompt, language: language) { return (theme, file) }
    }
    return nil
  }

  /// Whether the prompt is not to be said: a theme that disables it, and not one before it that has it.
  public func isDisabled(_ prompt: Prompt) -> Bool {
    for theme in themes {
      if theme.configuration.disabledPrompts.contains(prompt) { return true }
      if theme.file(of: prompt, language: language) != nil { return false }
    }
    return false
  }

  /// The telephone keys of a kind of conference, as the themes change them.
  public func controls(of profile: ControlProfile) -> ControlProfile {
    themes.reversed().reduce(profile) { $0.changed(by: $1.configuration.controls) }
  }
}
