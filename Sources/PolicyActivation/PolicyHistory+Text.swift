import CallModel
import PolicyEngine

extension KeptManifest {
  var json: String {
    JSONText.object([
      ("version_hash", .string(String(hash, radix: 16))), ("directory", .string(directory)),
      ("at_ms", .integer(Int(at.milliseconds))), ("omitted_secrets", .integer(omittedSecrets)),
      (
        "files",
        .array(
          items.map {
            .object([
              ("path", .string($0.path)), ("name", .string($0.name)), ("list", .boolean($0.isList)),
            ])
          })
      ),
    ]).text
  }
}

extension PolicyHistory.Active {
  var json: String {
    JSONText.object([("version", .string(version)), ("set_aside", JSONText(setAside))]).text
  }
}

extension PolicyHistory.Entry {
  fileprivate var object: JSONText {
    .object([
      ("at", .string(at.iso8601)), ("version", .string(version)), ("way", .string(way.rawValue)),
      ("by", .string(by)), ("directory", .string(directory)), ("note", .string(note)),
      ("overruled", .array(overruled.map(JSONText.string))),
    ])
  }

  /// One line of the file, with its end.
  var line: String { object.line + "\n" }
}

extension PolicyHistory {
  /// The newest first, for people.
  public func text(limit: Int) -> String {
    let kept = Set(versions)
    let active = active?.version
    let lines = entries.suffix(limit).reversed().enumerated().map { number, entry in
      var line = "\(entry.at.iso8601)  \(entry.version)  \(entry.way.rawValue)"
      if !entry.by.isEmpty { line += " by \(entry.by)" }
      if !entry.directory.isEmpty { line += ", from \(entry.directory)" }
      if !entry.note.isEmpty { line += ": \(entry.note)" }
      if number == 0, entry.version == active { line += "  [in force]" }
      if !kept.contains(entry.version) { line += "  [files not kept]" }
      for reason in entry.overruled { line += "\n    confirmed although \(reason)" }
      return line + "\n"
    }
    return lines.isEmpty ? "There is no history yet.\n" : lines.joined()
  }

  /// The newest first.
  public func json(limit: Int) -> String {
    let kept = Set(versions)
    return JSONText.object([
      ("active", JSONText(active?.version)), ("set_aside", JSONText(active?.setAside)),
      (
        "entries",
        .array(
          entries.suffix(limit).reversed().map { entry in
            guard case .object(let pairs) = entry.object else { return .null }
            return .object(pairs + [("kept", .boolean(kept.contains(entry.version)))])
          })
      ),
    ]).text
  }
}
