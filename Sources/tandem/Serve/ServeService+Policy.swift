import CallModel
import Foundation
import Logging
import NIOCore
import PolicyActivation
import PolicyEngine
import PolicyTransport
import Records

extension ServeService {
  /// What the life of a policy needs of the service.
  static func surroundings(
    state: String, server: NIOLoopBound<SignallingServer>, eventLoop: any EventLoop,
    policyServers: ExternalPolicy, log: Logger
  ) -> PolicyLifecycle.Surroundings {
    PolicyLifecycle.Surroundings(
      install: { policy in
        await policyServers.activate(policy.policy.policyProfiles)
        let pause = try? await eventLoop.submit {
          let start = ContinuousClock.now
          server.value.activate(policy)
          return ContinuousClock.now - start
        }.get()
        return pause ?? .zero
      },
      watch: { shadow in _ = try? await eventLoop.submit { server.value.watch(by: shadow) }.get() },
      calls: { since, limit in
        var query = CallQuery()
        query.since = since
        query.limit = limit
        return try CallArchive(directory: state).calls(query)
      },
      now: { WallClock(milliseconds: Int64(Date().timeIntervalSince1970 * 1000)) },
      report: { write($0, to: log) })
  }

  private static func write(_ event: PolicyLifecycle.Event, to log: Logger) {
    switch event {
    case .diagnostics(let diagnostics): report(diagnostics, to: log)
    case .activated(let version, let way, let pause):
      let microseconds =
        pause.components.seconds * 1_000_000 + pause.components.attoseconds / 1_000_000_000_000
      log.notice(
        "policy in force",
        metadata: ["version": "\(version)", "way": "\(way.rawValue)", "pause_us": "\(microseconds)"])
    case .kept(let reason):
      log.error("policy not loaded: the one in force stays", metadata: ["reason": "\(reason)"])
    case .notice(let text): log.warning("\(text)")
    }
  }
}
