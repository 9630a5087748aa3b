import CallModel
import PatternAnalysis

/// Calls that try a policy where it could break: texts of every rule's language, drawn from its expression, and near misses;
/// the aliases of services and devices; in all forms, protocols, directions and locations. The same calls for the same seed.
struct GeneratedCalls {
  private var random: SplitMix64
  private var expressions: [RegularExpression] = []
  /// A text that a rule takes and none before it does, where there is one.
  private var witnesses: [String] = []
  private var aliases: [String] = []
  private var serviceAliases: [String] = []
  /// What receptions take, by the name of the service.
  private var entries: [String: RegularExpression] = [:]
  private var locations: [String?] = [nil]
  private var number: UInt64 = 0

  init(_ export: ManagementExport, seed: UInt64) {
    random = SplitMix64(seed: seed)
    var before: [Automaton] = []
    // Of disabled rules too: what they would take must go elsewhere.
    let rules = export.all("gateway_routing_rule")
      .sorted { ($0.integer("priority") ?? 0, $0.id) < ($1.integer("priority") ?? 0, $1.id) }
    for rule in rules {
      guard let expression = try? RegularExpression(parsing: rule.text("match_string")) else {
        aliases += GeneratedCalls.plainTexts(rule.text("match_string"))
        continue
      }
      expressions.append(expression)
      guard let automaton = try? Automaton(expression, universe: .printable) else { continue }
      if let witness = try? automaton.witness() { witnesses.append(witness) }
      // Beyond a few rules before it, the search is not worth its time.
      let others = Array(before.suffix(8))
      if !others.isEmpty, let witness = try? automaton.counterexample(toBeingSubsetOf: others) {
        witnesses.append(witness)
      }
      before.append(automaton)
    }
    aliases += (export.all("conference_alias") + export.all("device")).map { $0.text("alias") }
    serviceAliases = export.all("conference_alias").map { $0.text("alias") }
    for reception in export.all("conference") where reception.text("service_type") == "two_stage_dialing" {
      if let pattern = reception.optional("match_string") {
        entries[reception.text("name")] = try? RegularExpression(parsing: pattern)
      }
    }
    aliases += ["", "0", "9", "anonymous", "sip:", "@", "a@b", "\u{e5}sa@example.org"]
    locations += export.all("system_location").map { $0.text("name") } + ["nowhere"]
  }

  /// What is left of a pattern that analysis cannot read when its signs are taken out.
  private static func plainTexts(_ pattern: String) -> [String] {
    let text = pattern.replacing("\\.", with: ".").replacing("\\d", with: "5")
    return [
      String(text.filter { !"()[]{}?*+|^$\\=!<>:".contains($0) }),
      String(text.filter { $0.isLetter || $0.isNumber || "@.".contains($0) }),
    ]
  }

  mutating func next() -> CallRequest {
    number += 1
    let text = form(text())
    let protocols: [CallProtocol] = [.sip, .sip, .sip, .h323, .mssip, .webrtc, .rtmp, .teams, .api]
    let callProtocol = protocols.randomElement(using: &random) ?? .sip
    let directions: [CallDirection] = [.dialIn, .dialIn, .dialIn, .dialOut, .nonDial]
    let isRegistered = [.sip, .h323].contains(callProtocol) && Bool.random(using: &random)
    return CallRequest(
      id: CallID(high: 0, low: number), direction: directions.randomElement(using: &random) ?? .dialIn,
      trigger: .invite, callProtocol: callProtocol,
      alias: text.hasPrefix("sip") ? Alias(sip: text) : Alias(dialled: text, protocol: callProtocol),
      caller: Caller(alias: "sip:caller@example.org", isRegistered: isRegistered),
      location: locations.randomElement(using: &random) ?? nil)
  }

