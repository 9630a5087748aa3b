/// What a value in a policy file may be.
///
/// One description serves the loader, the JSON Schema for editors and the reference, so that they cannot disagree.
indirect enum SchemaType: Sendable {
  case text(maximumLength: Int = 250)
  /// A regular expression that must match the whole alias.
  case pattern
  case replacement
  case boolean
  case integer(ClosedRange<Int>)
  case number(ClosedRange<Double>)
  /// In seconds.
  case duration(ClosedRange<Int>)
  case bandwidth
  case choice([Choice])
  case dscp
  case ipAddress
  case network
  /// An IP address with a port.
  case socketAddress
  case portRange
  /// So many in a stretch of time: `20 per 1h`.
  case quota(ClosedRange<Int>)
  /// What numbers begin with.
  case numberPrefix
  case host
  /// The base of a policy server's addresses.
  case serverURL
  case path
  /// A local policy script, as text.
  case script
  /// The same, in a file.
  case scriptFile
  /// Any value, as JSON; or its text.
  case json
  case secret
  /// The name of something in another section.
  case reference(section: String)
  /// Aliases from a file, one a line.
  case aliasList
  /// `6`, `6-12` or `3+`.
  case digitCount
  /// Two numbers of one length: `1000-1999`.
  case numberRange
  /// A host name, or `*.name`.
  case domainName
  /// Such as `de` or `pt-br` (RFC 5646).
  case language
  case list(SchemaType)
  /// One value, or a list of them.
  case oneOrMore(SchemaType)
  case object(ObjectSchema)
  /// An object, or in short only the value of one of its keys.
  case shorthand(ObjectSchema, key: String)
  /// A word that stands for "none", or the type.
  case word(String, or: SchemaType)

  struct Choice: Sendable {
    var word: String
    var meaning: String
    init(_ word: String, _ meaning: String = "") {
      self.word = word
      self.meaning = meaning
    }
  }

  static func choice(_ words: String...) -> SchemaType { .choice(words.map { Choice($0) }) }
}

/// One kind of mapping in a policy file.
struct ObjectSchema: Sendable {
  var name: String
  var summary: String
  var fields: [Field]
  private var positions: [String: Int]

  struct Field: Sendable {
    var key: String
    var type: SchemaType
    var isRequired: Bool
    /// As shown in the reference; nil: absent.
    var standard: String?
    var meaning: String
    var example: String?

    init(
      _ key: String, _ type: SchemaType, required: Bool = false, default standard: String? = nil,
      _ meaning: String, example: String? = nil
    ) {
      self.key = key
      self.type = type
      isRequired = required
      self.standard = standard
      self.meaning = meaning
      self.example = example
    }
  }

  init(_ name: String, _ summary: String, _ fields: [Field]) {
    self.name = name
    self.summary = summary
    self.fields = fields
    positions = Dictionary(uniqueKeysWithValues: fields.enumerated().map { ($1.key, $0) })
  }

  func field(_ key: String) -> Field? { positions[key].map { fields[$0] } }
}
