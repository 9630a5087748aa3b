import CallModel
import JSONText
import PolicyEngine
import Synchronization
import TestSupport

@testable import Conferences
@testable import ManagementAPI

/// Real conferences without calls: what is asked for is recorded, and nobody answers.
final class Hall: ConferenceDesk, ConferenceHistory {
  private struct State {
    var directory = ConferenceDirectory()
    var ids: UInt64 = 0
    var audits: [ManagementService.Audit] = []
    var actions: [ConferenceAction] = []
    var past: [PastParticipant] = []
    var queries: [HistoryQuery] = []
  }

  private let state = Mutex(State())
  private let protection = BreakInProtection()
  private let wallClock = WallClock(milliseconds: 1_769_860_800_123)

  /// Somebody comes in by telephone.
  @discardableResult func join(_ alias: String, _ name: String, host: Bool = true) -> ParticipantID {
    state.withLock { state in
      state.ids += 1
      let id = ParticipantID(high: state.ids, low: 7)
      var arrival = Arrival(
        id: id, callProtocol: .sip, alias: alias, localAlias: name + "@example.com",
        displayName: "Ann \(state.ids)",
        media: .audio)
      arrival.role = host ? .chair : .guest
      _ = state.directory.arrived(
        arrival, at: ConferenceSettings(name: name), from: .init(address: nil, isKnown: true),
        token: "token-of-" + name, protection: protection, random: SplitMix(seed: state.ids),
        now: .zero + .seconds(10))
      return id
    }
  }

  func participant(_ id: ParticipantID, in name: String) -> Participant? {
    state.withLock { $0.directory.conferences[name]?[id] }
  }

  var audits: [ManagementService.Audit] { state.withLock { $0.audits } }
  var actions: [ConferenceAction] { state.withLock { $0.actions } }

  func running() async -> [ConferenceReport] {
    state.withLock { state in
      state.directory.conferences.values.sorted { $0.settings.name < $1.settings.name }
        .map { ConferenceReport($0, nil, now: .zero + .seconds(10), wallClock: wallClock) }
    }
  }

  func perform(_ command: ConferenceCommand, on conference: String) async -> ConferenceRefusal? {
    state.withLock { state in
      let (actions, refusal) = state.directory.perform(
        command, on: conference, by: .administrator, protection: protection, now: .zero + .seconds(11))
      state.actions += actions
      return refusal
    }
  }

  func dial(_ dialOut: DialOut, from alias: String) async -> Result<ParticipantID, ConferenceRefusal> {
    guard alias == "weekly@example.com" else { return .failure(.isOver) }
    return state.withLock { state in
      state.ids += 1
      let id = ParticipantID(high: state.ids, low: 7)
      let (actions, refusal) = state.directory.dial(
        dialOut, as: id, from: ConferenceSettings(name: "weekly"), token: "token-of-weekly",
        protection: protection,
        now: .zero + .seconds(11))
      state.actions += actions
      return refusal.map { .failure($0) } ?? .success(id)
    }
  }

  /// Tells of one event, and that it is over.
  final class OneEvent: ConferenceEvents {
    private let told = Mutex(false)
    let after: UInt64?
    init(after: UInt64?) { self.after = after }
    func next() async -> [ConferenceNews]? {
      let isTold = told.withLock { told in
        defer { told = true }
        return told
      }
      if isTold { return nil }
      return [
        ConferenceNews(
          sequence: after.map { $0 + 1 }, time: WallClock(milliseconds: 0), kind: .stateBegins)
      ]
    }
    func close() {}
  }

  func follow(
    _ conference: String, after sequence: UInt64?
  ) async -> Result<any ConferenceEvents, ConferenceRefusal> {
    switch conference {
    case "weekly": .success(OneEvent(after: sequence))
    case "full": .failure(.isFull)
    default: .failure(.isOver)
    }
  }

  // MARK: The past

  /// Somebody was in a conference, for a minute.
  func wasThere(_ number: UInt64, _ name: String = "weekly", began: WallClock, secret: String = "") {
    let room = ConferenceIdentity(
      id: CallID(high: began.milliseconds.magnitude << 20, low: 1).uuid(), name: name,
      serviceType: "conference", tag: "tag", started: began)
    var record = ParticipantRecord(
      id: CallID(high: 5, low: number).uuid(), conference: room, isIncoming: true, role: "guest",
      displayName: "Ann \(number)", remoteAlias: "sip:ann@example.com", localAlias: "weekly@example.com",
      callProtocol: .sip, address: TransportAddress("192.0.2.9:5061"), started: began)
    record.ended = WallClock(milliseconds: began.milliseconds + 60_000)
    record.disconnect = Disconnect(.noAnswer)
    state.withLock { $0.past.append(PastParticipant(call: CallID(high: 6, low: number), record: record)) }
  }

  var queries: [HistoryQuery] { state.withLock { $0.queries } }

  func conferences(_ query: HistoryQuery) async -> [PastConference] {
    state.withLock { state in
      state.queries.append(query)
      return Dictionary(grouping: state.past, by: \.record.conference).map { room, people in
        PastConference(
          identity: room, ended: people.compactMap(\.record.ended).max() ?? room.started,
          participants: people.map(\.record.id))
      }
      .filter { query.id == nil || $0.identity.id == query.id }
      .sorted { $0.identity.started > $1.identity.started }
    }
  }

  func participants(_ query: HistoryQuery) async -> [PastParticipant] {
    state.withLock { state in
      state.queries.append(query)
      return state.past.filter { query.id == nil || $0.record.id == query.id }
    }
  }

  // MARK: Asking

  func service(
    users: [ManagementSettings.User] = [ManagementSettings.User(name: "ann", password: Secret("sésame:open"))]
  )
    -> ManagementService
  {
    ManagementService(users: users, desk: self, history: self) { audit in
      self.state.withLock { $0.audits.append(audit) }
    }
  }

  /// `ann:sésame:open`
  static let credentials = "Basic YW5uOnPDqXNhbWU6b3Blbg=="

  static func get(_ path: String, _ query: String = "") -> ManagementRequest {
    ManagementRequest(method: "GET", path: path, query: query, authorization: credentials)
  }

  static func post(_ path: String, _ body: String, type: String = "application/json") -> ManagementRequest {
    ManagementRequest(
      method: "POST", path: "/api/admin/command/v1/" + path, contentType: type, authorization: credentials,
      body: Array(body.utf8))
  }
}

extension ManagementResponse {
  /// A value in the body, by keys and indices.
  func value(_ path: String...) throws -> JSONValue? {
    var value = try JSONReader.read(body).value
    for step in path {
      switch value {
      case .object(let object): value = object[step]?.value ?? .null
      case .array(let items):
        guard let index = Int(step), items.indices.contains(index) else { return nil }
        value = items[index].value
      default: return nil
      }
    }
    return value
  }
}

/// The answer has not the value that was looked for.
struct Absent: Error {}
