import CallModel
import Foundation
import PolicyEngine
import TestSupport
import Testing

@testable import PolicyImport

@Suite struct ImportTests {
  @Test func theExampleBecomesAPolicyWithoutErrors() throws {
    let imported = PolicyImport(Exports.files())
    #expect(imported.diagnostics.isEmpty, "\(imported.diagnostics)")
    let outcome = Exports.load(imported)
    #expect(outcome.errors.isEmpty, "\(outcome.errors)")
    let policy = try #require(outcome.snapshot).policy
    #expect(policy.rules.count == 37)
    #expect(policy.devices.count == 6)
    #expect(policy.trunks.map(\.name) == ["carrier-a", "carrier-b", "office pbx"])
    #expect(policy.locations.map(\.name) == ["East", "West", "DMZ \"edge\""])
    #expect(policy.globals.breakIn.allowList.map(\.description) == ["198.51.100.0/24"])
    #expect(policy.turnServers.count == 2)
    #expect(
      policy.services.contains {
        $0.configuration.name == "Echo" && $0.aliases == ["echo@example.org", "9196"]
      })
  }

  /// Every object has one line about itself, and every field that says something and was not taken has one too.
  @Test func nothingIsLostWithoutALine() throws {
    let imported = PolicyImport(Exports.files())
    var objects: Set<String> = []
    func visit(_ value: Any) {
      if let object = value as? [String: Any] {
        if let uri = object["resource_uri"] as? String, object.count > 3 || object["alias"] != nil {
          objects.insert(uri)
        }
        object.values.forEach(visit)
      } else if let list = value as? [Any] {
        list.forEach(visit)
      }
    }
    for file in Exports.files() { visit(try JSONSerialization.jsonObject(with: Data(file.bytes))) }
    let lines = imported.report.entries.filter { $0.field == nil }
    #expect(lines.count == objects.count)
    #expect(Set(lines.map { "\($0.file):\($0.line):\($0.column)" }).count == lines.count)
    for entry in imported.report.entries where entry.outcome != .carried && entry.field != nil {
      #expect(!entry.why.isEmpty, "\(entry)")
    }
    func has(_ name: String, _ field: String?, _ outcome: ImportReport.Outcome) -> Bool {
      imported.report.entries.contains { $0.name == name && $0.field == field && $0.outcome == outcome }
    }
    #expect(has("PSTN national", nil, .carried))
    #expect(has("East", "mtu", .leftOut) && has("East", nil, .changed))
    #expect(has("node1", nil, .leftOut))
    #expect(has("Same priority B", "priority", .changed))
    #expect(has("masked@example.org", "username", .changed))
    #expect(imported.report.text.contains("left out:\n"))
    #expect(imported.report.text.hasSuffix(imported.report.summary + "\n"))
  }

  @Test func theSameExportGivesTheSameFiles() {
    let a = PolicyImport(Exports.files())
    let b = PolicyImport(Exports.files().reversed())
    #expect(a.outputs.map(\.name) == b.outputs.map(\.name))
    #expect(a.outputs.map(\.text) == b.outputs.map(\.text))
  }

  @Test func noSecretStandsInThePolicyOrTheReport() throws {
    let secrets = [
      "carrier-secret-1", "turn-secret", "coturn-secret", "google-secret", "policy-secret", "device-secret",
      "998877",
      "5678",
    ]
    for directory in [nil, "/run/secrets"] {
      let imported = PolicyImport(Exports.files(), secretsDirectory: directory)
      let text = imported.outputs.map(\.text).joined() + imported.report.text
      for secret in secrets { #expect(!text.contains(secret), "\(secret)") }
      let codes = Exports.load(imported).diagnostics.map(\.code)
      #expect(!codes.contains("inline-secret"))
    }
    let inFiles = PolicyImport(Exports.files(), secretsDirectory: "/run/secrets")
    let file = try #require(inFiles.secretFiles.first { $0.name == "tandem_device_bob_example_org_password" })
    #expect(file.secret.reveal() == "device-secret-2")
    #expect(
      Exports.text(inFiles, "30-devices.yaml")
        .contains("password: { file: /run/secrets/tandem_device_bob_example_org_password }")
        || Exports.text(inFiles, "30-devices.yaml")
          .contains("password: { file: \"/run/secrets/tandem_device_bob_example_org_password\" }")
    )
    // What the export does not give away is left to the environment.
    #expect(inFiles.report.variables.map(\.name) == ["TANDEM_DEVICE_MASKED_EXAMPLE_ORG_PASSWORD"])
    #expect(Set(inFiles.secretFiles.map(\.name)).count == inFiles.secretFiles.count)
  }

  @Test func secretsAreWrittenForTheirOwnerAlone() throws {
    let root = FileManager.default.temporaryDirectory.path() + "/tandem-import-\(UUID().uuidString)"
    defer { try? FileManager.default.removeItem(atPath: root) }
    let imported = PolicyImport(Exports.files(), secretsDirectory: root + "/secrets")
    try imported.write(to: root + "/policies/deep")
    func mode(_ path: String) -> Int? {
      (try? FileManager.default.attributesOfItem(atPath: path))?[.posixPermissions] as? Int
    }
    let secret = root + "/secrets/tandem_device_bob_example_org_password"
    #expect(mode(secret) == 0o600)
    #expect(mode(root + "/secrets") == 0o700)
    // A link that stands there is replaced, and not written through.
    try FileManager.default.removeItem(atPath: secret)
    symlink(root + "/elsewhere", secret)
    try imported.write(to: root + "/policies/deep")
    #expect(!FileManager.default.fileExists(atPath: root + "/elsewhere"))
    #expect(try String(contentsOfFile: secret, encoding: .utf8) == "device-secret-2")
    // The policy as written loads, with its secrets.
    let outcome = PolicyLoader.load(directory: root + "/policies/deep", secrets: .system(areRequired: false))
    #expect(outcome.errors.isEmpty, "\(outcome.errors)")
    #expect(outcome.snapshot?.device(alias: "bob@example.org")?.password.reveal() == "device-secret-2")
    let report = try String(contentsOfFile: root + "/policies/deep/import-report.txt", encoding: .utf8)
    #expect(report == imported.report.text)
    #expect(throws: PolicyImport.WriteError.self) { try imported.write(to: secret + "/below") }
  }

  /// A rule to what the export does not describe stops nothing, unless that is asked for.
  @Test func telehealthRulesAreLeftOut() throws {
    let imported = PolicyImport(Exports.files())
    #expect(imported.diagnostics.isEmpty)
    let entry = try #require(imported.report.entries.first { $0.name == "Clinic" })
    #expect(entry.outcome == .leftOut && entry.why.contains("fall to the rules behind it"))
    #expect(!Exports.text(imported, "40-rules.yaml").contains("Clinic"))
    let strict = PolicyImport(Exports.files(), isStrict: true)
    #expect(strict.diagnostics.map(\.code) == ["unsupported"] && strict.outputs.isEmpty)
  }

  @Test(arguments: [
    (#""pin": "12""#, "wrong-value"),
    (#""pin": "1234", "guest_pin": "1234", "allow_guests": true"#, "wrong-value"),
    (#""guest_pin": "1234", "allow_guests": true"#, "wrong-value"),
    (#""service_type": "two_stage_dialing", "match_string": "(\\d""#, "invalid-pattern"),
  ])
  func whatNoServiceCanHaveIsSaidOfTheExport(_ fields: String, _ code: String) {
    let imported = Exports.one(
      "conference",
      #"{"objects": [{"id": 1, "name": "A", "aliases": [{"id": 1, "alias": "a"}], \#(fields)}]}"#)
    #expect(imported.diagnostics.map(\.code) == [code], "\(imported.diagnostics)")
    #expect(
      !imported.diagnostics.contains { $0.description.contains("1234") || $0.description.contains("“12”") })
    #expect(imported.outputs.isEmpty)
  }

  @Test(arguments: [
    (#"{"transfer": {"conference": "x", "role": "host"}}"#, "on_completion: { transfer: x, role: chair }"),
    (#"{"transfer": {"conference": "x", "role": "guest"}}"#, "on_completion: { transfer: x, role: guest }"),
    (#"{"transfer": {"conference": "x", "role": "auto"}}"#, "on_completion: { transfer: x }"),
    (#"{"transfer": {"conference": "x", "role": "king"}}"#, "on_completion: { transfer: x }"),
  ])
  func playbacksGoOn(_ end: String, _ yaml: String) {
    let imported = Exports.one(
      "conference",
      #"{"objects": [{"id": 1, "name": "A", "service_type": "media_playback", "aliases": [{"id": 1, "alias": "a"}], "on_completion": \#(end)}]}"#
    )
    #expect(Exports.text(imported, "35-services.yaml").contains(yaml), "\(imported.diagnostics)")
    #expect(imported.report.entries.contains { $0.why.contains("no role “king”") } == end.contains("king"))
  }

  /// What Tandem cannot host is left out, and its aliases too; what it can has its settings.
  @Test func servicesAreCarriedAsFarAsTheyCanBeHosted() throws {
    let imported = PolicyImport(Exports.files())
    let text = Exports.text(imported, "35-services.yaml")
    for kind in ["conference", "lecture", "two_stage_dialing", "media_playback"] {
      let isHosted = PolicySchema.knows("type", choice: kind, in: "services[]")
      #expect(text.contains("type: \(kind)\n") == isHosted)
    }
    if PolicySchema.knows("type", choice: "conference", in: "services[]") {
      #expect(text.contains("late.alias@example.org"))
      #expect(text.contains("pin: { env: TANDEM_SERVICE_BOARD_ROOM_PIN }"))
      #expect(text.contains("participant_limit: 20"))
    } else {
      #expect(imported.leftOutServices.contains("Board room"))
    }
  }

  @Test func rulesAreWrittenAsPeopleWriteThem() {
    let text = Exports.text(PolicyImport(Exports.files()), "40-rules.yaml")
    #expect(
      text.contains(
        """
          - name: PSTN national
            description: Nine and a number
            priority: 10
            tag: pstn
            from: { registered: true, protocols: [sip, h323, mssip] }
            match: { prefix: "9", digits: 3-15 }
            replace: '\\g<rest>@pstn.example.org'
            to: { trunks: [carrier-a] }
            call: { capability: audio }

        """))
    #expect(text.contains("  # priority: the same as that of “Same priority A”"))
    #expect(text.contains("    match: 'o''brien(\\.\\w+)?@example\\.org'\n"))
  }

  struct Parts: CustomTestStringConvertible, Sendable {
    var regex: String
    var replacement: String
    /// Nil: it stays a regular expression.
    var yaml: String?
    var replaced: String
    var testDescription: String { regex }
    init(_ regex: String, _ replacement: String, _ yaml: String?, _ replaced: String = "") {
      self.regex = regex
      self.replacement = replacement
      self.yaml = yaml
      self.replaced = replaced
    }
  }

  @Test(arguments: [
    Parts("9(\\d+)", "\\1", "{ prefix: \"9\", digits: 1+ }", "\\g<rest>"),
    Parts("^9(\\d{3,15})$", "+\\g<1>", "{ prefix: \"9\", digits: 3-15 }", "+\\g<rest>"),
    Parts("\\d{6}", "", "{ digits: 6 }"),
    Parts(
      "[0-9]{6,12}(@example\\.org)?", "", "{ digits: 6-12, domain: example.org, domain_required: false }"),
    Parts("1\\d\\d", "x\\g<0>", "{ prefix: \"1\", digits: 2 }", "x\\g<0>"),
    Parts("[2-4]\\d{2}", "", "{ range: 200-499 }"),
    Parts("(?:00|\\+)(\\d{3,})", "\\1", "{ prefix: [\"00\", \"+\"], digits: 3+ }", "\\g<rest>"),
    Parts("(alice|Bob)@example\\.org", "\\1", "{ exact: [alice, bob], domain: example.org }", "\\g<user>"),
    Parts(
      "(\\d+)@(a\\.example|b\\.example)", "\\1-\\2", "{ digits: 1+, domain: [a.example, b.example] }",
      "\\g<user>-\\g<domain>"),
    Parts("(?P<no>\\d{4})-room", "\\g<no>", "{ digits: 4, suffix: \"-room\" }", "\\g<rest>"),
    Parts("alice", "", "{ exact: alice }"),
    Parts("a|ab", "", "{ exact: [a, ab] }"),
    // The same texts, but not said in parts.
    Parts(".*@example\\.org", "", nil), Parts("9.*", "", nil), Parts(".*", "", nil),
    Parts("(a|b)(c|d)", "\\2", nil), Parts("(9)(\\d+)", "\\1", nil),
    // Prefixes of which one begins like the other divide an alias differently.
    Parts("(?:0|00)(\\d+)", "\\1", nil), Parts("(\\d)\\1", "", nil), Parts("(?!9)\\d+", "", nil),
    Parts("\\d+@192.0.2.1", "", nil), Parts("[a-z]+", "", nil), Parts("\\d*?", "", "{ digits: 0+ }"),
    Parts("\\d{1,300}", "", nil), Parts("(?-i)alice", "", nil), Parts("x{0}\\d{2}", "", nil),
    Parts("a\\n?", "", nil), Parts("(", "", nil),
  ])
  func expressionsAreSaidInPartsWhereThatIsTheSame(_ row: Parts) {
    let parts = MatchParts(row.regex, replacing: row.replacement)
    #expect(parts?.yaml.inline == row.yaml)
    if row.yaml != nil { #expect(parts?.replacement == row.replaced) }
  }

  @Test(arguments: [
    ("plain text", "plain text"), ("9196", "\"9196\""), ("yes", "\"yes\""), ("", "\"\""),
    ("a: b", "\"a: b\""),
    ("say \"x\"", "'say \"x\"'"), ("it's", "\"it's\""), ("back\\slash", "'back\\slash'"),
    ("two\nlines", "\"two\\nlines\""),
    ("# no", "\"# no\""), ("ends ", "\"ends \""), ("\u{7f}\u{feff}", "\"\\u007f\\ufeff\""),
    ("*x", "\"*x\""),
    ("å", "\"å\""),
  ])
  func textsAreQuotedWhereTheyMust(_ text: String, _ written: String) throws {
    #expect(PolicyText.quoted(text) == written)
    // And are read back as they were.
    guard !text.unicodeScalars.contains(where: { $0.value == 0x7f }) else { return }
    let outcome = PolicyLoader.load(text: "trunks: [{ name: t, host: h, description: \(written) }]\n")
    #expect(outcome.snapshot?.policy.trunks.first?.description == text, "\(outcome.diagnostics)")
  }
}
