import CallModel

/// Reads sound files away from the signalling loop.
public protocol SoundFiles: AnyObject {
  /// - Parameter then: called on the loop, after this method has returned; a failure says why, for the log.
  func read(_ path: String, then: @escaping (Result<Recording, SoundFileFailure>) -> Void)
}

/// Why a sound file cannot be played.
public struct SoundFileFailure: Error, Hashable, Sendable, CustomStringConvertible {
  public var description: String
  public init(_ description: String) { self.description = description }
}

/// The recordings of all themes, read when they are first needed and kept.
///
/// What is missing or cannot be read is said once, and then passed over: a call never fails for want of a prompt.
public final class PromptLibrary {
  private enum Entry {
    case reading([(Recording?) -> Void])
    case ready(Recording)
    case unusable
  }

  private let files: any SoundFiles
  private var entries: [String: Entry] = [:]
  /// Of the recordings that are kept. When there are too many, all are dropped, and read again as they are needed.
  private var cachedSeconds: Double = 0
  private var base = Theme(name: "base", files: [])
  private var global: Theme?
  private var themes: [String: Theme] = [:]
  private var language: LanguageTag?
  private var untold: Set<Prompt> = []
  /// A recording is missing or damaged: told once of each.
  public var onUnusable: ((_ path: String, _ reason: String) -> Void)?

  /// Half an hour of prompts and playlists: 170 MB.
  static let maximumCachedSeconds: Double = 1_800

  public init(files: any SoundFiles) { self.files = files }

  /// What the themes are now, as found in their directories. Files may have changed: all are read anew.
  ///
  /// - Parameters:
  ///   - base: what comes with Tandem.
  ///   - global: the theme of services that name none.
  ///   - language: where neither service nor theme names one.
  public func use(base: Theme, global: Theme?, themes: [String: Theme], language: LanguageTag? = nil) {
    self.base = base
    self.global = global
    self.themes = themes
    self.language = language
    entries = entries.filter { if case .reading = $0.value { true } else { false } }
    cachedSeconds = 0
    untold = []
  }

  /// Where a service finds its prompts.
  public func lookup(_ service: ServiceConfiguration) -> ThemeLookup {
    let theme = service.theme.flatMap { themes[$0] }
    return ThemeLookup(
      service: theme, global: global, base: base,
      language: service.language ?? (theme ?? global)?.language ?? language)
  }

  /// The recording of a prompt; nil, at once or later, when there is none that can be played.
  func recording(_ prompt: Prompt, in lookup: ThemeLookup, then: @escaping (Recording?) -> Void) {
    if lookup.isDisabled(prompt) { return then(nil) }
    guard let (theme, file) = lookup.recording(of: prompt) else {
      if untold.insert(prompt).inserted { onUnusable?(prompt.fileName, "no theme has it") }
      return then(nil)
    }
    recording(at: theme.directory + "/" + file, then: then)
  }

  func recording(at path: String, then: @escaping (Recording?) -> Void) {
    switch entries[path] {
    case .ready(let recording): then(recording)
    case .unusable: then(nil)
    case .reading(let waiting): entries[path] = .reading(waiting + [then])
    case nil:
      entries[path] = .reading([then])
      files.read(path) { [weak self] result in self?.read(path, result) }
    }
  }

  private func read(_ path: String, _ result: Result<Recording, SoundFileFailure>) {
    guard case .reading(let waiting)? = entries[path] else { return }
    var recording: Recording?
    switch result {
    case .success(let found):
      recording = found
      keep(found, path)
    case .failure(let failure):
      entries[path] = .unusable
      onUnusable?(path, failure.description)
    }
    for then in waiting { then(recording) }
  }

  private func keep(_ recording: Recording, _ path: String) {
    let seconds = recording.duration.seconds
    if cachedSeconds + seconds > PromptLibrary.maximumCachedSeconds {
      entries = entries.filter { if case .ready = $0.value { false } else { true } }
      cachedSeconds = 0
    }
    guard seconds <= PromptLibrary.maximumCachedSeconds else {
      entries[path] = nil
      return
    }
    entries[path] = .ready(recording)
    cachedSeconds += seconds
  }
}
