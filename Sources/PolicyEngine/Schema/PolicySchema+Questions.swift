extension PolicySchema {
  /// What writers of policies ask: whether an object of the language, such as `services[]`, has a key.
  package static func knows(_ key: String, in object: String) -> Bool { field(key, in: object) != nil }

  /// Whether a key takes a word.
  package static func knows(_ key: String, choice: String, in object: String) -> Bool {
    guard case .choice(let choices)? = field(key, in: object)?.type else { return false }
    return choices.contains { $0.word == choice }
  }

  /// Whether a key may be absent.
  package static func isOptional(_ key: String, in object: String) -> Bool {
    field(key, in: object).map { !$0.isRequired } ?? false
  }

  private static func field(_ key: String, in object: String) -> ObjectSchema.Field? {
    objects.first { $0.name == object }?.field(key)
  }
}
