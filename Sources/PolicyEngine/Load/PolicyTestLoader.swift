import CallModel

/// Reads policy tests, or says everything that is wrong with them.
public enum PolicyTestLoader {
  public struct Outcome: Sendable {
    /// In the order of the files; empty when there are errors.
    public var tests: [PolicyTest]
    public var diagnostics: [PolicyDiagnostic]
  }

  /// Loads all `*.yaml` and `*.yml` files of a directory, in the order of their names.
  public static func load(directory: String) -> Outcome {
    var directory = directory
    while directory.count > 1, directory.hasSuffix("/") { directory.removeLast() }
    func failure(_ code: String, _ message: String, _ file: String, _ help: String? = nil) -> Outcome {
      Outcome(
        tests: [],
        diagnostics: [PolicyDiagnostic(.error, code: code, message, file: file, suggestion: help)])
    }
    let names: [String]
    switch PolicyFileSource.system.yamlFiles(in: directory) {
    case .success(let found): names = found
    case .failure(let error):
      return failure(
        "unreadable", "the directory cannot be read: \(error.reason)", directory,
        "write tests into \(directory)/*.yaml")
    }
    guard !names.isEmpty else {
      return failure("no-files", "there are no *.yaml files in this directory", directory)
    }
    guard names.count <= PolicyLoader.maximumFiles else {
      return failure(
        "too-large", "there are \(names.count) files; at most \(PolicyLoader.maximumFiles) are read",
        directory)
    }
    var files: [PolicyLoader.File] = []
    for name in names {
      let path = "\(directory)/\(name)"
      switch readFile(path, maximumSize: PolicyLoader.maximumFileSize) {
      case .success(let bytes): files.append(PolicyLoader.File(name: path, bytes: bytes))
      case .failure(let error):
        return failure("unreadable", "the file cannot be read: \(error.reason)", path)
      }
    }
    return load(files: files)
  }

  /// Loads files that are in memory.
  public static func load(files: [PolicyLoader.File]) -> Outcome {
    var tests: [PolicyTest] = []
    var diagnostics: [PolicyDiagnostic] = []
    for (number, file) in files.enumerated() {
      guard let source = YAMLReading.source(file, &diagnostics),
        case .success(let root) = YAMLReading.root(of: source, &diagnostics)
      else { continue }
      var reader = SchemaReader(
        file: number, source: source, secrets: .fixed(), directory: "", root: PolicySchema.testFile)
      let object = reader.file(root)
      diagnostics += reader.diagnostics
      var names: [String: Int] = [:]
      for item in object.objects("tests") where item.has("name") {
        let test = PolicyTestBinding(object: item, source: source).test(&diagnostics)
        if let earlier = names.updateValue(test.line, forKey: test.name) {
          diagnostics.append(
            PolicyDiagnostic(
              .error, code: "duplicate-name", "test “\(test.name)” is written twice", file: source.name,
              line: test.line, column: item.position.column, sourceLine: source.shownLine(test.line),
              related: [.init(file: source.name, line: earlier, column: 1, message: "first written here")]))
        }
        tests.append(test)
      }
    }
    return Outcome(tests: diagnostics.isEmpty ? tests : [], diagnostics: diagnostics)
  }
}

/// From one checked item to a test.
private struct PolicyTestBinding {
  let object: CheckedObject
  let source: SourceFile

  func test(_ diagnostics: inout [PolicyDiagnostic]) -> PolicyTest {
    PolicyTest(
      name: object.text("name") ?? "", file: source.name, line: object.position.line,
      call: call(object.object("call"), &diagnostics),
      external: external(object.object("external")), expectation: expectation(object.object("expect")))
  }

