import JSONText
import PolicyEngine

/// One file of an export, and its lines.
public final class ExportFile: Sendable {
  public let name: String
  public let bytes: [UInt8]
  private let lineStarts: [Int]

  public init(name: String, bytes: [UInt8]) {
    self.name = name
    self.bytes = bytes
    var starts = [0]
    for (i, byte) in bytes.enumerated() where byte == 0x0a { starts.append(i + 1) }
    lineStarts = starts
  }

  public convenience init(name: String, text: String) { self.init(name: name, bytes: Array(text.utf8)) }

  /// Line and column from 1, in bytes.
  func place(_ offset: Int) -> (line: Int, column: Int) {
    var low = 0
    var high = lineStarts.count
    while high - low > 1 {
      let middle = (low + high) / 2
      if lineStarts[middle] <= offset { low = middle } else { high = middle }
    }
    return (low + 1, offset - lineStarts[low] + 1)
  }
}

/// What an export of the management API holds, checked against what the API says of its objects.
struct ManagementExport {
  private(set) var objects: [ManagementObject] = []
  /// Objects of resources that are not carried over, by resource.
  private(set) var others: [(resource: String, name: String, file: ExportFile, offset: Int)] = []
  private(set) var diagnostics: [PolicyDiagnostic] = []
  private(set) var unknownFields: [(object: ManagementObject, field: String, offset: Int, why: String)] = []
  private var byURI: [String: ManagementObject] = [:]
  /// Objects inside others: the list of their own resource says more about them, and is read first.
  private var embedded: [(node: JSONNode, file: ExportFile, resource: String)] = []

  static let limits = JSONReader.Limits(bytes: 64 << 20, depth: 64, values: 5_000_000)

  init(_ files: [ExportFile]) {
    for file in files { read(file) }
    while !embedded.isEmpty {
      let waiting = embedded
      embedded = []
      for item in waiting { readObject(item.node, in: item.file, resource: item.resource) }
    }
  }

  func all(_ resource: String) -> [ManagementObject] {
    objects.filter { $0.resource.name == resource }.sorted { ($0.id, $0.title) < ($1.id, $1.title) }
  }

  func first(_ resource: String) -> ManagementObject? { objects.first { $0.resource.name == resource } }

  // MARK: Files

  private mutating func read(_ file: ExportFile) {
    do {
      let root = try JSONReader.read(file.bytes, limits: ManagementExport.limits)
      read(root, in: file, resource: ManagementExport.resource(ofFileNamed: file.name))
    } catch {
      diagnostics.append(
        PolicyDiagnostic(
          .error, code: "json", "this is not JSON: \(error.reason)", file: file.name, line: error.line,
          column: error.column))
    }
  }

  /// `exports/gateway_routing_rule.json` holds `gateway_routing_rule`.
  private static func resource(ofFileNamed name: String) -> String? {
    let base = name.split(separator: "/").last ?? ""
    let stem = base.hasSuffix(".json") ? base.dropLast(5) : base
    let known =
      ManagementResources.carried[String(stem)] != nil || ManagementResources.leftOut[String(stem)] != nil
    return known ? String(stem) : nil
  }

  /// `/api/admin/configuration/v1/sip_proxy/3/` is of `sip_proxy`.
  static func resource(ofURI uri: String) -> String? {
    let parts = uri.split(separator: "/")
    guard let version = parts.firstIndex(of: "v1"), version + 1 < parts.count else { return nil }
    return String(parts[version + 1])
  }

  /// A list with its envelope, a bare list, one object, or lists by resource.
  private mutating func read(_ node: JSONNode, in file: ExportFile, resource: String?) {
    switch node.value {
    case .array(let items): for item in items { readObject(item, in: file, resource: resource) }
    case .object(let object):
      if let list = object["objects"], object["meta"] != nil || object.members.count == 1 {
        checkWhole(object, list, file, resource)
        guard case .array(let items) = list.value else {
          report("wrong-type", "objects is a list", list, file, found: list.value.kind, expected: "a list")
          return
        }
        for item in items { readObject(item, in: file, resource: resource) }
      } else if object["resource_uri"] != nil {
        readObject(node, in: file, resource: resource)
      } else if let resource, ManagementResources.carried[resource] != nil, object["name"] != nil {
        readObject(node, in: file, resource: resource)
      } else {
        for member in object.members { readMember(member, in: file) }
      }
    default:
      report(
        "wrong-type", "this is no export", node, file, found: node.value.kind,
        expected: "a list of objects, with or without its envelope, or an object of such lists by resource")
    }
  }

