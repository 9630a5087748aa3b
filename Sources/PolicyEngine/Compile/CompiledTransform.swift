import CallModel

/// A pattern with its replacement, compiled: a rule's own, or that of one trunk in its list.
struct CompiledTransform: Sendable {
  let pattern: Pattern
  /// nil: a match changes nothing.
  let replacement: Replacement?

  init(_ transform: AliasTransform) throws {
    pattern = try Pattern(transform.pattern)
    replacement =
      transform.replacement.isEmpty
      ? nil
      : try Replacement(
        transform.replacement, groupCount: pattern.groupCount, groupNames: pattern.groupNames)
  }

  /// nil when the pattern does not match the whole alias, or would need too much work.
  func apply(to alias: String) -> String? {
    var alias = alias
    let workspace = MatchWorkspace.current
    return alias.withUTF8 { subject in
      guard pattern.match(subject, workspace) == .matched else { return nil }
      return replacement?.expand(subject, workspace.vector) ?? String(decoding: subject, as: UTF8.self)
    }
  }
}
