import CallModel
import Conferences
import ManagementAPI
import NIOCore

/// The conferences of the running service, asked from outside the signalling loop.
final class LiveConferences: ConferenceDesk {
  private let server: NIOLoopBound<SignallingServer>
  private let eventLoop: any EventLoop

  init(server: NIOLoopBound<SignallingServer>, eventLoop: any EventLoop) {
    self.server = server
    self.eventLoop = eventLoop
  }

  func running() async -> [ConferenceReport] {
    let server = server
    return (try? await eventLoop.submit { server.value.turn(\.conferences.reports) ?? [] }.get()) ?? []
  }

  func perform(_ command: ConferenceCommand, on conference: String) async -> ConferenceRefusal? {
    let server = server
    // A loop that is gone has no conferences.
    return
      (try? await eventLoop.submit {
        server.value.turn { $0.conferences.perform(command, on: conference) } ?? .isOver
      }.get()) ?? nil
  }

  func dial(_ dialOut: DialOut, from alias: String) async -> Result<ParticipantID, ConferenceRefusal> {
    let server = server
    return
      (try? await eventLoop.submit {
        server.value.turn { $0.conferences.dial(dialOut, from: alias) } ?? .failure(.isOver)
      }.get())
      ?? .failure(.isOver)
  }
}