  private mutating func readMember(_ member: JSONObject.Member, in file: ExportFile) {
    let known =
      ManagementResources.carried[member.key] != nil || ManagementResources.leftOut[member.key] != nil
    if !known, member.node.value.kind != "a list", member.node.value.kind != "an object" {
      let near = PolicySnapshot.nearestName(to: member.key, in: ManagementResources.carried.keys.sorted())
      report(
        "unknown-resource", "“\(member.key)” is no resource of the management API", offset: member.offset,
        file,
        expected: "lists of objects by resource", suggestion: near.map { "did you mean “\($0)”?" })
      return
    }
    if case .object(let single) = member.node.value, single["objects"] == nil, single["resource_uri"] == nil,
      known
    {
      readObject(member.node, in: file, resource: member.key)
    } else {
      read(member.node, in: file, resource: member.key)
    }
  }

  /// A page of a longer list is not the list.
  private mutating func checkWhole(
    _ object: JSONObject, _ list: JSONNode, _ file: ExportFile, _ resource: String?
  ) {
    guard case .object(let meta)? = object["meta"]?.value, case .array(let items) = list.value,
      case .integer(let total)? = meta["total_count"]?.value, Int(total) != items.count
    else { return }
    report(
      "incomplete-list", "this is a part of the list only", list, file, found: "\(items.count) objects",
      expected: "\(total), as meta says", suggestion: "ask for the whole list: ?limit=0")
  }

  // MARK: Objects

  private mutating func readObject(_ node: JSONNode, in file: ExportFile, resource named: String?) {
    guard case .object(let json) = node.value else {
      report("wrong-type", "an object of the list", node, file, found: node.value.kind, expected: "an object")
      return
    }
    let uri = json["resource_uri"].flatMap(ManagementObject.text)
    guard let name = uri.flatMap(ManagementExport.resource(ofURI:)) ?? named else {
      report(
        "unknown-resource", "it does not say of which resource it is", node, file,
        suggestion: "name the file after the resource, such as gateway_routing_rule.json")
      return
    }
    guard let resource = ManagementResources.carried[name] else {
      let title = ["name", "alias", "hostname", "description"].lazy.compactMap {
        json[$0].flatMap(ManagementObject.text)
      }
      .first { !$0.isEmpty }
      others.append((name, title ?? uri ?? name, file, node.offset))
      return
    }
    var seen: Set<String> = []
    for member in json.members where !seen.insert(member.key).inserted {
      report("duplicate-key", "“\(member.key)” is given twice", offset: member.offset, file)
    }
    var fields: [String: JSONNode] = [:]
    var unknown: [(String, Int, String)] = []
    for member in json.members {
      if ManagementResource.bookkeeping.contains(member.key) {
        fields[member.key] = member.node
        continue
      }
      guard let field = resource.fields[member.key] else {
        let near = PolicySnapshot.nearestName(to: member.key, in: resource.fields.keys.sorted())
        let isEmpty = [.null, .string(""), .array([])].contains(member.node.value)
        if !isEmpty {
          unknown.append(
            (
              member.key, member.offset,
              "this import does not know the field" + (near.map { "; nearest is \($0)" } ?? "")
            ))
        }
        continue
      }
      if case .null = member.node.value { continue }
      if check(member.node, field, "\(name).\(member.key)", file) { fields[member.key] = member.node }
    }
    let object = ManagementObject(resource, file: file, offset: node.offset, fields: fields)
    for (key, field) in resource.fields.sorted(by: { $0.key < $1.key })
    where field.isRequired && json[key] == nil {
      report(
        "missing-field", "\(name) needs the field “\(key)”", node, file,
        expected: "\(key) of “\(object.title)”")
    }
    if let uri {
      // Embedded in its owner and in the list of its own resource, it is one object.
      guard byURI[uri] == nil else { return }
      byURI[uri] = object
    }
    unknownFields += unknown.map { (object, $0.0, $0.1, $0.2) }
    objects.append(object)
    // Objects inside this one.
    for (key, value) in fields.sorted(by: { $0.key < $1.key }) {
      switch (resource.fields[key]?.kind, value.value) {
      case (.reference(let target)?, .object): embedded.append((value, file, target))
      case (.references(let target)?, .array(let items)):
        for item in items { if case .object = item.value { embedded.append((item, file, target)) } }
      default: break
      }
    }
  }