  private func call(_ o: CheckedObject?, _ diagnostics: inout [PolicyDiagnostic]) -> PolicyTest.Call {
    var at = PolicyTest.Call.standardTime
    if let text = o?.text("at") {
      if let time = WallClock(iso8601: text) {
        at = time
      } else if let position = o?.keyPositions["at"] {
        diagnostics.append(
          PolicyDiagnostic(
            .error, code: "wrong-value", "this is no time", file: source.name, line: position.line,
            column: position.column, found: "the text “\(text)”",
            expected: "ISO 8601, such as 2026-12-25T09:00:00+01:00",
            sourceLine: source.shownLine(position.line)))
      }
    }
    let directions: [String: CallDirection] = ["in": .dialIn, "out": .dialOut, "non-dial": .nonDial]
    return PolicyTest.Call(
      alias: o?.text("alias") ?? "",
      callProtocol: o?.text("protocol").flatMap(CallProtocol.init(rawValue:)) ?? .sip,
      direction: o?.text("direction").flatMap { directions[$0] } ?? .dialIn,
      from: o?.text("from") ?? "sip:anonymous@anonymous.invalid",
      isRegistered: o?.boolean("registered") ?? false, registeredAlias: o?.text("registered_as"),
      location: o?.text("location"), source: o?.address("source"), trunk: o?.text("trunk"),
      capability: o?.text("capability").flatMap(PolicyBinding.capability) ?? .video,
      tag: o?.text("tag") ?? "", withoutTrunks: o?.texts("without_trunks") ?? [], at: at)
  }

  private func external(_ o: CheckedObject?) -> PolicyDoubles {
    var doubles = PolicyDoubles()
    if let service = o?.object("service") {
      doubles.answers[.serviceConfiguration] =
        service.text("failure").flatMap(PolicyDouble.Failure.init(rawValue:)).map { .failure($0) }
        ?? .answer(status: service.integer("status") ?? 200, body: service.text("answer") ?? "")
    }
    return doubles
  }

  private func expectation(_ o: CheckedObject?) -> PolicyTest.Expectation {
    var expectation = PolicyTest.Expectation()
    guard let o else { return expectation }
    expectation.kind = o.text("decision").flatMap(PolicyTest.Expectation.Kind.init(rawValue:))
    expectation.rule = o.text("rule")
    expectation.service = o.text("service")
    expectation.alias = o.text("alias")
    expectation.target = o.text("target").flatMap(PolicyBinding.targets.value)
    if o.has("attempts") {
      expectation.attempts = o.objects("attempts").map {
        PolicyTest.Attempt(
          trunk: $0.text("trunk") ?? "", called: $0.text("called"), calling: $0.text("calling"))
      }
    }
    expectation.capability = o.text("capability").flatMap(PolicyBinding.capability)
    expectation.encryption = o.encryption("encryption")
    expectation.rejection = o.text("rejection").flatMap { word in
      Rejection.allCases.first { $0.word == word }
    }
    expectation.destination =
      o.isNone("destination") ? PolicyTest.Destination.none : o.text("destination").map { .named($0) }
    if let limits = o.object("limits") {
      for scope in LimitReached.Scope.allCases {
        expectation.limits[scope] = limits.object(scope.rawValue).map(self.limits)
      }
    }
    expectation.name = o.text("name")
    expectation.tag = o.text("tag")
    expectation.bandwidthIn = o.bandwidth("max_bandwidth_in")
    expectation.bandwidthOut = o.bandwidth("max_bandwidth_out")
    expectation.caller = o.text("caller")
    expectation.callerName = o.text("caller_name")
    expectation.server = o.text("server")
    expectation.script = o.text("script").flatMap(PolicyScriptRecord.Outcome.init(rawValue:))
    return expectation
  }

  private func limits(_ o: CheckedObject) -> PolicyTest.Limits {
    var limits = PolicyTest.Limits()
    PolicyBinding.bind(o, into: &limits.caps.total)
    limits.isUnlimited = o.isNone("concurrent_calls")
    if let caller = o.object("per_caller") {
      PolicyBinding.bind(caller, into: &limits.caps.perCaller)
      limits.isUnlimitedPerCaller = caller.isNone("concurrent_calls")
    }
    return limits
  }
}
