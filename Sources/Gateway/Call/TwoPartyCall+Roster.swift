import CallModel
import MediaRelay
import Router

/// The call as a conference of two, for status and history.
extension TwoPartyCall {
  var report: GatewayReport {
    // A redirection may have led to another rule; the record keeps the one that took the call.
    let isOfRecord = live.record.serviceType == "gateway"
    return GatewayReport(
      call: live.id, service: isOfRecord ? live.record.serviceName : configuration.name,
      tag: isOfRecord ? live.record.tag : configuration.tag, started: began, isConnected: phase == .connected,
      parties: [party(.a), party(.b)].compactMap { $0 })
  }

  func party(_ side: RelaySideName) -> GatewayReport.Party? {
    guard let leg = side == .a ? caller : called else { return nil }
    let streams = (media?.described[side]?.streams ?? []).filter(\.isEnabled)
    var party = leg.party
    if side == .a, roster.parts[.a] == 1 { party.alias = live.record.caller.alias }
    return GatewayReport.Party(
      part: roster.parts[side] ?? 0, party: party,
      localAlias: side == .a ? live.record.calledAlias : live.record.caller.alias,
      isEncrypted: !streams.isEmpty && streams.allSatisfy { $0.profile.isSecure || !$0.cryptos.isEmpty },
      hasMedia: phase == .connected && !streams.isEmpty,
      isOnHold: media?.described[side]?.isHold ?? false, started: roster.joined[side] ?? began,
      connected: roster.joined[side] ?? live.record.connected)
  }

  /// A party goes, and others stay: from now on the record says who was there. As long as it does not, they are the caller and who
  /// answered.
  func recordDeparture(of side: RelaySideName, _ disconnect: Disconnect) {
    record(side.other)
    record(side, disconnect)
  }

  /// A party goes on in this call elsewhere.
  func recordLeaving(of side: RelaySideName) { record(side, Disconnect(.transferred)) }

  /// The call is over for all who are there.
  func recordEnd(_ disconnect: Disconnect) {
    guard !live.record.participants.isEmpty else { return }
    for side in RelaySideName.allCases { record(side, disconnect) }
  }

  private func record(_ side: RelaySideName, _ disconnect: Disconnect? = nil) {
    guard let party = party(side) else { return }
    var stay = party.record(of: live.id, in: report.identity)
    if let disconnect {
      stay.ended = loop.wallClock
      stay.disconnect = disconnect
    }
    live.record(stay)
  }
}
