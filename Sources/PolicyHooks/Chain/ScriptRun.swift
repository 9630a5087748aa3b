import CallModel
import JSONText
import PolicyEngine
import PolicyScript
import Synchronization

/// One run of a script up to its answer read: everything that the three kinds of scripts share.
struct ScriptRun {
  /// The action and the members of the result; nil when the script failed.
  var answer: ScriptAnswer?
  /// Without what the answer means: that is filled in by who knows the kind.
  var record: PolicyScriptRecord
  /// What the script wrote to its log, a line each, without secrets.
  var log: [String] = []

  init(
    _ script: PolicyScript, _ kind: ScriptKind, of profile: PolicyProfile, _ context: ScriptContext,
    redaction: Redaction, environment: ScriptEnvironment
  ) {
    record = PolicyScriptRecord(
      profile: profile.name, kind: kind.word, script: script.name, outcome: .unchanged)
    let lines = ScriptLog()
    var environment = environment
    environment.log = { lines.append($0) }
    let begin = environment.clock()
    do throws(ScriptError) {
      let (output, usage) = try script.renderMeasured(context, environment: environment)
      record.steps = usage.steps
      do throws(ScriptDiagnostic) {
        answer = try ScriptAnswer.read(output, of: script.name, kind: kind)
      } catch {
        fail(.badOutput, error, redaction)
      }
    } catch {
      switch error.kind {
      case .limit: fail(.limit, error.diagnostic, redaction)
      case .notApplied: fail(.notApplied, error.diagnostic, redaction)
      default: fail(.error, error.diagnostic, redaction)
      }
    }
    record.time = environment.clock() - begin
    log = lines.taken.map(redaction.redacted)
  }

  private mutating func fail(
    _ outcome: PolicyScriptRecord.Outcome, _ diagnostic: ScriptDiagnostic, _ redaction: Redaction
  ) {
    record.outcome = outcome
    var text = diagnostic.message
    if let expected = diagnostic.expected { text += "; expected \(expected)" }
    if let found = diagnostic.found { text += ", found \(found)" }
    record.failure = redaction.redacted(text)
    (record.line, record.column) = (diagnostic.line, diagnostic.column)
  }

  /// PINs in the result, whether or not it is valid.
  var secrets: [Secret] {
    ["pin", "guest_pin"].compactMap { key in
      guard case .string(let text)? = answer?.result?[key]?.value else { return nil }
      return Secret(text)
    }
  }

  /// The result as a JSON value; nil when it is missing or empty.
  var result: JSONNode? {
    answer?.result.flatMap { $0.isEmpty ? nil : JSONNode(.object($0)) }
  }
}

extension PolicyScriptRecord {
  /// A run that was not begun.
  public static func overloaded(_ script: PolicyScript, _ kind: ScriptKind, of profile: PolicyProfile) -> Self
  {
    PolicyScriptRecord(profile: profile.name, kind: kind.word, script: script.name, outcome: .overloaded)
  }

  mutating func note(_ findings: [AnswerFinding], _ redaction: Redaction) {
    self.findings = findings.map {
      PolicyAnswerRecord.Finding(
        field: redaction.redacted($0.field), problem: redaction.redacted($0.problem.description),
        isError: $0.severity == .error)
    }
  }

  /// Whether the script was meant to decide and could not.
  var needsFallback: Bool {
    switch outcome {
    case .error, .limit, .badOutput, .invalid, .overloaded: true
    case .used, .unchanged, .reject, .redirect, .otherService, .notApplied: false
    }
  }
}

/// Takes PINs out of texts that a script made: it sees them in clear, and nobody else may.
struct Redaction {
  private var secrets: [String]

  init(_ secrets: [Secret]) {
    // The longest first: one may be part of another. What is shorter is no PIN, and would blot out everything.
    self.secrets = secrets.map { $0.reveal() }.filter { $0.utf8.count >= 4 }.sorted {
      $0.utf8.count > $1.utf8.count
    }
  }

  mutating func add(_ more: [Secret]) { self = Redaction(secrets.map { Secret($0) } + more) }

  func redacted(_ text: String) -> String {
    var text = text
    for secret in secrets { text = Redaction.replace(secret, in: text) }
    return text
  }

  private static func replace(_ secret: String, in text: String) -> String {
    let (bytes, part) = (Array(text.utf8), Array(secret.utf8))
    guard bytes.count >= part.count else { return text }
    var result: [UInt8] = []
    var i = 0
    var isFound = false
    while i < bytes.count {
      if bytes[i] == part[0], i + part.count <= bytes.count, bytes[i..<i + part.count].elementsEqual(part) {
        result += "‹secret›".utf8
        i += part.count
        isFound = true
      } else {
        result.append(bytes[i])
        i += 1
      }
    }
    return isFound ? String(decoding: result, as: UTF8.self) : text
  }
}

/// Lines of `pex_debug_log` of one run. The interpreter bounds them.
private final class ScriptLog: Sendable {
  private let lines = Mutex<[String]>([])
  func append(_ line: String) { lines.withLock { $0.append(line) } }
  var taken: [String] { lines.withLock { $0 } }
}
