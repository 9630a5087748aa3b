import CallModel
import JSONText
import PolicyEngine

/// One call of the management interface about conferences: their status, and commands (management reference §3, §4).
public enum ManagementCall: Sendable {
  /// A list, or one of its objects.
  public struct Selection: Hashable, Sendable {
    public var id: String?
    /// Fields that must have these values.
    public var filters: [(field: String, value: String)] = []
    public var limit = 20
    public var offset = 0

    public init() {}

    public static func == (a: Self, b: Self) -> Bool {
      a.id == b.id && a.limit == b.limit && a.offset == b.offset
        && a.filters.elementsEqual(b.filters) { $0 == $1 }
    }

    public func hash(into hasher: inout Hasher) {
      hasher.combine(id)
      hasher.combine(limit)
      hasher.combine(offset)
    }
  }

  case conferences(Selection)
  case participants(Selection)
  case dial(DialOut)
  /// A command about the conference of this id, which is its name.
  case conference(ConferenceCommand, String)
  case participant(ConferenceCommand, ParticipantID)

  public struct Answer: Hashable, Sendable {
    /// Of HTTP.
    public var status: Int
    /// JSON.
    public var body: String

    public init(status: Int, body: String) {
      self.status = status
      self.body = body
    }

    public static func failure(_ status: Int, _ reason: String) -> Answer {
      Answer(
        status: status,
        body: JSONText.object([("status", .string("failure")), ("error", .string(reason))]).text)
    }

    static func success(_ data: [(String, JSONText)] = []) -> Answer {
      Answer(
        status: 202, body: JSONText.object([("status", .string("success")), ("data", .object(data))]).text)
    }
  }

  public struct Failure: Error, Hashable, Sendable {
    public var answer: Answer
    init(_ status: Int, _ reason: String) { answer = .failure(status, reason) }
  }

  /// Bytes of a body.
  public static let maximumBody = 65_536

  /// - Parameters:
  ///   - path: decoded, from `/api/admin/` on, with the mandatory slash at its end.
  ///   - query: decoded pairs.
  /// - Throws: what to answer instead.
  public init(
    method: String, path: String, query: [(String, String)] = [], body: [UInt8] = []
  ) throws(Failure) {
    let prefix = "/api/admin/"
    guard path.hasPrefix(prefix), path.hasSuffix("/") else { throw Failure(404, "not found") }
    let parts = path.dropFirst(prefix.count).split(separator: "/").map(String.init)
    guard parts.count >= 3, parts[1] == "v1" else { throw Failure(404, "not found") }
    switch (parts[0], parts.count) {
    case ("status", 3), ("status", 4):
      guard method == "GET" else { throw Failure(405, "GET is allowed here") }
      let selection = try Selection(parts.count == 4 ? parts[3] : nil, query)
      switch parts[2] {
      case "conference": self = .conferences(selection)
      case "participant": self = .participants(selection)
      default: throw Failure(404, "not found")
      }
    case ("command", 4):
      guard method == "POST" else { throw Failure(405, "POST is allowed here") }
      guard let node = try? JSONReader.read(body, limits: .init(bytes: ManagementCall.maximumBody)),
        case .object(let object) = node.value
      else { throw Failure(400, "the body is no JSON object") }
      self = try ManagementCall(scope: parts[2], command: parts[3], ConferenceRequest.Fields(object))
    default: throw Failure(404, "not found")
    }
  }

  private init(
    scope: String, command: String, _ fields: ConferenceRequest.Fields
  ) throws(Failure) {
    do throws(ConferenceRequest.Invalid) {
      switch (scope, command) {
      case ("participant", "dial"):
        self = .dial(try fields.dialOut(from: "conference_alias"))
      case ("participant", _):
        let text = try fields.required("participant_id")
        guard let id = ParticipantID(text) else {
          throw ConferenceRequest.Invalid(description: "“\(text)” is no participant_id")
        }
        switch command {
        case "disconnect": self = .participant(.disconnect(id), id)
        case "mute": self = .participant(.mute(id, true), id)
        case "unmute": self = .participant(.mute(id, false), id)
        case "unlock": self = .participant(.admit(id), id)
        case "role": self = .participant(.setRole(id, try fields.role(try fields.required("role"))), id)
        case "transfer":
          let transfer = ConferenceTransfer(
            alias: try fields.required("conference_alias"),
            role: try fields.role(fields.text("role") ?? "guest"))
          self = .participant(.transfer(id, transfer), id)
        default: throw ConferenceRequest.Invalid(description: "there is no command \(command)")
        }
      case ("conference", _):
        let commands: [String: ConferenceCommand] = [
          "disconnect": .end, "lock": .lock(true), "unlock": .lock(false), "mute_guests": .muteGuests(true),
          "unmute_guests": .muteGuests(false),
        ]
        guard let found = commands[command] else {
          throw ConferenceRequest.Invalid(description: "there is no command \(command)")
        }
        self = .conference(found, try fields.required("conference_id"))
      default: throw ConferenceRequest.Invalid(description: "there is no command \(scope)/\(command)")
      }
    } catch {
      throw Failure(error.description.hasPrefix("there is no command") ? 404 : 400, error.description)
    }
  }
}

extension ManagementCall.Selection {
  fileprivate init(_ id: String?, _ query: [(String, String)]) throws(ManagementCall.Failure) {
    self.init()
    self.id = id
    for (key, value) in query {
      switch key {
      case "format" where value == "json": break
      case "limit", "offset":
        guard let number = Int(value), (0...100_000).contains(number) else {
          throw ManagementCall.Failure(400, "\(key) is no number")
        }
        if key == "limit" { limit = number == 0 ? .max : number } else { offset = number }
      default: filters.append((key, value))
      }
    }
  }
}
