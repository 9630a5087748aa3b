import CallModel
import DNSResolver
import Foundation
import Logging
import MediaRelay
import NIOCore
import NIOPosix
import PolicyActivation
import PolicyEngine
import PolicyTransport
import Records
import SIP
import SIPTransport
import UnixSignals

struct ServeOptions: Sendable {
  var policies: String
  var state: String
  /// Seconds.
  var drain: Int
  var watchesFiles: Bool
  /// Changes of the policy directory wait for an activation.
  var isManual = false
  /// Directory of the prompts that come with Tandem; nil: callers are told nothing.
  var prompts: String?
}

/// The running service: policy, records, media plane and signalling, from start to stop.
final class ServeService: Sendable {
  private let options: ServeOptions
  private let log: Logger
  private let group: MultiThreadedEventLoopGroup
  private let eventLoop: any EventLoop
  private let server: NIOLoopBound<SignallingServer>
  private let relay: MediaRelay
  private let store: CallRecordStore
  private let resolver: DNSResolver
  private let policyServers: ExternalPolicy
  private let lifecycle: PolicyLifecycle
  private let control: ControlDoor?
  private let management: ManagementServer?

  private init(
    options: ServeOptions, log: Logger, group: MultiThreadedEventLoopGroup,
    server: NIOLoopBound<SignallingServer>,
    eventLoop: any EventLoop, relay: MediaRelay, store: CallRecordStore, resolver: DNSResolver,
    policyServers: ExternalPolicy, lifecycle: PolicyLifecycle, control: ControlDoor?,
    management: ManagementServer?
  ) {
    self.options = options
    self.log = log
    self.group = group
    self.server = server
    self.eventLoop = eventLoop
    self.relay = relay
    self.store = store
    self.resolver = resolver
    self.policyServers = policyServers
    self.lifecycle = lifecycle
    self.control = control
    self.management = management
  }

  // MARK: Start

  /// Loads the policies and opens everything. What cannot be opened is said in words an admin can act on.
  static func start(_ options: ServeOptions, logger: Logger) async throws -> ServeService {
    let lifecycleOptions = PolicyLifecycle.Options(directory: options.policies, isManual: options.isManual)
    let history = try PolicyHistory(state: options.state)
    let (beginning, diagnostics) = PolicyLifecycle.begin(lifecycleOptions, history)
    report(diagnostics, to: logger)
    guard let beginning else {
      throw ServeError("the policies in \(options.policies) have errors: nothing is served")
    }
    let policy = beginning.policy
    for notice in beginning.notices { logger.warning("\(notice)") }
    guard !policy.policy.globals.openListeners.isEmpty else {
      throw ServeError("no SIP listener is configured (globals: sip: listeners)")
    }
    let media = policy.policy.globals.media
    guard !media.addresses.isEmpty else {
      throw ServeError("no media address is configured (globals: media: addresses)")
    }
    let store = try CallRecordStore(
      configuration: CallRecordStoreConfiguration(directory: options.state), logger: logger)
    MediaRelay.raiseDescriptorLimit()
    let relay = try MediaRelay(configuration: MediaRelayConfiguration(media))
    try relay.start()
    if relay.isMixingPrompt == false {
      logger.info(
        "conferences have no priority over other programs: CAP_SYS_NICE or a real-time limit (LimitRTPRIO=1) would give it"
      )
    }
    var dns = DNSResolverConfiguration()
    if !policy.policy.globals.dnsServers.isEmpty { dns.servers = policy.policy.globals.dnsServers }
    let resolver = try DNSResolver(configuration: dns)
    let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    let eventLoop = group.any()
    // On threads of its own: a policy server's TLS is none of the signalling loop's business.
    let policyServers = ExternalPolicy(group: MultiThreadedEventLoopGroup.singleton) {
      profile, kind, isOpen in
      let metadata: Logger.Metadata = ["profile": "\(profile)", "question": "\(kind.rawValue)"]
      if isOpen {
        logger.warning("policy server fails again and again: left in peace for a while", metadata: metadata)
      } else {
        logger.notice("policy server answers again", metadata: metadata)
      }
    }
    await policyServers.activate(policy.policy.policyProfiles)
    let (server, listeners) = try await eventLoop.flatSubmit {
      let server = SignallingServer(
        eventLoop: eventLoop, policy: policy, relay: relay, recorder: store, resolver: resolver,
        policyServers: policyServers, prompts: options.prompts,
        recordings: "\(options.state)/recordings", logger: logger)
      let bound = NIOLoopBound(server, eventLoop: eventLoop)
      return server.start().map { (bound, $0) }
    }.get()
    for listener in listeners {
      logger.notice(
        "listening",
        metadata: ["transport": "\(listener.transport.rawValue)", "address": "\(listener.local)"])
    }
    logger.notice("policy in force", metadata: ["version": "\(policy.version)"])
    let lifecycle = PolicyLifecycle(
      lifecycleOptions, history, beginning,
      surroundings(
        state: options.state, server: server, eventLoop: eventLoop, policyServers: policyServers,
        log: logger))
    let control: ControlDoor?
    do {
      control = try await ControlDoor.open(
        state: options.state, lifecycle: lifecycle,
        conferences: { request, isJSON in
          let answer = try? await eventLoop.flatSubmit {
            server.value.answer(request, isJSON: isJSON)
          }.get()
          return answer ?? ControlReply(exitCode: 1, output: "The service is stopping.\n")
        },
        events: { conference, after in
          await ConferenceFeed.open(conference, after: after, server: server, eventLoop: eventLoop).map { $0 }
        }, logger: logger)
    } catch {
      // Calls matter more than commands.
      logger.error(
        "no commands can be given: the control socket cannot be opened", metadata: ["error": "\(error)"])
      control = nil
    }
    let management = await openManagement(
      policy.policy.globals, server, eventLoop, state: options.state, logger)
    let service = ServeService(
      options: options, log: logger, group: group, server: server, eventLoop: eventLoop, relay: relay,
      store: store, resolver: resolver, policyServers: policyServers, lifecycle: lifecycle, control: control,
      management: management)
    ServeService.announce(ReadyMessage(policy: policy, listeners: listeners, isTerminal: isatty(1) == 1).text)
    return service
  }

