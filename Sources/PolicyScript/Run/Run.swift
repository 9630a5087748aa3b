import CallModel

/// One rendering: variables, output, and what is left of its limits.
///
/// Used by one thread, and taken apart at the end.
final class Run {
  let limits: ScriptLimits
  let environment: ScriptEnvironment
  let patterns: PatternCache
  private let context: ScriptContext
  private let names: [String]

  /// Where in the source evaluation is, for errors: an offset in bytes.
  var at = 0
  /// The variables that the script itself sets, by number.
  var slots: [Value]
  /// Variables of the context, made when first used.
  private var variables: [Value?]
  var output: [UInt8] = []
  /// The containers being written, to notice circles.
  var written: [Container] = []

  private(set) var steps = 0
  private(set) var iterations = 0
  private var logged = 0
  private let deadline: MonotonicInstant
  private var containers: [Container] = []

  init(_ program: Program, _ context: ScriptContext, _ limits: ScriptLimits, _ environment: ScriptEnvironment)
  {
    self.limits = limits
    self.environment = environment
    self.context = context
    patterns = program.patterns
    names = program.names
    slots = Array(repeating: .none, count: program.slotCount)
    variables = Array(repeating: nil, count: program.names.count)
    deadline = environment.clock() + limits.time
  }

  /// Breaks circles and frees chains one by one.
  func dismantle() {
    slots = []
    variables = []
    for container in containers { container.dismantle() }
  }

  func own(_ container: Container) { containers.append(container) }

  // MARK: Limits

  @inline(__always)
  func step() throws(Fault) {
    steps += 1
    if steps & 0xff == 0 || steps > limits.steps { try checkWork() }
  }

  /// Counts the work of `count` elements.
  func charge(_ count: Int) throws(Fault) {
    let before = steps
    steps += count
    if steps > limits.steps || before >> 8 != steps >> 8 { try checkWork() }
  }

  func charge(bytes: Int) throws(Fault) { try charge(bytes >> 6) }

  func checkWork() throws(Fault) {
    if steps > limits.steps {
      throw Fault(.limit(.steps), "the script takes more than \(limits.steps) steps")
    }
    try checkTime()
  }

  func checkTime() throws(Fault) {
    if environment.clock() > deadline {
      throw Fault(.limit(.time), "the script takes more than \(limits.time.milliseconds) ms")
    }
  }

  func iterate() throws(Fault) {
    iterations += 1
    if iterations > limits.iterations {
      throw Fault(.limit(.iterations), "loops take more than \(limits.iterations) passes")
    }
    try step()
  }

  func check(bytes: Int) throws(Fault) {
    if bytes > limits.textBytes {
      throw Fault(.limit(.text), "a text has more than \(limits.textBytes) bytes")
    }
  }

  func check(count: Int) throws(Fault) {
    if count > limits.elements {
      throw Fault(.limit(.elements), "a list or dictionary has more than \(limits.elements) elements")
    }
  }

  func check(bits: Int) throws(Fault) { if bits > limits.integerBits { throw .tooWide(limits) } }

  /// Checked after something was written to the output.
  func checkOutput() throws(Fault) {
    if output.count > limits.outputBytes {
      throw Fault(.limit(.output), "the output has more than \(limits.outputBytes) bytes")
    }
  }

  // MARK: Outside

  func log(_ line: Text) throws(Fault) {
    logged += line.bytes.count
    if logged > limits.logBytes {
      throw Fault(.limit(.log), "the script logs more than \(limits.logBytes) bytes")
    }
    environment.log(line.string)
  }

  /// The variable of the context; undefined when there is none.
  func variable(_ number: Int) throws(Fault) -> Value? {
    if let value = variables[number] { return value }
    guard let variable = context.variables[names[number]] else { return nil }
    let value = try make(variable.value, isReadOnly: variable.isReadOnly)
    variables[number] = value
    return value
  }

  private func make(_ value: ScriptValue, isReadOnly: Bool, depth: Int = 0) throws(Fault) -> Value {
    guard depth < ScriptLimits.valueDepth else { throw .tooDeep }
    switch value {
    case .null: return .none
    case .boolean(let value): return .boolean(value)
    case .integer(let value): return .integer(value)
    case .number(let value): return .float(value)
    case .string(let value): return .text(value)
    case .list(let values):
      try charge(values.count)
      var items: [Value] = []
      items.reserveCapacity(values.count)
      for value in values { items.append(try make(value, isReadOnly: isReadOnly, depth: depth + 1)) }
      let list = try makeList(items)
      list.isReadOnly = isReadOnly
      return .list(list)
    case .object(let object):
      try charge(object.count)
      try check(count: object.count)
      let dictionary = makeDictionary()
      for (key, value) in object {
        let text = Text(key)
        dictionary.set(
          .string(text), hash: .string(text), to: try make(value, isReadOnly: isReadOnly, depth: depth + 1))
      }
      dictionary.isReadOnly = isReadOnly
      return .dictionary(dictionary)
    }
  }
}
