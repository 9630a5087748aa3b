import CallModel

/// One parameter of a request. `isSecret` values are sent but never shown.
struct QueryParameter: Hashable {
  var name: String
  var value: String
  var isSecret = false

  init(_ name: String, _ value: String, isSecret: Bool = false) {
    self.name = name
    self.value = value
    self.isSecret = isSecret
  }

  /// Booleans are Python's.
  init(_ name: String, _ value: Bool) { self.init(name, value ? "True" : "False") }
}

/// The table of the routing reference §10, column by column. The order of the parameters carries no meaning to servers; it
/// is that of requests seen from the reference system, so that logs can be laid side by side.
extension ExternalPolicyRequest {
  /// `requestID` is sent with media location requests.
  func parameters(requestID: RequestID) -> [QueryParameter] {
    switch self {
    case .serviceConfiguration(let call, let node, let service):
      var query = call.parameters
      query.add("previous_service_name", call.previousServiceName)
      query.add("breakout_uuid", call.breakoutUUID)
      query.add("display_count", call.displayCount.map { String($0) })
      query.add("telehealth_request_id", call.telehealthRequestID)
      if let passcode = call.thirdPartyPasscode {
        query.append(QueryParameter("third_party_passcode", passcode.reveal(), isSecret: true))
      }
      if let service, call.direction == .dialOut || call.breakoutUUID != nil {
        query.append(QueryParameter("service_name", service.name))
        query.append(QueryParameter("unique_service_name", service.uniqueName))
        if call.direction == .dialOut { query.append(QueryParameter("service_tag", service.tag)) }
      }
      query += node.parameters
      query.append(QueryParameter("local_alias", call.localAlias))
      return query

    case .participantProperties(let call, let node, let service, let participant):
      var query = call.parameters
      query.add("previous_service_name", call.previousServiceName)
      query.add("breakout_uuid", call.breakoutUUID)
      query.add("telehealth_request_id", call.telehealthRequestID)
      query += service.parameters
      query += [
        QueryParameter("participant_uuid", participant.participantUUID),
        QueryParameter("call_uuid", participant.callUUID),
        QueryParameter("participant_type", participant.stage.rawValue),
        QueryParameter("preauthenticated_role", participant.preauthenticatedRole?.rawValue ?? ""),
        QueryParameter("bypass_lock", false),
        QueryParameter("display_count", call.displayCount.map { String($0) } ?? ""),
        QueryParameter("receive_from_audio_mix", participant.receiveFromAudioMix),
        QueryParameter("send_to_audio_mixes_mix_name", participant.audioMix.name),
        QueryParameter("send_to_audio_mixes_prominent", participant.audioMix.isProminent),
      ]
      for attribute in participant.idpAttributes {
        for value in attribute.values {
          query.append(QueryParameter("idp_attribute_\(attribute.name)", value))
        }
      }
      query += node.parameters
      query.append(QueryParameter("local_alias", call.localAlias))
      return query

    case .mediaLocation(let call, let node, let service):
      var query = call.parameters
      query.add("previous_service_name", call.previousServiceName)
      query.add("telehealth_request_id", call.telehealthRequestID)
      query += service.parameters
      query += call.proxyParameters
      query += node.parameters
      query.append(QueryParameter("request_id", requestID.description))
      query.append(QueryParameter("local_alias", call.localAlias))
      return query

    case .avatar(let request, let node):
      var query: [QueryParameter] = []
      if let call = request.call {
        query += call.facts.parameters
        query += call.service.parameters
        query.append(QueryParameter("role", call.role?.rawValue ?? "unknown"))
        query += call.facts.proxyParameters
      } else {
        query.append(QueryParameter("registered", request.isRegistered))
      }
      query += [
        QueryParameter("width", String(request.width)), QueryParameter("height", String(request.height)),
      ]
      query += node.parameters
      if let call = request.call { query.append(QueryParameter("local_alias", call.facts.localAlias)) }
      return query

    case .directory(let request, let node):
      return [
        QueryParameter("q", request.query), QueryParameter("registration_alias", request.registrationAlias),
        QueryParameter("limit", String(DirectoryRequest.limit)), QueryParameter("call_tag", request.callTag),
      ] + node.parameters

    case .registration(let request, let node):
      return [
        QueryParameter("protocol", request.callProtocol.rawValue),
        QueryParameter("auth_type", request.authentication.rawValue),
        QueryParameter("remote_address", request.remoteAddress?.description ?? ""),
      ] + node.parameters
    }
  }
}

extension CallFacts {
  /// What service, participant, location and in-call avatar requests share, but for `local_alias` and the node.
  fileprivate var parameters: [QueryParameter] {
    let encryption =
      switch isEncrypted {
      case true?: "On"
      case false?: "Off"
      case nil: "Unknown"
      }
    var query = [
      QueryParameter("call_direction", direction.rawValue),
      QueryParameter("protocol", callProtocol.rawValue),
      QueryParameter("bandwidth", String(bandwidth?.bitsPerSecond ?? 0)),
      QueryParameter("vendor", vendor),
      QueryParameter("encryption", encryption),
      QueryParameter("registered", isRegistered),
      QueryParameter("trigger", trigger.rawValue),
      QueryParameter("remote_display_name", remoteDisplayName),
      QueryParameter("remote_alias", remoteAlias),
      QueryParameter("remote_address", remoteAddress?.ip.description ?? ""),
      QueryParameter("remote_port", remoteAddress.map { String($0.port) } ?? ""),
      QueryParameter("call_tag", callTag),
      QueryParameter("idp_uuid", idpUUID),
      QueryParameter("has_authenticated_display_name", hasAuthenticatedDisplayName),
      QueryParameter("supports_direct_media", supportsDirectMedia),
      QueryParameter("teams_tenant_id", teamsTenantID),
    ]
    // On the wire under the names of the headers; only there when the headers were.
    if callProtocol == .sip || callProtocol == .mssip {
      for subnet in msSubnets { query.append(QueryParameter("ms-subnet", subnet)) }
      for identity in assertedIdentities { query.append(QueryParameter("P-Asserted-Identity", identity)) }
    }
    return query
  }

  fileprivate var proxyParameters: [QueryParameter] {
    guard let proxyNode else { return [] }
    return [
      QueryParameter("proxy_node_address", proxyNode.address.description),
      QueryParameter("proxy_node_location", proxyNode.location),
    ]
  }
}

extension ServiceFacts {
  fileprivate var parameters: [QueryParameter] {
    [
      QueryParameter("service_name", name), QueryParameter("service_tag", tag),
      QueryParameter("unique_service_name", uniqueName),
    ]
  }
}

extension NodeFacts {
  fileprivate var parameters: [QueryParameter] {
    [
      QueryParameter("location", location), QueryParameter("node_ip", address?.description ?? ""),
      QueryParameter("version_id", versionID), QueryParameter("pseudo_version_id", pseudoVersionID),
    ]
  }
}

extension [QueryParameter] {
  fileprivate mutating func add(_ name: String, _ value: String?) {
    if let value { append(QueryParameter(name, value)) }
  }
}
