import AudioBridge
import AudioMixing
import CallModel
import Codecs
import Foundation
import MediaRelay
import PolicyEngine
import Router
import Synchronization
import TestSupport
import Testing

@testable import Conferences

/// A leg whose far end the tests speak for.
final class FarEnd: CallLeg {
  let id: LegID
  var party: LegParty
  weak var observer: (any CallLegObserver)?
  /// What it was told, in words.
  private(set) var log: [String] = []
  private(set) var media: MediaDescription?
  private(set) var isOver = false
  var call: OutgoingCall?
  var takesOffers: Bool { !isOver }

  init(_ number: UInt64, _ name: String, isIncoming: Bool = true) {
    id = LegID(number)
    party = LegParty(callProtocol: .sip, isIncoming: isIncoming, alias: "sip:\(name)@example.org")
  }

  func progress(_ progress: CallProgress, media: MediaDescription?) { log.append("progress \(progress)") }
  func accept(media: MediaDescription) {
    self.media = media
    log.append("accept")
  }
  func reject(_ disconnect: Disconnect) {
    log.append("reject \(disconnect.cause.rawValue)")
    ended()
  }
  func redirect(to aliases: [String]) { log.append("redirect") }
  func offer(_ media: MediaDescription) {
    self.media = media
    log.append("offer")
  }
  func requestOffer() { log.append("requestOffer") }
  func answer(_ media: MediaDescription) {
    self.media = media
    log.append("answer")
  }
  func refuseOffer(_ disconnect: Disconnect) { log.append("refuseOffer") }
  func send(_ digit: DTMFDigit, duration: TimeSpan) { log.append("info \(digit)") }
  func send(_ message: CallMessage) {}
  func transferProgressed(_ progress: CallModel.TransferProgress) {
    switch progress {
    case .failed(let disconnect): log.append("notify \(disconnect.cause.rawValue)")
    default: log.append("notify \(progress)")
    }
  }
  func transfer(to alias: String, replacing leg: LegID?) {}
  func end(_ disconnect: Disconnect) {
    guard !isOver else { return }
    log.append("end \(disconnect.cause.rawValue)")
    ended()
  }

  private func ended() {
    guard !isOver else { return }
    isOver = true
    observer?.leg(self, did: .ended(Disconnect(.normal)))
  }

  /// What has been told since the last look.
  func take() -> [String] {
    defer { log = [] }
    return log
  }

  func does(_ event: CallLegEvent) {
    if case .ended = event { isOver = true }
    observer?.leg(self, did: event)
  }

  func hangsUp() { does(.ended(Disconnect(.normal))) }
  func presses(_ keys: String) {
    for key in keys.compactMap({ DTMFDigit($0) }) { does(.digit(key, duration: .milliseconds(100))) }
  }
}

/// Audio that nobody hears: what was asked for, and where everybody is.
final class SilentPlane: AudioPlane {
  let codecs = [
    Codec(111, "opus", clockRate: 48_000, channels: 2), Codec(8, "PCMA", clockRate: 8_000),
    Codec(0, "PCMU", clockRate: 8_000), Codec(101, "telephone-event", clockRate: 8_000, parameters: "0-16"),
  ]
  let relay: MediaRelay
  private let loop: SignallingLoop
  var rooms: [SilentRoom] = []
  var isFull = false
  /// What was asked for, last.
  private(set) var cleaning = NoiseReduction.Settings()

  init(_ relay: MediaRelay, _ loop: SignallingLoop) {
    self.relay = relay
    self.loop = loop
  }

  func openRoom(
    cleaning: NoiseReduction.Settings, onEvent: @escaping (AudioRoomEvent) -> Void
  ) -> (any AudioRoom)? {
    self.cleaning = cleaning
    if isFull { return nil }
    let room = SilentRoom(relay, loop, onEvent)
    rooms.append(room)
    return room
  }
}

