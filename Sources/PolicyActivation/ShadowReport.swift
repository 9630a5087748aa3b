import CallModel
import PolicyEngine
import PolicyTools

/// Shadow mode as text and JSON.
public struct ShadowReport: Sendable {
  public var version: String
  public var directory: String
  public var started: WallClock
  public var tally: ShadowTally
  public var dropped: Int
  public var waiting: Int
  /// Kinds of difference listed in the text.
  public static let listed = 20

  public init(_ shadow: ShadowEvaluation) {
    version = shadow.candidate.version.description
    directory = shadow.directory
    started = shadow.started
    tally = shadow.result
    dropped = shadow.droppedCount
    waiting = shadow.waitingCount
  }

  /// `120 calls, 3 differ (2.5 %)`.
  public var summary: String {
    var text =
      "\(tally.compared) call\(tally.compared == 1 ? "" : "s"), \(tally.differing) differ (\(ActivationGate.percent(tally.share)))"
    if tally.skipped > 0 { text += "; \(tally.skipped) not comparable" }
    if tally.undecidable > 0 {
      text += "; of \(tally.undecidable) the candidate's decision is not known (a server or chance decides)"
    }
    if dropped > 0 { text += "; \(dropped) not looked at for want of time" }
    if waiting > 0 { text += "; \(waiting) still to be looked at" }
    return text
  }

  public var text: String {
    var lines = ["Candidate \(version) from \(directory), looking on since \(started.iso8601): \(summary)"]
    for (kind, count) in tally.kinds.prefix(ShadowReport.listed) {
      lines.append("\(count) \(kind.change.rawValue): from \(kind.before) to \(kind.after)")
      for example in tally.examples[kind] ?? [] {
        lines.append("    \(example.caller) → \(example.alias) (\(example.call), \(example.at.iso8601))")
        lines.append("      was    \(example.before)")
        lines.append("      would  \(example.after)")
      }
    }
    let more = tally.kinds.count - ShadowReport.listed
    if more > 0 { lines.append("… and \(more) more kinds of difference") }
    if tally.otherKinds > 0 {
      lines.append("… and \(tally.otherKinds) calls of kinds that are not told apart")
    }
    return lines.joined(separator: "\n") + "\n"
  }

  public var json: String { object.text }

  var object: JSONText {
    .object([
      ("version", .string(version)), ("directory", .string(directory)),
      ("started", .string(started.iso8601)), ("compared", .integer(tally.compared)),
      ("differing", .integer(tally.differing)), ("changed_percent", .number(tally.share)),
      ("skipped", .integer(tally.skipped)), ("undecidable", .integer(tally.undecidable)),
      ("dropped", .integer(dropped)), ("waiting", .integer(waiting)),
      (
        "differences",
        .array(
          tally.kinds.map { kind, count in
            .object([
              ("change", .string(kind.change.rawValue)), ("before", .string(kind.before)),
              ("after", .string(kind.after)), ("calls", .integer(count)),
              (
                "examples",
                .array(
                  (tally.examples[kind] ?? []).map {
                    .object([
                      ("call", .string("\($0.call)")), ("at", .string($0.at.iso8601)),
                      ("caller", .string($0.caller)), ("alias", .string($0.alias)),
                      ("before", .string($0.before)), ("after", .string($0.after)),
                    ])
                  })
              ),
            ])
          })
      ),
      ("other_kinds", .integer(tally.otherKinds)),
    ])
  }
}
