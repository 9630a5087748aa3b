import AudioBridge
import CallModel
import Conferences
import Gateway
import Logging
import MediaRelay
import NIOCore
import NIOPosix
import PolicyEngine
import Router
import SIP

/// The services that host calls, wired together. Lives on the signalling loop.
final class HostedServices {
  let conferences: ConferenceHost
  let gateway: GatewayHost
  private let receptions: ReceptionHost
  private let playbacks: PlaybackHost
  private let testCalls: TestCallHost
  private let library: PromptLibrary
  private let recordings: RecordingFiles
  private var onThemeProblem: (String) -> Void = { _ in }
  private let eventLoop: any EventLoop
  private let driver: LoopDriver
  /// The directory of the prompts that come with Tandem.
  private let prompts: String?
  /// Of recordings, where policy names none.
  private let standardRecordings: String

  init(
    exchange: Exchange, gateway: GatewayHost, media: MediaAccess, relay: MediaRelay, policy: Policy,
    prompts: String?, recordings standardRecordings: String, eventLoop: any EventLoop, driver: LoopDriver,
    log: Logger
  ) {
    self.eventLoop = eventLoop
    self.driver = driver
    self.prompts = prompts
    self.standardRecordings = standardRecordings
    self.gateway = gateway
    let confined = NIOLoopBound(driver, eventLoop: eventLoop)
    let plane = BridgePlane(
      relay: relay, configuration: BridgeRoomConfiguration(mediaTimeout: policy.globals.media.timeout),
      post: { work in eventLoop.execute { confined.value.turn(work) } })
    library = PromptLibrary(files: PromptFiles(eventLoop: eventLoop, driver: driver))
    recordings = RecordingFiles(
      directory: policy.globals.conferences.recordings ?? standardRecordings, eventLoop: eventLoop,
      driver: driver)
    conferences = ConferenceHost(
      exchange: exchange, media: media, plane: plane, library: library, recordings: recordings,
      random: BufferedRandom())
    receptions = ReceptionHost(exchange: exchange, media: media, plane: plane, library: library)
    playbacks = PlaybackHost(exchange: exchange, media: media, plane: plane, library: library)
    testCalls = TestCallHost(exchange: exchange, media: media)
    exchange.host(.testCall, by: testCalls)
    exchange.host(.conference, by: conferences)
    exchange.host(.lecture, by: conferences)
    exchange.host(.twoStageDialing, by: receptions)
    exchange.host(.mediaPlayback, by: playbacks)
    conferences.onNotice = { $0.write(to: log) }
    library.onUnusable = { path, reason in
      log.warning("a recording cannot be played", metadata: ["file": "\(path)", "reason": "\(reason)"])
    }
    if prompts == nil {
      log.warning("there are no prompts: callers are told nothing (scripts/make-prompts makes them)")
    }
    // Before the first call; later changes are looked for off the loop.
    let themes = PromptThemes(prompts: prompts, policy)
    onThemeProblem = { log.warning("a theme's settings cannot all be read", metadata: ["problem": "\($0)"]) }
    use(themes)
  }

  /// Another policy is in force; its themes are looked for on the disk.
  func policyChanged(_ policy: Policy) {
    recordings.directory = policy.globals.conferences.recordings ?? standardRecordings
    conferences.policyChanged()
    let prompts = prompts
    let bound = NIOLoopBound(self, eventLoop: eventLoop)
    NIOThreadPool.singleton.runIfActive(eventLoop: eventLoop) { PromptThemes(prompts: prompts, policy) }
      .whenSuccess { themes in bound.value.driver.turn { bound.value.use(themes) } }
  }

  private func use(_ themes: PromptThemes) {
    library.use(
      base: themes.base, global: themes.global, themes: themes.themes, language: themes.language)
    for problem in themes.problems { onThemeProblem(problem.description) }
    // Their keys may be others.
    conferences.policyChanged()
  }
}

extension PromptThemes {
  fileprivate init(prompts: String?, _ policy: Policy) {
    self.init(
      prompts: prompts, policy: policy.themes, global: policy.globals.conferences.theme,
      language: policy.globals.conferences.language)
  }
}