final class SilentRoom: AudioRoom {
  let onEvent: (AudioRoomEvent) -> Void
  private let session: RelaySession
  private(set) var parties: [SilentParty] = []
  private(set) var isClosed = false
  /// What plays to whom.
  private(set) var playing: [AudioAudience: AudioPlayback] = [:]
  private(set) var played = 0

  private let loop: SignallingLoop

  init(_ relay: MediaRelay, _ loop: SignallingLoop, _ onEvent: @escaping (AudioRoomEvent) -> Void) {
    self.onEvent = onEvent
    self.loop = loop
    session = relay.openSession { _ in }
  }

  func openParty() -> (any AudioParty)? {
    let party = SilentParty(AudioPartyID(UInt64(parties.count + 1)), session, self, loop)
    parties.append(party)
    return party
  }

  func play(_ audio: PromptAudio, to audience: AudioAudience, as playback: AudioPlayback, repeats: Bool) {
    playing[audience] = playback
    played += 1
    guard !repeats else { return }
    loop.schedule(after: .milliseconds(500)) { [weak self] in
      guard let self, self.playing[audience] == playback else { return }
      self.playing[audience] = nil
      self.onEvent(.played(playback))
    }
  }
  func stopPlaying(to audience: AudioAudience) { playing[audience] = nil }
  private(set) var recording: String?
  func record(_ file: RecordingFile, title: String) { recording = "\(title) in \(file.path)" }
  func stopRecording() { recording = nil }
  func close() {
    isClosed = true
    session.close()
  }
}

final class SilentParty: AudioParty {
  let id: AudioPartyID
  private let session: RelaySession
  private weak var room: SilentRoom?
  private(set) var placement = AudioPlacement.alone
  private(set) var isConnected = false
  private(set) var isClosed = false
  private(set) var digits = ""

  private let loop: SignallingLoop

  init(_ id: AudioPartyID, _ session: RelaySession, _ room: SilentRoom, _ loop: SignallingLoop) {
    self.loop = loop
    self.id = id
    self.session = session
    self.room = room
  }

  func reserve(interface: Int, kind: MediaStream.Kind) -> RelayPort? {
    session.reserve(interface: interface, kind: kind)
  }
  func connect(_ side: RelaySide, remote: MediaStream, local: MediaStream) -> Bool {
    isConnected = true
    return true
  }
  func disconnect() { isConnected = false }
  func place(_ placement: AudioPlacement) { self.placement = placement }
  func send(_ digit: DTMFDigit, for duration: TimeSpan) { digits += digit.description }
  func close() {
    guard !isClosed else { return }
    isClosed = true
    loop.schedule(after: .zero) { [room, id] in room?.onEvent(.closed(id, RelaySideStatistics())) }
  }
}

/// No file is there, or all are: half a second of silence each.
final class TestSoundFiles: SoundFiles {
  private let loop: SignallingLoop
  var isMissing = false

  init(_ loop: SignallingLoop) { self.loop = loop }

  func read(_ path: String, then: @escaping (Result<Recording, SoundFileFailure>) -> Void) {
    let isMissing = isMissing
    loop.schedule(after: .milliseconds(1)) {
      if !isMissing,
        let recording = try? Recording(samples: Array(repeating: 0, count: 4_000), sampleRate: 8_000)
      {
        then(.success(recording))
      } else {
        then(.failure(SoundFileFailure("missing")))
      }
    }
  }
}

/// Makes files a millisecond after they are asked for, in a directory that is gone after the test.
final class TestRecordings: RecordingStore {
  private let loop: SignallingLoop
  /// nil: none can be made.
  var failure: Int32?
  private let directory: String

  init(_ loop: SignallingLoop) {
    self.loop = loop
    directory = NSTemporaryDirectory() + "tandem-recordings-" + UUID().uuidString
    try? FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(atPath: directory) }

