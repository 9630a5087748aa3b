import CallModel
import Foundation
import Testing

@testable import Conferences

/// What is said, and where it is found (reference §6.10).
struct PromptTests {
  private func theme(_ name: String, _ prompts: [Prompt], _ settings: [String: String] = [:]) -> Theme {
    Theme(name: name, files: Set(prompts.map(\.fileName)), settings: settings)
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
    let base = theme("base", Prompt.allCases, ["colour": "grey", "size": "1"])
    let global = theme("company", [.knock, .enterPIN], ["colour": "blue"])
    let service = theme("board", [.knock])
    let lookup = ThemeLookup(service: service, global: global, base: base)
    #expect(lookup.recording(of: .knock)?.theme.name == "board")
    #expect(lookup.recording(of: .enterPIN)?.theme.name == "company")
    #expect(lookup.recording(of: .wrongPIN)?.theme.name == "base")
    #expect(lookup.setting("colour") == "blue" && lookup.setting("size") == "1" && lookup.setting("x") == nil)
    #expect(ThemeLookup(service: nil, global: nil, base: base).recording(of: .knock)?.theme.name == "base")
    #expect(ThemeLookup(service: nil, global: nil, base: theme("empty", [])).recording(of: .knock) == nil)
  }

  @Test func languages() {
    var base = theme("base", Prompt.allCases)
    base.files.insert("de/" + Prompt.knock.fileName)
    let lookup = ThemeLookup(service: nil, global: nil, base: base)
    #expect(lookup.recording(of: .knock, language: "DE")?.file == "de/conf-knock_48kHz_mono.wav")
    #expect(lookup.recording(of: .enterPIN, language: "de")?.file == "conf-get-pin_48kHz_mono.wav")
    #expect(lookup.recording(of: .knock, language: "../de")?.file == "conf-knock_48kHz_mono.wav")
  }

  @Test func filesByName() {
    let lookup = ThemeLookup(
      service: nil, global: nil,
      base: Theme(name: "base", files: ["background.jpg", "../x", ".hidden", "a/b"]))
    #expect(lookup.file(named: "background.jpg")?.theme.name == "base")
    for name in ["../x", ".hidden", "a/b", "", "none"] { #expect(lookup.file(named: name) == nil) }
  }

  @Test func keysOfAThemeAreTakenWhole() {
    var global = theme("company", [])
    #expect(ThemeLookup(service: nil, global: global, base: theme("base", [])).controls == .vmr)
    global.controls = ControlProfile(name: "none", controls: [])
    #expect(ThemeLookup(service: nil, global: global, base: theme("base", [])).controls.controls.isEmpty)
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
