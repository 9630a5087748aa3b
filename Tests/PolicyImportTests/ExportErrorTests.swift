import CallModel
import PolicyEngine
import Testing

@testable import PolicyImport

/// What is wrong with an export, and where it stands.
@Suite struct ExportErrorTests {
  struct Row: CustomTestStringConvertible, Sendable {
    var file: String
    var json: String
    var place: String
    var message: String
    var help: String?
    var testDescription: String { "\(place) \(json.suffix(50).replacing("\n", with: " "))" }
    init(_ file: String, _ json: String, _ place: String, _ message: String, _ help: String? = nil) {
      self.file = file
      self.json = json
      self.place = place
      self.message = message
      self.help = help
    }
  }

  @Test(arguments: [
    Row("gateway_routing_rule", "[{]", "1:3 json", "this is not JSON: expected a key"),
    Row("x", "", "1:1 json", "this is not JSON: the text is empty"),
    Row(
      "x", "{\"objects\": [\n  {\"name\": \"a\"}]}", "2:3 unknown-resource",
      "it does not say of which resource it is", "name the file"),
    Row("sip_proxy", "3", "1:1 wrong-type", "this is no export"),
    Row("sip_proxy", "[3]", "1:2 wrong-type", "an object of the list"),
    Row(
      "x", "{\"gateway_routing_rul\": 1}", "1:2 unknown-resource",
      "“gateway_routing_rul” is no resource of the management API", "did you mean “gateway_routing_rule”?"),
    Row(
      "sip_proxy", "{\"meta\": {\"total_count\": 3}, \"objects\": []}", "1:41 incomplete-list",
      "this is a part of the list only", "?limit=0"),
    Row("sip_proxy", "{\"meta\": {}, \"objects\": {}}", "1:25 wrong-type", "objects is a list"),
    Row(
      "sip_proxy", "[{\"name\": \"a\",\n\"port\": 5060}]", "1:2 missing-field",
      "sip_proxy needs the field “address”"),
    Row(
      "sip_proxy", "[{\"name\": \"a\", \"address\": \"h\",\n \"port\": 0}]", "2:10 wrong-type",
      "wrong type of sip_proxy.port"),
    Row(
      "sip_proxy", "[{\"name\": \"a\", \"address\": \"h\", \"port\": \"5060\"}]", "1:40 wrong-type",
      "wrong type of sip_proxy.port"),
    Row(
      "sip_proxy", "[{\"name\": \"a\", \"address\": \"h\", \"transport\": \"tsl\"}]", "1:45 wrong-type",
      "wrong type of sip_proxy.transport", "did you mean “tls”?"),
    Row(
      "sip_proxy", "[{\"name\": \"a\", \"name\": \"b\", \"address\": \"h\"}]", "1:16 duplicate-key",
      "“name” is given twice"),
    Row(
      "sip_proxy", "[{\"name\": \"a\", \"address\": \"h\"}, {\"name\": \"a\", \"address\": \"i\"}]",
      "1:42 duplicate-name", "sip_proxy “a” is there twice", "1:11"),
    Row(
      "device", "[{\"alias\": \"a@b\"}, {\"alias\": \"A@B\"}]", "1:30 duplicate-alias",
      "device “A@B” is there twice", "1:12"),
    Row(
      "device", "[{\"alias\": \"a\", \"password\": 12345}]", "1:29 wrong-type",
      "wrong type of device.password"),
    Row(
      "gateway_routing_rule", "[{\"name\": \"r\", \"priority\": 1, \"match_string\": \"(a\"}]",
      "1:47 invalid-pattern", "this regular expression is invalid: missing closing parenthesis (after byte 2)"
    ),
    Row(
      "gateway_routing_rule", "[{\"name\": \"r\", \"priority\": 201, \"match_string\": \"a\"}]",
      "1:28 wrong-type", "wrong type of gateway_routing_rule.priority"),
    Row(
      "gateway_routing_rule",
      "[{\"name\": \"r\", \"priority\": 1, \"match_string\": \"a\", \"enable\": \"true\"}]",
      "1:62 wrong-type", "wrong type of gateway_routing_rule.enable"),
    Row(
      "gateway_routing_rule",
      "[{\"name\": \"r\", \"priority\": 1, \"match_string\": \"a\",\n\"sip_proxy\": \"/api/admin/configuration/v1/sip_proxy/7/\"}]",
      "2:14 unknown-reference",
      "the export does not have the sip_proxy that gateway_routing_rule.sip_proxy of “r” refers to",
      "export the list of sip_proxy too"),
    Row(
      "gateway_routing_rule",
      "[{\"name\": \"r\", \"priority\": 1, \"match_string\": \"a\",\n\"sip_proxy\": \"/api/admin/configuration/v1/mssip_proxy/7/\"}]",
      "2:14 wrong-type", "wrong type of gateway_routing_rule.sip_proxy"),
    Row(
      "conference", "[{\"name\": \"c\", \"aliases\": \"a\"}]", "1:27 wrong-type",
      "wrong type of conference.aliases"),
    Row(
      "break_in_allow_list_address", "[{\"name\": \"c\", \"address\": \"here\", \"prefix\": 8}]",
      "1:27 wrong-value", "this is no network"),
  ])
  func eachIsFoundWhereItStands(_ row: Row) throws {
    let imported = Exports.one(row.file, row.json)
    #expect(imported.outputs.isEmpty && imported.secretFiles.isEmpty)
    let error = try #require(imported.diagnostics.first)
    #expect("\(error.line):\(error.column) \(error.code)" == row.place)
    #expect(error.message == row.message)
    #expect(error.file == "\(row.file).json")
    if let help = row.help { #expect(error.suggestion?.contains(help) == true, "\(error.excerpt)") }
    #expect(imported.diagnostics.count == 1, "\(imported.diagnostics)")
  }

  @Test func allAreFoundAtOnceAndNoSecretIsShown() {
    let imported = Exports.one(
      "device",
      """
      [{"alias": "a", "password": ["hunter2"], "enable_sip": 1},
       {"alias": 3, "username": "u", "password": "hunter2", "enable_sip": "hunter"}]
      """)
    #expect(
      imported.diagnostics.map { "\($0.line):\($0.column) \($0.found ?? "")" } == [
        "1:29 a list", "1:56 the number 1", "2:12 the number 3", "2:69 the text “hunter”",
      ])
    #expect(!imported.diagnostics.map(\.excerpt).joined().contains("hunter2"))
  }

