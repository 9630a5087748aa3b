import CallModel
import PolicyScript

/// A service configuration as scripts see it (`service_config`): every field of its type, with defaults.
extension ServiceFields {
  /// What is not set and has no default is null, a PIN empty. PINs stand in it in clear: it goes to scripts and nowhere else.
  var scriptObject: ScriptObject {
    var object = ScriptObject()
    for rule in ServiceFieldRule.table where rule.presence(in: type) != .absent {
      let value = valueOrStandard(rule.field)
      if ServiceFields.isOfBreakout(rule.field) {
        // Few rooms are breakout rooms, or have them.
        guard self[rule.field] != nil || boolean(.breakout) && rule.field != .breakoutUUIDs else { continue }
      }
      if let value {
        object[rule.field.rawValue] = value.scriptValue
      } else if case .pin = rule.type {
        object[rule.field.rawValue] = ""
      } else {
        object[rule.field.rawValue] = .null
      }
    }
    return object
  }

  private static func isOfBreakout(_ field: ServiceField) -> Bool {
    switch field {
    case .breakout, .breakoutUUID, .breakoutName, .breakoutDescription, .breakoutGuestsAllowedToLeave,
      .endAction, .endTime, .breakoutUUIDs:
      true
    default: false
    }
  }

  /// The PINs in it.
  var secrets: [Secret] { [secret(.pin), secret(.guestPIN)].compactMap { $0 } }

  /// What differs from `before`, in the order of the table; from nil: what is set. PINs are told by a placeholder.
  func changes(from before: ServiceFields?) -> [PolicyScriptRecord.Change] {
    ServiceFieldRule.table.compactMap { rule in
      let new = before == nil ? self[rule.field] : valueOrStandard(rule.field)
      let old = before?.valueOrStandard(rule.field)
      guard new != old else { return nil }
      return PolicyScriptRecord.Change(
        field: rule.field.rawValue, before: old.map(\.shown), after: new.map(\.shown))
    }
  }
}

extension FieldValue {
  fileprivate var scriptValue: ScriptValue {
    switch self {
    case .boolean(let value): .boolean(value)
    case .integer(let value): .integer(value)
    case .text(let text): .string(text)
    case .texts(let texts): .list(texts.map { .string($0) })
    case .secret(let secret): .string(secret.reveal())
    case .automaticParticipants(let list): .list(list.map { .object($0.scriptObject) })
    case .completion(let completion): .object(completion.scriptObject)
    }
  }

  /// As JSON, without what must not be shown, and short.
  fileprivate var shown: String {
    if case .secret = self { return "‹secret›" }
    let text = scriptValue.jsonText
    return text.count > 120 ? text.prefix(119) + "…" : text
  }
}

extension RoomSettings.AutomaticParticipant {
  fileprivate var scriptObject: ScriptObject {
    [
      "local_alias": .string(localAlias), "remote_alias": .string(remoteAlias),
      "protocol": .string(callProtocol.rawValue), "role": .string(role.rawValue),
      "call_type": .string(callCapability.rawValue), "description": .string(description),
      "dtmf_sequence": .string(dtmfSequence), "keep_conference_alive": .string(keepAlive.rawValue),
      "local_display_name": .string(localDisplayName), "remote_display_name": .string(remoteDisplayName),
      "presentation_url": .string(presentationURL),
      "routing": .string(isRoutedByRules ? "routing_rule" : "manual"), "streaming": .boolean(isStreaming),
      "system_location_name": systemLocation.map { .string($0) } ?? .null,
    ]
  }
}

extension PlaybackCompletion {
  fileprivate var scriptObject: ScriptObject {
    switch self {
    case .disconnect: ["disconnect": true]
    case .transfer(let alias, let role):
      ["transfer": ["conference": .string(alias), "role": role.map { .string($0.rawValue) } ?? .null]]
    }
  }
}
