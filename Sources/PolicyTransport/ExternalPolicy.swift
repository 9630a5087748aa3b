import CallModel
import NIOCore
import PolicyEngine
import PolicyHooks
import Synchronization

/// The policy servers of the policy in force.
///
/// A reload keeps the server of a profile that did not change: its connections, and what its circuit breakers know.
/// Exchanges with one that did are ended by their own deadline, under the profile they began with.
public final class ExternalPolicy: Sendable {
  private struct State {
    var servers: [String: PolicyServer] = [:]
    var isShutDown = false
  }

  private let group: any EventLoopGroup
  private let onBreakerChange: PolicyServer.BreakerObserver
  private let state = Mutex(State())

  /// - Parameter onBreakerChange: called off the signalling loop, for the log.
  public init(
    group: any EventLoopGroup, onBreakerChange: @escaping PolicyServer.BreakerObserver = { _, _, _ in }
  ) {
    self.group = group
    self.onBreakerChange = onBreakerChange
  }

  /// Makes `profiles` the ones that are asked; those without a server are passed over.
  public func activate(_ profiles: [PolicyProfile]) async {
    let retired = state.withLock { state -> [PolicyServer] in
      guard !state.isShutDown else { return [] }
      let old = state.servers
      state.servers = [:]
      for var profile in profiles where profile.url != nil {
        // Scripts run here: a new one is no reason to leave the server's connections.
        profile.scripts = [:]
        if let server = old[profile.name], server.profile == profile {
          state.servers[profile.name] = server
        } else {
          state.servers[profile.name] = PolicyServer(
            profile: profile, group: group, onBreakerChange: onBreakerChange)
        }
      }
      return old.values.filter { state.servers[$0.profile.name] !== $0 }
    }
    for server in retired { await server.retire() }
  }

  /// The server of `profile`, when it is asked questions of this kind.
  public func server(_ profile: String, for kind: PolicyRequestKind) -> PolicyServer? {
    state.withLock { state in
      guard let server = state.servers[profile], server.profile.hooks[kind] != nil else { return nil }
      return server
    }
  }

  public func shutdown() async {
    let servers = state.withLock { state in
      state.isShutDown = true
      defer { state.servers = [:] }
      return Array(state.servers.values)
    }
    for server in servers { await server.shutdown() }
  }
}
