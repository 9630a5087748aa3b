/// The words of a script: for who looks for calls that it may treat differently. No proof, since a script can put its texts together.
public struct ScriptVocabulary: Hashable, Sendable {
  /// Texts in expressions, as they stand, each once; at most ``maximumTexts``.
  public private(set) var texts: [String] = []
  /// Attributes that are read, and texts that may be keys: `vendor` of `call_info.vendor`, `call_info["vendor"]`,
  /// `call_info.get("vendor")`.
  public private(set) var attributes: Set<String> = []
  /// Names of functions and filters.
  public private(set) var functions: Set<String> = []

  public static let maximumTexts = 256

  init(_ statements: [Statement]) {
    var known: Set<String> = []
    _ = statements.hasExpression { expression in
      switch expression.kind {
      case .constant(.string(let text)):
        let text = String(decoding: text.bytes, as: UTF8.self)
        if known.count < ScriptVocabulary.maximumTexts, known.insert(text).inserted { texts.append(text) }
        attributes.insert(text)
      case .attribute(_, let name): attributes.insert(name)
      case .filter(_, let name, _), .name(let name): functions.insert(name)
      default: break
      }
      return false
    }
  }

  /// The script's result may differ from one run to the next with the same facts.
  public var usesChance: Bool { !functions.isDisjoint(with: ["pex_uuid4", "pex_random_pin"]) }
  /// Its result depends on the time.
  public var usesTime: Bool { functions.contains("pex_now") }
}
