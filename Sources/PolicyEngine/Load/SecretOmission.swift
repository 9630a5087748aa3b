/// Takes secrets that stand in policy files out of them, so that the files can be kept without them.
enum SecretOmission {
  /// Stands in a kept file where a secret stood. To the loader a secret that is missing.
  static let placeholder = "‹omitted›"

  /// The text with each scalar that begins at one of `positions` (line and column from 1, in characters) replaced; nil when one of
  /// them is written in a way that has no plain end (block scalars, anchors and tags).
  static func text(_ text: String, without positions: [(line: Int, column: Int)]) -> String? {
    var lines = text.unicodeScalars.split(separator: "\n", omittingEmptySubsequences: false).map(Array.init)
    // From the end of a line on, so that the columns before stay true.
    for (line, column) in positions.sorted(by: { ($0.line, $0.column) > ($1.line, $1.column) }) {
      guard lines.indices.contains(line - 1) else { return nil }
      let start = column - 1
      guard let end = end(of: lines[line - 1], from: start) else { return nil }
      lines[line - 1].replaceSubrange(start..<end, with: "\"\(placeholder)\"".unicodeScalars)
    }
    var result = String.UnicodeScalarView()
    for (i, line) in lines.enumerated() {
      if i > 0 { result.append("\n") }
      result.append(contentsOf: line)
    }
    return String(result)
  }

  /// Whether what is left can be read: half of a secret that went on over several lines would not fit.
  static func isYAML(_ text: String, _ name: String) -> Bool {
    var diagnostics: [PolicyDiagnostic] = []
    guard case .success = YAMLReading.root(of: SourceFile(name: name, text: text), &diagnostics) else {
      return false
    }
    return true
  }

  /// Where the scalar that begins at `start` ends, if that is on the same line.
  private static func end(of line: [Unicode.Scalar], from start: Int) -> Int? {
    guard start >= 0, start < line.count else { return nil }
    switch line[start] {
    case "|", ">", "&", "*", "!": return nil
    case "'", "\"":
      let quote = line[start]
      var i = start + 1
      while i < line.count {
        if quote == "\"", line[i] == "\\" {
          i += 2
          continue
        }
        if line[i] == quote {
          // Two single quotes are one that is meant.
          guard quote == "'", i + 1 < line.count, line[i + 1] == quote else { return i + 1 }
          i += 1
        }
        i += 1
      }
      return nil
    default:
      // Within braces a plain scalar ends at a comma or brace; a secret may hold them elsewhere, but losing the rest of such a line
      // to a secret is better than keeping half of one.
      let isFlow = line[..<start].contains("{") || line[..<start].contains("[")
      var i = start
      while i < line.count {
        if isFlow, line[i] == "," || line[i] == "}" || line[i] == "]" { break }
        if line[i] == "#", i > start, line[i - 1] == " " || line[i - 1] == "\t" { break }
        i += 1
      }
      while i > start, line[i - 1] == " " || line[i - 1] == "\t" || line[i - 1] == "\r" { i -= 1 }
      return i
    }
  }
}

extension PolicyLoader.Outcome {
  /// What was read, in a form that may be kept: secrets that stand in the files themselves are left out of it.
  package struct KeptFiles: Sendable {
    package var files: [PolicyLoader.File]
    package var lists: [PolicyLoader.File]
    /// How many secrets were left out.
    package var omittedSecrets: Int

    package init(files: [PolicyLoader.File], lists: [PolicyLoader.File], omittedSecrets: Int) {
      self.files = files
      self.lists = lists
      self.omittedSecrets = omittedSecrets
    }
  }

  /// nil when a secret is written so that it cannot be told from what is around it, or the policy was not loaded.
  package var keptFiles: KeptFiles? {
    guard let assembly = places?.assembly, snapshot != nil else { return nil }
    let positions = Dictionary(grouping: assembly.inlineSecrets.map(\.position)) {
      assembly.sources[$0.file].name
    }
    var kept: [PolicyLoader.File] = []
    for file in files {
      guard let secrets = positions[file.name] else {
        kept.append(file)
        continue
      }
      let unique = Set(secrets.map { [$0.line, $0.column] }).map { (line: $0[0], column: $0[1]) }
      guard let source = assembly.sources.first(where: { $0.name == file.name }),
        let text = SecretOmission.text(source.text, without: unique), SecretOmission.isYAML(text, file.name)
      else { return nil }
      kept.append(PolicyLoader.File(name: file.name, text: text))
    }
    return KeptFiles(files: kept, lists: listFiles, omittedSecrets: assembly.inlineSecrets.count)
  }
}
