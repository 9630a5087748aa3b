import CallModel
import Conferences
import Gateway
import ManagementAPI
import NIOCore
import PolicyHooks

/// The conferences of the running service, asked from outside the signalling loop. A call between two parties is one, too.
final class LiveConferences: ConferenceDesk {
  private let server: NIOLoopBound<SignallingServer>
  private let eventLoop: any EventLoop

  init(server: NIOLoopBound<SignallingServer>, eventLoop: any EventLoop) {
    self.server = server
    self.eventLoop = eventLoop
  }

  /// One turn of the loop. A loop that is gone has nothing.
  private func ask<Answer: Sendable>(
    _ question: @escaping @Sendable (HostedServices) -> Answer, otherwise: Answer
  ) async -> Answer {
    let server = server
    return (try? await eventLoop.submit { server.value.turn(question) ?? otherwise }.get()) ?? otherwise
  }

  func running() async -> [ConferenceReport] {
    let (rooms, calls) = await ask({ ($0.conferences.reports, $0.gateway.reports) }, otherwise: ([], []))
    return rooms
      + calls.map(ConferenceReport.init).sorted { ($0.began, $0.id) < ($1.began, $1.id) }
  }

  func perform(_ command: ConferenceCommand, on conference: String) async -> ConferenceRefusal? {
    await ask(
      { services in
        let refusal = services.conferences.perform(command, on: conference)
        return refusal == .isOver ? services.gateway.perform(command, on: conference) : refusal
      }, otherwise: .isOver)
  }

  func dial(_ dialOut: DialOut, from alias: String) async -> Result<ParticipantID, ConferenceRefusal> {
    await ask({ $0.conferences.dial(dialOut, from: alias) }, otherwise: .failure(.isOver))
  }

  func follow(
    _ conference: String, after sequence: UInt64?
  ) async -> Result<any ConferenceEvents, ConferenceRefusal> {
    await ConferenceFeed.open(conference, after: sequence, server: server, eventLoop: eventLoop).map { $0 }
  }
}

extension ConferenceReport {
  fileprivate init(_ report: GatewayReport) {
    let identity = report.identity
    self.init(
      identity, call: report.call,
      parties: report.parties.map { ($0.record(of: report.call, in: identity), $0.isOnHold) },
      isStarted: report.isConnected)
  }
}

extension GatewayHost {
  /// What can be asked of a conference, asked of a call between two parties.
  fileprivate func perform(_ command: ConferenceCommand, on conference: String) -> ConferenceRefusal? {
    switch command {
    case .end: refusal(end(conference: conference), .isOver)
    case .disconnect(let id): refusal(perform(.disconnect, on: id.description), .unknownParticipant)
    case .transfer(let id, let transfer):
      refusal(
        perform(
          .transfer(
            Alias(dialled: transfer.alias, protocol: .sip),
            transfer.role.map { $0 == .chair ? .chair : .guest }),
          on: id.description), .unknownParticipant)
    default:
      isCall(conference) ? .notAllowed : .isOver
    }
  }

  private func refusal(_ outcome: Outcome, _ unknown: ConferenceRefusal) -> ConferenceRefusal? {
    switch outcome {
    case .done: nil
    case .unknown: unknown
    case .notNow: .notAllowed
    }
  }
}
