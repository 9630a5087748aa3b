import CallModel
import Yams

/// Reads the nodes of one file against the schema, and reports everything that does not fit.
struct SchemaReader {
  let file: Int
  let source: SourceFile
  let secrets: SecretSource
  let lists: ListSource
  /// Files that lists were read from: they are part of the policy.
  var listFiles: [PolicyLoader.File] = []
  /// Where relative paths start.
  let directory: String
  /// What a whole file may hold.
  let root: ObjectSchema
  var diagnostics: [PolicyDiagnostic] = []
  /// Values given in the file itself where a reference to a secret belongs.
  private(set) var inlineSecrets: [InlineSecret] = []

  struct InlineSecret: Sendable {
    var position: SourcePosition
    /// It only takes the place of a reference that leads nowhere.
    var isDefault: Bool
  }

  private var visited = 0
  private let visitLimit: Int
  private(set) var isExhausted = false

  /// Anchors make a file longer than it looks: ten times is generous, a thousand million laughs are not.
  static let expansion = 10
  static let freeVisits = 10_000
  static let maximumItems = 200_000
  static let maximumMergeDepth = 16

  init(
    file: Int, source: SourceFile, secrets: SecretSource, lists: ListSource = .fixed(), directory: String,
    root: ObjectSchema = PolicySchema.file
  ) {
    self.root = root
    self.lists = lists
    self.file = file
    self.source = source
    self.secrets = secrets
    self.directory = directory
    visitLimit = source.byteCount * SchemaReader.expansion + SchemaReader.freeVisits
  }

  // MARK: Reporting

  func position(_ node: Node) -> SourcePosition {
    SourcePosition(file: file, line: node.mark?.line ?? 1, column: node.mark?.column ?? 1)
  }

  mutating func report(
    _ code: String, _ message: String, at node: Node, offset: Int = 0, found: String? = nil,
    expected: String? = nil, suggestion: String? = nil,
    severity: PolicyDiagnostic.Severity = .error, related: [PolicyDiagnostic.Related] = []
  ) {
    let position = position(node)
    diagnostics.append(
      PolicyDiagnostic(
        severity, code: code, message, file: source.name, line: position.line,
        column: source.column(position, offset: offset), found: found, expected: expected,
        suggestion: suggestion, sourceLine: source.shownLine(position.line), related: related))
  }

  private func describe(_ node: Node) -> String {
    switch node {
    case .mapping: return "a mapping"
    case .sequence: return "a list"
    case .alias: return "an alias"
    case .scalar(let scalar):
      if isNull(scalar) { return "nothing" }
      let text = scalar.string.count > 60 ? scalar.string.prefix(60) + "…" : scalar.string[...]
      switch scalar.style {
      case .plain where scalar.string == "true" || scalar.string == "false": return "the boolean \(text)"
      case .plain where Int(scalar.string) != nil: return "the number \(text)"
      default: return "the text “\(text)”"
      }
    }
  }

  func isNull(_ scalar: Node.Scalar) -> Bool {
    scalar.style == .plain && ["", "~", "null", "Null", "NULL"].contains(scalar.string)
  }

  /// False once aliases have multiplied the file beyond the bound.
  mutating func visit(_ node: Node) -> Bool {
    visited += 1
    if visited <= visitLimit { return true }
    if !isExhausted {
      isExhausted = true
      report(
        "too-large", "anchors and aliases make this file too large", at: node,
        expected: "at most \(visitLimit) values when all aliases are put in")
    }
    return false
  }

  // MARK: Objects

  /// The file as a whole.
  mutating func file(_ root: Node?) -> CheckedObject {
    let schema = self.root
    guard let root else {
      return CheckedObject(schema: schema, position: SourcePosition(file: file, line: 1, column: 1))
    }
    if case .scalar(let scalar) = root, isNull(scalar) {
      return CheckedObject(schema: schema, position: position(root))
    }
    guard case .object(let object) = read(root, .object(schema)).content else {
      return CheckedObject(schema: schema, position: position(root))
    }
    return object
  }

