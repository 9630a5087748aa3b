/// One kind of object of the reference system's management API, and the fields it has.
struct ManagementResource: Sendable {
  let name: String
  let fields: [String: Field]

  struct Field: Sendable {
    enum Kind: Sendable {
      case text
      case integer(ClosedRange<Int>?)
      case boolean
      case choice([String])
      /// To one object of a resource: its URI, or the object itself.
      case reference(String)
      /// To several.
      case references(String)
      /// Nothing is asked of it, since it is not carried over.
      case anything
    }

    var kind: Kind
    var isRequired = false
    var isSecret = false
    /// What an object has that does not name the field, as it would stand in JSON.
    var standard: String?
  }

  /// Fields that every object has, and that say nothing about calls.
  static let bookkeeping: Set<String> = [
    "id", "resource_uri", "creation_time", "last_updated", "updated", "uuid", "sync_tag", "view_order",
  ]

  /// Fields are written as words: `name` text, `name:b` boolean, `name:i[1-200]` whole number, `name{a|b}` one of these,
  /// `name>resource` and `name>>resource` references, `name:x` anything; `!` behind it: required, `*`: secret,
  /// `=value`: the standard.
  init(_ name: String, _ notation: String) {
    self.name = name
    var fields: [String: Field] = [:]
    for word in notation.split(separator: " ") {
      let (key, field) = ManagementResource.field(word)
      precondition(fields[key] == nil, "\(name).\(key) is written twice")
      fields[key] = field
    }
    self.fields = fields
  }

  private static func field(_ word: Substring) -> (String, Field) {
    var rest = word
    var field = Field(kind: .text)
    if let equals = rest.firstIndex(of: "=") {
      field.standard = String(rest[rest.index(after: equals)...])
      rest = rest[..<equals]
    }
    while let last = rest.last, last == "!" || last == "*" {
      if last == "!" { field.isRequired = true } else { field.isSecret = true }
      rest.removeLast()
    }
    let key = rest.prefix { $0.isLetter || $0.isNumber || $0 == "_" }
    let type = rest.dropFirst(key.count)
    if type == ":b" {
      field.kind = .boolean
    } else if type == ":x" {
      field.kind = .anything
    } else if type.hasPrefix(":i") {
      let ends = type.dropFirst(2).split(whereSeparator: { "[-]".contains($0) }).compactMap { Int($0) }
      field.kind = .integer(ends.count == 2 ? ends[0]...ends[1] : nil)
    } else if type.hasPrefix("{") {
      field.kind = .choice(type.dropFirst().dropLast().split(separator: "|").map(String.init))
    } else if type.hasPrefix(">>") {
      field.kind = .references(String(type.dropFirst(2)))
    } else if type.hasPrefix(">") {
      field.kind = .reference(String(type.dropFirst()))
    } else {
      precondition(type.isEmpty, "\(word) is no field")
    }
    return (String(key), field)
  }
}
