import CallModel
import PolicyScript

/// `call_info`: the facts of a request as scripts see them, in native types (routing reference §18).
///
/// What is not known is null or empty, never missing: both `call_info.x` and `call_info.get("x")` are safe.
struct CallInfo {
  var call: CallFacts
  var node: NodeFacts
  /// Known of participants, of calls placed from a service, and of breakout rooms.
  var service: ServiceFacts?
  /// Of a policy server's valid answer.
  var disposition: PolicyDisposition?

  func object(for kind: ScriptKind) -> ScriptObject {
    func text(_ text: String?) -> ScriptValue { text.map { .string($0) } ?? .null }
    let encryption =
      switch call.isEncrypted {
      case true?: "On"
      case false?: "Off"
      case nil: "Unknown"
      }
    var object: ScriptObject = [
      "bandwidth": .integer(call.bandwidth?.bitsPerSecond ?? 0),
      "call_direction": .string(call.direction.rawValue), "call_tag": .string(call.callTag),
      "display_count": call.displayCount.map { .integer($0) } ?? .null, "encryption": .string(encryption),
      "has_authenticated_display_name": .boolean(call.hasAuthenticatedDisplayName),
      "idp_uuid": .string(call.idpUUID), "local_alias": .string(call.localAlias),
      "location": .string(node.location), "ms_subnet": .list(call.msSubnets.map { .string($0) }),
      "node_ip": .string(node.address?.description ?? ""),
      "p_asserted_identity": .list(call.assertedIdentities.map { .string($0) }),
      "previous_service_name": text(call.previousServiceName),
      "protocol": .string(call.callProtocol.rawValue), "pseudo_version_id": .string(node.pseudoVersionID),
      "registered": .boolean(call.isRegistered),
      "remote_address": .string(call.remoteAddress?.ip.description ?? ""),
      "remote_alias": .string(call.remoteAlias), "remote_display_name": .string(call.remoteDisplayName),
      "remote_port": call.remoteAddress.map { .integer(Int($0.port)) } ?? .null,
      "supports_direct_media": .boolean(call.supportsDirectMedia),
      "teams_tenant_id": .string(call.teamsTenantID),
      "telehealth_request_id": text(call.telehealthRequestID), "trigger": .string(call.trigger.rawValue),
      "vendor": .string(call.vendor), "version_id": .string(node.versionID),
    ]
    switch kind {
    case .service:
      object["breakout_uuid"] = text(call.breakoutUUID)
      object["third_party_passcode"] = text(call.thirdPartyPasscode?.reveal())
    case .location:
      object["proxy_node_address"] = text(call.proxyNode?.address.description)
      object["proxy_node_location"] = text(call.proxyNode?.location)
    case .participant: break
    }
    if let service {
      object["service_name"] = .string(service.name)
      object["service_tag"] = .string(service.tag)
      object["unique_service_name"] = .string(service.uniqueName)
    }
    if let disposition { object["external_policy_disposition"] = .string(disposition.rawValue) }
    return object
  }
}