  private mutating func check(
    _ node: JSONNode, _ field: ManagementResource.Field, _ name: String, _ file: ExportFile
  )
    -> Bool
  {
    func wrong(_ expected: String, _ suggestion: String? = nil) -> Bool {
      report(
        "wrong-type", "wrong type of \(name)", node, file,
        found: field.isSecret ? node.value.kind : ManagementExport.describe(node), expected: expected,
        suggestion: suggestion)
      return false
    }
    switch (field.kind, node.value) {
    case (.anything, _), (.text, .string), (.boolean, .boolean), (.reference, .object): return true
    case (.text, _): return wrong("text")
    case (.boolean, _): return wrong("true or false")
    case (.integer(let range), .integer(let value)):
      guard let range, !range.contains(Int(value)) else { return true }
      return wrong("a whole number from \(range.lowerBound) to \(range.upperBound)")
    case (.integer, _): return wrong("a whole number")
    case (.choice(let choices), .string(let text)):
      if text.isEmpty || choices.contains(text) { return true }
      let near = PolicySnapshot.nearestName(to: text, in: choices)
      return wrong(choices.joined(separator: ", "), near.map { "did you mean “\($0)”?" })
    case (.choice(let choices), _): return wrong(choices.joined(separator: ", "))
    case (.reference(let target), .string(let uri)):
      return uri.isEmpty || ManagementExport.resource(ofURI: uri) == target
        ? true : wrong("the URI of a \(target)")
    case (.reference(let target), _): return wrong("the URI of a \(target)")
    case (.references(let target), .array(let items)):
      for item in items {
        switch item.value {
        case .object: continue
        case .string(let uri) where ManagementExport.resource(ofURI: uri) == target: continue
        default: return wrong("a list of \(target)")
        }
      }
      return true
    case (.references(let target), .string(let uri)) where ManagementExport.resource(ofURI: uri) == target:
      return true
    case (.references(let target), _): return wrong("a list of \(target)")
    }
  }

  private static func describe(_ node: JSONNode) -> String {
    switch node.value {
    case .string(let text): "the text “\(text.prefix(60))”"
    case .integer(let value): "the number \(value)"
    case .boolean(let value): "\(value)"
    default: node.value.kind
    }
  }

  // MARK: References

  /// The object a field refers to; nil and an error when the export does not have it.
  mutating func object(_ owner: ManagementObject, _ field: String) -> ManagementObject? {
    guard let node = owner.value(field) else { return nil }
    return object(node, "\(owner.resource.name).\(field)", owner)
  }

  mutating func objects(_ owner: ManagementObject, _ field: String) -> [ManagementObject] {
    guard let node = owner.value(field) else { return [] }
    let items: [JSONNode] = if case .array(let items) = node.value { items } else { [node] }
    return items.compactMap { object($0, "\(owner.resource.name).\(field)", owner) }
  }

  private mutating func object(_ node: JSONNode, _ name: String, _ owner: ManagementObject)
    -> ManagementObject?
  {
    let uri: String?
    switch node.value {
    case .string(let text): uri = text
    case .object(let object): uri = object["resource_uri"].flatMap(ManagementObject.text)
    default: uri = nil
    }
    guard let uri, !uri.isEmpty else {
      if case .object = node.value {
        return objects.first { $0.file === owner.file && $0.offset == node.offset }
      }
      return nil
    }
    if let found = byURI[uri] { return found }
    let resource = ManagementExport.resource(ofURI: uri) ?? "object"
    report(
      "unknown-reference",
      "the export does not have the \(resource) that \(name) of “\(owner.title)” refers to", node,
      owner.file, found: uri, suggestion: "export the list of \(resource) too")
    return nil
  }

  // MARK: Reporting

  mutating func report(
    _ code: String, _ message: String, at object: ManagementObject, field: String? = nil,
    found: String? = nil,
    expected: String? = nil, suggestion: String? = nil
  ) {
    report(
      code, message, offset: field.map(object.offset(of:)) ?? object.offset, object.file, found: found,
      expected: expected, suggestion: suggestion)
  }

  private mutating func report(
    _ code: String, _ message: String, _ node: JSONNode, _ file: ExportFile, found: String? = nil,
    expected: String? = nil, suggestion: String? = nil
  ) {
    report(code, message, offset: node.offset, file, found: found, expected: expected, suggestion: suggestion)
  }

  private mutating func report(
    _ code: String, _ message: String, offset: Int, _ file: ExportFile, found: String? = nil,
    expected: String? = nil, suggestion: String? = nil
  ) {
    let (line, column) = file.place(offset)
    // The line itself is not shown: one line may hold the whole export, with its passwords.
    diagnostics.append(
      PolicyDiagnostic(
        .error, code: code, message, file: file.name, line: line, column: column, found: found,
        expected: expected,
        suggestion: suggestion))
  }
}
