import CallModel
import Conferences
import PolicyEngine
import Synchronization

/// The management interface in the reference system's shape: commands to conferences and participants, their status and their history.
///
/// Without sockets: a request in, an answer out. Everybody who may ask has a name and a password (RFC 7617); who has neither
/// learns nothing, not even which paths there are.
public final class ManagementService: Sendable {
  private struct Rates {
    var requests = RequestRate(limit: ManagementService.requestsPerMinute)
    var failures = RequestRate(limit: ManagementService.failuresPerMinute)
  }

  /// What was done, for the log: who, what, and what came of it.
  public struct Audit: Sendable {
    public var user: String
    public var method: String
    public var path: String
    public var status: Int
  }

  /// As the reference has it.
  public static let requestsPerMinute = 1_000
  /// Wrong passwords, of all users together.
  public static let failuresPerMinute = 20

  private let users: [ManagementSettings.User]
  private let desk: any ConferenceDesk
  private let past: any ConferenceHistory
  private let audit: @Sendable (Audit) -> Void
  private let rates = Mutex(Rates())

  /// - Parameter audit: told of every command, and of wrong passwords.
  public init(
    users: [ManagementSettings.User], desk: any ConferenceDesk, history: any ConferenceHistory,
    audit: @escaping @Sendable (Audit) -> Void = { _ in }
  ) {
    self.users = users
    self.desk = desk
    past = history
    self.audit = audit
  }

  public func answer(_ request: ManagementRequest, now: MonotonicInstant) async -> ManagementResponse {
    let user: String
    switch admit(request, now) {
    case .refused(let response): return response
    case .admitted(let name): user = name
    }
    let response = await respond(to: request)
    if request.method != "GET" {
      audit(Audit(user: user, method: request.method, path: request.path, status: response.status))
    }
    return response
  }

  // MARK: Who asks

  private enum Admission {
    case admitted(String)
    case refused(ManagementResponse)
  }

  private func admit(_ request: ManagementRequest, _ now: MonotonicInstant) -> Admission {
    // A guess costs one of few; without that, a password could be tried a thousand times a minute.
    if let wait = rates.withLock({ $0.failures.wait(now) }) { return .refused(.tooMany(wait)) }
    guard let given = request.authorization.flatMap(BasicCredentials.init) else {
      return .refused(.unauthorised)
    }
    // All are compared, so that the time taken does not tell which names there are.
    let known = users.filter {
      ($0.name == given.user) && $0.password == given.password && !$0.password.isEmpty
    }
    guard let user = known.first else {
      _ = rates.withLock { $0.failures.admit(now) }
      audit(
        Audit(user: String(given.user.prefix(100)), method: request.method, path: request.path, status: 401))
      return .refused(.unauthorised)
    }
    if let wait = rates.withLock({ $0.requests.admit(now) }) { return .refused(.tooMany(wait)) }
    return .admitted(user.name)
  }

  // MARK: Where to

  private func respond(to request: ManagementRequest) async -> ManagementResponse {
    guard request.path.hasPrefix("/"), let path = PercentCoding.decoded(request.path) else {
      return .notFound
    }
    let parts = path.split(separator: "/", omittingEmptySubsequences: true).map(String.init)
    if parts.count == 6, parts[0] == "api", parts[1] == "tandem", parts[2] == "v1", parts[3] == "conference",
      parts[5] == "events"
    {
      return await events(of: parts[4], request)
    }
    guard parts.count >= 4, parts.count <= 6, parts[0] == "api", parts[1] == "admin", parts[3] == "v1" else {
      return .notFound
    }
    // The trailing slash belongs to the address.
    guard request.path.hasSuffix("/") else {
      let query = request.query.isEmpty ? "" : "?" + request.query
      return ManagementResponse(301, headers: [.init("Location", request.path + "/" + query)])
    }
    switch parts[2] {
    case "command": return await command(Array(parts[4...]), request)
    case "status": return await status(Array(parts[4...]), request)
    case "history": return await history(Array(parts[4...]), request)
    default: return .notFound
    }
  }

