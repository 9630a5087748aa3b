import CallModel
import Foundation
import PolicyEngine
import Synchronization

@testable import PolicyActivation

/// A directory of a test's own, with policies and state.
final class Scratch: Sendable {
  let path: String
  var policies: String { "\(path)/policies" }
  var state: String { "\(path)/state" }

  init() throws {
    path = FileManager.default.temporaryDirectory.path + "/tandem-\(UUID().uuidString.prefix(8))"
    try FileManager.default.createDirectory(atPath: policies, withIntermediateDirectories: true)
    try FileManager.default.createDirectory(atPath: state, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  func write(_ text: String, to name: String = "policies/p.yaml") throws {
    let file = URL(filePath: "\(path)/\(name)")
    try FileManager.default.createDirectory(
      at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
    try Data(text.utf8).write(to: file)
  }

  /// A policy whose rule takes `pattern` over a trunk.
  static func policy(_ pattern: String, trunk: String = "a") -> String {
    """
    trunks: [{ name: a, host: 192.0.2.1 }, { name: b, host: 192.0.2.2 }]
    rules:
      - { name: out, priority: 10, match: '\(pattern)', from: { registered: true }, to: { trunks: [\(trunk)] } }

    """
  }
}

/// The service around a lifecycle, as far as the lifecycle knows of it.
final class Service: Sendable {
  struct Seen {
    var installed: [String] = []
    var events: [String] = []
    var calls: [CallRecord] = []
    var shadow: ShadowEvaluation?
    var clock: Int64 = 1_767_744_000_000
  }

  let seen = Mutex(Seen())

  var installed: [String] { seen.withLock { $0.installed } }
  var events: [String] { seen.withLock { $0.events } }

  var surroundings: PolicyLifecycle.Surroundings {
    PolicyLifecycle.Surroundings(
      install: { policy in
        self.seen.withLock { $0.installed.append(policy.version.description) }
        return .microseconds(1)
      },
      watch: { shadow in self.seen.withLock { $0.shadow = shadow } },
      calls: { since, limit in
        self.seen.withLock { Array($0.calls.filter { $0.started >= since }.prefix(limit)) }
      },
      now: {
        self.seen.withLock {
          $0.clock += 1_000
          return WallClock(milliseconds: $0.clock)
        }
      },
      report: { event in
        let text =
          switch event {
          case .diagnostics: ""
          case .activated(let version, let way, _): "\(way.rawValue) \(version)"
          case .kept(let reason): "kept: \(reason)"
          case .notice(let notice): notice
          }
        if !text.isEmpty { self.seen.withLock { $0.events.append(text) } }
      })
  }

  /// Starts as the program does; nil: there is nothing to serve.
  func start(_ scratch: Scratch, manual: Bool = false) throws -> PolicyLifecycle? {
    let options = PolicyLifecycle.Options(directory: scratch.policies, isManual: manual)
    let history = try PolicyHistory(state: scratch.state)
    guard let beginning = PolicyLifecycle.begin(options, history).beginning else { return nil }
    for notice in beginning.notices { seen.withLock { $0.events.append(notice) } }
    return PolicyLifecycle(options, history, beginning, surroundings)
  }
}
