/// Why evaluation stopped, before it is known where.
struct Fault: Error {
  var kind: ScriptError.Kind
  var message: String
  var suggestion: String?

  init(_ kind: ScriptError.Kind, _ message: String, _ suggestion: String? = nil) {
    self.kind = kind
    self.message = message
    self.suggestion = suggestion
  }

  init(_ undefined: Undefined) {
    self.init(.undefined, undefined.message, "test with “is defined”, or give a value with |default(...)")
  }

  static let divisionByZero = Fault(.arithmetic, "division by zero")
  static let tooDeep = Fault(
    .limit(.depth), "lists and dictionaries are nested more than \(ScriptLimits.valueDepth) deep")
  static func tooWide(_ limits: ScriptLimits) -> Fault {
    Fault(.limit(.integer), "an integer needs more than \(limits.integerBits) bits")
  }
}
