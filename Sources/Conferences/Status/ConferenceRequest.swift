import CallModel
import JSONText

/// What an administrator asks about conferences, or of one: a line of JSON at the control socket.
public enum ConferenceRequest: Hashable, Sendable {
  /// What a conference is told to do, or with whom. Participants are named by their id, its beginning, or their alias.
  public enum Action: Hashable, Sendable {
    case lock(Bool)
    case muteGuests(Bool)
    case record(Bool)
    case end
    case mute(String, Bool)
    case disconnect(String)
    case admit(String)
    case setRole(String, Participant.Role)
    case transfer(String, ConferenceTransfer)
    case sendDigits(String, [DTMFDigit])
  }

  case list
  case roster(String)
  /// From the service that owns the alias ``DialOut/localAlias``.
  case dial(DialOut)
  case act(Action, on: String)
  /// What has happened in a conference since the event with this number (0: since it began), and if wanted what happens then.
  case events(String, after: UInt64, follows: Bool)

  public struct Invalid: Error, Hashable, Sendable, CustomStringConvertible {
    public var description: String
  }

  /// What commands about conferences begin with.
  static let prefix = "conference"

  /// Reads a line; `isJSON` tells in which form the answer is wanted. nil: it is about something else.
  public static func parse(
    _ line: [UInt8]
  ) throws(Invalid) -> (request: ConferenceRequest, isJSON: Bool)? {
    let limits = JSONReader.Limits(bytes: 65_536, depth: 4, values: 64)
    guard let node = try? JSONReader.read(line, limits: limits), case .object(let object) = node.value,
      case .string(let command)? = object["command"]?.value, command.hasPrefix(prefix)
    else { return nil }
    var isJSON = false
    if case .boolean(let flag)? = object["json"]?.value { isJSON = flag }
    return (try ConferenceRequest(command, Fields(object)), isJSON)
  }

  private init(_ command: String, _ fields: Fields) throws(Invalid) {
    switch command {
    case "conferences": self = .list
    case "conference_roster": self = .roster(try fields.required("conference"))
    case "conference_events":
      self = .events(
        try fields.required("conference"), after: try fields.number("after") ?? 0,
        follows: fields.flag("follow"))
    case "conference_dial": self = .dial(try fields.dialOut())
    default:
      guard let action = try fields.action(String(command.dropFirst(ConferenceRequest.prefix.count + 1)))
      else {
        throw Invalid(description: "unknown command “\(command)”")
      }
      self = .act(action, on: try fields.required("conference"))
    }
  }

  private struct Fields {
    private let object: JSONObject

    init(_ object: JSONObject) { self.object = object }

    func text(_ key: String) -> String? {
      guard case .string(let text)? = object[key]?.value, !text.isEmpty else { return nil }
      return text
    }

    func flag(_ key: String) -> Bool {
      if case .boolean(true)? = object[key]?.value { true } else { false }
    }

    /// nil: left out.
    func number(_ key: String) throws(Invalid) -> UInt64? {
      switch object[key]?.value {
      case nil, .null: return nil
      case .integer(let number)? where number >= 0: return UInt64(number)
      default: throw Invalid(description: "“\(key)” is no number of an event")
      }
    }

    func required(_ key: String) throws(Invalid) -> String {
      guard let text = text(key) else { throw Invalid(description: "“\(key)” is missing") }
      return text
    }

    private func role(_ text: String) throws(Invalid) -> Participant.Role {
      switch text {
      case "host", "chair": .chair
      case "guest": .guest
      default: throw Invalid(description: "a role is host or guest, not “\(text)”")
      }
    }

    func action(_ word: String) throws(Invalid) -> Action? {
      switch word {
      case "lock": return .lock(true)
      case "unlock": return .lock(false)
      case "mute_guests": return .muteGuests(true)
      case "unmute_guests": return .muteGuests(false)
      case "record": return .record(true)
      case "stop_recording": return .record(false)
      case "end": return .end
      case "mute": return .mute(try required("participant"), true)
      case "unmute": return .mute(try required("participant"), false)
      case "disconnect": return .disconnect(try required("participant"))
      case "admit": return .admit(try required("participant"))
      case "role": return .setRole(try required("participant"), try role(try required("role")))
      case "transfer":
        var transfer = ConferenceTransfer(alias: try required("to"))
        if let text = text("role") { transfer.role = try role(text) }
        return .transfer(try required("participant"), transfer)
      case "digits":
        let text = try required("digits")
        let digits = text.compactMap { DTMFDigit($0) }
        guard digits.count == text.count else { throw Invalid(description: "“\(text)” are no keys") }
        return .sendDigits(try required("participant"), digits)
      default: return nil
      }
    }

    /// Fields and defaults of a dial-out by an administrator (reference §5.1).
    func dialOut() throws(Invalid) -> DialOut {
      var dialOut = DialOut(
        destination: try required("destination"), localAlias: try required("from"),
        role: try role(text("role") ?? "guest"))
      if let word = text("protocol") {
        guard let callProtocol = CallProtocol(rawValue: word) else {
          throw Invalid(description: "there is no protocol “\(word)”")
        }
        dialOut.callProtocol = callProtocol
      }
      if let word = text("routing") {
        guard let routing = DialOut.Routing(rawValue: word) else {
          throw Invalid(description: "routing is manual or routing_rule, not “\(word)”")
        }
        dialOut.routing = routing
      }
      if let word = text("call_type") {
        guard let capability = CallCapability(rawValue: word) else {
          throw Invalid(description: "there is no call type “\(word)”")
        }
        dialOut.capability = capability
      }
      if let word = text("keep_conference_alive") {
        guard let keepAlive = Participant.KeepAlive(rawValue: word) else {
          throw Invalid(description: "“\(word)” is no way to keep a conference alive")
        }
        dialOut.keepAlive = keepAlive
      }
      if let text = text("dtmf_sequence") {
        guard let sequence = DTMFSequence(text) else {
          throw Invalid(description: "a DTMF sequence is digits, *, # and commas, at most 250")
        }
        dialOut.dtmfSequence = sequence
      }
      dialOut.location = text("system_location")
      dialOut.remoteDisplayName = text("remote_display_name")
      dialOut.localDisplayName = text("local_display_name")
      dialOut.overlayText = text("text")
      dialOut.presentationURL = text("presentation_url")
      if case .boolean(let isStreaming)? = object["streaming"]?.value { dialOut.isStreaming = isStreaming }
      return dialOut
    }
  }
}
