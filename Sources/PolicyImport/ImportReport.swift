import PolicyEngine

/// What became of every object of an export: nothing is lost without a line here.
public struct ImportReport: Sendable {
  public enum Outcome: String, Sendable, CaseIterable {
    /// It stands in the policy, and means the same.
    case carried
    /// It stands in the policy in other words, or means a little else.
    case changed = "carried with change"
    case leftOut = "left out"
  }

  /// An object, or one of its fields.
  public struct Entry: Sendable {
    public var outcome: Outcome
    public var resource: String
    public var name: String
    /// Nil: the object as a whole.
    public var field: String?
    public var why: String
    public var file: String
    public var line: Int
    public var column: Int
  }

  /// In the order of the export.
  public internal(set) var entries: [Entry] = []

  /// Environment variables that hold the secrets, and what each is for.
  public internal(set) var variables: [(name: String, purpose: String)] = []

  public func count(_ outcome: Outcome, ofFields: Bool = false) -> Int {
    entries.count { $0.outcome == outcome && ($0.field != nil) == ofFields }
  }

  /// Every entry, by what became of it.
  public var text: String {
    var lines: [String] = []
    for outcome in Outcome.allCases.reversed() {
      let found = entries.filter { $0.outcome == outcome }
      guard !found.isEmpty else { continue }
      lines.append("\(outcome.rawValue):")
      for entry in found {
        let field = entry.field.map { ".\($0)" } ?? ""
        let why = entry.why.isEmpty ? "" : ": \(entry.why)"
        lines.append(
          "  \(entry.resource) “\(entry.name)”\(field)\(why) (\(entry.file):\(entry.line):\(entry.column))")
      }
      lines.append("")
    }
    if !variables.isEmpty {
      lines.append("to be set in the environment:")
      lines += variables.map { "  \($0.name): \($0.purpose)" }
      lines.append("")
    }
    lines.append(summary)
    return lines.joined(separator: "\n") + "\n"
  }

  public var summary: String {
    "\(count(.carried)) objects carried, \(count(.changed)) carried with change, \(count(.leftOut)) left out; "
      + "\(count(.changed, ofFields: true)) fields changed, \(count(.leftOut, ofFields: true)) left out"
  }
}