  private mutating func object(_ node: Node, _ schema: ObjectSchema) -> CheckedValue.Content {
    guard case .mapping(let mapping) = node else {
      wrongType(node, expected: "a mapping (\(schema.name))")
      return .invalid
    }
    var result = CheckedObject(schema: schema, position: position(node))
    let isFile = schema.name == root.name
    for (key, value) in pairs(of: mapping, depth: 0) {
      guard visit(key) else { return .invalid }
      guard case .scalar(let scalar) = key else {
        report("wrong-type", "a key must be text", at: key, found: describe(key))
        continue
      }
      let name = scalar.string
      if isFile, name.hasPrefix("x-") { continue }
      guard let field = schema.field(name) else {
        unknownKey(name, key, schema)
        result.hasUnknownKeys = true
        continue
      }
      if let earlier = result.keyPositions[name] {
        report(
          "duplicate-key", "key “\(name)” is given twice", at: key,
          related: [
            .init(
              file: source.name, line: earlier.line, column: earlier.column, message: "first given here")
          ])
        continue
      }
      result.keyPositions[name] = position(key)
      // An empty section is an admin's placeholder; an empty value elsewhere is a slip.
      if isFile, case .scalar(let scalar) = value, isNull(scalar) { continue }
      result.fields[name] = read(value, field.type)
    }
    if schema.name == PolicySchema.ruleMatch.name, let regex = result.keyPositions["regex"],
      result.keyPositions.count > 1
    {
      report(
        "invalid-match", "a regular expression says everything: no other key goes with it", at: node,
        related: [
          .init(file: source.name, line: regex.line, column: regex.column, message: "the regular expression")
        ])
      return .invalid
    }
    if schema.name == PolicySchema.policyScript.name, let file = result.keyPositions["file"],
      result.keyPositions["text"] != nil
    {
      report(
        "invalid-script", "a script has either text or file", at: node,
        related: [.init(file: source.name, line: file.line, column: file.column, message: "the file")])
      return .invalid
    }
    for field in schema.fields where field.isRequired && result.keyPositions[field.key] == nil {
      report(
        "missing-key", "\(schema.name) needs the key “\(field.key)”", at: node, suggestion: field.meaning)
      result.fields[field.key] = CheckedValue(position: result.position, content: .invalid)
    }
    return .object(result)
  }

  private mutating func unknownKey(_ name: String, _ key: Node, _ schema: ObjectSchema) {
    let known = schema.fields.map(\.key)
    let suggestion: String?
    if let near = nearest(to: name, in: known) {
      suggestion = "did you mean “\(near)”?"
    } else if let near = nearest(to: name, in: PolicySchema.objects.flatMap { $0.fields.map(\.key) }),
      let home = PolicySchema.objects.first(where: { $0.field(near) != nil })
    {
      suggestion = "“\(near)” belongs to \(home.name); known here: \(known.joined(separator: ", "))"
    } else {
      suggestion = "known here: \(known.joined(separator: ", "))"
    }
    report("unknown-key", "unknown key “\(name)” in \(schema.name)", at: key, suggestion: suggestion)
  }

  /// The pairs of a mapping with merge keys (`<<`) resolved: its own keys win.
  private mutating func pairs(of mapping: Node.Mapping, depth: Int) -> [(Node, Node)] {
    var own: [(Node, Node)] = []
    var merged: [(Node, Node)] = []
    for (key, value) in mapping {
      guard case .scalar(let scalar) = key, scalar.style == .plain, scalar.string == "<<" else {
        own.append((key, value))
        continue
      }
      guard visit(key), depth < SchemaReader.maximumMergeDepth else {
        if depth >= SchemaReader.maximumMergeDepth {
          report("too-deep", "merge keys are nested too deeply", at: key)
        }
        continue
      }
      var sources: [Node] = [value]
      if case .sequence(let sequence) = value { sources = Array(sequence) }
      for source in sources {
        guard case .mapping(let inner) = source else {
          report("wrong-type", "<< merges mappings", at: source, found: describe(source))
          continue
        }
        guard !isExhausted else { return own }
        for pair in pairs(of: inner, depth: depth + 1) {
          guard visit(pair.0) else { return own }
          merged.append(pair)
        }
      }
    }
    guard !merged.isEmpty else { return own }
    var names = Set(own.compactMap { $0.0.scalar?.string })
    return own + merged.filter { names.insert($0.0.scalar?.string ?? "").inserted }
  }

  // MARK: Values

  mutating func wrongType(_ node: Node, expected: String, suggestion: String? = nil) {
    report(
      "wrong-type", "wrong type of value", at: node, found: describe(node), expected: expected,
      suggestion: suggestion)
  }

  mutating func read(_ node: Node, _ type: SchemaType) -> CheckedValue {
    guard visit(node) else { return CheckedValue(position: position(node), content: .invalid) }
    return CheckedValue(position: position(node), content: content(node, type))
  }

