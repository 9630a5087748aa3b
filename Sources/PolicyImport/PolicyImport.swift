import CallModel
import PolicyEngine

/// A policy made from an export of the reference system's management API.
///
/// Rules, services, devices, locations, servers and policy profiles become policy files; what has no place there is named
/// in the report. Pure: files in, files out.
public struct PolicyImport {
  /// One file to be written, relative to the policy's directory.
  public struct Output: Sendable {
    public var name: String
    public var text: String
  }

  /// A secret to be written into a file that only its owner may read, below the directory for secrets.
  public struct SecretFile: Sendable {
    public var name: String
    public var secret: Secret
  }

  /// In the order of their names; empty when the export has errors.
  public private(set) var outputs: [Output] = []
  public private(set) var secretFiles: [SecretFile] = []
  public internal(set) var report = ImportReport()
  /// What is wrong with the export.
  public var diagnostics: [PolicyDiagnostic] { export.diagnostics }

  var export: ManagementExport
  var secrets: ImportedSecrets
  /// Sections of the policy, with the objects they were made from.
  var sections: [String: [(object: ManagementObject, item: PolicyText.Mapping)]] = [:]
  var globals = PolicyText.Mapping()
  var scripts: [Output] = []
  var knownSecrets: [ObjectIdentifier: PolicyText] = [:]
  private(set) var leftOut: Set<ObjectIdentifier> = []
  /// Services that Tandem has no type for.
  var leftOutServices: Set<String> = []
  /// Rules to what an export does not describe.
  var leftOutRules: Set<String> = []
  let isStrict: Bool

  /// - Parameter secretsDirectory: where secrets go into files; nil: they are left to the environment.
  /// - Parameter isStrict: a rule that cannot be carried over is an error, instead of being left out.
  public init(_ files: [ExportFile], secretsDirectory: String? = nil, isStrict: Bool = false) {
    self.isStrict = isStrict
    export = ManagementExport(files)
    secrets = ImportedSecrets(directory: secretsDirectory)
    convertProfiles()
    convertPeers()
    convertDevices()
    convertServices()
    convertRules()
    convertGlobals()
    checkNames()
    account()
    guard export.diagnostics.isEmpty else { return }
    secretFiles = secrets.files.map { SecretFile(name: $0.name, secret: $0.secret) }
    outputs = write()
  }

  // MARK: Accounts

  mutating func add(_ section: String, _ item: PolicyText.Mapping, from object: ManagementObject) {
    sections[section, default: []].append((object, item))
  }

  /// An object that has no place in a policy.
  mutating func leaveOut(_ object: ManagementObject, _ why: String) {
    enter(.leftOut, object.resource.name, object.title, nil, why, object.file, object.offset)
    leftOut.insert(ObjectIdentifier(object))
  }

  private mutating func enter(
    _ outcome: ImportReport.Outcome, _ resource: String, _ name: String, _ field: String?, _ why: String,
    _ file: ExportFile, _ offset: Int
  ) {
    let place = file.place(offset)
    report.entries.append(
      ImportReport.Entry(
        outcome: outcome, resource: resource, name: name, field: field, why: why, file: file.name,
        line: place.line,
        column: place.column))
  }

  /// Every object, every change, and everything nobody took.
  private mutating func account() {
    for object in export.objects where !leftOut.contains(ObjectIdentifier(object)) {
      let untaken = object.untaken
      let unknown = export.unknownFields.filter { $0.object === object }
      let isChanged = !(untaken.isEmpty && unknown.isEmpty && object.changes.isEmpty)
      enter(
        isChanged ? .changed : .carried, object.resource.name, object.title, nil, "", object.file,
        object.offset)
      for (field, why) in object.changes {
        enter(.changed, object.resource.name, object.title, field, why, object.file, object.offset(of: field))
      }
      for (field, why) in untaken {
        enter(.leftOut, object.resource.name, object.title, field, why, object.file, object.offset(of: field))
      }
      for field in unknown {
        enter(
          .leftOut, object.resource.name, object.title, field.field, field.why, object.file, field.offset)
      }
    }
    for other in export.others {
      let why = ManagementResources.leftOut[other.resource] ?? "Tandem has nothing like it"
      enter(.leftOut, other.resource, other.name, nil, why, other.file, other.offset)
    }
    report.variables = secrets.variables
  }

  /// Names are what policies refer by.
  private mutating func checkNames() {
    for resource in ManagementResources.carried.keys.sorted() {
      var known: [String: ManagementObject] = [:]
      for object in export.objects where object.resource.name == resource {
        for key in ["name", "alias"]
        where object.resource.fields[key] != nil && resource != "automatic_participant" {
          let name = object.text(key)
          let folded = key == "alias" ? name.caseFolded : name
          guard !name.isEmpty, let earlier = known.updateValue(object, forKey: folded) else { continue }
          let place = earlier.file.place(earlier.offset(of: key))
          export.report(
            key == "alias" ? "duplicate-alias" : "duplicate-name",
            "\(resource) “\(name)” is there twice", at: object, field: key,
            suggestion: "the first is at \(earlier.file.name):\(place.line):\(place.column)")
        }
      }
    }
  }

  // MARK: Writing

  /// What is to be known about an object, above it.
  private func comments(_ object: ManagementObject) -> [String] {
    (object.changes + object.untaken.map { ($0.field, "left out: \($0.why)") })
      .map { "\($0.0): \($0.1)" }
      + export.unknownFields.filter { $0.object === object }.map { "\($0.field): left out: \($0.why)" }
  }

  private func section(_ key: String) -> String {
    PolicyText.section(
      key,
      (sections[key] ?? []).map { object, item in
        var item = item
        item.comments = comments(object) + item.comments
        if !item.comments.isEmpty { item.isShort = false }
        return item
      })
  }

  private func write() -> [Output] {
    func file(_ name: String, _ about: [String], _ parts: [String]) -> Output? {
      let content = parts.filter { !$0.isEmpty }.joined(separator: "\n")
      guard !content.isEmpty else { return nil }
      let head =
        ["# yaml-language-server: $schema=../docs/policy.schema.json", "#"]
        + (about + ["Imported from a management API: import-report.txt says what became of everything."]).map
      { "# \($0)" }
      return Output(name: name, text: head.joined(separator: "\n") + "\n\n" + content)
    }
    let globalsText =
      globals.pairs.isEmpty
      ? "" : "globals:\n" + PolicyText.comments(globals.comments, "  ") + PolicyText.block(globals, "  ")
    return [
      file(
        "10-globals.yaml",
        [
          "Settings of the whole deployment. Where Tandem listens is not part of an export: add `sip.listeners` and",
          "`media.addresses` before `tandem serve`.",
        ], [globalsText]),
      file(
        "20-network.yaml", ["The parts of the network, and the systems Tandem exchanges calls with."],
        [
          "locations", "trunks", "h323_gatekeepers", "mssip_proxies", "stun_servers", "turn_servers",
          "teams_proxies",
          "gms_access_tokens", "themes", "playlists",
        ].map(section)),
      file("25-profiles.yaml", ["Policy servers, and what they are asked."], [section("policy_profiles")]),
      file(
        "30-devices.yaml", ["Who may register. A device is reached through a rule only."],
        [section("devices")]),
      file("35-services.yaml", ["Services. A service alias beats every rule."], [section("services")]),
      file(
        "40-rules.yaml",
        ["Call routing rules: tried by ascending priority, the first that matches the whole alias decides."],
        [section("rules")]),
    ].compactMap { $0 } + scripts
  }
}