  private mutating func text() -> String {
    switch Int.random(in: 0..<10, using: &random) {
    case 0: return aliases.randomElement(using: &random) ?? ""
    case 5: return serviceAliases.randomElement(using: &random) ?? drawn()
    case 1: return witnesses.randomElement(using: &random) ?? "1"
    case 2: return changed(witnesses.randomElement(using: &random) ?? "1")
    case 3: return changed(drawn())
    case 4:
      return String(
        (0..<Int.random(in: 1...12, using: &random)).map { _ in
          Character(Unicode.Scalar(UInt8.random(in: 0x30...0x39, using: &random)))
        })
    default: return drawn()
    }
  }

  /// A near miss: one character more, less, other, or in the other case.
  private mutating func changed(_ text: String) -> String {
    var characters = Array(text)
    let place = Int.random(in: 0...characters.count, using: &random)
    let letters = Array("0159az@.-*#+_ \u{e9}")
    switch Int.random(in: 0..<5, using: &random) {
    case 0: characters.insert(letters.randomElement(using: &random) ?? "x", at: place)
    case 1 where place < characters.count: characters.remove(at: place)
    case 2 where place < characters.count: characters[place] = letters.randomElement(using: &random) ?? "x"
    case 3: return text.uppercased()
    default: return text + "@example.org"
    }
    return String(characters)
  }

  /// As it comes over the wire.
  private mutating func form(_ text: String) -> String {
    switch Int.random(in: 0..<8, using: &random) {
    case 0: "sip:\(text)"
    case 1: "sip:\(text)\(text.contains("@") ? "" : "@192.0.2.7");transport=tls"
    case 2: "sips:\(text)\(text.contains("@") ? "" : "@example.org"):5061"
    case 3: "h323:\(text)"
    default: text
    }
  }

  // MARK: Drawing from an expression

  /// What somebody enters at a reception: by its pattern, beside it, or any number.
  mutating func entry(at reception: String) -> String {
    let pick = Int.random(in: 0..<4, using: &random)
    guard pick > 0, let expression = entries[reception] else {
      return String(
        (0..<Int.random(in: 1...8, using: &random)).map { _ in
          Character(Unicode.Scalar(UInt8.random(in: 0x30...0x39, using: &random)))
        })
    }
    let text = drawn(from: expression)
    return pick == 1 ? changed(text) : text
  }

  private mutating func drawn() -> String {
    guard let expression = expressions.randomElement(using: &random) else { return "1" }
    return drawn(from: expression)
  }

  private mutating func drawn(from expression: RegularExpression) -> String {
    var text = String.UnicodeScalarView()
    let ends: [End] = [.lowest, .highest, .anywhere, .anywhere, .anywhere]
    draw(expression.root, ends.randomElement(using: &random) ?? .anywhere, into: &text)
    return String(text)
  }

  /// Whether a text is drawn at an end of what an expression allows: there numbers begin and end.
  private enum End { case lowest, highest, anywhere }

  private mutating func draw(
    _ node: RegularExpression.Node, _ end: End, into text: inout String.UnicodeScalarView
  ) {
    // Long texts try nothing new.
    guard text.count < 200 else { return }
    switch node {
    case .empty, .assertion: break
    case .characters(let set):
      let readable = set.intersection(ScalarSet([0x21...0x7e]))
      let from = readable.isEmpty || Int.random(in: 0..<40, using: &random) == 0 ? set : readable
      guard let range = from.ranges.randomElement(using: &random) else { return }
      let value: UInt32 =
        switch end {
        case .lowest: from.ranges[0].lowerBound
        case .highest: from.ranges[from.ranges.count - 1].upperBound
        case .anywhere: UInt32.random(in: range, using: &random)
        }
      if let scalar = Unicode.Scalar(value) { text.append(scalar) }
    case .sequence(let nodes): for node in nodes { draw(node, end, into: &text) }
    case .alternatives(let nodes):
      if let node = nodes.randomElement(using: &random) { draw(node, end, into: &text) }
    case .repeated(let inner, let low, let high, _):
      // The boundaries more often than what is between.
      let top = min(high ?? low + 6, low + 12)
      let count =
        [low, top, Int.random(in: low...max(low, top), using: &random)].randomElement(using: &random) ?? low
      for _ in 0..<count { draw(inner, end, into: &text) }
    case .group(_, let inner): draw(inner, end, into: &text)
    }
  }
}