  var files: [String] { ((try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? []).sorted() }

  func makeFile(
    for conference: String, at time: WallClock,
    then: @escaping (Result<RecordingFile, BridgeRecordingError>) -> Void
  ) {
    let name = RecordingName(conference: conference, at: time).file(copy: files.count + 1)
    let (path, failure) = ("\(directory)/\(name)", failure)
    loop.schedule(after: .milliseconds(1)) {
      if let failure { return then(.failure(BridgeRecordingError(path: path, errno: failure))) }
      do throws(BridgeRecordingError) { then(.success(try RecordingFile(path))) } catch {
        then(.failure(error))
      }
    }
  }
}

/// Keeps the newest state of every record.
final class TestRecorder: CallRecorder {
  private let records = Mutex<[CallID: CallRecord]>([:])
  func began(_ record: CallRecord) -> Bool {
    records.withLock { $0[record.id] = record }
    return true
  }
  func changed(_ record: CallRecord) { records.withLock { $0[record.id] = record } }
  func ended(_ record: CallRecord) { records.withLock { $0[record.id] = record } }
  var all: [CallRecord] { records.withLock { Array($0.values) } }
}

/// Hosts of conferences, receptions and playbacks on virtual time, with legs that the tests speak for.
final class HostBench: LegDialer {
  let loop = SignallingLoop(wallClock: { WallClock(milliseconds: 1_000) })
  let router: Router
  let exchange: Exchange
  let ledger: CallLedger
  let recorder = TestRecorder()
  let plane: SilentPlane
  let files: TestSoundFiles
  let recordings: TestRecordings
  let library: PromptLibrary
  let conferences: ConferenceHost
  private let receptions: ReceptionHost
  private let playbacks: PlaybackHost
  let gateway = TakingHost()
  let relay: MediaRelay
  private(set) var dialled: [FarEnd] = []
  private(set) var notices: [ConferenceNotice] = []

  init(_ policy: String, ports: ClosedRange<UInt16>) throws {
    let outcome = PolicyLoader.load(text: policy)
    let snapshot = try #require(outcome.snapshot, "\(outcome.errors)")
    relay = try MediaRelay(
      configuration: MediaRelayConfiguration(
        interfaces: [.init(name: "loopback", address: .loopbackIPv4, advertised: nil, ports: ports)],
        threads: 1))
    router = Router(policy: snapshot, random: SplitMix(seed: 1))
    ledger = CallLedger(loop: loop, recorder: recorder, router: router)
    exchange = Exchange(loop: loop, router: router, ledger: ledger, random: SplitMix(seed: 2))
    let media = MediaAccess(relay: relay, post: { _ in })
    plane = SilentPlane(relay, loop)
    files = TestSoundFiles(loop)
    recordings = TestRecordings(loop)
    library = PromptLibrary(files: files)
    library.use(
      base: Theme(name: "base", directory: "/prompts", files: Set(Prompt.allCases.map(\.fileName))),
      global: nil, themes: [:])
    conferences = ConferenceHost(
      exchange: exchange, media: media, plane: plane, library: library, recordings: recordings,
      random: SplitMix(seed: 3))
    receptions = ReceptionHost(exchange: exchange, media: media, plane: plane, library: library)
    playbacks = PlaybackHost(exchange: exchange, media: media, plane: plane, library: library)
    exchange.host(.conference, by: conferences)
    exchange.host(.lecture, by: conferences)
    exchange.host(.twoStageDialing, by: receptions)
    exchange.host(.mediaPlayback, by: playbacks)
    exchange.gateway = gateway
    exchange.dial(.sip, by: self)
    conferences.onNotice = { [unowned self] in notices.append($0) }
  }

  deinit { relay.shutdown() }

