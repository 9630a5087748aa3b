import CallModel
import Foundation
import Testing

@testable import Conferences

/// What is said, and where it is found (reference §6.10).
struct PromptTests {
  private func theme(_ name: String, _ prompts: [Prompt]) -> Theme {
    Theme(name: name, files: Set(prompts.map(\.fileName)))
  }

  @Test func namesOfTheReference() {
    #expect(Prompt.receptionEnterNumber.fileName == "2sd-number-pound-key_48kHz_mono.wav")
    #expect(Prompt.conferenceFull.fileName == "conf-capacity_exceeded_48kHz_mono.wav")
    #expect(Set(Prompt.allCases.map(\.fileName)).count == Prompt.allCases.count)
  }

  /// Every prompt has its words in English, and no other; what other languages say is the same prompts.
  @Test func theTextsOfTheBaseTheme() throws {
    let theme = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../themes/base")
    func names(_ language: String) throws -> [String] {
      try String(contentsOf: theme.appending(path: "prompts.\(language).txt"), encoding: .utf8)
        .split(separator: "\n").filter { !$0.hasPrefix("#") }.compactMap { line in
          let parts = line.split(separator: ":", maxSplits: 1)
          #expect(parts.count == 2 && parts[1].count > 2, "\(line)")
          return parts.first.map(String.init)
        }
    }
    #expect(try names("en").sorted() == Prompt.allCases.map(\.rawValue).sorted())
    let (english, german) = (try names("en"), try names("de"))
    #expect(Set(german).count == german.count && Set(german).isSubset(of: english))
  }

  @Test func eachFileByItself() {
    let base = theme("base", Prompt.allCases)
    let global = theme("company", [.knock, .enterPIN])
    let service = theme("board", [.knock])
    let lookup = ThemeLookup(service: service, global: global, base: base)
    #expect(lookup.recording(of: .knock)?.theme.name == "board")
    #expect(lookup.recording(of: .enterPIN)?.theme.name == "company")
    #expect(lookup.recording(of: .wrongPIN)?.theme.name == "base")
    #expect(ThemeLookup(service: nil, global: nil, base: base).recording(of: .knock)?.theme.name == "base")
    #expect(ThemeLookup(service: nil, global: nil, base: theme("empty", [])).recording(of: .knock) == nil)
  }

  @Test func languages() {
    var base = theme("base", Prompt.allCases)
    base.files.formUnion(["de/" + Prompt.knock.fileName, "de-at/" + Prompt.enterPIN.fileName])
    func file(_ prompt: Prompt, _ language: String?) -> String? {
      ThemeLookup(
        service: nil, global: nil, base: base, language: language.flatMap { LanguageTag($0) }
      ).recording(of: prompt)?.file
    }
    #expect(file(.knock, "DE") == "de/conf-knock_48kHz_mono.wav")
    #expect(file(.enterPIN, "de") == "conf-get-pin_48kHz_mono.wav", "not there: the theme's own")
    #expect(file(.enterPIN, "de-AT") == "de-at/conf-get-pin_48kHz_mono.wav")
    #expect(file(.knock, "de-AT") == "de/conf-knock_48kHz_mono.wav", "a kind of German")
    #expect(file(.knock, nil) == "conf-knock_48kHz_mono.wav")
  }

