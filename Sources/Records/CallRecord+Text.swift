import CallModel
import Foundation

/// Records as text for a terminal. Control characters in what peers sent are made visible, never passed on.
extension CallRecord {
  /// One line a call, under a heading.
  public static func table(_ records: [CallRecord]) -> String {
    var rows = [["STARTED", "ID", "FROM", "TO", "SERVICE", "STATE", "DURATION"]]
    for record in records {
      rows.append([
        record.started.text, record.id.description, record.caller.alias.printable,
        record.calledAlias.printable,
        record.serviceName.isEmpty ? "-" : record.serviceName.printable, record.stateText,
        record.durationText ?? "-",
      ])
    }
    let widths = rows[0].indices.map { column in min(rows.map { $0[column].count }.max() ?? 0, 44) }
    return rows.map { row in
      zip(row, widths).map { text, width in
        text.count > width
          ? text.prefix(width - 1) + "…" : text.padding(toLength: width, withPad: " ", startingAt: 0)
      }.joined(separator: "  ").trimmingSuffix { $0 == " " }
    }.joined(separator: "\n")
  }

  /// `up`, `ringing`, or the cause that ended the call.
  public var stateText: String {
    if ended == nil { return connected == nil ? "ringing" : "up" }
    guard let disconnect else { return "ended" }
    return disconnect.cause.rawValue + (disconnect.protocolCode.map { " (\($0))" } ?? "")
  }

  /// From connection to end.
  public var durationText: String? {
    guard let connected, let ended else { return nil }
    return String(format: "%.1f s", Double(ended.milliseconds - connected.milliseconds) / 1000)
  }

  /// The whole record, a fact a line.
  public var text: String {
    var lines = ["call \(id)  \(stateText)"]
    func add(_ name: String, _ value: String?) {
      guard let value, !value.isEmpty else { return }
      lines.append("  " + (name + ":").padding(toLength: 12, withPad: " ", startingAt: 0) + value.printable)
    }
    let from = [caller.displayName.isEmpty ? "" : "\"\(caller.displayName)\"", caller.alias].filter {
      !$0.isEmpty
    }
    add("from", from.joined(separator: " "))
    add(
      "at", caller.address.map { "\($0) (\(caller.callProtocol.rawValue))" } ?? caller.callProtocol.rawValue)
    add("device", caller.vendor)
    add("call-id", caller.protocolCallID)
    add("dialled", calledAlias)
    add(
      "taken by",
      serviceName.isEmpty
        ? nil : "\(serviceName) (\(serviceType.isEmpty ? "unknown" : serviceType))")
    add("tag", tag)
    add("policy", decision.policyVersion)
    for answer in decision.policyAnswers {
      add("server", answer.line)
      for finding in answer.findings where finding.isError {
        add("wrong", finding.field.isEmpty ? finding.problem : "\(finding.field): \(finding.problem)")
      }
    }
    for script in decision.scripts {
      add("script", script.sentence)
      for finding in script.findings where finding.isError {
        add("wrong", finding.field.isEmpty ? finding.problem : "\(finding.field): \(finding.problem)")
      }
    }
    add("decision", decision.summary)
    add("started", started.text)
    add("connected", connected.map { "\($0.text) (after \($0.text(since: started)))" })
    add("ended", ended.map { "\($0.text) by \(endedBy?.rawValue ?? "unknown")" })
    add("duration", durationText)
    add("reason", disconnect?.sentence)
    for (number, attempt) in attempts.enumerated() { add("attempt \(number + 1)", attempt.line) }
    for quality in media { add("media", quality.line) }
    for event in events { add("event", "+\(event.at.text(since: started)) \(event.what)") }
    return lines.joined(separator: "\n")
  }
}

extension CallAttempt {
  fileprivate var line: String {
    var parts = ["\(alias) via \(via)"]
    if let address { parts[0] += " at \(address)" }
    if let rang { parts.append("rang after \(rang.text(since: started))") }
    if let answered { parts.append("answered after \(answered.text(since: started))") }
    if let ended { parts.append("ended after \(ended.text(since: started))") }
    if let disconnect { parts.append(disconnect.sentence) }
    return parts.joined(separator: ", ")
  }
}

extension MediaQuality {
  fileprivate var line: String {
    let total = packetsReceived &+ UInt64(max(packetsLost, 0))
    let loss = total == 0 ? 0 : Double(max(packetsLost, 0)) / Double(total) * 100
    var line =
      "\(side.rawValue) \(kind) \(codec)\(isEncrypted ? " encrypted" : ""), \(packetsReceived) packets received,"
      + " \(packetsSent) sent, \(packetsLost) lost (\(String(format: "%.2f", loss)) %),"
      + " jitter \(String(format: "%.1f", jitter)) ms"
    if let roundTrip { line += ", round trip \(String(format: "%.1f", roundTrip)) ms" }
    return line
  }
}

