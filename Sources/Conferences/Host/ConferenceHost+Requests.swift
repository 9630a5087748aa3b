import CallModel
import PolicyEngine
import Router

/// What administrators ask at the control socket.
extension ConferenceHost {
  /// Answers when there is an answer: a recording's file has to be made first.
  public func answer(
    _ request: ConferenceRequest, isJSON: Bool, then: @escaping (_ exitCode: Int32, _ output: String) -> Void
  ) {
    guard case .act(.record(let isWanted), let name) = request else {
      let (exitCode, output) = answer(request, isJSON: isJSON)
      return then(exitCode, output)
    }
    guard directory.name(of: name) != nil else {
      let (exitCode, output) = refusal("no conference “\(name)” runs", isJSON)
      return then(exitCode, output)
    }
    record(isWanted, on: name) { [self] result in
      let (exitCode, output) =
        switch result {
        case .success(""): done("it was not recorded", [], isJSON)
        case .success(let path): done(path, [("file", .string(path))], isJSON)
        case .failure(let reason): refusal("it cannot be recorded: \(reason)", isJSON)
        }
      then(exitCode, output)
    }
  }

  /// What to print, and the exit code: 1 where it was refused or not possible.
  public func answer(_ request: ConferenceRequest, isJSON: Bool) -> (exitCode: Int32, output: String) {
    switch request {
    case .list: return (0, list(isJSON))
    case .roster(let name):
      guard let report = report(name) else { return refusal("no conference “\(name)” runs", isJSON) }
      let json = JSONText.object(
        report.ownJSON + [("participants", .array(report.participantObjects.map(JSONText.object)))])
      return (0, isJSON ? json.text : report.text)
    case .dial(let dialOut):
      switch dial(dialOut, from: dialOut.localAlias) {
      case .success(let id): return done("\(id)", [("participant", .string(id.description))], isJSON)
      case .failure(.isOver):
        return refusal("no conference is reached by “\(dialOut.localAlias)”", isJSON)
      case .failure(let reason): return refusal(reason.words, isJSON)
      }
    case .events: return refusal("events are followed", isJSON)
    case .act(let action, let name):
      guard let conference = directory.name(of: name).flatMap({ directory.conferences[$0] }) else {
        return refusal("no conference “\(name)” runs", isJSON)
      }
      do throws(ConferenceRequest.Invalid) {
        let command = try command(action, in: conference)
        if let reason = perform(command, on: name) { return refusal(reason.words, isJSON) }
        return done("done", [], isJSON)
      } catch {
        return refusal(error.description, isJSON)
      }
    }
  }

  /// The conferences that run, by name.
  public var reports: [ConferenceReport] { directory.conferences.keys.sorted().compactMap(report) }

  private func report(_ name: String) -> ConferenceReport? {
    directory.name(of: name).flatMap { directory.conferences[$0] }.map {
      ConferenceReport($0, rooms[$0.settings.name], now: loop.now, wallClock: loop.wallClock)
    }
  }

  private func list(_ isJSON: Bool) -> String {
    let reports = reports
    if isJSON { return JSONText.array(reports.map { .object($0.ownJSON) }).text }
    if reports.isEmpty { return "No conference runs.\n" }
    let rows = [["Conference", "Since", "Participants", "Door", ""]] + reports.map(\.line)
    return ConferenceReport.columns(rows).joined(separator: "\n") + "\n"
  }

  private func done(
    _ text: String, _ fields: [(String, JSONText)], _ isJSON: Bool
  ) -> (exitCode: Int32, output: String) {
    (0, isJSON ? JSONText.object([("ok", .boolean(true))] + fields).text : text + "\n")
  }

  private func refusal(_ text: String, _ isJSON: Bool) -> (exitCode: Int32, output: String) {
    let json = JSONText.object([("ok", .boolean(false)), ("error", .string(text))])
    return (1, isJSON ? json.text : text + "\n")
  }

  private func command(
    _ action: ConferenceRequest.Action, in conference: Conference
  ) throws(ConferenceRequest.Invalid) -> ConferenceCommand {
    switch action {
    case .lock(let isLocked): .lock(isLocked)
    case .muteGuests(let isMuted): .muteGuests(isMuted)
    case .record(let isWanted): .record(isWanted)
    case .end: .end
    case .mute(let who, let isMuted): .mute(try find(who, in: conference), isMuted)
    case .disconnect(let who): .disconnect(try find(who, in: conference))
    case .admit(let who): .admit(try find(who, in: conference))
    case .setRole(let who, let role): .setRole(try find(who, in: conference), role)
    case .transfer(let who, let transfer): .transfer(try find(who, in: conference), transfer)
    case .sendDigits(let who, let digits): .sendDigits(try find(who, in: conference), digits)
    }
  }

  /// The one participant that is meant.
  private func find(
    _ who: String, in conference: Conference
  ) throws(ConferenceRequest.Invalid) -> ParticipantID {
    let wanted = Alias(dialled: who, protocol: .sip).parsed.caseFolded
    let found = conference.participants.filter { participant in
      (who.count >= 4 && participant.id.description.hasPrefix(who.lowercased()))
        || Alias(dialled: participant.alias, protocol: .sip).parsed.caseFolded == wanted
    }
    guard let first = found.first else {
      throw ConferenceRequest.Invalid(description: "nobody there is “\(who)”")
    }
    guard found.count == 1 else {
      throw ConferenceRequest.Invalid(description: "\(found.count) participants are “\(who)”: use an id")
    }
    return first.id
  }
}

extension ConferenceRefusal {
  /// For an administrator.
  var words: String {
    switch self {
    case .invalidRole: "not in this role"
    case .unknownParticipant: "there is no such participant"
    case .isFull: "the conference is full"
    case .illegalValue: "a value is not allowed"
    case .dialOutDisabled: "dial-out is switched off (globals: dial_out)"
    case .loop: "the conference would call itself"
    case .notAllowed: "not allowed in this conference"
    case .isOver: "the conference is over"
    }
  }
}
