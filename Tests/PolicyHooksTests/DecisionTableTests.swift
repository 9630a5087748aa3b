import CallModel
import PolicyEngine
import PolicyHooks
import Testing

/// Every row of the decision tables of the routing reference, §§11.1 to 11.5 and §17.
@Suite struct DecisionTableTests {
  struct Row: CustomTestStringConvertible, Sendable {
    var name: String
    var status = 200
    var body: String
    var verdict: PolicyVerdict?
    var outcome: PolicyOutcome
    var disposition: PolicyDisposition?
    var errors: [String] = []
    var testDescription: String { name }
  }

  // MARK: §11.1

  static let valid = Fixture.conference()
  static let redirection = #"{"new_alias":"sip:desk2@example.org"}"#

  @Test(arguments: [
    Row(
      name: "success, continue, valid", body: Fixture.success(valid), outcome: .used, disposition: .continue),
    Row(
      name: "success, no action, valid", body: Fixture.success(valid, action: nil), outcome: .used,
      disposition: .continue),
    Row(
      name: "success, reject, valid: the action is ignored", body: Fixture.success(valid, action: "reject"),
      outcome: .used, disposition: .continue),
    Row(
      name: "success, redirect, valid: the action is ignored",
      body: Fixture.success(valid, action: "redirect"), outcome: .used, disposition: .continue),
    Row(
      name: "success, unknown action, valid", body: Fixture.success(valid, action: "dance"), outcome: .used,
      disposition: .continue),
    Row(
      name: "success, reject, no result", body: #"{"status":"success","action":"reject"}"#,
      verdict: .service(.reject), outcome: .reject, disposition: .reject),
    Row(
      name: "success, reject, {}", body: Fixture.success("{}", action: "reject"), verdict: .service(.reject),
      outcome: .reject, disposition: .reject),
    Row(
      name: "success, reject, null", body: Fixture.success("null", action: "reject"),
      verdict: .service(.reject), outcome: .reject, disposition: .reject),
    Row(
      name: "success, reject, not a valid service", body: Fixture.success(#"{"name":"x"}"#, action: "reject"),
      verdict: .service(.reject), outcome: .reject, disposition: .reject),
    Row(
      name: "success, reject, a list", body: Fixture.success("[1]", action: "reject"),
      verdict: .service(.reject), outcome: .reject, disposition: .reject),
    Row(
      name: "success, redirect, new_alias", body: Fixture.success(redirection, action: "redirect"),
      verdict: .service(.redirect("sip:desk2@example.org")), outcome: .redirect, disposition: .redirect),
    Row(
      name: "success, redirect, no new_alias", body: Fixture.success("{}", action: "redirect"),
      verdict: .service(.ownRules), outcome: .invalid, errors: ["result.new_alias"]),
    Row(
      name: "success, redirect, no result", body: #"{"status":"success","action":"redirect"}"#,
      verdict: .service(.ownRules), outcome: .invalid, errors: ["result.new_alias"]),
    Row(
      name: "success, redirect, new_alias with a line break",
      body: Fixture.success(#"{"new_alias":"sip:a@b\r\nX: y"}"#, action: "redirect"),
      verdict: .service(.ownRules), outcome: .invalid, errors: ["result.new_alias"]),
    Row(
      name: "success, redirect, empty new_alias",
      body: Fixture.success(#"{"new_alias":""}"#, action: "redirect"),
      verdict: .service(.ownRules), outcome: .invalid, errors: ["result.new_alias"]),
    Row(
      name: "success, continue, no result", body: #"{"status":"success","action":"continue"}"#,
      verdict: .service(.ownRules), outcome: .continue, disposition: .continue),
    Row(
      name: "success, continue, {}", body: Fixture.success("{}"), verdict: .service(.ownRules),
      outcome: .continue, disposition: .continue),
    Row(
      name: "success, no action, no result", body: #"{"status":"success"}"#, verdict: .service(.ownRules),
      outcome: .continue),
    Row(
      name: "success, unknown action, {}", body: Fixture.success("{}", action: "dance"),
      verdict: .service(.ownRules), outcome: .continue),
    Row(
      name: "success, action of the wrong type, {}", body: #"{"status":"success","action":5,"result":{}}"#,
      verdict: .service(.ownRules), outcome: .continue),
    Row(
      name: "success, continue, invalid", body: Fixture.success(#"{"service_type":"conference"}"#),
      verdict: .service(.ownRules), outcome: .invalid, errors: ["result.name", "result.service_tag"]),
    Row(
      name: "success, no action, invalid", body: Fixture.success("[]", action: nil),
      verdict: .service(.ownRules),
      outcome: .invalid, errors: ["result"]),
    Row(
      name: "not success, reject", body: #"{"status":"fail","action":"reject","result":{}}"#,
      verdict: .service(.reject), outcome: .reject, disposition: .reject),
    Row(
      name: "not success, redirect",
      body: #"{"status":"fail","action":"redirect","result":{"new_alias":"sip:x@y.example"}}"#,
      verdict: .service(.redirect("sip:x@y.example")), outcome: .redirect, disposition: .redirect),
    Row(
      name: "not success, redirect without an alias", body: #"{"status":"fail","action":"redirect"}"#,
      verdict: .service(.ownRules), outcome: .invalid, errors: ["result.new_alias"]),
    Row(
      name: "not success, continue, valid: the result is not used",
      body: #"{"status":"fail","action":"continue","result":\#(valid)}"#, verdict: .service(.ownRules),
      outcome: .notMine),
    Row(
      name: "not success, no action, valid", body: #"{"status":"default","result":\#(valid)}"#,
      verdict: .service(.ownRules), outcome: .notMine),
    Row(name: "no status", body: #"{"result":\#(valid)}"#, verdict: .service(.ownRules), outcome: .notMine),
    Row(
      name: "broken JSON", body: "{\"status\":", verdict: .service(.ownRules), outcome: .invalid, errors: [""]
    ),
    Row(name: "plain text", body: "OK", verdict: .service(.ownRules), outcome: .invalid, errors: [""]),
    Row(name: "empty", body: "", verdict: .service(.ownRules), outcome: .invalid, errors: [""]),
    Row(name: "a list", body: "[]", verdict: .service(.ownRules), outcome: .invalid, errors: [""]),
    Row(
      name: "404 with an action", status: 404, body: #"{"status":"fail","action":"continue","result":{}}"#,
      verdict: .service(.ownRules), outcome: .notMine),
    Row(
      name: "404 with a rejection", status: 404, body: Fixture.success("{}", action: "reject"),
      verdict: .service(.ownRules), outcome: .notMine),
    Row(
      name: "500 with a valid service", status: 500, body: Fixture.success(valid),
      verdict: .service(.ownRules),
      outcome: .error, errors: [""]),
    Row(name: "401", status: 401, body: "", verdict: .service(.ownRules), outcome: .error, errors: [""]),
    Row(name: "301", status: 301, body: "", verdict: .service(.ownRules), outcome: .error, errors: [""]),
    Row(
      name: "302", status: 302, body: Fixture.success(valid), verdict: .service(.ownRules), outcome: .error,
      errors: [""]),
    Row(
      name: "201, valid: any 2xx", status: 201, body: Fixture.success(valid), outcome: .used,
      disposition: .continue),
  ])
  func service(_ row: Row) {
    let reading = Fixture.read(.serviceConfiguration, row.body, status: row.status)
    if let verdict = row.verdict {
      #expect(reading.verdict == verdict)
    } else {
      #expect(reading.fields?.name == "Board")
    }
    #expect(reading.outcome == row.outcome)
    #expect(reading.disposition == row.disposition)
    #expect(reading.errors == row.errors)
  }

  // MARK: §11.2

  static let denied: ParticipantProperties = {
    var properties = ParticipantProperties()
    properties.presentationPolicy = .deny
    return properties
  }()

  @Test(arguments: [
    Row(
      name: "reject with a reason",
      body: Fixture.success(#"{"reject_reason":"Not on the list"}"#, action: "reject"),
      verdict: .participant(.reject(reason: "Not on the list")), outcome: .reject, disposition: .reject),
    Row(
      name: "reject, {}", body: Fixture.success("{}", action: "reject"),
      verdict: .participant(.reject(reason: nil)), outcome: .reject, disposition: .reject),
    Row(
      name: "reject counts beside valid fields",
      body: Fixture.success(#"{"rx_presentation_policy":"DENY"}"#, action: "reject"),
      verdict: .participant(.reject(reason: nil)), outcome: .reject, disposition: .reject),
    Row(
      name: "reject counts beside invalid fields",
      body: Fixture.success(#"{"spotlight":"x"}"#, action: "reject"),
      verdict: .participant(.reject(reason: nil)), outcome: .reject, disposition: .reject),
    Row(
      name: "reject without a result", body: #"{"status":"success","action":"reject"}"#,
      verdict: .participant(.reject(reason: nil)), outcome: .reject, disposition: .reject),
    Row(
      name: "reject with a reason of the wrong type",
      body: Fixture.success(#"{"reject_reason":5}"#, action: "reject"),
      verdict: .participant(.reject(reason: nil)), outcome: .reject, disposition: .reject,
      errors: ["result.reject_reason"]),
    Row(
      name: "continue with fields", body: Fixture.success(#"{"rx_presentation_policy":"DENY"}"#),
      verdict: .participant(.apply(denied)), outcome: .used, disposition: .continue),
    Row(
      name: "no action, with fields",
      body: Fixture.success(#"{"rx_presentation_policy":"DENY"}"#, action: nil),
      verdict: .participant(.apply(denied)), outcome: .used),
    Row(
      name: "other action, with fields",
      body: Fixture.success(#"{"rx_presentation_policy":"DENY"}"#, action: "redirect"),
      verdict: .participant(.apply(denied)), outcome: .used),
    Row(
      name: "continue, {}", body: Fixture.success("{}"), verdict: .participant(.unchanged),
      outcome: .continue,
      disposition: .continue),
    Row(
      name: "continue, no result", body: #"{"status":"success","action":"continue"}"#,
      verdict: .participant(.unchanged), outcome: .continue, disposition: .continue),
    Row(
      name: "one wrong field voids all",
      body: Fixture.success(#"{"rx_presentation_policy":"DENY","spotlight":"x"}"#),
      verdict: .participant(.unchanged), outcome: .invalid, errors: ["result.spotlight"]),
    Row(
      name: "a list", body: Fixture.success("[]"), verdict: .participant(.unchanged), outcome: .invalid,
      errors: ["result"]),
    Row(
      name: "not success, reject", body: #"{"status":"fail","action":"reject"}"#,
      verdict: .participant(.unchanged), outcome: .notMine),
    Row(
      name: "404", status: 404, body: Fixture.success("{}", action: "reject"),
      verdict: .participant(.unchanged),
      outcome: .notMine),
    Row(
      name: "503", status: 503, body: Fixture.success("{}", action: "reject"),
      verdict: .participant(.unchanged),
      outcome: .error, errors: [""]),
    Row(name: "broken", body: "<html>", verdict: .participant(.unchanged), outcome: .invalid, errors: [""]),
  ])
  func participant(_ row: Row) { check(row, .participantProperties) }

  // MARK: §11.3

  @Test(arguments: [
    Row(
      name: "location and overflow",
      body: #"{"status":"success","result":{"location":"North","overflow_locations":["South","Cloud"]}}"#,
      verdict: .mediaLocation(MediaLocation(location: "North", overflowLocations: ["South", "Cloud"])),
      outcome: .used, disposition: .continue),
    Row(
      name: "location alone", body: #"{"status":"success","result":{"location":"South"}}"#,
      verdict: .mediaLocation(MediaLocation(location: "South")), outcome: .used, disposition: .continue),
    Row(
      name: "older keys",
      body:
        #"{"status":"success","result":{"location":"South","primary_overflow_location":"North","secondary_overflow_location":""}}"#,
      verdict: .mediaLocation(MediaLocation(location: "South", overflowLocations: ["North"])), outcome: .used,
      disposition: .continue),
    Row(
      name: "list and older keys",
      body:
        #"{"status":"success","result":{"location":"South","overflow_locations":["Cloud"],"primary_overflow_location":"Cloud","secondary_overflow_location":"North"}}"#,
      verdict: .mediaLocation(MediaLocation(location: "South", overflowLocations: ["Cloud", "North"])),
      outcome: .used, disposition: .continue),
    Row(
      name: "an action is no matter", body: Fixture.success(#"{"location":"South"}"#, action: "reject"),
      verdict: .mediaLocation(MediaLocation(location: "South")), outcome: .used, disposition: .continue),
    Row(
      name: "unknown location", body: #"{"status":"success","result":{"location":"Mars"}}"#,
      verdict: .mediaLocation(nil), outcome: .invalid, errors: ["result.location"]),
    Row(
      name: "unknown overflow",
      body: #"{"status":"success","result":{"location":"North","overflow_locations":["South","Mars"]}}"#,
      verdict: .mediaLocation(nil), outcome: .invalid, errors: ["result.overflow_locations[1]"]),
    Row(
      name: "names are compared with case", body: #"{"status":"success","result":{"location":"north"}}"#,
      verdict: .mediaLocation(nil), outcome: .invalid, errors: ["result.location"]),
    Row(
      name: "no location", body: #"{"status":"success","result":{}}"#, verdict: .mediaLocation(nil),
      outcome: .invalid, errors: ["result.location"]),
    Row(
      name: "empty location", body: #"{"status":"success","result":{"location":""}}"#,
      verdict: .mediaLocation(nil), outcome: .invalid, errors: ["result.location"]),
    Row(
      name: "no result", body: #"{"status":"success"}"#, verdict: .mediaLocation(nil), outcome: .invalid,
      errors: ["result"]),
    Row(
      name: "not success", body: #"{"status":"fail","result":{"location":"North"}}"#,
      verdict: .mediaLocation(nil), outcome: .notMine),
    Row(
      name: "404", status: 404, body: #"{"status":"success","result":{"location":"North"}}"#,
      verdict: .mediaLocation(nil), outcome: .notMine),
  ])
  func mediaLocation(_ row: Row) { check(row, .mediaLocation) }

  @Test(arguments: [
    Row(
      name: "entries, local ignored",
      body:
        #"{"status":"success","result":[{"username":"","alias":"ann@example.org","description":"Ann"}],"ignore_local":true}"#,
      verdict: .directory(
        DirectoryAnswer(entries: [.init(alias: "ann@example.org", description: "Ann")], ignoresLocal: true)),
      outcome: .used),
    Row(
      name: "entries, merged", body: #"{"status":"success","result":[{"alias":"b"},{"alias":"a"}]}"#,
      verdict: .directory(
        DirectoryAnswer(entries: [.init(alias: "b"), .init(alias: "a")], ignoresLocal: false)), outcome: .used
    ),
    Row(
      name: "nothing at all", body: #"{"status":"success","result":[],"ignore_local":"True"}"#,
      verdict: .directory(DirectoryAnswer(entries: [], ignoresLocal: true)), outcome: .used),
    Row(
      name: "an object", body: #"{"status":"success","result":{}}"#, verdict: .directory(nil),
      outcome: .invalid,
      errors: ["result"]),
    Row(
      name: "no result", body: #"{"status":"success"}"#, verdict: .directory(nil), outcome: .invalid,
      errors: ["result"]),
    Row(
      name: "an entry without an alias",
      body: #"{"status":"success","result":[{"alias":"a"},{"description":"x"}]}"#,
      verdict: .directory(nil), outcome: .invalid, errors: ["result[1].alias"]),
    Row(
      name: "not success", body: #"{"status":"fail","result":[{"alias":"a"}]}"#, verdict: .directory(nil),
      outcome: .notMine),
  ])
  func directory(_ row: Row) { check(row, .directory) }

  @Test func directoryIsCutAtWhatWasAskedFor() {
    let entries = (0..<11).map { #"{"alias":"a\#($0)"}"# }.joined(separator: ",")
    let reading = Fixture.read(.directory, #"{"status":"success","result":[\#(entries)]}"#)
    guard case .directory(let directory?) = reading.verdict else { return #expect(Bool(false)) }
    #expect(directory.entries.map(\.alias) == (0..<10).map { "a\($0)" })
    #expect(reading.notes == ["result"])
  }

  // MARK: §17

  @Test(arguments: [
    Row(
      name: "credentials", body: #"{"status":"success","result":{"username":"ann","password":"s3cret"}}"#,
      verdict: .registration(.authenticate(username: "ann", password: Secret("s3cret"))), outcome: .used,
      disposition: .continue),
    Row(
      name: "no authentication", body: Fixture.success(#"{"username":"","password":""}"#),
      verdict: .registration(.open), outcome: .used, disposition: .continue),
    Row(
      name: "{}", body: Fixture.success("{}"), verdict: .registration(.ownDevices), outcome: .continue,
      disposition: .continue),
    Row(
      name: "no result", body: #"{"status":"success"}"#, verdict: .registration(.ownDevices),
      outcome: .continue,
      disposition: .continue),
    Row(
      name: "reject", body: Fixture.success("{}", action: "reject"), verdict: .registration(.refuse),
      outcome: .reject, disposition: .reject),
    Row(
      name: "reject beside credentials",
      body: Fixture.success(#"{"username":"a","password":"b"}"#, action: "reject"),
      verdict: .registration(.refuse), outcome: .reject, disposition: .reject),
    Row(
      name: "a password without a name", body: Fixture.success(#"{"username":"","password":"b"}"#),
      verdict: .registration(.ownDevices), outcome: .invalid, errors: ["result.username"]),
    Row(
      name: "a name without a password", body: Fixture.success(#"{"username":"a","password":""}"#),
      verdict: .registration(.ownDevices), outcome: .invalid, errors: ["result.password"]),
    Row(
      name: "a name alone", body: Fixture.success(#"{"username":"a"}"#), verdict: .registration(.ownDevices),
      outcome: .invalid, errors: ["result.password"]),
    Row(
      name: "wrong types", body: Fixture.success(#"{"username":1,"password":[]}"#),
      verdict: .registration(.ownDevices), outcome: .invalid, errors: ["result.username", "result.password"]),
    Row(
      name: "not success, reject", body: #"{"status":"fail","action":"reject"}"#,
      verdict: .registration(.ownDevices), outcome: .notMine),
    Row(
      name: "404", status: 404, body: Fixture.success("{}", action: "reject"),
      verdict: .registration(.ownDevices), outcome: .notMine),
    Row(
      name: "500", status: 500, body: "", verdict: .registration(.ownDevices), outcome: .error, errors: [""]),
  ])
  func registration(_ row: Row) { check(row, .registration) }

  @Test func withSingleSignOnTheIdentityProviderDecides() {
    let request = ExternalPolicyRequest.registration(
      .init(alias: "a", callProtocol: .webrtc, authentication: .sso), Fixture.node)
    let body = Fixture.success(#"{"username":"a","password":"b"}"#)
    let reading = AnswerReading(HTTPAnswer(status: 200, body: Array(body.utf8)), to: request, Fixture.context)
    #expect(reading.verdict == .registration(.ownDevices))
    #expect(reading.outcome == .continue)
  }

  private func check(_ row: Row, _ kind: PolicyRequestKind) {
    let reading = Fixture.read(kind, row.body, status: row.status)
    #expect(reading.verdict == row.verdict)
    #expect(reading.outcome == row.outcome)
    #expect(reading.disposition == row.disposition)
    #expect(reading.errors == row.errors)
  }

  // MARK: §11.5

  private func dialOut(_ body: String) -> AnswerReading {
    var context = Fixture.context
    context.runningService = .init(name: "Board", type: .conference)
    return AnswerReading(
      HTTPAnswer(status: 200, body: Array(body.utf8)),
      to: Fixture.request(.serviceConfiguration, .dialOut), context)
  }

  @Test func dialOutChangesLittle() {
    let reading = dialOut(
      Fixture.success(Fixture.conference(#""crypto_mode":"off","prefer_ipv6":"yes","locked":true"#)))
    #expect(
      reading.verdict == .service(.adjust(DialOutAdjustment(preferIPv6: "yes", mediaEncryption: .off))))
    #expect(reading.outcome == .used)
    #expect(dialOut(Fixture.success(Fixture.conference())).verdict == .service(.adjust(DialOutAdjustment())))
  }

  @Test func dialOutOfAnotherServiceIsIgnored() {
    let other = #"{"service_type":"lecture","name":"Other","service_tag":""}"#
    let reading = dialOut(Fixture.success(other))
    #expect(reading.verdict == .service(.ownRules))
    #expect(reading.outcome == .invalid)
    #expect(reading.notes == ["result.name", "result.service_type"])
  }

  @Test func dialOutCanBeStopped() {
    #expect(dialOut(Fixture.success("{}", action: "reject")).verdict == .service(.reject))
    #expect(dialOut(Fixture.success(Self.redirection, action: "redirect")).verdict == .service(.ownRules))
  }
}
