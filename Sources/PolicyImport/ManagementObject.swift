import JSONText

/// One object of an export whose fields have the types the management API gives them.
///
/// What is read of it is remembered: whatever nobody has asked for in the end is reported as left out.
final class ManagementObject {
  let resource: ManagementResource
  let file: ExportFile
  let offset: Int
  /// Fields that are known and of the right type, null ones left away.
  let fields: [String: JSONNode]
  private var taken: Set<String> = []
  /// Fields that became something a little else, and why.
  var changes: [(field: String, why: String)] = []

  init(_ resource: ManagementResource, file: ExportFile, offset: Int, fields: [String: JSONNode]) {
    self.resource = resource
    self.file = file
    self.offset = offset
    self.fields = fields
  }

  var id: Int64 { if case .integer(let id)? = fields["id"]?.value { id } else { .max } }
  var uri: String? { fields["resource_uri"].flatMap(ManagementObject.text) }

  /// As it is called in reports.
  var title: String {
    for key in ["name", "alias", "realm"] {
      if let text = fields[key].flatMap(ManagementObject.text), !text.isEmpty { return text }
    }
    return uri ?? resource.name
  }

  /// Where the field stands, or the object.
  func offset(of field: String) -> Int { fields[field]?.offset ?? offset }

  // MARK: Reading

  private func node(_ field: String) -> JSONNode? {
    precondition(resource.fields[field] != nil, "\(resource.name) has no field \(field)")
    taken.insert(field)
    return fields[field]
  }

  /// Empty where there is none.
  func text(_ field: String) -> String {
    node(field).flatMap(ManagementObject.text) ?? resource.fields[field]?.standard ?? ""
  }

  /// Nil for an empty text.
  func optional(_ field: String) -> String? {
    let text = text(field)
    return text.isEmpty ? nil : text
  }

  func boolean(_ field: String) -> Bool {
    if case .boolean(let value)? = node(field)?.value { return value }
    return resource.fields[field]?.standard == "true"
  }

  func integer(_ field: String) -> Int? {
    if case .integer(let value)? = node(field)?.value { return Int(value) }
    return resource.fields[field]?.standard.flatMap { Int($0) }
  }

  func value(_ field: String) -> JSONNode? { node(field) }

  static func text(_ node: JSONNode) -> String? {
    if case .string(let text) = node.value { text } else { nil }
  }

  // MARK: Accounts

  func change(_ field: String, _ why: String) {
    taken.insert(field)
    changes.append((field, why))
  }

  func giveBack(_ field: String) { taken.remove(field) }

  /// Fields that say something which nobody has asked for.
  var untaken: [(field: String, why: String)] {
    fields.keys.sorted().filter { !taken.contains($0) && !ManagementResource.bookkeeping.contains($0) }
      .compactMap { key in
        guard let node = fields[key], !isStandard(key, node) else { return nil }
        return (key, ManagementResources.reasons[key] ?? "Tandem has nothing like it")
      }
  }

  private func isStandard(_ key: String, _ node: JSONNode) -> Bool {
    switch node.value {
    case .null: true
    case .string(let text): text.isEmpty || text == resource.fields[key]?.standard
    case .boolean(let value): String(value) == (resource.fields[key]?.standard ?? "false")
    case .integer(let value): String(value) == resource.fields[key]?.standard
    case .array(let items): items.isEmpty
    case .object(let object): object.isEmpty
    case .number: false
    }
  }
}