  /// One list, lists by resource, and one object alone say the same.
  @Test func theFormsOfAnExportAreAllRead() {
    let object =
      "{\"name\": \"a\", \"address\": \"h.example\", \"resource_uri\": \"/api/admin/configuration/v1/sip_proxy/1/\"}"
    let forms = [
      ("whatever", "{\"meta\": {\"total_count\": 1, \"next\": null}, \"objects\": [\(object)]}"),
      ("whatever", "[\(object)]"), ("whatever", object), ("whatever", "{\"objects\": [\(object)]}"),
      ("all", "{\"sip_proxy\": [\(object)], \"gateway_routing_rule\": []}"),
      ("all", "{\"sip_proxy\": {\"meta\": {}, \"objects\": [\(object)]}}"),
      ("sip_proxy", "[{\"name\": \"a\", \"address\": \"h.example\"}]"),
      ("all", "{\"sip_proxy\": {\"name\": \"a\", \"address\": \"h.example\"}}"),
    ]
    let texts = forms.map { Exports.text(Exports.one($0.0, $0.1), "20-network.yaml") }
    #expect(Set(texts).count == 1)
    #expect(texts.first?.contains("  - name: a\n    host: h.example\n    port: 5061\n") == true, "\(texts)")
  }

  @Test func whatStandsInTwoFilesIsOneObject() throws {
    let uri = "/api/admin/configuration/v1"
    let rule = ExportFile(
      name: "1.json",
      text: """
        [{"id": 1, "resource_uri": "\(uri)/gateway_routing_rule/1/", "name": "r", "priority": 1, "match_string": "a",
          "ivr_theme": {"id": 4, "name": "T", "resource_uri": "\(uri)/ivr_theme/4/"}}]
        """)
    let theme = ExportFile(
      name: "2.json",
      text:
        "[{\"id\": 4, \"name\": \"T\", \"resource_uri\": \"\(uri)/ivr_theme/4/\", \"package\": \"t.zip\"}]")
    for files in [[rule], [rule, theme], [theme, rule]] {
      let imported = PolicyImport(files)
      #expect(imported.diagnostics.isEmpty)
      let outcome = Exports.load(imported)
      #expect(outcome.snapshot?.policy.themes.map(\.name) == ["T"], "\(outcome.diagnostics)")
      #expect(outcome.snapshot?.policy.rules.map(\.gateway.theme) == ["T"])
      #expect(
        imported.report.entries.count { $0.resource == "ivr_theme" && $0.field == "package" } == files.count
          - 1)
    }
  }

  @Test func unknownFieldsAreLeftOutWithTheNearestKnown() throws {
    let imported = Exports.one(
      "sip_proxy",
      "[{\"name\": \"a\", \"address\": \"h\", \"trasport\": \"tcp\", \"zzz\": null, \"weight\": 3}]")
    #expect(imported.diagnostics.isEmpty)
    let left = imported.report.entries.filter { $0.outcome == .leftOut }
    #expect(left.map(\.field) == ["trasport", "weight"])
    #expect(left.first?.why == "this import does not know the field; nearest is transport")
    #expect(left.first?.column == 32)
    #expect(Exports.text(imported, "20-network.yaml").contains("  # weight: left out: "))
  }

  @Test func filesThatCannotBeRead() {
    #expect(
      ExportFile.files(of: ["/nonexistent"]).diagnostics.map(\.message) == [
        "the file cannot be read: No such file or directory"
      ])
    #expect(
      ExportFile.files(of: ["/dev/zero"]).diagnostics.map(\.message) == [
        "the file cannot be read: it is not a regular file"
      ])
    #expect(ExportFile.files(of: [Exports.campus + "/.."]).diagnostics.map(\.code) == ["no-files"])
  }
}
