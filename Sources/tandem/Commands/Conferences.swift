import ArgumentParser
import Foundation
import PolicyActivation

/// `tandem conferences`: which conferences run, who is in them, and what an admin can do there.
struct ConferencesCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "conferences", abstract: "List running conferences, and command them.",
    discussion: """
      All ask the running service at the socket in its state directory. A participant is named by its id, the beginning \
      of it, or its alias. Exit codes: 0 done, 1 refused or not possible, 2 wrong usage.
      """,
    subcommands: [
      ConferencesListCommand.self, ConferenceRosterCommand.self, ConferenceDialCommand.self,
      ConferenceActionCommand.self, ConferenceRecordCommand.self, ConferenceEventsCommand.self,
      ConferencesHistoryCommand.self,
    ], defaultSubcommand: ConferencesListCommand.self)
}

struct ConferencesListCommand: ParsableCommand {
  static let configuration = CommandConfiguration(commandName: "list", abstract: "List what runs.")

  @OptionGroup var options: StateOption

  func run() throws {
    try ControlClient.run(
      state: options.state, ControlRequest.line(command: "conferences", [], isJSON: options.json))
  }
}

struct ConferenceRosterCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "show", abstract: "Show who is in a conference.")

  @Argument(help: "The name of the conference.")
  var conference: String

  @OptionGroup var options: StateOption

  func run() throws {
    try ControlClient.run(
      state: options.state,
      ControlRequest.line(
        command: "conference_roster", [("conference", .text(conference))], isJSON: options.json))
  }
}

struct ConferenceDialCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "dial", abstract: "Call somebody from a conference.",
    discussion:
      "The conference begins if it does not run. Prints the id under which the call is in the roster.")

  @Argument(help: "An alias of the conference; whoever is called sees it as the caller.")
  var from: String

  @Argument(help: "Whom to call.")
  var destination: String

  @Option(help: "host or guest.")
  var role = "guest"

  @Option(help: "manual: by protocol and location; routing_rule: by a rule for outgoing calls.")
  var routing = "manual"

  @Option(name: .customLong("protocol"), help: "Of a call that is routed manually.")
  var callProtocol = "sip"

  @Option(help: "The location a manually routed call goes out from.")
  var location: String?

  @Option(help: "Keys to send once it is answered: digits, *, # and commas (two seconds each).")
  var dtmf: String?

  @Option(help: "The name in the roster.")
  var name: String?

  @Option(help: "keep_conference_alive, keep_conference_alive_if_multiple or keep_conference_alive_never.")
  var keepAlive = "keep_conference_alive"

  @Flag(help: "It streams or records: receives only.")
  var streaming = false

  @OptionGroup var options: StateOption

  func run() throws {
    try ControlClient.run(
      state: options.state,
      ControlRequest.line(
        command: "conference_dial",
        [
          ("from", .text(from)), ("destination", .text(destination)), ("role", .text(role)),
          ("routing", .text(routing)), ("protocol", .text(callProtocol)),
          ("system_location", .text(location)),
          ("dtmf_sequence", .text(dtmf)), ("remote_display_name", .text(name)),
          ("keep_conference_alive", .text(keepAlive)), ("streaming", .flag(streaming)),
        ], isJSON: options.json))
  }
}

struct ConferenceRecordCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "record", abstract: "Record a conference, or end that.",
    discussion: """
      Prints the path of the file: Ogg Opus, in the directory of globals.conferences.recordings, named after the \
      conference and the time. All who are in are told, and so is whoever comes.
      """)

  @Argument(help: "The name of the conference.")
  var conference: String

  @Flag(help: "End the recording.")
  var stop = false

  @OptionGroup var options: StateOption

  func run() throws {
    try ControlClient.run(
      state: options.state,
      ControlRequest.line(
        command: stop ? "conference_stop_recording" : "conference_record",
        [("conference", .text(conference))], isJSON: options.json))
  }
}

/// The commands that are one word about a conference or a participant.
struct ConferenceActionCommand: ParsableCommand {
  enum Action: String, ExpressibleByArgument, CaseIterable {
    case lock, unlock, end, mute, unmute, disconnect, admit, role, transfer, digits
    case muteGuests = "mute-guests"
    case unmuteGuests = "unmute-guests"

    /// What follows the participant, where something does.
    var value: String? {
      switch self {
      case .role: "role"
      case .transfer: "to"
      case .digits: "digits"
      default: nil
      }
    }

    var isAboutConference: Bool {
      [.lock, .unlock, .end, .muteGuests, .unmuteGuests].contains(self)
    }
  }

  static let configuration = CommandConfiguration(
    commandName: "do", abstract: "Lock, mute, disconnect, transfer …",
    usage: """
      tandem conferences do lock|unlock|end|mute-guests|unmute-guests CONFERENCE
      tandem conferences do mute|unmute|disconnect|admit CONFERENCE PARTICIPANT
      tandem conferences do role|transfer|digits CONFERENCE PARTICIPANT host|guest|ALIAS|KEYS
      """)

  @Argument(help: "What to do.")
  var action: Action

  @Argument(help: "The name of the conference.")
  var conference: String

  @Argument(help: "The participant: id, beginning of it, or alias.")
  var participant: String?

  @Argument(help: "The role, the alias to transfer to, or the keys to send.")
  var value: String?

  @OptionGroup var options: StateOption

  func validate() throws {
    if action.isAboutConference, participant != nil {
      throw ValidationError("\(action.rawValue) is about a conference, not a participant.")
    }
    if !action.isAboutConference, participant == nil {
      throw ValidationError("Say which participant is meant.")
    }
    if action.value != nil, value == nil {
      throw ValidationError("\(action.rawValue) needs one word more.")
    }
  }

  func run() throws {
    var fields: [(String, ControlRequest.Field)] = [
      ("conference", .text(conference)), ("participant", .text(participant)),
    ]
    if let key = action.value { fields.append((key, .text(value))) }
    try ControlClient.run(
      state: options.state,
      ControlRequest.line(
        command: "conference_" + action.rawValue.replacingOccurrences(of: "-", with: "_"), fields,
        isJSON: options.json))
  }
}

struct ConferenceEventsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "events", abstract: "Show what has happened in a conference, and what happens.",
    discussion: """
      Each event has a number. Of a long conference the latest thousand are there; where earlier ones are asked for, the whole state \
      comes instead (participant_sync_begin to the first number). With --json a line of JSON an event.
      """)

  @Argument(help: "The name of the conference, or its id.")
  var conference: String

  @Flag(help: "Go on until the conference ends.")
  var follow = false

  @Option(help: "Only what came after the event with this number.")
  var after: Int?

  @OptionGroup var options: StateOption

  func validate() throws {
    if let after, after < 0 { throw ValidationError("--after must not be negative.") }
  }

  func run() throws {
    try ControlClient.follow(
      state: options.state,
      ControlRequest.line(
        command: "conference_events",
        [("conference", .text(conference)), ("after", .integer(after)), ("follow", .flag(follow))],
        isJSON: options.json))
  }
}