  /// Service, theme, deployment, and then the files themselves.
  @Test func whoNamesTheLanguage() throws {
    let library = PromptLibrary(files: NoFiles())
    var base = theme("base", Prompt.allCases)
    for language in ["de", "fr", "it"] { base.files.insert("\(language)/" + Prompt.knock.fileName) }
    var paris = theme("paris", [])
    paris.language = LanguageTag("fr")
    func language(_ service: (inout ServiceConfiguration) -> Void) -> Substring? {
      var configuration = ServiceConfiguration(kind: .conference, name: "Weekly")
      service(&configuration)
      return library.lookup(configuration).recording(of: .knock)?.file.prefix { $0 != "/" }
    }
    library.use(base: base, global: nil, themes: ["paris": paris])
    #expect(language { _ in } == "conf-knock_48kHz_mono.wav")
    #expect(language { $0.theme = "paris" } == "fr")
    library.use(base: base, global: nil, themes: ["paris": paris], language: LanguageTag("it"))
    #expect(language { _ in } == "it" && language { $0.theme = "paris" } == "fr")
    #expect(
      language {
        $0.theme = "paris"; $0.language = LanguageTag("de")
      } == "de")
    library.use(base: base, global: paris, themes: ["paris": paris], language: LanguageTag("it"))
    #expect(language { _ in } == "fr")
  }

  private final class NoFiles: SoundFiles {
    func read(_ path: String, then: @escaping (Result<Recording, SoundFileFailure>) -> Void) {}
  }

  @Test func disabledPrompts() {
    var global = theme("company", [])
    global.configuration.disabledPrompts = [.knock, .joinTone]
    let lookup = ThemeLookup(
      service: theme("board", [.joinTone]), global: global, base: theme("base", Prompt.allCases))
    #expect(lookup.isDisabled(.knock) && !lookup.isDisabled(.enterPIN))
    #expect(!lookup.isDisabled(.joinTone), "the service's own theme has it")
  }

  /// Each theme changes what those before it left.
  @Test func keysOfThemes() {
    let keys = { (text: String) in text.compactMap { DTMFDigit($0) } }
    let (base, plain) = (theme("base", []), ThemeLookup(service: nil, global: nil, base: theme("base", [])))
    #expect(plain.controls(of: .vmr) == .vmr && plain.controls(of: .pbx) == .pbx)
    var (global, service) = (theme("company", []), theme("board", []))
    global.configuration.controls = [.toggleLock: keys("*1"), .endConference: []]
    service.configuration.controls = [.toggleLock: keys("*2")]
    let controls = ThemeLookup(service: service, global: global, base: base).controls(of: .vmr).controls
    #expect(controls.first { $0.action == .toggleLock }?.text == "*2")
    #expect(!controls.contains { $0.action == .endConference } && controls.count == 6)
  }

  @Test func callersBySound() {
    let id = ParticipantID(high: 1, low: 2)
    #expect(PromptPart.caller(id, alias: "sip:105@example.com").prompts == [.digit1, .digit0, .digit5])
    #expect(PromptPart.caller(id, alias: "+4930").prompts == [.digit4, .digit9, .digit3, .digit0])
    #expect(PromptPart.caller(id, alias: "ann@example.com").prompts == [.someone])
    #expect(PromptPart.caller(id, alias: "").prompts == [.someone])
    #expect(PromptPart.digits("17").prompts == [.digit1, .digit7])
  }

  // MARK: Names of participants

  @Test func participantIDs() throws {
    let id = ParticipantID(high: .max, low: .max)
    #expect(id.description == "ffffffff-ffff-4fff-bfff-ffffffffffff")
    #expect(ParticipantID(id.description) == id)
    let text = "5b6f1f0e-4c5a-4a53-9f2a-1f5d8a0c0001"
    #expect(try #require(ParticipantID(text)).description == text)
    #expect(ParticipantID(text.uppercased())?.description == text)
    for wrong in [
      "", "5b6f1f0e4c5a4a539f2a1f5d8a0c0001", text + "0", String(text.dropLast()),
      "5b6f1f0e-4c5a-1a53-9f2a-1f5d8a0c0001", "5b6f1f0e-4c5a-4a53-0f2a-1f5d8a0c0001",
      "5b6f1f0e-4c5a-4a53-9f2a-1f5d8a0c000g", "5b6f1f0e+4c5a-4a53-9f2a-1f5d8a0c0001",
    ] {
      #expect(ParticipantID(wrong) == nil, "\(wrong)")
    }
  }

  // MARK: The event log

  @Test func eventsAreBoundedAndInOrder() {
    var log = ConferenceEventLog(capacity: 4)
    #expect(log.events(after: 0) == [])
    for _ in 0..<4 { log.append(.stage([]), at: .zero) }
    #expect(log.events(after: 0)?.map(\.sequence) == [1, 2, 3, 4])
    for _ in 0..<3 { log.append(.stage([]), at: .zero) }
    #expect(log.events(after: 2) == nil, "some of it is gone")
    #expect(log.events(after: 3)?.map(\.sequence) == [4, 5, 6, 7])
    #expect(log.events(after: 6)?.map(\.sequence) == [7])
    #expect(log.events(after: 7) == [])
    #expect(log.events(after: 8) == nil, "from the future")
  }
}
