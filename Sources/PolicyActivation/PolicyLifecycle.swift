import CallModel
import Foundation
import PolicyEngine
import PolicyTools

/// Which policy is in force, and how another comes to be: files that change, activation with its gate, rollback, shadow mode.
///
/// One change at a time. All compiling and comparing happens here, off the signalling loop; the loop is only handed what is
/// ready.
public actor PolicyLifecycle {
  public struct Options: Sendable {
    /// The directory that is watched.
    public var directory: String
    /// Changes of the directory do not act; only `activate` does.
    public var isManual: Bool

    public init(directory: String, isManual: Bool = false) {
      self.directory = PolicyLifecycle.absolute(directory)
      self.isManual = isManual
    }
  }

  /// What the lifecycle needs of the service around it.
  public struct Surroundings: Sendable {
    /// Makes a policy decide from now on; returns how long calls were held up by it.
    public var install: @Sendable (PolicySnapshot) async -> Duration
    /// Hands live decisions to a shadow, or to nobody.
    public var watch: @Sendable (ShadowEvaluation?) async -> Void
    /// Recorded calls since a time, the newest first, at most so many.
    public var calls: @Sendable (_ since: WallClock, _ limit: Int) throws -> [CallRecord]
    public var now: @Sendable () -> WallClock
    public var report: @Sendable (_ event: Event) -> Void

    public init(
      install: @escaping @Sendable (PolicySnapshot) async -> Duration,
      watch: @escaping @Sendable (ShadowEvaluation?) async -> Void,
      calls: @escaping @Sendable (WallClock, Int) throws -> [CallRecord],
      now: @escaping @Sendable () -> WallClock, report: @escaping @Sendable (Event) -> Void
    ) {
      self.install = install
      self.watch = watch
      self.calls = calls
      self.now = now
      self.report = report
    }
  }

  /// For the log.
  public enum Event: Sendable {
    case diagnostics([PolicyDiagnostic])
    case activated(version: String, way: PolicyHistory.Entry.Way, pause: Duration)
    /// What is tried did not come about: the policy in force stays.
    case kept(reason: String)
    case notice(String)
  }

  public nonisolated let options: Options
  public nonisolated let history: PolicyHistory
  private let surroundings: Surroundings
  public private(set) var policy: PolicySnapshot
  private var since: WallClock
  private var active: PolicyHistory.Active
  public private(set) var shadow: ShadowEvaluation?
  /// What was in force lately, so that a rollback does not depend on secrets that are not kept.
  private var recent: [PolicySnapshot] = []
  /// Pushed out of these, and perhaps still the policy of some call: a long one is let go here, and not by the signalling loop.
  private var retired: [PolicySnapshot] = []
  /// What is wrong with the watched directory.
  private var directoryErrors = 0
  private var isBusy = false
  private var waiting: [CheckedContinuation<Void, Never>] = []

  static let recentCount = 5
  /// Recorded calls that a candidate is put to.
  public static let replayLimit = 100_000

  // MARK: Start

  /// The policy to begin with, and how it was chosen.
  public struct Beginning: Sendable {
    public var policy: PolicySnapshot
    public var diagnostics: [PolicyDiagnostic]
    public var notices: [String]
    var active: PolicyHistory.Active
    var outcome: PolicyLoader.Outcome
    var directory: String
    var errors: Int
  }

  /// The policy of the directory; but the one that was put in its place while the directory has not changed since, the one last
  /// activated where only activation counts, and the last good one when the directory has errors.
  /// - Returns: nil when there is nothing to serve; the diagnostics say why.
  public static func begin(_ options: Options, _ history: PolicyHistory) -> (
    beginning: Beginning?, diagnostics: [PolicyDiagnostic]
  ) {
    let outcome = PolicyLoader.load(directory: options.directory)
    let errors = outcome.errors.count
    var notices: [String] = []
    func directoryItself() -> Beginning? {
      outcome.snapshot.map { snapshot in
        Beginning(
          policy: snapshot, diagnostics: outcome.diagnostics, notices: notices,
          active: .init(version: snapshot.version.description), outcome: outcome,
          directory: options.directory, errors: errors)
      }
    }
    guard let active = history.active else { return (directoryItself(), outcome.diagnostics) }
    let version = outcome.snapshot?.version.description
    let wanted =
      options.isManual || version == nil || active.setAside != nil && active.setAside == version
    guard wanted, active.version != version else { return (directoryItself(), outcome.diagnostics) }
    do {
      let (kept, directory) = try history.load(active.version)
      guard let snapshot = kept.snapshot else {
        notices.append(
          "version \(active.version) cannot be brought back: \(kept.errors.first?.description ?? "it has errors")"
        )
        return (directoryItself(), outcome.diagnostics)
      }
      notices.append(
        version == nil
          ? "the policies in \(options.directory) have errors: the last good version \(active.version) is served"
          : "version \(active.version) is served as it was activated, and not \(version ?? "") of \(options.directory)"
      )
      return (
        Beginning(
          policy: snapshot, diagnostics: outcome.diagnostics, notices: notices, active: active, outcome: kept,
          directory: directory, errors: errors), outcome.diagnostics
      )
    } catch {
      notices.append("version \(active.version) cannot be brought back: \(error)")
      return (directoryItself(), outcome.diagnostics)
    }
  }

  public init(
    _ options: Options, _ history: PolicyHistory, _ beginning: Beginning, _ surroundings: Surroundings
  ) {
    self.options = options
    self.history = history
    self.surroundings = surroundings
    policy = beginning.policy
    active = beginning.active
    directoryErrors = beginning.errors
    since = surroundings.now()
    recent = [beginning.policy]
    let known = history.entries.last?.version == policy.version.description
    let entry = PolicyHistory.Entry(
      at: since, version: policy.version.description, way: .start, directory: beginning.directory)
    do {
      let problem = try history.keep(beginning.outcome, directory: beginning.directory, at: since)
      if let problem, !known { surroundings.report(.notice("version \(policy.version): \(problem)")) }
      // A service that is started often does not push out the changes that count.
      if !known { try history.append(entry) }
      try history.setActive(active)
    } catch {
      surroundings.report(.notice("the history cannot be written: \(error)"))
    }
  }

  // MARK: One at a time

  private func enter() async {
    if !isBusy {
      isBusy = true
      return
    }
    await withCheckedContinuation { waiting.append($0) }
  }

  private func leave() {
    if waiting.isEmpty { isBusy = false } else { waiting.removeFirst().resume() }
  }

  private func exclusively<Result: Sendable>(_ work: () async -> Result) async -> Result {
    await enter()
    let result = await work()
    leave()
    return result
  }

  // MARK: Files

  /// Files have changed, or somebody asked for it: loads the directory and makes it the policy in force, or leaves all as it is.
  /// - Parameter isAsked: SIGHUP: what was set aside acts again.
  public func reload(because reason: String, isAsked: Bool) async {
    await exclusively {
      let outcome = PolicyLoader.load(directory: options.directory)
      surroundings.report(.diagnostics(outcome.diagnostics))
      directoryErrors = outcome.errors.count
      guard let snapshot = outcome.snapshot else {
        surroundings.report(.kept(reason: "\(reason): \(outcome.errors.count) errors"))
        return
      }
      // An editor or a copy that is not done yet; nobody's policy is an empty file.
      if let empty = outcome.files.first(where: { $0.bytes.allSatisfy { $0 <= 0x20 } }) {
        surroundings.report(
          .kept(reason: "\(reason): \(empty.name) is empty; remove the file if that is meant"))
        return
      }
      let version = snapshot.version.description
      if options.isManual {
        surroundings.report(
          .notice("\(reason): version \(version) of \(options.directory) waits for `tandem policy activate`"))
        return
      }
      if !isAsked, active.setAside == version {
        surroundings.report(.notice("\(reason): version \(version) stays set aside"))
        return
      }
      await install(
        outcome, snapshot, .init(version: version),
        .init(
          at: surroundings.now(), version: version, way: .reload, directory: options.directory, note: reason))
    }
  }

  private func install(
    _ outcome: PolicyLoader.Outcome?, _ snapshot: PolicySnapshot, _ next: PolicyHistory.Active,
    _ entry: PolicyHistory.Entry
  ) async {
    var entry = entry
    do {
      if let outcome, let problem = try history.keep(outcome, directory: entry.directory, at: entry.at) {
        surroundings.report(.notice("version \(entry.version): \(problem)"))
      }
      try history.setActive(next)
    } catch {
      // The service goes on without a history rather than without the policy that is wanted.
      surroundings.report(.notice("the history cannot be written: \(error)"))
    }
    let isSame = policy.version == snapshot.version
    let pause = await surroundings.install(snapshot)
    policy = snapshot
    active = next
    since = entry.at
    retired += recent.filter { $0.version == snapshot.version && $0 !== snapshot }
    recent.removeAll { $0.version == snapshot.version }
    recent.append(snapshot)
    if recent.count > PolicyLifecycle.recentCount { retired.append(recent.removeFirst()) }
    releaseRetired()
    if isSame, entry.note.isEmpty { entry.note = "no change" }
    do {
      try history.append(entry)
    } catch {
      surroundings.report(.notice("the history cannot be written: \(error)"))
    }
    surroundings.report(.activated(version: entry.version, way: entry.way, pause: pause))
    if let shadow, shadow.candidate.version == snapshot.version { await stopShadow() }
  }

  /// Lets go of what no call holds any more.
  private func releaseRetired() {
    var held: [PolicySnapshot] = []
    while var snapshot = retired.popLast() {
      if !isKnownUniquelyReferenced(&snapshot) { held.append(snapshot) }
    }
    retired = held
  }

  // MARK: Activation

  public struct ActivationRequest: Sendable {
    public var directory: String
    public var maximumShare: Double
    /// Recorded calls from this time on are replayed; nil: none.
    public var replaySince: WallClock?
    public var isConfirmed: Bool
    public var by: String
    public var note: String

    public init(
      directory: String, maximumShare: Double = 0, replaySince: WallClock?, isConfirmed: Bool = false,
      by: String = "", note: String = ""
    ) {
      self.directory = PolicyLifecycle.absolute(directory)
      self.maximumShare = maximumShare
      self.replaySince = replaySince
      self.isConfirmed = isConfirmed
      self.by = by
      self.note = note
    }
  }

  public struct ActivationResult: Sendable {
    public var isActivated: Bool
    public var version: String?
    public var previous: String
    public var objections: [String]
    /// What was looked at.
    public var lines: [String]
    public var pause: Duration?
  }

  /// Makes the policy of a directory the one in force if it passes the gate, or if what stands against it is confirmed.
  public func activate(_ request: ActivationRequest) async -> ActivationResult {
    await exclusively {
      let previous = policy.version.description
      let outcome = PolicyLoader.load(directory: request.directory)
      let gate = gate(request, outcome)
      let objections = gate.objections
      guard gate.isUsable, let snapshot = outcome.snapshot, objections.isEmpty || request.isConfirmed else {
        return ActivationResult(
          isActivated: false, version: outcome.snapshot?.version.description, previous: previous,
          objections: gate.isUsable ? objections : ["the policy has errors"], lines: gate.lines)
      }
      let version = snapshot.version.description
      let start = ContinuousClock.now
      await install(
        outcome, snapshot, .init(version: version, setAside: setAside(by: version)),
        .init(
          at: surroundings.now(), version: version, way: .activate, by: request.by,
          directory: request.directory, note: request.note, overruled: objections))
      return ActivationResult(
        isActivated: true, version: version, previous: previous, objections: objections, lines: gate.lines,
        pause: ContinuousClock.now - start)
    }
  }

  private func gate(_ request: ActivationRequest, _ outcome: PolicyLoader.Outcome) -> ActivationGate {
    var gate = ActivationGate(
      outcome: outcome, tests: nil, testErrors: [], replay: nil, replayProblem: nil, shadow: nil,
      maximumShare: request.maximumShare)
    guard let snapshot = outcome.snapshot else { return gate }
    let tests = "\(request.directory)/tests"
    if FileManager.default.fileExists(atPath: tests) {
      let loaded = PolicyTestLoader.load(directory: tests)
      gate.testErrors = loaded.diagnostics.filter { $0.severity == .error && $0.code != "no-files" }
      if !loaded.tests.isEmpty { gate.tests = PolicyTestRun(loaded.tests, of: snapshot) }
    }
    if let since = request.replaySince {
      do {
        let calls = try surroundings.calls(since, PolicyLifecycle.replayLimit)
        if !calls.isEmpty { gate.replay = PolicyReplay(calls.reversed(), by: snapshot) }
      } catch {
        gate.replayProblem = "the records cannot be read: \(error)"
      }
    } else {
      gate.replayProblem = "not asked for"
    }
    if let shadow, shadow.candidate.version == snapshot.version { gate.shadow = shadow.result }
    return gate
  }

  /// What the watched directory holds now, if it is something else: it is not to act until it changes.
  private func setAside(by version: String) -> String? {
    let now = PolicyLoader.load(directory: options.directory).snapshot?.version.description
    return now == version ? nil : now
  }

  // MARK: Rollback

  /// Brings a version back that was in force before.
  /// - Parameter version: its beginning; nil: the one before the one in force.
  public func rollback(to version: String?, by: String, note: String) async -> ActivationResult {
    await exclusively {
      let previous = policy.version.description
      func failure(_ reason: String) -> ActivationResult {
        ActivationResult(
          isActivated: false, version: nil, previous: previous, objections: [reason], lines: [])
      }
      let wanted: String
      do {
        if let version {
          let inMemory = recent.map(\.version.description).filter { $0.hasPrefix(version.lowercased()) }
          wanted = inMemory.count == 1 ? inMemory[0] : try history.version(beginning: version)
        } else if let before = history.entries.last(where: { $0.version != previous })?.version {
          wanted = before
        } else {
          return failure("there is no version before \(previous)")
        }
      } catch {
        return failure("\(error)")
      }
      guard wanted != previous else { return failure("version \(wanted) is in force already") }
      let snapshot: PolicySnapshot
      let directory = history.entries.last { $0.version == wanted }?.directory ?? ""
      if let known = recent.last(where: { $0.version.description == wanted }) {
        snapshot = known
      } else {
        do {
          let kept = try history.load(wanted).outcome
          guard let compiled = kept.snapshot else {
            return failure(
              "version \(wanted) cannot be brought back: \(kept.errors.first?.description ?? "it has errors")"
            )
          }
          snapshot = compiled
        } catch {
          return failure("\(error)")
        }
      }
      let start = ContinuousClock.now
      await install(
        nil, snapshot, .init(version: wanted, setAside: setAside(by: wanted)),
        .init(
          at: surroundings.now(), version: wanted, way: .rollback, by: by, directory: directory,
          note: note.isEmpty ? "instead of \(previous)" : note))
      return ActivationResult(
        isActivated: true, version: wanted, previous: previous, objections: [], lines: [],
        pause: ContinuousClock.now - start)
    }
  }

  // MARK: Shadow mode

  /// Lets the policy of a directory look on. One that looked on before is replaced.
  /// - Returns: nil, and errors, when it has any.
  public func startShadow(_ directory: String) async -> (version: String?, errors: [PolicyDiagnostic]) {
    await exclusively {
      let directory = PolicyLifecycle.absolute(directory)
      let outcome = PolicyLoader.load(directory: directory)
      guard let snapshot = outcome.snapshot else { return (nil, outcome.errors) }
      await stopShadow()
      let shadow = ShadowEvaluation(candidate: snapshot, directory: directory, started: surroundings.now())
      self.shadow = shadow
      await surroundings.watch(shadow)
      return (snapshot.version.description, [])
    }
  }

  /// Ends shadow mode; its report stays in `STATE/policy/shadow.json`.
  @discardableResult public func stopShadow() async -> ShadowReport? {
    guard let shadow else { return nil }
    self.shadow = nil
    await surroundings.watch(nil)
    await shadow.stop()
    let report = ShadowReport(shadow)
    do {
      try PolicyHistory.write(Array(report.json.utf8), to: "\(history.directory)/shadow.json")
    } catch {
      surroundings.report(.notice("the report of shadow mode cannot be written: \(error)"))
    }
    return report
  }

  // MARK: Status

  public struct Status: Sendable {
    public var version: String
    public var since: WallClock
    public var isManual: Bool
    public var directory: String
    public var directoryErrors: Int
    public var setAside: String?
    public var shadow: ShadowReport?
  }

  public var status: Status {
    Status(
      version: policy.version.description, since: since, isManual: options.isManual,
      directory: options.directory, directoryErrors: directoryErrors, setAside: active.setAside,
      shadow: shadow.map(ShadowReport.init))
  }

  /// A path that means the same to another process.
  static func absolute(_ path: String) -> String {
    var path = path.hasPrefix("/") ? path : FileManager.default.currentDirectoryPath + "/" + path
    while path.count > 1, path.hasSuffix("/") { path.removeLast() }
    return path
  }
}
