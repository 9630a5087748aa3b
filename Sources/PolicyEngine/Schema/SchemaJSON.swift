extension PolicySchema {
  /// The language as a JSON Schema (draft 7, which editors for YAML understand).
  public static func jsonSchema() -> String { jsonSchema(of: file, objects.dropFirst(), "Tandem policy") }

  /// The language of the files in `policies/tests/`, in the same way.
  public static func testsJSONSchema() -> String {
    jsonSchema(of: testFile, testObjects.dropFirst() + [callLimits, callerCaps], "Tandem policy tests")
  }

  private static func jsonSchema(
    of file: ObjectSchema, _ objects: some Sequence<ObjectSchema>, _ title: String
  ) -> String {
    var definitions: [(String, JSONText)] = []
    for object in objects { definitions.append((definitionName(object), json(object))) }
    guard case .object(var root) = json(file) else { preconditionFailure("an object") }
    root.insert(
      contentsOf: [
        ("$schema", .string("http://json-schema.org/draft-07/schema#")), ("title", .string(title)),
      ], at: 0)
    // Anchors stand in keys of their own.
    root.append(("patternProperties", .object([("^x-", .object([]))])))
    root.append(("definitions", .object(definitions)))
    return JSONText.object(root).text
  }

  private static func definitionName(_ object: ObjectSchema) -> String {
    object.name.replacingCharacters(["[": "", "]": "", ".": "_", "*": "any", " ": "_"])
  }

  private static func reference(_ object: ObjectSchema) -> JSONText {
    .object([("$ref", .string("#/definitions/\(definitionName(object))"))])
  }

  private static func json(_ object: ObjectSchema) -> JSONText {
    var pairs: [(String, JSONText)] = [
      ("type", .string("object")), ("description", .string(object.summary)),
      ("additionalProperties", .boolean(false)),
    ]
    let required = object.fields.filter(\.isRequired)
    if !required.isEmpty { pairs.append(("required", .array(required.map { .string($0.key) }))) }
    pairs.append(
      (
        "properties",
        .object(
          object.fields.map { field in
            var meaning = field.meaning
            if let standard = field.standard { meaning += " Default: \(standard)." }
            guard case .object(var type) = json(field.type) else { preconditionFailure("an object") }
            // Beside $ref nothing else counts, so the description goes around it.
            if type.first?.0 == "$ref" { type = [("allOf", .array([.object(type)]))] }
            return (field.key, .object([("description", .string(meaning))] + type))
          })
      ))
    return .object(pairs)
  }

  private static func json(_ type: SchemaType) -> JSONText {
    func scalar(_ types: [String], _ more: [(String, JSONText)] = []) -> JSONText {
      .object([("type", types.count == 1 ? .string(types[0]) : .array(types.map(JSONText.string)))] + more)
    }
    switch type {
    // YAML writes 9196 as a number; the loader takes the text as it stands.
    case .text(let maximum): return scalar(["string", "number"], [("maxLength", .integer(maximum))])
    case .pattern: return scalar(["string", "number"], [("maxLength", .integer(Pattern.maximumLength))])
    case .replacement, .path: return scalar(["string", "number"])
    case .boolean: return scalar(["boolean"])
    case .integer(let range):
      return scalar(
        ["integer"], [("minimum", .integer(range.lowerBound)), ("maximum", .integer(range.upperBound))])
    case .number(let range):
      return scalar(
        ["number"], [("minimum", .number(range.lowerBound)), ("maximum", .number(range.upperBound))])
    case .duration: return scalar(["string"], [("pattern", .string("^([0-9]+(ms|s|m|h|d))+$"))])
    case .bandwidth:
      return .object([
        (
          "anyOf",
          .array([
            scalar(["integer"], [("minimum", .integer(128)), ("maximum", .integer(8192))]),
            scalar(
              ["string"],
              [("pattern", .string("^[0-9.]+ ?([kKmM]?[bB][pP][sS]|[kKmM]?[bB][iI][tT]/[sS])?$"))]),
          ])
        )
      ])
    case .choice(let choices):
      return .object([("enum", .array(choices.map { .string($0.word) }))])
    case .dscp:
      return .object([
        (
          "anyOf",
          .array([
            scalar(["integer"], [("minimum", .integer(0)), ("maximum", .integer(63))]),
            scalar(
              ["string"],
              [
                (
                  "pattern",
                  .string("^([Ee][Ff]|[Cc][Ss][0-7]|[Aa][Ff][1-4][1-3]|[Vv][Aa]|[Ll][Ee]|[Dd][Ff]|[Bb][Ee])$")
                )
              ]),
          ])
        )
      ])
    case .ipAddress, .network, .socketAddress, .host, .reference: return scalar(["string"])
    case .serverURL: return scalar(["string"], [("pattern", .string("^[Hh][Tt][Tt][Pp][Ss]?://"))])
    case .quota:
      return scalar(
        ["string"],
        [("pattern", .string("^[0-9]+ per (second|minute|hour|day|week|([0-9]+(ms|s|m|h|d))+)$"))])
    case .numberPrefix: return scalar(["string", "number"])
    case .portRange: return scalar(["string"], [("pattern", .string("^[0-9]{1,5}-[0-9]{1,5}$"))])
    case .secret:
      let text = scalar(["string"])
      func reference(_ key: String, _ others: [(String, JSONText)]) -> JSONText {
        .object([
          ("type", .string("object")), ("additionalProperties", .boolean(false)),
          ("required", .array([.string(key)])), ("properties", .object([(key, text)] + others)),
        ])
      }
      return .object([
        (
          "anyOf",
          .array([
            reference("env", [("default", text)]), reference("file", [("default", text)]),
            scalar(["string", "number"]),
          ])
        )
      ])
    case .json: return .object([])
    case .aliasList, .script, .scriptFile: return scalar(["string"])
    case .digitCount:
      return .object([
        (
          "anyOf",
          .array([
            scalar(
              ["integer"], [("minimum", .integer(0)), ("maximum", .integer(PatternForm.maximumDigits))]),
            scalar(["string"], [("pattern", .string("^[0-9]{1,3}(\\+|-[0-9]{1,3})?$"))]),
          ])
        )
      ])
    case .numberRange: return scalar(["string"], [("pattern", .string("^[0-9]{1,18}-[0-9]{1,18}$"))])
    case .domainName: return scalar(["string"])
    case .language: return scalar(["string"], [("pattern", .string("^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*$"))])
    case .oneOrMore(let element):
      return .object([
        (
          "anyOf",
          .array([json(element), .object([("type", .string("array")), ("items", json(element))])])
        )
      ])
    case .list(let element): return .object([("type", .string("array")), ("items", json(element))])
    case .object(let object): return reference(object)
    case .shorthand(let object, let key):
      guard let field = object.field(key) else { preconditionFailure("\(object.name) has no key \(key)") }
      return .object([("anyOf", .array([json(field.type), reference(object)]))])
    case .word(let word, let inner):
      return .object([("anyOf", .array([.object([("const", .string(word))]), json(inner)]))])
    }
  }
}

extension String {
  /// Replaces single characters.
  func replacingCharacters(_ map: [Character: String]) -> String {
    reduce(into: "") { $0 += map[$1] ?? String($1) }
  }
}
