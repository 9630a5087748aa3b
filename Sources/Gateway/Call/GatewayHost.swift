import CallModel
import MediaRelay
import Router

/// Hosts gateway calls: two parties, joined leg to leg through the relay.
///
/// Knows ``CallLeg`` and ``MediaDescription`` only, never a protocol's own messages (architecture, rule 7).
public final class GatewayHost: CallHost {
  let exchange: Exchange
  let media: MediaAccess
  /// Calls by each of their legs, so that an attended transfer finds the call it joins.
  private var callsByLeg: [LegID: TwoPartyCall] = [:]

  /// What is left of calls of which one party was moved away.
  var remaining: [CallID: RemainingParty] = [:]

  public init(exchange: Exchange, media: MediaAccess) {
    self.exchange = exchange
    self.media = media
  }

  public func take(_ incoming: IncomingCall) {
    guard case .gateway(let configuration) = incoming.routed.decision else { return }
    let call = TwoPartyCall(host: self, incoming: incoming, configuration: configuration)
    call.start()
  }

  public func move(partyFacing leg: LegID, to place: ServicePlace) -> Disconnect? {
    guard let call = call(with: leg) else { return Disconnect(.notFound, protocolCode: 481) }
    return call.move(partyFacing: leg, to: place)
  }

  public func abandonRinging(by leg: LegID) -> Alias? {
    guard let call = call(with: leg), call.isRinging(for: leg) else { return nil }
    let alias = call.request.alias
    call.end(Disconnect(.transferred), by: .tandem)
    return alias
  }

  public var callCount: Int { Set(callsByLeg.values.map { ObjectIdentifier($0) }).count }

  /// The calls that are up, each once.
  var calls: [TwoPartyCall] { callsByLeg.compactMap { $0.key == $0.value.caller.id ? $0.value : nil } }

  func call(with leg: LegID) -> TwoPartyCall? { callsByLeg[leg] }
  func register(_ call: TwoPartyCall, leg: LegID) { callsByLeg[leg] = call }
  func unregister(leg: LegID) { callsByLeg[leg] = nil }
}
