import CallModel
import JSONText

/// What a participant properties answer changes; nil: left as it is (routing reference §13).
public struct ParticipantProperties: Hashable, Sendable {
  public enum RoleOverride: Hashable, Sendable {
    /// `null`: the PIN is asked for.
    case askForPIN
    /// As if that PIN had been entered.
    case role(ParticipantRole)
  }
  public enum PresentationPolicy: String, Hashable, Sendable, CaseIterable {
    case allow = "ALLOW"
    case deny = "DENY"
  }

  public var preauthenticatedRole: RoleOverride?
  public var remoteAlias: String?
  public var remoteDisplayName: String?
  /// May enter a locked conference.
  public var bypassesLock: Bool?
  public var callTag: String?
  public var canReceivePersonalMix: Bool?
  public var disablesOverlayText: Bool?
  public var displayCount: Int?
  public var prefersMultiscreenMix: Bool?
  public var layoutGroup: String?
  /// Lower comes first.
  public var spotlight: Int?
  public var presentationPolicy: PresentationPolicy?
  public var wantsPresentationInMix: Bool?
  public var receiveFromAudioMix: String?
  public var sendToAudioMixes: [AudioMix]?

  public init() {}

  public var isEmpty: Bool { self == ParticipantProperties() }
}

extension FieldReader {
  /// The names of all fields, for telling unknown ones.
  private static let participantFields: Set<String> = [
    "preauthenticated_role", "remote_alias", "remote_display_name", "bypass_lock", "call_tag",
    "can_receive_personal_mix", "disable_overlay_text", "display_count", "prefers_multiscreen_mix",
    "layout_group", "spotlight", "rx_presentation_policy", "wants_presentation_in_mix",
    "receive_from_audio_mix", "send_to_audio_mixes", "reject_reason",
  ]

  /// Nil, and noted why, unless every field is right.
  mutating func participantProperties(_ node: JSONNode, _ path: String = "result") -> ParticipantProperties? {
    guard let members = members(node, path) else { return nil }
    func given(_ key: String) -> JSONNode? { members[key].flatMap { $0.value == .null ? nil : $0 } }
    func at(_ key: String) -> String { "\(path).\(key)" }
    var properties = ParticipantProperties()
    if let role = members["preauthenticated_role"] {
      if role.value == .null {
        properties.preauthenticatedRole = .askForPIN
      } else {
        properties.preauthenticatedRole = choice(role, at("preauthenticated_role"), ["chair", "guest"])
          .flatMap(ParticipantRole.init(rawValue:)).map { .role($0) }
      }
    }
    properties.remoteAlias = given("remote_alias").flatMap { text($0, at("remote_alias")) }
    properties.remoteDisplayName = given("remote_display_name").flatMap {
      text($0, at("remote_display_name"))
    }
    properties.bypassesLock = given("bypass_lock").flatMap { boolean($0, at("bypass_lock")) }
    properties.callTag = given("call_tag").flatMap { text($0, at("call_tag")) }
    properties.canReceivePersonalMix = given("can_receive_personal_mix").flatMap {
      boolean($0, at("can_receive_personal_mix"))
    }
    properties.disablesOverlayText = given("disable_overlay_text").flatMap {
      boolean($0, at("disable_overlay_text"))
    }
    properties.displayCount = given("display_count").flatMap { integer($0, at("display_count"), 0...64) }
    properties.prefersMultiscreenMix = given("prefers_multiscreen_mix").flatMap {
      boolean($0, at("prefers_multiscreen_mix"))
    }
    properties.layoutGroup = given("layout_group").flatMap { text($0, at("layout_group")) }
    properties.spotlight = given("spotlight").flatMap { integer($0, at("spotlight"), 0...Int.max) }
    properties.presentationPolicy = given("rx_presentation_policy").flatMap {
      choice($0, at("rx_presentation_policy"), ["ALLOW", "DENY"])
    }.flatMap(ParticipantProperties.PresentationPolicy.init(rawValue:))
    properties.wantsPresentationInMix = given("wants_presentation_in_mix").flatMap {
      boolean($0, at("wants_presentation_in_mix"))
    }
    properties.receiveFromAudioMix = given("receive_from_audio_mix").flatMap {
      mixName($0, at("receive_from_audio_mix"))
    }
    if let mixes = given("send_to_audio_mixes"),
      let items = list(mixes, at("send_to_audio_mixes"), limit: FieldReader.maximumMixes)
    {
      properties.sendToAudioMixes = items.enumerated().compactMap {
        audioMix($1, "\(at("send_to_audio_mixes"))[\($0)]")
      }
    }
    for key in members.keys.sorted() where !FieldReader.participantFields.contains(key) {
      note(FieldReader.path(path, key), .unknownField, .note)
    }
    return hasErrors ? nil : properties
  }

  static let maximumMixes = 32

  private mutating func audioMix(_ node: JSONNode, _ path: String) -> AudioMix? {
    guard let members = members(node, path) else { return nil }
    guard let name = members["mix_name"] else {
      note("\(path).mix_name", .missing)
      return nil
    }
    let prominent = members["prominent"].flatMap {
      $0.value == .null ? nil : boolean($0, "\(path).prominent")
    }
    return mixName(name, "\(path).mix_name").map { AudioMix(name: $0, isProminent: prominent ?? false) }
  }

  /// `main`, `main.french`: at most three levels, none of them empty.
  private mutating func mixName(_ node: JSONNode, _ path: String) -> String? {
    guard let text = text(node, path, isEmptyAllowed: false) else { return nil }
    let levels = text.split(separator: ".", omittingEmptySubsequences: false)
    guard levels.count <= 3, levels.allSatisfy({ !$0.isEmpty }) else {
      note(path, .conflict("a mix has at most three levels, separated by dots"))
      return nil
    }
    return text
  }
}