  private mutating func content(_ node: Node, _ type: SchemaType) -> CheckedValue.Content {
    switch type {
    case .object(let schema): return object(node, schema)
    case .shorthand(let schema, let key):
      if case .mapping = node { return object(node, schema) }
      guard let field = schema.field(key), case .scalar = node else {
        wrongType(node, expected: "a mapping (\(schema.name)) or its \(key) alone")
        return .invalid
      }
      var result = CheckedObject(schema: schema, position: position(node))
      result.fields[key] = read(node, field.type)
      return .object(result)
    case .list(let element):
      guard case .sequence(let sequence) = node else {
        wrongType(
          node, expected: "a list",
          suggestion: node.scalar != nil && !isNullNode(node)
            ? "put it in brackets: [\(node.scalar?.string ?? "")]" : nil)
        return .invalid
      }
      guard sequence.count <= SchemaReader.maximumItems else {
        report("too-large", "more than \(SchemaReader.maximumItems) items", at: node)
        return .invalid
      }
      var items: [CheckedValue] = []
      items.reserveCapacity(sequence.count)
      for item in sequence {
        items.append(read(item, element))
        if isExhausted { return .invalid }
      }
      return .list(items)
    case .oneOrMore(let element):
      if case .sequence = node { return content(node, .list(element)) }
      let value = read(node, element)
      if case .invalid = value.content { return .invalid }
      return .list([value])
    case .aliasList: return aliasList(node)
    case .scriptFile: return scriptFile(node)
    case .json: return json(node)
    case .secret: return secret(node)
    case .word(let word, let inner):
      if let scalar = node.scalar, scalar.string == word { return .none }
      return content(node, inner)
    default: return scalar(node, type)
    }
  }

  private func isNullNode(_ node: Node) -> Bool { node.scalar.map(isNull) ?? false }

