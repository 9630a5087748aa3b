import CallModel
import Conferences
import PolicyEngine

/// A row of `history/v1/conference/`. Fields are made when they are asked for: a list is of ten thousand, a page of twenty.
package struct HistoryConference: ListedObject {
  let past: PastConference

  package init(_ past: PastConference) { self.past = past }

  static let path = "/api/admin/history/v1/conference/"

  static let fields: [(name: String, value: @Sendable (PastConference) -> JSONText)] = [
    ("id", { .string($0.identity.id) }), ("resource_uri", { .string("\(path)\($0.identity.id)/") }),
    ("name", { .string($0.identity.name) }), ("service_type", { .string($0.identity.serviceType) }),
    ("start_time", { .string($0.identity.started.statusText) }),
    ("end_time", { .string($0.ended.statusText) }),
    ("duration", { .integer(seconds(from: $0.identity.started, to: $0.ended)) }),
    ("participant_count", { .integer($0.participants.count) }),
    ("participants", { .array($0.participants.map { .string("\(HistoryParticipant.path)\($0)/") }) }),
    ("instant_message_count", { _ in .integer(0) }), ("tag", { .string($0.identity.tag) }),
    ("direct_media_available", { _ in .boolean(false) }),
  ]

  subscript(name: String) -> JSONText? {
    HistoryConference.fields.first { $0.name == name }?.value(past)
  }

  package var json: JSONText { .object(HistoryConference.fields.map { ($0.name, $0.value(past)) }) }

  /// A line of a list: cells.
  package static let header = ["Began", "Seconds", "Conference", "Type", "Participants", "Id"]
  package var line: [String] {
    [
      past.identity.started.iso8601, "\(seconds(from: past.identity.started, to: past.ended))",
      past.identity.name, past.identity.serviceType, "\(past.participants.count)", past.identity.id,
    ]
  }
}

/// A row of `history/v1/participant/`: the fields of status with their names of the past, as far as they are known then.
package struct HistoryParticipant: ListedObject {
  let past: PastParticipant

  package init(_ past: PastParticipant) { self.past = past }

  static let path = "/api/admin/history/v1/participant/"

  static let fields: [(name: String, value: @Sendable (PastParticipant) -> JSONText)] = [
    ("id", { .string($0.record.id) }), ("resource_uri", { .string("\(path)\($0.record.id)/") }),
    ("call_uuid", { .string($0.call.description) }),
    ("conference", { .string("\(HistoryConference.path)\($0.record.conference.id)/") }),
    ("conference_name", { .string($0.record.conference.name) }),
    ("service_type", { .string($0.record.conference.serviceType) }),
    ("service_tag", { .string($0.record.conference.tag) }), ("call_tag", { .string($0.record.callTag) }),
    ("role", { .string($0.record.role) }), ("display_name", { .string($0.record.displayName) }),
    ("remote_alias", { .string($0.record.remoteAlias) }), ("local_alias", { .string($0.record.localAlias) }),
    ("protocol", { .string($0.record.callProtocol.statusWord) }), ("vendor", { .string($0.record.vendor) }),
    ("call_direction", { .string($0.record.isIncoming ? "in" : "out") }),
    ("encryption", { .string($0.record.isEncrypted ? "On" : "Off") }),
    ("start_time", { .string(($0.record.connected ?? $0.record.started).statusText) }),
    ("end_time", { JSONText($0.record.ended?.statusText) }),
    (
      "duration",
      { past in
        let record = past.record
        return .integer(
          record.ended.map { seconds(from: record.connected ?? record.started, to: $0) } ?? 0)
      }
    ), ("disconnect_reason", { .string($0.record.disconnect?.reason ?? "") }),
    ("remote_address", { JSONText($0.record.address?.ip.description) }),
    ("remote_port", { $0.record.address.map { .integer(Int($0.port)) } ?? .null }),
    ("has_media", { .boolean($0.record.hasMedia) }), ("is_streaming", { .boolean($0.record.isStreaming) }),
  ]

  subscript(name: String) -> JSONText? {
    HistoryParticipant.fields.first { $0.name == name }?.value(past)
  }

  package var json: JSONText { .object(HistoryParticipant.fields.map { ($0.name, $0.value(past)) }) }

  package var line: [String] {
    let record = past.record
    let from = record.connected ?? record.started
    return [
      String(record.id.prefix(8)), record.role == "chair" ? "host" : record.role,
      record.isIncoming ? "in" : "out", record.displayName.isEmpty ? record.remoteAlias : record.displayName,
      from.iso8601, "\(record.ended.map { seconds(from: from, to: $0) } ?? 0) s",
      record.disconnect?.reason ?? "", past.call.description,
    ]
  }
}

private func seconds(from start: WallClock, to end: WallClock) -> Int {
  Int(max(0, end.milliseconds - start.milliseconds) / 1_000)
}

extension Disconnect {
  /// As people read it: what was said of it, or else the cause.
  var reason: String {
    if let text, !text.isEmpty { return text }
    if cause == .normal { return "Call disconnected" }
    var words = ""
    for character in cause.rawValue {
      words += character.isUppercase ? " " + character.lowercased() : String(character)
    }
    return words.prefix(1).uppercased() + words.dropFirst()
  }
}
