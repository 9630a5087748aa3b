import CallModel
import JSONText
import PolicyScript
import TestSupport
import Testing
import TimeZones

@testable import PolicyHooks

/// From an answer to a decision and back to what scripts see, and from there to the same decision.
@Suite struct ServiceFieldsRoundTripTests {
  private static func read(_ json: String) -> (fields: ServiceFields?, findings: [AnswerFinding]) {
    var validation = ServiceValidation(
      reader: FieldReader(names: Fixture.context.names, patternFault: Fixture.context.patternFault))
    guard let node = try? JSONReader.read(json) else { return (nil, []) }
    let fields = validation.fields(node)
    return (fields, validation.reader.findings)
  }

  private static func isSame(_ a: ServiceFields, _ b: ServiceFields) -> Bool {
    a.type == b.type
      && ServiceFieldRule.table.allSatisfy { a.valueOrStandard($0.field) == b.valueOrStandard($0.field) }
  }

  private static let passOn = Result {
    try PolicyScript.compile("{{ service_config|pex_to_json }}", name: "identity")
  }

  /// What a script that hands on its input writes.
  private static func throughScript(_ fields: ServiceFields) throws -> String {
    let zones = ZoneDirectory()
    return try passOn.get().render(
      ScriptContext(["service_config": .object(fields.scriptObject)]),
      environment: ScriptEnvironment(
        clock: { .zero }, wallClock: { WallClock(milliseconds: 0) }, random: { 0 },
        timeZone: { zones.rules($0) }))
  }

  @Test(arguments: 0..<40) func aScriptThatHandsOnItsInputChangesNothing(_ seed: Int) throws {
    var generator = ServiceFieldGenerator(random: SplitMix(seed: UInt64(seed)))
    for _ in 0..<25 {
      let json = ScriptValue.object(generator.result()).jsonText
      let (fields, findings) = Self.read(json)
      let given = try #require(fields, "\(json)\n\(findings)")
      let written = try Self.throughScript(given)
      let (back, notes) = Self.read(written)
      let again = try #require(back, "\(written)\n\(notes)")
      #expect(notes.isEmpty, "\(notes)")
      #expect(Self.isSame(given, again), "\(json)\n\(written)")
      #expect(again.changes(from: given).isEmpty)
      #expect(given.decision(ServiceDefaults()) == again.decision(ServiceDefaults()))
      #expect(again.scriptObject == given.scriptObject)
    }
  }

  @Test(arguments: 0..<40) func aDecisionComesBackFromItsFields(_ seed: Int) throws {
    var generator = ServiceFieldGenerator(random: SplitMix(seed: 1_000 + UInt64(seed)))
    let defaults = ServiceDefaults(
      mediaEncryption: .required, maximumBandwidthIn: Bandwidth(kilobitsPerSecond: 512))
    for _ in 0..<25 {
      let json = ScriptValue.object(generator.result()).jsonText
      let given = try #require(Self.read(json).fields, "\(json)")
      let decision = given.decision(defaults)
      let fields = try #require(ServiceFields(decision, caller: .init(alias: "")))
      #expect(fields.decision(defaults) == decision, "\(json)")
      // And passes as an answer.
      let (back, findings) = Self.read(ScriptValue.object(fields.scriptObject).jsonText)
      #expect(back != nil, "\(findings)")
    }
  }

  @Test func whatIsNotSetIsNullOrItsDefault() throws {
    let fields = try #require(Self.read(Fixture.conference()).fields)
    let object = fields.scriptObject
    #expect(object["pin"] == "" && object["allow_guests"] == false && object["view"] == "one_main_seven_pips")
    #expect(object["crypto_mode"] == .null && object["ivr_theme_name"] == .null)
    #expect(object["participant_limit"] == .null && object["automatic_participants"] == [])
    #expect(object["local_display_name"] == "" && object["enable_chat"] == "default")
    // Of other types, and of breakout rooms.
    #expect(object["remote_alias"] == nil && object["host_view"] == nil && object["breakout_uuid"] == nil)
    #expect(object.keys.prefix(3) == ["name", "service_tag", "service_type"])
  }

  @Test func whatIsTooLongOrUncleanIsCut() throws {
    var gateway = GatewayConfiguration(name: "r", remoteAlias: "bob@example.org")
    gateway.localDisplayName = String(repeating: "é", count: 300)
    gateway.details.description = "a\nb\u{1}c"
    let fields = try #require(
      ServiceFields(.gateway(gateway), caller: .init(alias: "sip:ann\r\nX: y@example.org")))
    #expect(fields.text(.localDisplayName)?.count == 250)
    #expect(fields.text(.description) == "a\nbc")
    #expect(fields.text(.localAlias) == "sip:annX: y@example.org")
    #expect(Self.read(ScriptValue.object(fields.scriptObject).jsonText).fields != nil)
  }

  @Test func pinsAreToldByAPlaceholder() throws {
    let before = try #require(Self.read(Fixture.conference(#""pin":"1234""#)).fields)
    let after = try #require(
      Self.read(Fixture.conference(#""pin":"9876","view":"nine_mains_zero_pips""#)).fields)
    let changes = after.changes(from: before)
    #expect(changes.map(\.field) == ["pin", "view"])
    #expect(changes[0].before == "‹secret›" && changes[0].after == "‹secret›")
    #expect(changes[1].before == "\"one_main_seven_pips\"" && changes[1].after == "\"nine_mains_zero_pips\"")
    #expect(after.changes(from: nil).map(\.field).contains("service_type"))
  }
}
