import CallModel

/// A record as `tandem calls --json` prints it. Times are milliseconds since 1970, UTC; keys are stable.
extension CallRecord {
  /// The record as one line of JSON.
  public var json: String { JSONWriter.text { write(to: &$0) } }

  /// Records as one JSON array, one record a line.
  public static func json(_ records: [CallRecord]) -> String {
    records.isEmpty ? "[]" : "[\n" + records.map(\.json).joined(separator: ",\n") + "\n]"
  }

  func write(to json: inout JSONWriter) {
    json.object { json in
      json.member("id", id.description)
      json.member("started", started.milliseconds)
      json.member("connected", connected?.milliseconds)
      json.member("ended", ended?.milliseconds)
      json.member("caller") { json in
        json.member("protocol", caller.callProtocol.rawValue)
        json.member("incoming", caller.isIncoming)
        json.member("alias", caller.alias)
        json.member("display_name", caller.displayName)
        json.member("address", caller.address?.description)
        json.member("vendor", caller.vendor)
        json.member("protocol_call_id", caller.protocolCallID)
      }
      json.member("called_alias", calledAlias)
      json.member("service_name", serviceName)
      json.member("service_type", serviceType)
      json.member("tag", tag)
      json.member("ended_by", endedBy?.rawValue)
      json.member("disconnect", disconnect)
      json.key("decision")
      decision.write(to: &json)
      json.key("attempts")
      json.array(attempts) { $1.write(to: &$0) }
      json.key("media")
      json.array(media) { $1.write(to: &$0) }
      json.key("events")
      json.array(events) { json, event in
        json.object {
          $0.member("at", event.at.milliseconds)
          $0.member("what", event.what)
        }
      }
      guard !participants.isEmpty else { return }
      json.key("conferences")
      json.array(participants) { json, stay in
        json.object {
          $0.member("id", stay.conference.id)
          $0.member("name", stay.conference.name)
          $0.member("participant", stay.id)
          $0.member("role", stay.role)
          $0.member("started", stay.started.milliseconds)
          $0.member("ended", stay.ended?.milliseconds)
        }
      }
    }
  }
}

extension CallAttempt {
  fileprivate func write(to json: inout JSONWriter) {
    json.object { json in
      json.member("via", via)
      json.member("alias", alias)
      json.member("address", address?.description)
      json.member("started", started.milliseconds)
      json.member("rang", rang?.milliseconds)
      json.member("answered", answered?.milliseconds)
      json.member("ended", ended?.milliseconds)
      json.member("disconnect", disconnect)
    }
  }
}

extension MediaQuality {
  fileprivate func write(to json: inout JSONWriter) {
    json.object { json in
      json.member("side", side.rawValue)
      json.member("kind", kind)
      json.member("codec", codec)
      json.member("encrypted", isEncrypted)
      json.member("packets_received", Int64(clamping: packetsReceived))
      json.member("packets_sent", Int64(clamping: packetsSent))
      json.member("bytes_received", Int64(clamping: bytesReceived))
      json.member("packets_lost", packetsLost)
      json.member("jitter_ms", jitter)
      json.member("round_trip_ms", roundTrip)
    }
  }
}

extension JSONWriter {
  fileprivate mutating func member(_ name: StaticString, _ disconnect: Disconnect?) {
    guard let disconnect else { return member(name, nil as String?) }
    member(name) { json in
      json.member("cause", disconnect.cause.rawValue)
      json.member("protocol_code", disconnect.protocolCode.map(Int64.init))
      json.member("text", disconnect.text)
      json.member("q850", disconnect.q850.map(Int64.init))
    }
  }
}
