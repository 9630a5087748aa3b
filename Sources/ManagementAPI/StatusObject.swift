import PolicyEngine

/// One row of a list that can be asked for.
protocol ListedObject {
  /// nil: there is no such field.
  subscript(name: String) -> JSONText? { get }
  var json: JSONText { get }
}

/// One row of a status resource: fields in order.
struct StatusObject: ListedObject {
  let fields: [(name: String, value: JSONText)]

  /// - Parameter fields: what is told of it; the address it has here follows its id.
  init(_ resource: String, _ fields: [(String, JSONText)]) {
    var all = fields.map { (name: $0.0, value: $0.1) }
    if case .string(let id)? = all.first?.value {
      all.insert(
        ("resource_uri", .string("/api/admin/status/v1/\(resource)/\(PercentCoding.encoded(id))/")), at: 1)
    }
    self.fields = all
  }

  var json: JSONText { .object(fields.map { ($0.name, $0.value) }) }

  subscript(name: String) -> JSONText? { fields.first { $0.name == name }?.value }
}