  /// Writes down what it is given.
  final class TakingHost: CallHost {
    var taken: [IncomingCall] = []
    func take(_ incoming: IncomingCall) { taken.append(incoming) }
    /// Calls that ring, and whom they call.
    var ringing: [LegID: Alias] = [:]
    func abandonRinging(by leg: LegID) -> Alias? { ringing.removeValue(forKey: leg) }
    /// What becomes of a party that is to take a place elsewhere; nil: there is none.
    var moves: ((LegID, ServicePlace) -> Disconnect?)?
    func move(partyFacing leg: LegID, to place: ServicePlace) -> Disconnect? {
      moves.map { $0(leg, place) } ?? Disconnect(.notFound, protocolCode: 481)
    }
  }

  func dial(_ call: OutgoingCall, observer: any CallLegObserver) -> any CallLeg {
    let leg = FarEnd(exchange.makeLegID().number, "called", isIncoming: false)
    leg.call = call
    leg.observer = observer
    dialled.append(leg)
    return leg
  }

  /// Somebody calls. A registered device by its number, everybody else by name.
  @discardableResult func call(
    _ alias: String, from name: String = "ann", device: String? = nil, tokens: [String] = [],
    address: String = "192.0.2.1", offer: MediaDescription? = .audio(port: 20_000)
  ) -> FarEnd {
    let leg = FarEnd(exchange.makeLegID().number, name)
    var caller = Caller(
      alias: leg.party.alias, address: IPAddress(address).map { TransportAddress($0, 5060) })
    caller.registeredAlias = device
    caller.isRegistered = device != nil
    var request = CallRequest(
      id: exchange.makeCallID(), direction: .dialIn, trigger: .invite, callProtocol: .sip,
      alias: Alias(sip: "sip:\(alias)"), caller: caller)
    request.loopTokens = tokens
    exchange.receive(request, leg: leg, offer: offer)
    return leg
  }

  /// Puts another policy in force.
  func activate(_ policy: String) {
    guard let snapshot = PolicyLoader.load(text: policy).snapshot else {
      Issue.record("a policy with errors")
      return
    }
    router.activate(snapshot)
    conferences.policyChanged()
  }

  /// Lets time pass.
  func after(_ span: TimeSpan) {
    let end = loop.now + span
    while let deadline = loop.nextDeadline, deadline <= end { loop.advance(to: max(deadline, loop.now)) }
    loop.advance(to: end)
  }

  func conference(_ name: String) -> Conference? { conferences.directory.conferences[name] }
  func roster(_ name: String) -> [String] {
    conference(name)?.participants.map { "\($0.alias) \($0.stage)" } ?? []
  }

  /// The party of a leg, by the port it was told.
  func party(_ index: Int, room: Int = 0) -> SilentParty? {
    guard plane.rooms.indices.contains(room), plane.rooms[room].parties.indices.contains(index) else {
      return nil
    }
    return plane.rooms[room].parties[index]
  }

  /// Nothing is left of any call.
  func isClean(sourceLocation: SourceLocation = #_sourceLocation) {
    after(.seconds(3))
    #expect(ledger.calls.isEmpty && ledger.openRecords == 0, sourceLocation: sourceLocation)
    #expect(conferences.rooms.isEmpty && conferences.directory.isEmpty, sourceLocation: sourceLocation)
    #expect(!plane.rooms.contains { !$0.isClosed }, sourceLocation: sourceLocation)
    #expect(!plane.rooms.flatMap(\.parties).contains { !$0.isClosed }, sourceLocation: sourceLocation)
    #expect(recorder.all.allSatisfy { $0.ended != nil }, sourceLocation: sourceLocation)
  }
}

extension MediaDescription {
  static func audio(port: UInt16, direction: MediaStream.Direction = .sendReceive) -> MediaDescription {
    MediaDescription(streams: [
      MediaStream(
        kind: .audio, address: TransportAddress(.loopbackIPv4, port), direction: direction,
        codecs: [
          Codec(8, "PCMA", clockRate: 8_000),
          Codec(101, "telephone-event", clockRate: 8_000, parameters: "0-15"),
        ])
    ])
  }
}
