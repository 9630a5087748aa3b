import CallModel

/// Puts the files of a policy together, binds and compiles them, and gives every finding its line.
struct PolicyAssembly: Sendable {
  private(set) var sources: [SourceFile] = []
  /// Files that lists were read from.
  private(set) var listFiles: [PolicyLoader.File] = []
  private var diagnostics: [PolicyDiagnostic] = []
  private var globals: CheckedObject?
  private var sections: PolicyBinding.Items = [:]
  private(set) var inlineSecrets: [SchemaReader.InlineSecret] = []
  /// A file was no YAML: what it defines is not known.
  private var hasGaps = false
  /// Aliases multiplied a file beyond its bound: nothing that was read of it is worth checking.
  private var isOverrun = false

  /// Reads one file; nil, and diagnostics, when nothing can be made of it. What it includes is put in before it.
  mutating func read(
    _ file: PolicyLoader.File, directory: String, secrets: SecretSource, lists: ListSource
  ) -> CheckedObject? {
    guard let source = YAMLReading.source(file, &diagnostics) else {
      hasGaps = true
      return nil
    }
    sources.append(source)
    guard case .success(let root) = YAMLReading.root(of: source, &diagnostics) else {
      hasGaps = true
      return nil
    }
    var reader = SchemaReader(
      file: sources.count - 1, source: source, secrets: secrets, lists: lists, directory: directory)
    let object = reader.file(root)
    diagnostics += reader.diagnostics
    listFiles += reader.listFiles
    inlineSecrets += reader.inlineSecrets
    isOverrun = isOverrun || reader.isExhausted
    return object
  }

  /// Joins what a file says to what the files before it said.
  mutating func put(_ object: CheckedObject) {
    for field in PolicySchema.file.fields where field.key != "include" {
      guard let value = object.fields[field.key] else { continue }
      switch value.content {
      case .object(let part) where field.key == "globals":
        if let known = globals { globals = merged(known, part) } else { globals = part }
      case .list(let items): sections[field.key, default: []] += items
      default: break
      }
    }
  }

  /// A file is missing: what it would define is not known.
  mutating func addGap() { hasGaps = true }

  /// Settings of two files beside each other; none may be made twice.
  private mutating func merged(_ a: CheckedObject, _ b: CheckedObject) -> CheckedObject {
    var result = a
    for field in a.schema.fields {
      guard let new = b.fields[field.key] else { continue }
      guard let old = a.fields[field.key] else {
        result.fields[field.key] = new
        result.keyPositions[field.key] = b.keyPositions[field.key]
        continue
      }
      if case .object(let x) = old.content, case .object(let y) = new.content {
        result.fields[field.key] = CheckedValue(position: old.position, content: .object(merged(x, y)))
        continue
      }
      let first = a.keyPositions[field.key] ?? old.position
      diagnostics.append(
        diagnostic(
          .error, "duplicate-key", "\(a.schema.name).\(field.key) is set in two places",
          at: b.keyPositions[field.key] ?? new.position, related: [(first, "first set here")]))
    }
    return result
  }

  mutating func finish(version: PolicyVersion) -> PolicyLoader.Outcome {
    let policy = PolicyBinding(globals: globals, sections: sections).policy()
    warnAboutInlineSecrets(policy.globals)
    var findings: [PolicyFinding] = []
    let compiled = isOverrun ? nil : PolicyCompiler.compile(policy, into: &findings)
    for finding in findings where !hasGaps || finding.code != "unknown-reference" {
      if let diagnostic = diagnostic(finding) { diagnostics.append(diagnostic) }
    }
    diagnostics = sorted(diagnostics)
    hideSecrets()
    let hasErrors = diagnostics.contains { $0.severity == .error }
    if diagnostics.count > PolicyLoader.maximumDiagnostics {
      let rest = diagnostics.count - PolicyLoader.maximumDiagnostics
      // Errors are what must be seen.
      let errors = diagnostics.filter { $0.severity == .error }
      let warnings = diagnostics.filter { $0.severity != .error }
      diagnostics = Array((errors + warnings).prefix(PolicyLoader.maximumDiagnostics))
      diagnostics.append(
        PolicyDiagnostic(
          hasErrors ? .error : .warning, code: "more-findings", "\(rest) more findings are not shown"))
    }
    guard !hasErrors, let compiled else {
      return PolicyLoader.Outcome(snapshot: nil, diagnostics: diagnostics)
    }
    var outcome = PolicyLoader.Outcome(
      snapshot: PolicySnapshot(compiled, version: version), diagnostics: diagnostics)
    outcome.places = PolicyPlaces(assembly: self, order: compiled.order)
    return outcome
  }