  private static func openManagement(
    _ globals: Globals, _ server: NIOLoopBound<SignallingServer>, _ eventLoop: any EventLoop, state: String,
    _ log: Logger
  ) async -> ManagementServer? {
    guard let settings = globals.management else { return nil }
    do {
      let desk = LiveConferences(server: server, eventLoop: eventLoop)
      let management = try await ManagementServer.open(
        settings, desk: desk, history: RecordHistory(directory: state), logger: log)
      log.notice("management interface", metadata: ["address": "\(management.address)"])
      return management
    } catch {
      // Calls matter more than commands.
      log.error(
        "the management interface cannot be opened",
        metadata: ["address": "\(settings.address)", "error": "\(error)"])
      return nil
    }
  }

  /// To standard output at once: whoever started us waits for it.
  private static func announce(_ text: String) {
    FileHandle.standardOutput.write(Data(text.utf8))
  }

  static func report(_ diagnostics: [PolicyDiagnostic], to log: Logger) {
    for diagnostic in diagnostics {
      let metadata: Logger.Metadata = [
        "file": "\(diagnostic.file)", "line": "\(diagnostic.line)", "column": "\(diagnostic.column)",
        "code": "\(diagnostic.code)",
      ]
      switch diagnostic.severity {
      case .error: log.error("\(diagnostic.description)", metadata: metadata)
      case .warning: log.warning("\(diagnostic.description)", metadata: metadata)
      case .note: log.info("\(diagnostic.description)", metadata: metadata)
      }
    }
  }

  // MARK: Run

  /// Serves until a signal ends it.
  func run() async throws {
    let hangUps = await UnixSignalsSequence(trapping: .sighup)
    let ends = await UnixSignalsSequence(trapping: .sigterm, .sigint)
    // Of several reloads that wait, one is enough; the lifecycle does one at a time.
    let (changes, changed) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
    let (requests, asked) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
    let lifecycle = lifecycle
    await withTaskGroup(of: Void.self) { tasks in
      tasks.addTask {
        for await _ in changes { await lifecycle.reload(because: "files changed", isAsked: false) }
      }
      tasks.addTask { for await _ in requests { await lifecycle.reload(because: "SIGHUP", isAsked: true) } }
      tasks.addTask { for await _ in hangUps { asked.yield() } }
      if options.watchesFiles { tasks.addTask { await self.watchFiles(changed) } }
      for await signal in ends {
        log.notice("stopping", metadata: ["signal": "\(signal)"])
        break
      }
      tasks.cancelAll()
    }
    await stop(ends)
  }

  private func watchFiles(_ changed: AsyncStream<Void>.Continuation) async {
    var watch = PolicyWatch(directory: options.policies)
    while !Task.isCancelled {
      guard (try? await Task.sleep(for: .seconds(1))) != nil else { return }
      if watch.hasChanged() { changed.yield() }
    }
  }

  // MARK: Stop

  private func stop(_ signals: UnixSignalsSequence) async {
    await control?.close()
    await management?.close()
    await lifecycle.stopShadow()
    let server = server
    try? await eventLoop.submit { server.value.drain() }.get()
    await waitForCalls(signals)
    try? await eventLoop.flatSubmit { server.value.shutDown() }.get()
    await policyServers.shutdown()
    relay.shutdown()
    await RecordingFiles.finish()
    store.close()
    resolver.shutdown()
    try? await group.shutdownGracefully()
    log.notice("stopped")
  }

  /// Lets calls in progress go on for the drain time, or until a second signal.
  private func waitForCalls(_ signals: UnixSignalsSequence) async {
    guard options.drain > 0 else { return }
    await withTaskGroup(of: Void.self) { tasks in
      tasks.addTask {
        for _ in 0..<self.options.drain * 4 {
          let server = self.server
          let calls = try? await self.eventLoop.submit { server.value.callCount }.get()
          if calls == 0 || Task.isCancelled { return }
          try? await Task.sleep(for: .milliseconds(250))
        }
      }
      tasks.addTask { for await _ in signals { return } }
      await tasks.next()
      tasks.cancelAll()
    }
  }
}

/// Why the service did not start.
struct ServeError: Error, CustomStringConvertible {
  var description: String
  init(_ description: String) { self.description = description }
}

extension MediaRelayConfiguration {
  init(_ settings: MediaSettings) {
    self.init(
      interfaces: settings.addresses.enumerated().map { index, address in
        Interface(
          name: "media\(index)", address: address.bind, advertised: address.advertised,
          ports: settings.portRange)
      },
      threads: settings.threads, audioDSCP: UInt8(clamping: settings.audioDSCP),
      videoDSCP: UInt8(clamping: settings.videoDSCP))
  }
}
