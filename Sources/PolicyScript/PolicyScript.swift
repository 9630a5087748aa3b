/// A local policy script: a template in a subset of Jinja2, made ready to run on every call.
///
/// The language has no way out: no files, no network, no attributes but those listed, and ``ScriptLimits`` bound what one rendering
/// may use. A compiled script is immutable and can be rendered by many threads at once.
///
/// ```swift
/// let script = try PolicyScript.compile(source, name: "service.j2")
/// let text = try script.render(ScriptContext(["call_info": callInfo]), environment: environment)
/// let answer = try ScriptAnswer.read(text, of: script.name, kind: .service)
/// ```
public struct PolicyScript: Sendable {
  /// As given to ``compile(_:name:)``.
  public let name: String
  private let source: ScriptSource
  private let program: Program
  /// The words it uses.
  public let vocabulary: ScriptVocabulary

  /// Characters of a script, as the reference system allows.
  public static let maximumLength = 49_152

  private init(name: String, source: ScriptSource, program: Program, vocabulary: ScriptVocabulary) {
    self.vocabulary = vocabulary
    self.name = name
    self.source = source
    self.program = program
  }

  /// Compiles a script.
  ///
  /// - Parameter name: What messages call it: a file name, or the name of a setting.
  /// - Throws: All errors in it at once. Warnings do not keep a script from running: ``check(_:name:variables:)`` gives those.
  public static func compile(_ text: String, name: String) throws(ScriptDiagnostics) -> PolicyScript {
    let (script, findings) = read(text, name: name, variables: nil)
    if let script { return script }
    throw ScriptDiagnostics(findings.filter { $0.severity == .error })
  }

  /// All that is wrong with a script, and what deserves a look, in the order of the text.
  ///
  /// - Parameter variables: The names it will be given: then others are reported. ``ScriptKind/variables`` has them.
  public static func check(_ text: String, name: String, variables: Set<String>? = nil) -> [ScriptDiagnostic]
  {
    read(text, name: name, variables: variables).findings
  }

  /// Both at once: the script, unless there are errors, and everything that was found.
  public static func checked(
    _ text: String, name: String, variables: Set<String>? = nil
  ) -> (script: PolicyScript?, findings: [ScriptDiagnostic]) {
    read(text, name: name, variables: variables)
  }

  private static func read(
    _ text: String, name: String, variables: Set<String>?
  ) -> (script: PolicyScript?, findings: [ScriptDiagnostic]) {
    let source = ScriptSource(text, name: name)
    let diagnostics = DiagnosticCollector(source)
    guard text.unicodeScalars.count <= maximumLength else {
      diagnostics.add(
        .error, "too-long", "a script has at most \(maximumLength) characters", at: source.bytes.count)
      return (nil, diagnostics.all)
    }
    let statements = Parser.parse(source, diagnostics)
    let compiler = Compiler(diagnostics, variables: variables)
    let program = compiler.program(statements)
    let findings = diagnostics.all.enumerated().sorted {
      ($0.element.line, $0.element.column, $0.offset) < ($1.element.line, $1.element.column, $1.offset)
    }.map(\.element)
    if findings.contains(where: { $0.severity == .error }) { return (nil, findings) }
    let vocabulary = ScriptVocabulary(statements)
    return (PolicyScript(name: name, source: source, program: program, vocabulary: vocabulary), findings)
  }

  /// What a rendering took.
  public struct Usage: Hashable, Sendable {
    public var steps: Int
    public var iterations: Int
  }

  /// Runs the script and returns its output.
  public func render(
    _ context: ScriptContext, limits: ScriptLimits = ScriptLimits(), environment: ScriptEnvironment
  ) throws(ScriptError) -> String {
    try renderMeasured(context, limits: limits, environment: environment).output
  }

  /// The same, with what it took: for the pages where scripts are tried out.
  public func renderMeasured(
    _ context: ScriptContext, limits: ScriptLimits = ScriptLimits(), environment: ScriptEnvironment
  ) throws(ScriptError) -> (output: String, usage: Usage) {
    let run = Run(program, context, limits, environment)
    defer { run.dismantle() }
    do throws(Fault) {
      try program.body(run)
      try run.checkTime()
    } catch {
      throw source.error(error, at: run.at)
    }
    return (
      String(decoding: run.output, as: UTF8.self), Usage(steps: run.steps, iterations: run.iterations)
    )
  }
}