  // MARK: Commands

  private func command(_ parts: [String], _ request: ManagementRequest) async -> ManagementResponse {
    if parts.count < 2 {
      guard let scope = parts.first else { return .notFound }
      guard let commands = ManagementCommand.names.first(where: { $0.scope == scope })?.commands else {
        return .notFound
      }
      guard request.method == "GET" else { return .methodNotAllowed("GET") }
      let base = "/api/admin/command/v1/\(scope)/"
      return .json(
        200, .object(commands.map { ($0, .object([("list_endpoint", .string("\(base)\($0)/"))])) }))
    }
    guard ManagementCommand.names.contains(where: { $0.scope == parts[0] && $0.commands.contains(parts[1]) })
    else {
      return .notFound
    }
    guard request.method == "POST" else { return .methodNotAllowed("POST") }
    do {
      guard let command = try ManagementCommand(scope: parts[0], name: parts[1], CommandBody(request)) else {
        return .notFound
      }
      return await carryOut(command)
    } catch {
      return .failure(400, (error.field.map { "\($0): " } ?? "") + error.message)
    }
  }

  private func carryOut(_ command: ManagementCommand) async -> ManagementResponse {
    switch command {
    case .dial(let dialOut):
      switch await desk.dial(dialOut, from: dialOut.localAlias) {
      case .success(let id):
        return .success([
          ("participant_id", .string(id.description)), ("participant_ids", .array([.string(id.description)])),
        ])
      case .failure(let refusal):
        return refusal == .isOver ? .failure(404, "No meeting room has this alias.") : .refusal(refusal)
      }
    case .participant(let id, let action):
      let report = await desk.running().first { report in
        report.rows.contains { $0.participant.id == id }
      }
      guard let report else { return .refusal(.unknownParticipant) }
      return await perform(action.command(for: id), on: report.id)
    case .conference(let id, let action): return await perform(action.command, on: id)
    }
  }

  private func perform(_ command: ConferenceCommand, on conference: String) async -> ManagementResponse {
    await desk.perform(command, on: conference).map(ManagementResponse.refusal) ?? .success([])
  }

  // MARK: Events

  /// A conference as it goes on, as server-sent events. Our own: the reference has it for participants only.
  private func events(of conference: String, _ request: ManagementRequest) async -> ManagementResponse {
    guard request.method == "GET" else { return .methodNotAllowed("GET") }
    var known: UInt64?
    if let text = request.lastEventID, !text.isEmpty {
      // Whatever else a client may send says that it knows nothing of ours.
      known = UInt64(text)
    } else if let after = PercentCoding.pairs(request.query)?.first(where: { $0.name == "after" })?.value {
      guard let number = UInt64(after) else { return .failure(400, "after: This is no number of an event.") }
      known = number
    }
    switch await desk.follow(conference, after: known) {
    case .success(let events):
      var response = ManagementResponse(
        200, headers: [.init("Content-Type", "text/event-stream"), .init("Cache-Control", "no-store")])
      response.events = events
      return response
    case .failure(.isFull): return .tooMany(ServerSentEvents.silence)
    case .failure(let refusal): return .refusal(refusal)
    }
  }

  // MARK: Status and history

  private static let resources = ["conference", "participant"]

  /// What there is in a namespace.
  private func directory(_ namespace: String) -> ManagementResponse {
    .json(
      200,
      .object(
        ManagementService.resources.map {
          ($0, .object([("list_endpoint", .string("/api/admin/\(namespace)/v1/\($0)/"))]))
        }))
  }

