import CallModel

/// Decides as the routing reference §3.2 reads, rule by rule, with a backtracking matcher of its own: slow, plain, and
/// sharing no code with the engine.
enum NaiveInterpreter {
  enum Result: Equatable {
    case service(String)
    case rule(String, alias: String)
    case nothing
    case refused
  }

  static func decide(_ policy: NaivePolicy, _ call: NaiveCall) -> Result {
    if policy.disabledProtocols.contains(call.callProtocol) { return .refused }
    if call.direction == .dialOut, !policy.dialOut { return .refused }
    for service in policy.services where service.alias.lowercased() == call.parsed.lowercased() {
      return .service(service.name)
    }
    let candidates = policy.rules.enumerated().sorted { a, b in
      a.element.priority != b.element.priority ? a.element.priority < b.element.priority : a.offset < b.offset
    }
    for (_, rule) in candidates {
      if !rule.enabled { continue }
      if call.direction == .dialOut {
        if !rule.outgoing { continue }
      } else {
        if !rule.incoming { continue }
        let box: CallProtocol = [.api, .rtmp].contains(call.callProtocol) ? .webrtc : call.callProtocol
        if !rule.protocols.contains(box) { continue }
        if rule.registered && !call.registered { continue }
        if let wanted = rule.caller, wanted != call.caller { continue }
        if let trunk = rule.trunk, trunk != call.trunk { continue }
        if rule.trusted && !call.registered && call.trunk != "trusted" { continue }
      }
      // In UTC, from 06:00 to 18:00.
      if rule.byDay && !(6..<18).contains(call.hour) { continue }
      if rule.byNight && (6..<18).contains(call.hour) { continue }
      if let location = rule.location, location != call.location { continue }
      let subject = Array(rule.full ? call.full : call.parsed)
      guard let groups = match(rule.pattern, subject) else { continue }
      if !policy.dialOut { return .refused }
      var alias = call.parsed
      if !rule.replacement.isEmpty {
        alias = rule.replacement.map { part in
          switch part {
          case .text(let text): return text
          case .group(let n): return n == 0 ? String(subject) : groups[n].map { String(subject[$0]) } ?? ""
          }
        }.joined()
      }
      return alias.isEmpty ? .refused : .rule(rule.name, alias: alias)
    }
    return .nothing
  }

  /// Groups of the first full match in the order of backtracking; nil for none.
  static func match(_ pattern: NaivePattern, _ subject: [Character]) -> [Range<Int>?]? {
    var groups = [Range<Int>?](repeating: nil, count: 10)
    var found: [Range<Int>?]?
    _ = run([pattern], 0, subject, &groups) { end, groups in
      guard end == subject.count else { return false }
      found = groups
      return true
    }
    return found
  }

  private static func run(
    _ todo: [NaivePattern], _ at: Int, _ subject: [Character], _ groups: inout [Range<Int>?],
    _ accept: (Int, [Range<Int>?]) -> Bool
  ) -> Bool {
    guard let first = todo.first else { return accept(at, groups) }
    let rest = Array(todo.dropFirst())
    func next(_ test: (Character) -> Bool) -> Bool {
      guard at < subject.count, test(subject[at]) else { return false }
      return run(rest, at + 1, subject, &groups, accept)
    }
    switch first {
    case .literal(let character): return next { $0.lowercased() == character.lowercased() }
    case .digit: return next { $0.isASCII && $0.isNumber }
    case .any: return next { $0 != "\n" }
    case .set(let members, let negated):
      return next { members.contains(Character($0.lowercased())) != negated }
    case .sequence(let parts): return run(parts + rest, at, subject, &groups, accept)
    case .choice(let parts):
      for part in parts where run([part] + rest, at, subject, &groups, accept) { return true }
      return false
    case .group(let number, let inner):
      let before = groups[number]
      if run([inner, .close(number, at)] + rest, at, subject, &groups, accept) { return true }
      groups[number] = before
      return false
    case .close(let number, let start):
      let before = groups[number]
      groups[number] = start..<at
      if run(rest, at, subject, &groups, accept) { return true }
      groups[number] = before
      return false
    case .repeated(let inner, let low, let high):
      // Greedy; what is repeated here is never empty.
      if high > 0,
        run([inner, .repeated(inner, max(0, low - 1), high - 1)] + rest, at, subject, &groups, accept)
      {
        return true
      }
      return low == 0 && run(rest, at, subject, &groups, accept)
    }
  }
}

indirect enum NaivePattern {
  case literal(Character)
  case digit
  case any
  case set([Character], negated: Bool)
  case sequence([NaivePattern])
  case choice([NaivePattern])
  case group(Int, NaivePattern)
  /// Only while matching: the end of a group that began there.
  case close(Int, Int)
  case repeated(NaivePattern, Int, Int)

  static let unbounded = 1_000

  /// As a regular expression.
  var text: String {
    switch self {
    case .literal(let character):
      return character.isLetter || character.isNumber || character == "@"
        ? String(character) : "\\\(character)"
    case .digit: return "\\d"
    case .any: return "."
    case .set(let members, let negated): return "[\(negated ? "^" : "")\(String(members))]"
    case .sequence(let parts): return parts.map(\.text).joined()
    case .choice(let parts): return "(?:" + parts.map(\.text).joined(separator: "|") + ")"
    case .group(_, let inner): return "(\(inner.text))"
    case .close: return ""
    case .repeated(let inner, let low, let high):
      let count =
        switch (low, high) {
        case (0, NaivePattern.unbounded): "*"
        case (1, NaivePattern.unbounded): "+"
        case (0, 1): "?"
        default: high == NaivePattern.unbounded ? "{\(low),}" : "{\(low),\(high)}"
        }
      switch inner {
      case .sequence, .repeated: return "(?:\(inner.text))\(count)"
      default: return inner.text + count
      }
    }
  }
}

enum NaiveReplacement {
  case text(String)
  case group(Int)

  var text: String {
    switch self {
    case .text(let text): text.replacing("\\", with: "\\\\")
    case .group(let n): "\\g<\(n)>"
    }
  }
}

struct NaiveRule {
  var name: String
  var priority: Int
  var enabled: Bool
  var incoming: Bool
  var outgoing: Bool
  var protocols: Set<CallProtocol>
  var registered: Bool
  var location: String?
  var caller: String?
  var trunk: String?
  var trusted: Bool
  var byDay: Bool
  var byNight: Bool
  var full: Bool
  var pattern: NaivePattern
  var replacement: [NaiveReplacement]
}

struct NaivePolicy {
  var rules: [NaiveRule]
  var services: [(alias: String, name: String)]
  var disabledProtocols: Set<CallProtocol>
  var dialOut: Bool
}

struct NaiveCall {
  var parsed: String
  var full: String
  var callProtocol: CallProtocol
  var direction: CallDirection
  var registered: Bool
  var location: String?
  var caller: String
  var trunk: String?
  var hour: Int
}