  private mutating func scalar(_ node: Node, _ type: SchemaType) -> CheckedValue.Content {
    guard case .scalar(let scalar) = node, !isNull(scalar) else {
      wrongType(
        node, expected: type.expectation,
        suggestion: isNullNode(node) ? "remove the key to get the default, or write \"\" for empty text" : nil
      )
      return .invalid
    }
    let text = scalar.string
    /// For notations: what did not parse is a wrong value.
    func value(_ content: CheckedValue.Content?, _ suggestion: String? = nil) -> CheckedValue.Content {
      if let content { return content }
      wrongType(node, expected: type.expectation, suggestion: suggestion)
      return .invalid
    }
    switch type {
    case .text(let maximum):
      guard text.count <= maximum else {
        report(
          "too-long", "this text is too long", at: node, found: "\(text.count) characters",
          expected: "at most \(maximum)")
        return .invalid
      }
      guard !text.unicodeScalars.contains(where: { $0.value < 0x20 && $0 != "\n" && $0 != "\t" }) else {
        report("wrong-value", "this text has control characters in it", at: node)
        return .invalid
      }
      return .text(text)
    case .pattern, .replacement, .path:
      if case .path = type { return .text(resolved(text)) }
      return .text(text)
    case .host:
      return value(ScalarParsing.isHost(text) ? .text(text) : nil)
    case .serverURL:
      do throws(PolicyServerURL.Fault) {
        _ = try PolicyServerURL(text)
        return .text(text)
      } catch {
        // What was found is not shown: a URL may have a password in it.
        report("wrong-value", "this URL \(error)", at: node, expected: type.expectation)
        return .invalid
      }
    case .reference, .script: return .text(text)
    case .boolean:
      guard scalar.style == .plain else { return value(nil, "write true or false without quotes") }
      switch text {
      case "true": return .boolean(true)
      case "false": return .boolean(false)
      default:
        let meant: String? =
          switch text.lowercased() {
          case "yes", "on", "true", "y": "true"
          case "no", "off", "false", "n": "false"
          default: nil
          }
        return value(nil, meant.map { "write \($0)" })
      }
    case .integer(let range):
      guard scalar.style == .plain, let number = Int(text) else {
        return value(nil, Int(text) != nil ? "write the number without quotes" : nil)
      }
      return inRange(number, range, node).map { .integer($0) } ?? .invalid
    case .number(let range):
      guard scalar.style == .plain, let number = Double(text), number.isFinite else { return value(nil) }
      return inRange(number, range, node).map { .number($0) } ?? .invalid
    case .duration(let range):
      guard let duration = ScalarParsing.duration(text) else {
        return value(nil, Int(text) != nil ? "say the unit: \(text)s" : nil)
      }
      guard duration >= .seconds(Int64(range.lowerBound)), duration <= .seconds(Int64(range.upperBound))
      else {
        report(
          "out-of-range", "out of range", at: node, found: text,
          expected: "from \(range.lowerBound)s to \(range.upperBound)s")
        return .invalid
      }
      return .duration(duration)
    case .bandwidth:
      guard let bandwidth = ScalarParsing.bandwidth(text) else { return value(nil) }
      guard (128_000...8_192_000).contains(bandwidth.bitsPerSecond) else {
        report(
          "out-of-range", "out of range", at: node, found: text, expected: "from 128 to 8192 kbit/s",
          suggestion: bandwidth.bitsPerSecond > 8_192_000 ? "a number without a unit is kbit/s" : nil)
        return .invalid
      }
      return .bandwidth(bandwidth)
    case .choice(let choices):
      if choices.contains(where: { $0.word == text }) { return .text(text) }
      let near = nearest(to: text, in: choices.map(\.word))
      return value(nil, near.map { "did you mean “\($0)”?" })
    case .dscp: return value(ScalarParsing.dscp(text).map { .integer($0) })
    case .ipAddress: return value(IPAddress(text).map { .address($0) })
    case .network: return value(IPNetwork(text).map { .network($0) })
    case .socketAddress: return value(TransportAddress(text).map { .socketAddress($0) })
    case .portRange: return value(ScalarParsing.portRange(text).map { .portRange($0) })
    case .quota(let range):
      guard let quota = ScalarParsing.quota(text) else {
        return value(nil, Int(text) != nil ? "say in what time: \(text) per 1h" : nil)
      }
      guard inRange(quota.count, range, node) != nil else { return .invalid }
      guard quota.window >= .seconds(1), quota.window <= .seconds(31 * 86_400) else {
        report("out-of-range", "out of range", at: node, found: text, expected: "per 1s to per 31d")
        return .invalid
      }
      return .quota(quota)
    case .numberPrefix: return value(Numbering().canonicalPrefixes(text).isEmpty ? nil : .text(text))
    case .digitCount: return value(PatternForm.digitCount(text).map { _ in .text(text) })
    case .numberRange:
      return value(
        PatternForm.NumberRange(text).map { _ in .text(text) },
        text.contains("-") ? "both numbers have the same number of digits, the smaller one first" : nil)
    case .domainName:
      let name = text.hasPrefix("*.") ? String(text.dropFirst(2)) : text
      return value(
        ScalarParsing.isHost(name) && IPAddress(name) == nil ? .text(text) : nil,
        text.hasPrefix("@") ? "write it without the @" : nil)
    case .language: return value(LanguageTag(text).map { _ in .text(text) })
    case .secret, .aliasList, .scriptFile, .json, .list, .oneOrMore, .object, .shorthand, .word:
      return .invalid
    }
  }

  private mutating func inRange<Value: Comparable>(_ value: Value, _ range: ClosedRange<Value>, _ node: Node)
    -> Value?
  {
    guard range.contains(value) else {
      report(
        "out-of-range", "out of range", at: node, found: "\(value)",
        expected: "from \(range.lowerBound) to \(range.upperBound)")
      return nil
    }
    return value
  }

  /// Paths are relative to the directory of the policy.
  func resolved(_ path: String) -> String {
    path.hasPrefix("/") || directory.isEmpty ? path : "\(directory)/\(path)"
  }

  // MARK: Secrets

  private static let secretKeys = ["env", "file", "default"]