  private func status(_ parts: [String], _ request: ManagementRequest) async -> ManagementResponse {
    guard request.method == "GET" else { return .methodNotAllowed("GET") }
    guard let resource = parts.first else { return directory("status") }
    guard ManagementService.resources.contains(resource), parts.count <= 2 else { return .notFound }
    let running = await desk.running()
    let objects =
      resource == "conference"
      ? running.map { StatusObject(resource, $0.json) }
      : running.flatMap { report in report.participantObjects.map { StatusObject(resource, $0) } }
    if parts.count == 2 {
      // A conference is found by its name, too.
      let found = objects.first {
        $0["id"]?.isText(parts[1]) ?? false || $0["name"]?.isText(parts[1]) ?? false
      }
      return found.map { .json(200, $0.json) } ?? .notFound
    }
    do {
      return .json(
        200, try StatusQuery(request.query).page(of: objects, at: "/api/admin/status/v1/\(resource)/"))
    } catch {
      return .json(400, .object([("error", .string(error.message))]))
    }
  }

  private func history(_ parts: [String], _ request: ManagementRequest) async -> ManagementResponse {
    guard request.method == "GET" else { return .methodNotAllowed("GET") }
    guard let resource = parts.first else { return directory("history") }
    guard ManagementService.resources.contains(resource), parts.count <= 2 else { return .notFound }
    do {
      if parts.count == 2 {
        let query = HistoryQuery(id: parts[1])
        let found =
          resource == "conference"
          ? try await past.conferences(query).first.map { HistoryConference($0).json }
          : try await past.participants(query).first.map { HistoryParticipant($0).json }
        return found.map { .json(200, $0) } ?? .notFound
      }
      let asked = try StatusQuery(request.query)
      let bounds = asked.bounds(of: "start_time")
      let query = HistoryQuery(since: bounds.since, until: bounds.until)
      if resource == "conference" {
        let rows = try await past.conferences(query).map(HistoryConference.init)
        return .json(200, try asked.page(of: rows, at: HistoryConference.path))
      }
      let rows = try await past.participants(query).map(HistoryParticipant.init)
      return .json(200, try asked.page(of: rows, at: HistoryParticipant.path))
    } catch let error as StatusQuery.Invalid {
      return .json(400, .object([("error", .string(error.message))]))
    } catch {
      return .json(500, .object([("error_message", .string("The records cannot be read."))]))
    }
  }
}

extension JSONText {
  fileprivate func isText(_ text: String) -> Bool {
    if case .string(text) = self { true } else { false }
  }
}

extension ManagementResponse {
  static func json(_ status: Int, _ value: JSONText) -> ManagementResponse {
    ManagementResponse(status, value.text, headers: [.init("Content-Type", "application/json")])
  }

  static func success(_ data: [(String, JSONText)]) -> ManagementResponse {
    .json(200, .object([("status", .string("success")), ("data", .object(data))]))
  }

  static func failure(_ status: Int, _ text: String) -> ManagementResponse {
    .json(status, .object([("status", .string("failure")), ("error", .string(text))]))
  }

  static func refusal(_ refusal: ConferenceRefusal) -> ManagementResponse {
    switch refusal {
    case .unknownParticipant: .failure(404, "There is no such participant.")
    case .isOver: .failure(404, "There is no such conference.")
    case .invalidRole: .failure(400, "Only hosts may.")
    case .isFull: .failure(400, "The conference is full.")
    case .illegalValue: .failure(400, "A value is out of range or too long.")
    case .dialOutDisabled: .failure(400, "Dialling out is switched off.")
    case .loop: .failure(400, "The conference would call itself.")
    case .notAllowed: .failure(400, "The conference does not allow it.")
    }
  }

  static let notFound = ManagementResponse.json(404, .object([("error", .string("There is nothing here."))]))

  static func methodNotAllowed(_ allowed: String) -> ManagementResponse {
    ManagementResponse(405, headers: [.init("Allow", allowed)])
  }

  static func tooMany(_ seconds: Int) -> ManagementResponse {
    ManagementResponse(429, headers: [.init("Retry-After", String(seconds))])
  }

  static let unauthorised = ManagementResponse(
    401, headers: [.init("WWW-Authenticate", "Basic realm=\"Tandem\", charset=\"UTF-8\"")])
}
