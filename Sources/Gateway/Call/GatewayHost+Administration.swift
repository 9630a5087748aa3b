import CallModel
import MediaRelay
import PolicyHooks
import Router

/// What administrators see of gateway calls, and do with them.
extension GatewayHost {
  /// The calls that are up.
  public var reports: [GatewayReport] { calls.map(\.report) + remaining.values.map(\.report) }

  /// What can be done with a participant of a gateway call.
  public enum Command: Sendable {
    case disconnect
    /// To a service, inside its call; as what, if that matters there.
    case transfer(Alias, ParticipantRole?)
  }

  public enum Outcome: Hashable, Sendable {
    case done
    /// No gateway call has such a participant.
    case unknown
    /// Its call is being set up, changed or transferred.
    case notNow
  }

  /// Does something with the participant of this id (``GatewayReport/Party``).
  public func perform(_ command: Command, on participant: String) -> Outcome {
    guard let id = CallID(uuid: participant) else { return .unknown }
    for call in calls {
      guard let side = RelaySideName.allCases.first(where: { call.isParty($0, id) }) else { continue }
      switch command {
      case .disconnect:
        call.end(.byAdministrator, by: .tandem)
        return .done
      case .transfer(let alias, let role): return call.move(side, to: alias, as: role) ? .done : .notNow
      }
    }
    for party in remaining.values where party.isMeant(by: id) {
      switch command {
      case .disconnect: party.end(.byAdministrator)
      case .transfer(let alias, let role): party.move(to: alias, as: role)
      }
      return .done
    }
    return .unknown
  }

  /// Whether a call is shown as the conference with this id.
  public func isCall(_ conference: String) -> Bool {
    guard let id = CallID(uuid: conference) else { return false }
    return calls.contains { $0.live.id.masked(0) == id }
      || remaining.keys.contains { $0.masked(0) == id }
  }

  /// Ends the call that is shown as this conference.
  public func end(conference: String) -> Outcome {
    guard let id = CallID(uuid: conference) else { return .unknown }
    if let call = calls.first(where: { $0.live.id.masked(0) == id }) {
      call.end(.byAdministrator, by: .tandem)
      return .done
    }
    guard let party = remaining.values.first(where: { $0.live.id.masked(0) == id }) else { return .unknown }
    party.end(.byAdministrator)
    return .done
  }
}

extension Disconnect {
  fileprivate static let byAdministrator = Disconnect(.normal, text: "Disconnected by an administrator")
}

extension TwoPartyCall {
  fileprivate func isParty(_ side: RelaySideName, _ id: CallID) -> Bool {
    guard let part = roster.parts[side], side == .a || called != nil else { return false }
    return live.id.masked(part) == id
  }
}

extension RemainingParty {
  fileprivate func isMeant(by id: CallID) -> Bool {
    report.parties.contains { live.id.masked($0.part) == id }
  }
}