  /// `{env: NAME}`, `{env: NAME, default: text}`, `{file: path}`, or the value itself.
  private mutating func secret(_ node: Node) -> CheckedValue.Content {
    guard case .mapping(let mapping) = node else {
      guard case .scalar(let scalar) = node, !isNull(scalar) else {
        wrongType(node, expected: SchemaType.secret.expectation)
        return .invalid
      }
      inlineSecrets.append(InlineSecret(position: position(node), isDefault: false))
      if scalar.string == SecretOmission.placeholder { return omitted(node) }
      return .secret(Secret(scalar.string))
    }
    var values: [String: (text: String, node: Node)] = [:]
    let pairs = pairs(of: mapping, depth: 0)
    for (key, value) in pairs where key.scalar?.string == "default" {
      inlineSecrets.append(InlineSecret(position: position(value), isDefault: true))
    }
    for (key, value) in pairs {
      guard let name = key.scalar?.string, SchemaReader.secretKeys.contains(name) else {
        let suggestion = key.scalar.flatMap { nearest(to: $0.string, in: SchemaReader.secretKeys) }
        report(
          "unknown-key", "unknown key “\(key.scalar?.string ?? "")” in a secret", at: key,
          suggestion: suggestion.map { "did you mean “\($0)”?" } ?? "known here: env, file, default")
        return .invalid
      }
      guard let scalar = value.scalar, !isNull(scalar) else {
        wrongType(value, expected: "text")
        return .invalid
      }
      values[name] = (scalar.string, value)
    }
    guard (values["env"] == nil) != (values["file"] == nil) else {
      report("wrong-value", "a secret has either env or file", at: node)
      return .invalid
    }
    let reference: String
    let result: Result<String, SecretSource.Unavailable>
    if let (name, _) = values["env"] {
      reference = "environment variable \(name)"
      result = secrets.variable(name)
    } else {
      let path = resolved(values["file"]?.text ?? "")
      reference = "file \(path)"
      result = secrets.file(path)
    }
    switch result {
    case .success(let text): return .secret(Secret(text))
    case .failure(let failure):
      if let (text, defaultNode) = values["default"] {
        if text == SecretOmission.placeholder { return omitted(defaultNode) }
        return .secret(Secret(text))
      }
      report(
        "secret-unavailable", "the secret in \(reference) is not available: \(failure.reason)", at: node,
        severity: secrets.areRequired ? .error : .warning)
      return .secret(.unavailable)
    }
  }
}

extension SchemaReader {
  /// A kept file without what stood here.
  private mutating func omitted(_ node: Node) -> CheckedValue.Content {
    report(
      "secret-omitted", "this secret stood in the file itself, and was not kept with it", at: node,
      suggestion: "give it by {env: NAME} or {file: path}", severity: secrets.areRequired ? .error : .warning)
    return .secret(.unavailable)
  }
}

extension SchemaType {
  /// What a value of this type looks like, for messages and for the reference.
  var expectation: String {
    switch self {
    case .text: "text"
    case .pattern: "a regular expression"
    case .replacement: "a replacement"
    case .boolean: "true or false"
    case .integer(let range): "a whole number from \(range.lowerBound) to \(range.upperBound)"
    case .number(let range): "a number from \(range.lowerBound) to \(range.upperBound)"
    case .duration: "a duration such as 30s, 5m or 1h"
    case .bandwidth: "a bandwidth from 128 to 8192 kbit/s, such as 1920 or 2 Mbps"
    case .choice(let choices): choices.map(\.word).joined(separator: ", ")
    case .dscp: "a DSCP name such as EF, AF41 or CS3, or a number from 0 to 63"
    case .ipAddress: "an IP address"
    case .network: "a network such as 192.0.2.0/24"
    case .socketAddress: "an address with a port, such as 192.0.2.1:5060 or [2001:db8::1]:5060"
    case .portRange: "a range of ports such as 40000-49999"
    case .quota(let range):
      "from \(range.lowerBound) to \(range.upperBound) in a stretch of time, such as 20 per 1h"
    case .numberPrefix: "the beginning of numbers, such as +44 or 0900"
    case .host: "a host name or an IP address"
    case .serverURL: "the address of a server, such as https://policy.example.org"
    case .path: "a path, relative to the policy's directory"
    case .json: "a mapping, or JSON text"
    case .script: "a script"
    case .scriptFile: "a path, relative to the policy's directory"
    case .secret: "a secret: {env: NAME} or {file: path}"
    case .reference(let section): "a name from \(section)"
    case .aliasList: "a path, relative to the policy's directory"
    case .digitCount: "a number of digits such as 6, 6-12 or 3+"
    case .numberRange: "a range of numbers such as 1000-1999"
    case .domainName: "a domain such as example.org or *.example.org"
    case .language: "a language such as de or pt-BR"
    case .list(let element): "a list of: \(element.expectation)"
    case .oneOrMore(let element): "\(element.expectation), or a list of such"
    case .object(let schema): "a mapping (\(schema.name))"
    case .shorthand(let schema, let key): "a mapping (\(schema.name)) or its \(key) alone"
    case .word(let word, let inner): "\(inner.expectation), or \(word)"
    }
  }
}