  /// Diagnostics in the order of the files.
  func sorted(_ diagnostics: [PolicyDiagnostic]) -> [PolicyDiagnostic] {
    let order = Dictionary(
      sources.enumerated().map { ($1.name, $0) }, uniquingKeysWith: { first, _ in first })
    return diagnostics.enumerated().sorted { a, b in
      let (x, y) = (a.element, b.element)
      return (order[x.file] ?? -1, x.line, x.column, a.offset)
        < (order[y.file] ?? -1, y.line, y.column, b.offset)
    }.map(\.element)
  }

  /// Diagnostics end up in logs: they show no line that a password stands on.
  private mutating func hideSecrets() {
    let lines = Set(inlineSecrets.map(\.position).map { "\(sources[$0.file].name):\($0.line)" })
    guard !lines.isEmpty else { return }
    for i in diagnostics.indices where lines.contains("\(diagnostics[i].file):\(diagnostics[i].line)") {
      diagnostics[i].sourceLine = nil
    }
  }

  // MARK: Findings and their places

  private func diagnostic(
    _ severity: PolicyDiagnostic.Severity, _ code: String, _ message: String, at position: SourcePosition,
    offset: Int = 0, related: [(SourcePosition, String)] = []
  ) -> PolicyDiagnostic {
    let source = sources[position.file]
    return PolicyDiagnostic(
      severity, code: code, message, file: source.name, line: position.line,
      column: source.column(position, offset: offset), sourceLine: source.shownLine(position.line),
      related: related.map { place, message in
        .init(file: sources[place.file].name, line: place.line, column: place.column, message: message)
      })
  }

  /// Something about a place in a file.
  mutating func report(
    _ code: String, _ message: String, at position: SourcePosition,
    severity: PolicyDiagnostic.Severity = .error, found: String? = nil, suggestion: String? = nil,
    related: [(SourcePosition, String)] = []
  ) {
    var result = diagnostic(severity, code, message, at: position, related: related)
    result.found = found
    result.suggestion = suggestion
    diagnostics.append(result)
  }

  /// Something about a file as a whole.
  mutating func fail(_ code: String, _ message: String, _ path: String) {
    diagnostics.append(PolicyDiagnostic(.error, code: code, message, file: path))
  }

  func place(of path: PolicyPath) -> (position: SourcePosition, isExact: Bool, isValid: Bool)? {
    guard case .key(let section)? = path.steps.first else { return nil }
    if section == "globals" { return globals?.position(of: path.steps.dropFirst()) }
    guard case .index(let i)? = path.steps.dropFirst().first, let items = sections[section], i < items.count
    else { return nil }
    guard case .object(let object) = items[i].content else { return (items[i].position, false, false) }
    return object.position(of: path.steps.dropFirst(2))
  }

  func diagnostic(_ finding: PolicyFinding) -> PolicyDiagnostic? {
    guard let place = place(of: finding.path) else {
      var diagnostic = finding.diagnostic
      diagnostic.file = sources.first?.name ?? ""
      return diagnostic
    }
    // What follows from a value that is already reported says nothing new.
    guard place.isValid else { return nil }
    var result = diagnostic(
      finding.severity, finding.code, finding.message, at: place.position,
      offset: place.isExact ? finding.offset : 0,
      related: finding.related.compactMap { related in
        self.place(of: related.path).map { ($0.position, related.message) }
      })
    if let script = finding.scriptPlace { move(&result, into: script, at: place.position) }
    result.found = finding.found
    result.expected = finding.expected
    result.suggestion = finding.suggestion
    result.witness = finding.witness
    return result
  }

  /// From the place of a script in a policy to one inside the script.
  private func move(
    _ diagnostic: inout PolicyDiagnostic, into script: PolicyFinding.ScriptPlace, at position: SourcePosition
  ) {
    if let file = script.file {
      diagnostic.related.append(
        .init(
          file: diagnostic.file, line: position.line, column: position.column,
          message: "the script is used here"))
      diagnostic.file = file
      (diagnostic.line, diagnostic.column, diagnostic.sourceLine) = (script.line, script.column, script.text)
    } else if let place = sources[position.file].place(of: script, inScalarAt: position) {
      (diagnostic.line, diagnostic.column) = (place.line, place.column)
      diagnostic.sourceLine = sources[position.file].line(place.line)
    } else {
      // Folded or escaped: its lines are not those of the file.
      diagnostic.message += " (line \(script.line), column \(script.column) of the script)"
    }
  }

  /// A password in the file is in everybody's hands who may read the file. One that only takes the place of a missing
  /// reference is tolerable where nobody else can use it: in the example that everybody has.
  private mutating func warnAboutInlineSecrets(_ globals: Globals) {
    let listeners = globals.sip.listeners
    let isOnLoopback = !listeners.isEmpty && listeners.allSatisfy(\.address.ip.isLoopback)
    for secret in inlineSecrets where !(secret.isDefault && isOnLoopback) {
      report(
        "inline-secret", "a secret stands in the file itself", at: secret.position, severity: .warning,
        suggestion: "refer to it: {env: NAME} or {file: path}")
    }
  }
}
