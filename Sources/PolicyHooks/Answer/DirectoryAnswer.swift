import JSONText

/// What a policy server found in its directory (routing reference §16).
public struct DirectoryAnswer: Hashable, Sendable {
  public struct Entry: Hashable, Sendable {
    public var alias: String
    public var description: String
    /// Carried and not used.
    public var username: String
    public init(alias: String, description: String = "", username: String = "") {
      self.alias = alias
      self.description = description
      self.username = username
    }
  }

  /// In the order in which they are shown.
  public var entries: [Entry]
  /// True: these only; false: merged with the aliases and descriptions of our own services and devices.
  public var ignoresLocal: Bool

  public init(entries: [Entry], ignoresLocal: Bool) {
    self.entries = entries
    self.ignoresLocal = ignoresLocal
  }
}

extension FieldReader {
  mutating func directory(_ envelope: AnswerEnvelope) -> DirectoryAnswer? {
    guard let result = envelope.result else {
      note("result", .missing)
      return nil
    }
    guard let items = list(result, "result", limit: FieldReader.maximumDirectoryEntries) else { return nil }
    let limit = ExternalPolicyRequest.DirectoryRequest.limit
    if items.count > limit { note("result", .cut(limit: limit), .note) }
    var entries: [DirectoryAnswer.Entry] = []
    for (i, item) in items.prefix(limit).enumerated() {
      let path = "result[\(i)]"
      guard let members = members(item, path) else { continue }
      func optional(_ key: String, isMultiline: Bool = false) -> String {
        guard let node = members[key], node.value != .null else { return "" }
        return text(node, "\(path).\(key)", isMultiline: isMultiline) ?? ""
      }
      guard let alias = members["alias"], alias.value != .null else {
        note("\(path).alias", .missing)
        continue
      }
      let name = text(alias, "\(path).alias", isEmptyAllowed: false) ?? ""
      entries.append(
        .init(
          alias: name, description: optional("description", isMultiline: true), username: optional("username")
        ))
    }
    var ignoresLocal = false
    if let node = envelope.ignoreLocal, node.value != .null {
      ignoresLocal = boolean(node, "ignore_local") ?? false
    }
    return hasErrors ? nil : DirectoryAnswer(entries: entries, ignoresLocal: ignoresLocal)
  }

  /// More is no answer to a question for ten.
  static let maximumDirectoryEntries = 10_000
}
