import CallModel
import Conferences

/// A command of the reference system's command interface (`/api/admin/command/v1/<scope>/<command>/`).
enum ManagementCommand: Hashable {
  case dial(DialOut)
  case participant(ParticipantID, ParticipantAction)
  /// The id of a running conference, which is its name.
  case conference(String, ConferenceAction)

  enum ParticipantAction: Hashable {
    case disconnect
    case mute(Bool)
    /// Lets in who waits at a locked conference.
    case unlock
    case role(Participant.Role)
    case transfer(ConferenceTransfer)

    func command(for id: ParticipantID) -> ConferenceCommand {
      switch self {
      case .disconnect: .disconnect(id)
      case .mute(let isMuted): .mute(id, isMuted)
      case .unlock: .admit(id)
      case .role(let role): .setRole(id, role)
      case .transfer(let transfer): .transfer(id, transfer)
      }
    }
  }

  enum ConferenceAction: Hashable {
    case disconnect
    case lock(Bool)
    case muteGuests(Bool)

    var command: ConferenceCommand {
      switch self {
      case .disconnect: .end
      case .lock(let isLocked): .lock(isLocked)
      case .muteGuests(let isMuted): .muteGuests(isMuted)
      }
    }
  }

  /// The commands there are, by scope.
  static let names: [(scope: String, commands: [String])] = [
    ("conference", ["disconnect", "lock", "mute_guests", "unlock", "unmute_guests"]),
    ("participant", ["dial", "disconnect", "mute", "role", "transfer", "unlock", "unmute"]),
  ]

  /// - Returns: nil for a command that is not known.
  init?(scope: String, name: String, _ body: CommandBody) throws(CommandBody.Invalid) {
    switch (scope, name) {
    case ("participant", "dial"): self = .dial(try ManagementCommand.dialOut(body))
    case ("participant", "disconnect"): self = try .participant(body, .disconnect)
    case ("participant", "mute"): self = try .participant(body, .mute(true))
    case ("participant", "unmute"): self = try .participant(body, .mute(false))
    case ("participant", "unlock"): self = try .participant(body, .unlock)
    case ("participant", "role"):
      guard let role = try body.choice("role", Participant.Role.self) else {
        throw CommandBody.Invalid(field: "role", message: "This field is required.")
      }
      self = try .participant(body, .role(role))
    case ("participant", "transfer"):
      let role = try body.choice("role", Participant.Role.self) ?? .guest
      self = try .participant(
        body,
        .transfer(
          ConferenceTransfer(alias: try ManagementCommand.alias("conference_alias", body), role: role)))
    case ("conference", "disconnect"): self = try .conference(body, .disconnect)
    case ("conference", "lock"): self = try .conference(body, .lock(true))
    case ("conference", "unlock"): self = try .conference(body, .lock(false))
    case ("conference", "mute_guests"): self = try .conference(body, .muteGuests(true))
    case ("conference", "unmute_guests"): self = try .conference(body, .muteGuests(false))
    default: return nil
    }
  }

  private static func participant(
    _ body: CommandBody, _ action: ParticipantAction
  ) throws(CommandBody.Invalid) -> ManagementCommand {
    guard let id = ParticipantID(try body.required("participant_id")) else {
      throw CommandBody.Invalid(field: "participant_id", message: "This is not the id of a participant.")
    }
    return .participant(id, action)
  }

  private static func conference(
    _ body: CommandBody, _ action: ConferenceAction
  ) throws(CommandBody.Invalid) -> ManagementCommand {
    .conference(try body.required("conference_id"), action)
  }

  private static func alias(_ field: String, _ body: CommandBody) throws(CommandBody.Invalid) -> String {
    let alias = try body.required(field)
    guard alias.utf8.count <= DialOut.maximumDestinationLength,
      !alias.utf8.contains(where: { $0 < 0x20 || $0 == 0x7f })
    else { throw CommandBody.Invalid(field: field, message: "This is not an alias.") }
    return alias
  }

  /// The defaults are those of the reference's command, which differ from the client's.
  private static func dialOut(_ body: CommandBody) throws(CommandBody.Invalid) -> DialOut {
    if let headers = try body.text("custom_sip_headers"), !headers.isEmpty {
      throw CommandBody.Invalid(field: "custom_sip_headers", message: "This is not supported.")
    }
    var dialOut = DialOut(
      destination: try alias("destination", body),
      callProtocol: try body.choice("protocol", CallProtocol.self) ?? .sip,
      routing: try body.choice("routing", DialOut.Routing.self) ?? .manual,
      localAlias: try alias("conference_alias", body),
      role: try body.choice("role", Participant.Role.self) ?? .guest,
      keepAlive: try body.choice("keep_conference_alive", Participant.KeepAlive.self) ?? .yes)
    dialOut.capability = try body.choice("call_type", CallCapability.self) ?? .video
    dialOut.location = try body.text("system_location").flatMap { $0.isEmpty ? nil : $0 }
    dialOut.isStreaming = try body.flag("streaming")
    dialOut.presentationURL = try name("presentation_url", body)
    dialOut.remoteDisplayName = try name("remote_display_name", body)
    dialOut.localDisplayName = try name("local_display_name", body)
    if let text = try body.text("dtmf_sequence"), !text.isEmpty {
      guard let sequence = DTMFSequence(text) else {
        throw CommandBody.Invalid(
          field: "dtmf_sequence",
          message: "This must be up to \(DTMFSequence.maximumLength) of 0-9 * # and commas.")
      }
      dialOut.dtmfSequence = sequence
    }
    return dialOut
  }

  /// A text of moderate length without control characters; nil: none.
  private static func name(_ field: String, _ body: CommandBody) throws(CommandBody.Invalid) -> String? {
    guard let text = try body.text(field), !text.isEmpty else { return nil }
    guard text.utf8.count <= 250, !text.utf8.contains(where: { $0 < 0x20 || $0 == 0x7f }) else {
      throw CommandBody.Invalid(
        field: field, message: "This must be up to 250 bytes without control characters.")
    }
    return text
  }
}
