import CallModel
import SIP
import TestSupport

/// A zone in memory that answers the questions of a ``ServerLocation``.
struct Zone {
  var answers: [DNSQuestion: DNSAnswer] = [:]
  private(set) var asked: [DNSQuestion] = []

  static func srv(_ priority: UInt16, _ weight: UInt16, _ port: UInt16, _ target: String) -> DNSRecord {
    .service(.init(priority: priority, weight: weight, port: port, target: target))
  }

  static func naptr(
    _ order: UInt16, _ preference: UInt16, _ service: String, _ replacement: String, flags: String = "s",
    regularExpression: String = ""
  ) -> DNSRecord {
    .namingAuthority(
      .init(
        order: order, preference: preference, flags: flags, service: service,
        regularExpression: regularExpression, replacement: replacement))
  }

  mutating func set(_ name: String, _ type: DNSQuestion.RecordType, _ records: DNSRecord...) {
    answers[DNSQuestion(name, type)] = .records(records)
  }

  mutating func fail(_ name: String, _ type: DNSQuestion.RecordType, _ failure: DNSFailure = .timeout) {
    answers[DNSQuestion(name, type)] = .failed(failure)
  }

  /// A name that is there has no data of other types; the rest does not exist.
  func answer(_ question: DNSQuestion) -> DNSAnswer {
    if let answer = answers[question] { return answer }
    return answers.keys.contains { $0.name == question.name } ? .noData : .noSuchName
  }

  mutating func note(_ question: DNSQuestion) { asked.append(question) }

  /// Runs a location to its end. Answers of one step come last first: their order must not matter.
  mutating func locate(
    _ target: ServerLocationTarget, _ preferences: ServerLocationPreferences = .init(),
    seed: UInt64 = 1
  ) -> ServerLocation.Step {
    var location = ServerLocation(target: target, preferences: preferences)
    var random = SplitMix(seed: seed)
    var step = location.start()
    var rounds = 0
    while case .ask(let questions) = step {
      rounds += 1
      precondition(rounds <= 3, "a look-up takes at most three round trips")
      for question in questions.reversed() {
        note(question)
        step = location.answered(question, with: answer(question), random: &random)
      }
    }
    return step
  }
}

/// `udp:192.0.2.1:5060`, one word a candidate, or `error: ...`.
func text(_ step: ServerLocation.Step) -> String {
  switch step {
  case .found(let candidates): candidates.map(\.description).joined(separator: " ")
  case .failed(let error): "error: \(error)"
  case .ask, .wait: "unfinished"
  }
}

func ip(_ text: String) -> IPAddress { IPAddress(text) ?? .anyIPv4 }
func address(_ text: String) -> DNSRecord { .address(ip(text)) }
