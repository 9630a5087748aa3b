import CallModel
import PolicyEngine

extension DifferenceSearch {
  /// The gravest first; among equals in the order of evaluation.
  var sortedFindings: [PolicyDifference.Finding] {
    func place(_ taker: Taker) -> Int {
      switch taker {
      case .service: -1
      case .rule(let i): i
      case .nobody: .max
      }
    }
    let routed = findings.values.sorted { a, b in
      (a.change.rank, place(a.before), place(a.after), a.summary)
        < (b.change.rank, place(b.before), place(b.after), b.summary)
    }
    return settings.filter { $0.subject == .callProtocol } + routed
      + scriptFindings.sorted {
        ($0.value.change.rank, $0.value.summary) < ($1.value.change.rank, $1.value.summary)
      }
      .map(\.value) + settings.filter { $0.subject != .callProtocol }
  }

  func summary(_ pair: Pair, _ change: DecisionChange) -> String {
    let before = name(pair.old, old)
    let after = name(pair.new, new)
    switch change {
    case .refused where pair.new == .nobody: return "calls that \(before) took are taken by nobody"
    case .refused: return "calls that \(before) took are refused by \(after)"
    case .admitted where pair.old == .nobody: return "calls that nobody took are taken by \(after)"
    case .admitted: return "calls that \(before) refused are taken by \(after)"
    case .limited where before == after: return "calls of \(before) count against other limits"
    case .limited: return "calls that \(before) took go to \(after), and count against other limits"
    case .shortened: return "calls that \(before) took are ended earlier by \(after)"
    case .elsewhere where before == after: return "calls of \(before) go elsewhere"
    case .elsewhere: return "calls that \(before) took go to \(after)"
    case .otherwise where before == after: return "calls of \(before) get other media or identity"
    case .otherwise: return "calls that \(before) took go to \(after), with other media or identity"
    case .renamed: return "calls that \(before) took are taken by \(after)"
    }
  }

  func name(_ taker: Taker, _ side: DifferenceSide) -> String {
    switch taker {
    case .rule(let i): "rule “\(side.rules[i].name)”"
    case .service(let name): "service “\(name)”"
    case .nobody: "nobody"
    }
  }
}

extension ExplainedCall {
  /// Who calls, in words: “a registered device”, “a stranger by h323 in location “office””.
  var callerSentence: String {
    if direction == .dialOut { return "placed by Tandem" + (location.map { " in location “\($0)”" } ?? "") }
    var text = isRegistered ? "from a registered device" : "from a stranger"
    if let trunk { text = "over trunk “\(trunk)”" }
    if from != "sip:anonymous@anonymous.invalid" { text += " (\(from))" }
    if let source { text += " at \(source)" }
    if callProtocol != .sip { text += " by \(callProtocol.rawValue)" }
    if let location { text += " in location “\(location)”" }
    if capability != .video { text += ", offering \(capability.rawValue)" }
    if !tag.isEmpty { text += ", tagged “\(tag)”" }
    return text
  }

  /// What `tandem explain` needs to look at this call.
  var explainArguments: [String] {
    var words: [String] = [alias]
    if direction == .dialOut { words += ["--direction", "out"] }
    if callProtocol != .sip { words += ["--protocol", callProtocol.rawValue] }
    if let registeredAlias {
      words += ["--registered-as", registeredAlias]
    } else if isRegistered {
      words.append("--registered")
    }
    if from != "sip:anonymous@anonymous.invalid" { words += ["--from", from] }
    if let location { words += ["--location", location] }
    if let source { words += ["--source", "\(source)"] }
    if let trunk { words += ["--trunk", trunk] }
    if capability != .video { words += ["--capability", capability.rawValue] }
    if !tag.isEmpty { words += ["--tag", tag] }
    return words
  }

  /// The same with the time, where it is not that of `other`.
  func explainArguments(otherThan other: ExplainedCall?) -> [String] {
    explainArguments + (at == other?.at ? [] : ["--at", at.iso8601])
  }
}
