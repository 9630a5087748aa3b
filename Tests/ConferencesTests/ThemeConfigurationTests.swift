import CallModel
import Testing

@testable import Conferences

/// `themeconfig.json`: what is read, and what of it is wrong.
@Suite struct ThemeConfigurationTests {
  private func read(_ text: String) -> (ThemeConfiguration, [String]) {
    let (configuration, problems) = ThemeConfiguration.read(Array(text.utf8))
    return (configuration, problems.map(\.description))
  }

  @Test func keysAndPrompts() {
    let (configuration, problems) = read(
      """
      { "theme_version": 2, "plugin_color": { "any": [1, 2] }, "disabled_prompts": ["conf-knock", "tone-join"],
        "controls": { "toggle-lock": "*1", "end-conference": null, "toggle-recording": "*7", "next-layout": "" } }
      """)
    #expect(problems == [])
    #expect(configuration.disabledPrompts == [.knock, .joinTone])
    let vmr = ControlProfile.vmr.changed(by: configuration.controls)
    func keys(_ action: ControlAction) -> String? { vmr.controls.first { $0.action == action }?.text }
    #expect(keys(.toggleLock) == "*1" && keys(.toggleRecording) == "*7" && keys(.toggleSelfMute) == "*6")
    #expect(keys(.endConference) == nil && keys(.nextLayout) == nil)
    #expect(vmr.controls.allSatisfy { $0.audience == .host })
    // A telephone system's room keeps whom its keys obey.
    let pbx = ControlProfile.pbx.changed(by: [
      .toggleSelfMute: [DTMFDigit("*"), DTMFDigit("4")].compactMap(\.self)
    ])
    #expect(pbx.controls.first { $0.action == .toggleSelfMute }?.audience == .everybody)
  }

  @Test(arguments: [
    (#"{ "theme_version": 2, "#, "line 1, column"),
    ("[]", "line 1, column 1: this is no theme"),
    ("{}", "line 1, column 1: theme_version is missing"),
    (#"{ "theme_version": 1 }"#, "line 1, column 20: theme_version is not 2"),
    (#"{ "theme_version": 2, "disabled_prompts": "conf-knock" }"#, "not a list of names"),
    (
      #"{ "theme_version": 2, "disabled_prompts": ["conf-knok"] }"#,
      "line 1, column 44: disabled_prompts: there is no such"
    ),
    (#"{ "theme_version": 2, "controls": [] }"#, "not an object"),
    (#"{ "theme_version": 2, "controls": { "toggle-lok": "*1" } }"#, "there is no action “toggle-lok”"),
    (#"{ "theme_version": 2, "controls": { "toggle-lock": "*x" } }"#, "two to four keys"),
    (#"{ "theme_version": 2, "controls": { "toggle-lock": "*" } }"#, "two to four keys"),
    (#"{ "theme_version": 2, "controls": { "toggle-lock": "*12345" } }"#, "two to four keys"),
    (#"{ "theme_version": 2, "controls": { "toggle-lock": 7 } }"#, "keys, or null"),
    (#"{ "theme_version": 2, "controls": { "toggle-lock": "*6" } }"#, "*6 is both"),
  ])
  func mistakes(_ text: String, _ problem: String) {
    let (configuration, problems) = read(text)
    #expect(problems.count == 1 && problems.first?.contains(problem) == true, "\(problems)")
    #expect(configuration == ThemeConfiguration(), "as if it were not there")
  }

  /// One mistake does not cost the rest.
  @Test func whatIsRightIsUsed() {
    let (configuration, problems) = read(
      """
      { "theme_version": 2, "disabled_prompts": ["nope", "conf-knock"],
        "controls": { "nope": "*1", "toggle-lock": "*1" } }
      """)
    #expect(problems.count == 2 && problems.last?.hasPrefix("line 2, column") == true)
    #expect(configuration.disabledPrompts == [.knock] && configuration.controls.count == 1)
  }

  @Test func tooLong() {
    let text = #"{ "theme_version": 2, "x": ""# + String(repeating: "x", count: 1 << 20) + "\" }"
    #expect(read(text).1.count == 1)
  }

  /// Keys that fit one kind of room and not another stay as they were there.
  @Test func conflictsWithAnotherProfile() {
    let changes = [ControlAction.toggleRecording: "*92".compactMap { DTMFDigit($0) }]
    #expect(ControlProfile.vmr.changed(by: changes).controls.count == ControlProfile.vmr.controls.count + 1)
    #expect(ControlProfile.pbx.changed(by: changes) == ControlProfile.pbx, "*92 invites there")
  }

  /// Keys and silence of a theme, in a room.
  @Test func inARoom() throws {
    var theme = Theme(name: "base", directory: "/prompts", files: Set(Prompt.allCases.map(\.fileName)))
    theme.configuration =
      read(
        #"{ "theme_version": 2, "disabled_prompts": ["conf-locked"], "controls": { "toggle-lock": "*1" } }"#
      ).0
    let bench = try HostBench(
      "services: [{ name: Open, type: conference, aliases: [open@example.org] }]", ports: 37_400...37_419)
    bench.library.use(base: theme, global: nil, themes: [:])
    let ann = bench.call("open@example.org")
    ann.presses("*7")
    #expect(bench.conference("Open")?.status.isLocked == false)
    ann.presses("*1")
    bench.after(.seconds(1))
    #expect(bench.conference("Open")?.status.isLocked == true && bench.plane.rooms[0].played == 0)
    ann.presses("*1")
    bench.after(.seconds(1))
    #expect(bench.conference("Open")?.status.isLocked == false && bench.plane.rooms[0].played == 1)
    ann.hangsUp()
    bench.isClean()
  }
}
