extension PolicySchema {
  /// Every key as a table for `docs/policy-reference.md`.
  public static func markdown() -> String {
    var text = ""
    for object in objects + testObjects {
      let title = object === file ? "Top level" : object === testFile ? "Test files" : "`\(object.name)`"
      text += "### \(title)\n\n\(object.summary)\n\n"
      text += "| Key | Value | Default | Meaning |\n|---|---|---|---|\n"
      for field in object.fields {
        let standard = field.isRequired ? "**required**" : field.standard.map(cell) ?? "–"
        var meaning = field.meaning
        if let choices = choices(of: field.type), choices.contains(where: { !$0.meaning.isEmpty }) {
          meaning +=
            " "
            + choices.filter { !$0.meaning.isEmpty }.map { "`\($0.word)`: \($0.meaning)" }
            .joined(separator: "; ") + "."
        }
        if let example = field.example { meaning += " Example: `\(example)`." }
        text += "| `\(field.key)` | \(cell(field.type.expectation)) | \(standard) | \(cell(meaning)) |\n"
      }
      text += "\n"
    }
    return text
  }

  private static func choices(of type: SchemaType) -> [SchemaType.Choice]? {
    switch type {
    case .choice(let choices): choices
    case .list(let inner), .oneOrMore(let inner), .word(_, let inner): choices(of: inner)
    default: nil
    }
  }

  /// A bar would end the cell.
  private static func cell(_ text: String) -> String { text.replacingCharacters(["|": "\\|"]) }
}

extension ObjectSchema {
  fileprivate static func === (a: ObjectSchema, b: ObjectSchema) -> Bool { a.name == b.name }
}
