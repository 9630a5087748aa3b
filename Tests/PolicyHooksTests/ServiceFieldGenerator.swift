import JSONText
import PolicyScript
import TestSupport

@testable import PolicyHooks

/// Makes valid service configurations, as servers write them.
struct ServiceFieldGenerator {
  var random: SplitMix

  private mutating func pick<Value>(_ values: [Value]) -> Value {
    values[Int.random(in: 0..<values.count, using: &random)]
  }

  private mutating func text() -> String {
    String((0..<Int.random(in: 1...12, using: &random)).map { _ in pick(Array("aZ09 é@.\"\\'{}|,")) })
  }

  mutating func result() -> ScriptObject {
    let type = pick(ServiceType.allCases)
    var object = ScriptObject()
    for rule in ServiceFieldRule.table {
      let presence = rule.presence(in: type)
      guard presence != .absent, presence == .required || Bool.random(using: &random) else { continue }
      object[rule.field.rawValue] = value(rule, type)
    }
    object["service_type"] = .string(type.rawValue)
    fitTogether(&object)
    return object
  }

  private mutating func value(_ rule: ServiceFieldRule, _ type: ServiceType) -> ScriptValue {
    switch rule.type {
    case .text where rule.field == .remoteAlias || rule.field == .localAlias:
      return .string(pick(["sip:bob@example.org", "ann@10.0.0.1", "+4420", "h323:room@[2001:db8::1]", "7"]))
    case .text: return .string(text())
    case .boolean: return .boolean(Bool.random(using: &random))
    case .integer(let range): return .integer(Int.random(in: range, using: &random))
    case .choice(let known):
      return .string(pick(rule.field == .callType && type != .gateway ? known.dropLast() : known))
    case .layout:
      return .string(pick(["one_main_zero_pips", "five_mains_seven_pips", "nine_mains_zero_pips"]))
    case .name(let kind): return .string(pick(Fixture.context.names[kind].sorted()))
    case .pin: return .string(pick(["1234", "4411", "123456", "77#"]) + "")
    case .pattern: return .string(pick(["", ".*", "(\\d+)"]))
    case .uuid: return .string("01234567-89ab-cdef-0123-456789abcdef")
    case .uuids: return .list([.string("01234567-89ab-cdef-0123-456789abcdef")])
    case .dtmf: return .string(pick(["", ",,12#", "*9"]))
    case .automaticParticipants:
      return .list(
        (0..<Int.random(in: 0...2, using: &random)).map { _ in
          .object([
            "local_alias": .string(text()), "remote_alias": .string(text()), "protocol": "sip",
            "role": .string(pick(["chair", "guest"])), "streaming": .boolean(Bool.random(using: &random)),
            "call_type": .string(pick(["video", "audio"])), "system_location_name": pick([nil, "North"]),
          ])
        })
    case .completion:
      return pick([
        ["disconnect": true], ["transfer": ["conference": "a", "role": "guest"]],
        ["transfer": ["conference": "b"]],
      ])
    }
  }

  /// Rules about several fields.
  private mutating func fitTogether(_ object: inout ScriptObject) {
    if object["allow_guests"] != nil || object["guest_pin"] != nil || object["pin"] != nil {
      let (pin, guest, isOpen): (ScriptValue, ScriptValue, Bool) = pick([
        (nil, "", false), ("1234", nil, false), ("1234", "", true), ("1234", "5678", true),
        ("12#", "34567#", true),
      ])
      object["pin"] = pin == "12#" ? "123#" : pin
      object["guest_pin"] = guest
      object["allow_guests"] = .boolean(isOpen)
    }
    if object["breakout"] == .boolean(true) {
      object["breakout_rooms"] = false
      object["breakout_uuid"] = "01234567-89ab-cdef-0123-456789abcdef"
      object["breakout_name"] = "Side"
    } else {
      for key in ["breakout_uuid", "breakout_name", "breakout_description", "end_action", "end_time"] {
        object[key] = nil
      }
      object["breakout_guests_allowed_to_leave"] = nil
    }
    if object["breakout_rooms"] == .boolean(true) { object["direct_media"] = "never" }
  }
}