extension Disconnect {
  fileprivate var sentence: String {
    var sentence = cause.rawValue
    if let protocolCode { sentence += " (\(protocolCode))" }
    if let q850 { sentence += " Q.850 \(q850)" }
    if let text { sentence += ": \(text)" }
    return sentence
  }
}

extension DecisionRecord {
  /// What was decided and by which rule or service, in one line.
  fileprivate var summary: String {
    var summary =
      switch decision {
      case .service(let service): "service \(service.name) (\(service.kind.rawValue))"
      case .gateway(let gateway): "call \(gateway.remoteAlias) over \(gateway.outgoingProtocol.rawValue)"
      case .reject(.withdrawn): "nothing was decided: the caller gave up while policy servers were asked"
      case .reject(let reason): "refused: \(reason.rawValue)"
      case .redirect(let alias): "redirected to \(alias)"
      }
    if let limit { summary += ": \(limit)" }
    if let rule { summary += " by rule \(rule)" }
    let count = considered.count + omittedConsiderations
    if count > 0 { summary += ", \(count) rule\(count == 1 ? "" : "s") considered" }
    return summary
  }
}

extension WallClock {
  /// ISO 8601 in UTC with milliseconds.
  var text: String {
    let (day, inDay) = milliseconds.flooredDivision(by: 86_400_000)
    // Days to a proleptic Gregorian date, years counted from March.
    let shifted = day + 719_468
    let era = shifted.flooredDivision(by: 146_097).quotient
    let dayOfEra = shifted - era * 146_097
    let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let shiftedMonth = (5 * dayOfYear + 2) / 153
    let dayOfMonth = dayOfYear - (153 * shiftedMonth + 2) / 5 + 1
    let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
    let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
    return String(
      format: "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", Int(year), Int(month), Int(dayOfMonth),
      Int(inDay / 3_600_000),
      Int(inDay / 60_000 % 60), Int(inDay / 1000 % 60), Int(inDay % 1000))
  }

  fileprivate func text(since start: WallClock) -> String {
    String(format: "%.3f s", Double(milliseconds - start.milliseconds) / 1000)
  }
}

extension Int64 {
  fileprivate func flooredDivision(by divisor: Int64) -> (quotient: Int64, remainder: Int64) {
    let (quotient, remainder) = quotientAndRemainder(dividingBy: divisor)
    return remainder < 0 ? (quotient - 1, remainder + divisor) : (quotient, remainder)
  }
}

extension String {
  /// Without characters that would move a terminal's cursor or change its state.
  fileprivate var printable: String {
    guard unicodeScalars.contains(where: { $0.value < 0x20 || (0x7f...0x9f).contains($0.value) }) else {
      return self
    }
    return unicodeScalars.reduce(into: "") { text, scalar in
      if scalar.value < 0x20 || (0x7f...0x9f).contains(scalar.value) {
        text += "\\u{\(String(scalar.value, radix: 16))}"
      } else {
        text.unicodeScalars.append(scalar)
      }
    }
  }

  fileprivate func trimmingSuffix(while predicate: (Character) -> Bool) -> String {
    var text = self
    while let last = text.last, predicate(last) { text.removeLast() }
    return text
  }
}

extension PolicyScriptRecord {
  /// `scripts/service.j2, service: used, changed crypto_mode, name`
  fileprivate var sentence: String {
    var text = "\(script), \(kind): \(outcome.rawValue)"
    if let failure {
      let place = line > 0 ? " at \(line):\(column)" : ""
      text += "\(place): \(failure)"
    }
    if !changes.isEmpty { text += ", changed \(changes.map(\.field).joined(separator: ", "))" }
    return text + (isFallback ? "; the fallback refuses" : "")
  }
}

extension PolicyAnswerRecord {
  /// `crm, service: invalid (status 200, 12 ms); the fallback decides`
  fileprivate var line: String {
    var facts: [String] = []
    if let status { facts.append("status \(status)") }
    if let failure { facts.append(failure) }
    if attempts > 0 { facts.append("\(latency.milliseconds) ms") }
    return "\(profile), \(request): \(outcome)" + (facts.isEmpty ? "" : " (\(facts.joined(separator: ", ")))")
      + (isFallback ? "; the fallback decides" : "")
  }
}
