import CallModel
import MediaRelay
import PolicyEngine
import Router
import Synchronization

@testable import Gateway

/// A leg that does nothing but write down what it is told. The tests speak for its far end.
final class ScriptedLeg: CallLeg {
  enum Command: Equatable {
    case progress(CallProgress, media: Bool)
    case accept
    case reject(Cause)
    case redirect([String])
    case offer
    case requestOffer
    case answer
    case refuseOffer(Int?)
    case digit(DTMFDigit)
    case message
    case transferProgress(CallModel.TransferProgress)
    case transfer(String)
    case end(Cause)
  }

  let id: LegID
  var party: LegParty
  weak var observer: (any CallLegObserver)?
  var commands: [Command] = []
  /// The last description it was given, by offer, answer, acceptance or early media.
  var media: MediaDescription?
  var call: OutgoingCall?
  /// Its protocol lets it be offered something, before the answer too.
  var takesOffers = true
  private(set) var isOver = false
  private(set) var isAccepted = false

  init(id: LegID, isIncoming: Bool) {
    self.id = id
    party = LegParty(callProtocol: .sip, isIncoming: isIncoming, alias: "sip:leg\(id.number)@example.org")
  }

  func progress(_ progress: CallProgress, media: MediaDescription?) {
    if let media { self.media = media }
    commands.append(.progress(progress, media: media != nil))
  }
  func accept(media: MediaDescription) {
    self.media = media
    isAccepted = true
    commands.append(.accept)
  }
  /// As in SIP it comes too late once the call was answered.
  func reject(_ disconnect: Disconnect) {
    guard !isOver, !isAccepted else { return }
    commands.append(.reject(disconnect.cause))
    does(.ended(Disconnect(.normal)))
  }
  func redirect(to aliases: [String]) { commands.append(.redirect(aliases)) }
  func offer(_ media: MediaDescription) {
    self.media = media
    commands.append(.offer)
  }
  func requestOffer() { commands.append(.requestOffer) }
  func answer(_ media: MediaDescription) {
    self.media = media
    commands.append(.answer)
  }
  func refuseOffer(_ disconnect: Disconnect) { commands.append(.refuseOffer(disconnect.protocolCode)) }
  func send(_ digit: DTMFDigit, duration: TimeSpan) { commands.append(.digit(digit)) }
  func send(_ message: CallMessage) { commands.append(.message) }
  func transferProgressed(_ progress: CallModel.TransferProgress) {
    commands.append(.transferProgress(progress))
  }
  func transfer(to alias: String, replacing leg: LegID?) { commands.append(.transfer(alias)) }
  /// As a SIP leg does: the end is reported at once, within the command.
  func end(_ disconnect: Disconnect) {
    guard !isOver else { return }
    commands.append(.end(disconnect.cause))
    does(.ended(Disconnect(.normal)))
  }

  /// The far end does something.
  func does(_ event: CallLegEvent) {
    if case .ended = event { isOver = true }
    observer?.leg(self, did: event)
  }

  /// What has been told since the last look.
  func take() -> [Command] {
    defer { commands = [] }
    return commands
  }
}

/// Dials scripted legs and remembers them.
final class ScriptedDialer: LegDialer {
  var legs: [ScriptedLeg] = []
  unowned let exchange: Exchange
  init(_ exchange: Exchange) { self.exchange = exchange }

  func dial(_ call: OutgoingCall, observer: any CallLegObserver) -> any CallLeg {
    let leg = ScriptedLeg(id: exchange.makeLegID(), isIncoming: false)
    leg.observer = observer
    leg.call = call
    legs.append(leg)
    return leg
  }
}

/// Keeps the newest state of every record, as a store would.
final class RecordBook: CallRecorder {
  private let records = Mutex<[CallID: CallRecord]>([:])
  private let isOpen = Mutex(true)

  func began(_ record: CallRecord) -> Bool {
    guard isOpen.withLock({ $0 }) else { return false }
    records.withLock { $0[record.id] = record }
    return true
  }
  func changed(_ record: CallRecord) { records.withLock { $0[record.id] = record } }
  func ended(_ record: CallRecord) { records.withLock { $0[record.id] = record } }
  func close() { isOpen.withLock { $0 = false } }
  var all: [CallRecord] { records.withLock { $0.values.sorted { $0.id.low < $1.id.low } } }
}

/// A gateway on virtual time with a real relay on loopback and scripted legs.
final class GatewayBench {
  let loop = SignallingLoop(wallClock: { WallClock(milliseconds: 1_000) })
  let router: Router
  let book = RecordBook()
  let exchange: Exchange
  let host: GatewayHost
  let dialer: ScriptedDialer
  let relay: MediaRelay
  private let ledger: CallLedger
  /// Records of the calls that are over, in order.
  private(set) var finished: [CallRecord] = []

  init(
    rules: [CallRoutingRule], trunks: [Trunk] = [], devices: [String] = [],
    ports: ClosedRange<UInt16> = 36000...36999, services: [Service] = [],
    interfaces: [MediaRelayConfiguration.Interface]? = nil, locations: [Location] = [],
    destinationLimits: [DestinationLimit] = [],
    globals: (inout Globals) -> Void = { _ in }
  ) throws {
    var settings = Globals()
    settings.media.addresses = (interfaces ?? []).map { .init(bind: $0.address) }
    globals(&settings)
    var policy = Policy(
      globals: settings, locations: locations, trunks: trunks,
      devices: Set(devices).map { Device(alias: $0, allowsSIP: true) }, services: services, rules: rules)
    policy.destinationLimits = destinationLimits
    router = Router(policy: try PolicySnapshot(compiling: policy))
    ledger = CallLedger(loop: loop, recorder: book, router: router)
    exchange = Exchange(loop: loop, router: router, ledger: ledger)
    relay = try MediaRelay(
      configuration: MediaRelayConfiguration(
        interfaces: interfaces ?? [.init(address: .loopbackIPv4, ports: ports)], threads: 1))
    var counter: UInt8 = 0
    host = GatewayHost(
      exchange: exchange,
      // Events of the relay are not needed here; the session's own close is awaited nowhere.
      media: MediaAccess(
        relay: relay, post: { _ in },
        randomKey: { length in
          counter &+= 1
          return [UInt8](repeating: counter, count: length)
        }))
    dialer = ScriptedDialer(exchange)
    exchange.gateway = host
    exchange.dial(.sip, by: dialer)
    ledger.onFinished = { [unowned self] in finished.append($0.record) }
    for (index, alias) in devices.enumerated() {
      router.registrations.add(
        Registrations.Binding(
          alias: alias, callProtocol: .sip, contact: "sip:phone@127.0.0.\(index + 2)",
          remote: TransportAddress(.v4(0x7f00_0002 + UInt32(index)), 5060), since: loop.wallClock,
          expires: loop.now + .seconds(3600), route: index)
      ) { _ in false }
    }
  }

  /// The relay's events are not delivered here, so that calls keep it; its sockets are needed by the next bench.
  deinit { relay.shutdown() }

  /// An incoming call, handed to the exchange.
  func call(
    _ alias: String, offer: MediaDescription? = .audio(port: 20000), registered: String? = "ann",
    from location: String? = nil
  ) -> ScriptedLeg {
    let leg = ScriptedLeg(id: exchange.makeLegID(), isIncoming: true)
    let request = CallRequest(
      id: exchange.makeCallID(), direction: .dialIn, trigger: .invite, callProtocol: .sip,
      alias: Alias(sip: "sip:\(alias)"),
      caller: Caller(
        alias: "sip:ann@example.org", address: TransportAddress("127.0.0.1:5060"),
        isRegistered: registered != nil,
        registeredAlias: registered), location: location,
      capability: offer?.capability ?? .auto, hopsLeft: 70)
    exchange.receive(request, leg: leg, offer: offer)
    return leg
  }

  /// A new caller takes the place of a leg (RFC 3891), as the SIP endpoint arranges it.
  func replace(
    _ leg: ScriptedLeg, in call: TwoPartyCall, offer: MediaDescription? = .audio(port: 28000)
  ) -> ScriptedLeg {
    let newcomer = ScriptedLeg(id: exchange.makeLegID(), isIncoming: true)
    let request = CallRequest(
      id: exchange.makeCallID(), direction: .dialIn, trigger: .invite, callProtocol: .sip,
      alias: Alias(sip: "sip:tandem@127.0.0.1"),
      caller: Caller(alias: "sip:dave@example.org", isRegistered: true, registeredAlias: "dave"),
      resolutions: 1)
    let routed = router.route(request, now: loop.now, wallClock: loop.wallClock)
    let live = ledger.begin(request, routed, caller: newcomer.party)!
    call.takeOver(
      leg.id,
      by: IncomingCall(
        request: request, routed: routed, leg: newcomer, offer: offer, call: live))
    return newcomer
  }

  var liveCalls: Int { ledger.calls.count }
}

extension MediaDescription {
  /// One audio stream at 127.0.0.9.
  static func audio(
    port: UInt16, codecs: [Codec] = [.pcma, .events], direction: MediaStream.Direction = .sendReceive,
    profile: MediaStream.Profile = .rtpAVP, cryptos: [SDESCrypto] = []
  ) -> MediaDescription {
    MediaDescription(streams: [
      MediaStream(
        kind: .audio, profile: profile, address: TransportAddress(.v4(0x7f00_0009), port),
        direction: direction,
        codecs: codecs, cryptos: cryptos)
    ])
  }

  static func video(port: UInt16) -> MediaDescription {
    var result = audio(port: port)
    result.streams.append(
      MediaStream(
        kind: .video, address: TransportAddress(.v4(0x7f00_0009), port + 2),
        codecs: [
          Codec(96, "H264", clockRate: 90000, parameters: "profile-level-id=42e01f;packetization-mode=1")
        ]))
    return result
  }
}

extension Codec {
  static let pcma = Codec(8, "PCMA", clockRate: 8000)
  /// One that is relayed, and not transcoded.
  static let g729 = Codec(18, "G729", clockRate: 8000)
  static let pcmu = Codec(0, "PCMU", clockRate: 8000)
  static let events = Codec(101, "telephone-event", clockRate: 8000, parameters: "0-16")
  static func opus(_ number: UInt8) -> Codec { Codec(number, "opus", clockRate: 48000, channels: 2) }
}

func rule(
  _ pattern: String, replace: String = "", target: CallTarget = .external, trunks: [String] = [],
  configure: (inout GatewayConfiguration) -> Void = { _ in }
) -> CallRoutingRule {
  var gateway = GatewayConfiguration(
    name: "r", remoteAlias: "", target: target, trunks: trunks.map { TrunkChoice(trunk: $0) })
  configure(&gateway)
  return CallRoutingRule(
    name: "rule \(pattern)", priority: 10, pattern: pattern, replacement: replace, gateway: gateway)
}

func trunk(_ name: String, configure: (inout Trunk) -> Void = { _ in }) -> Trunk {
  var trunk = Trunk(name: name, host: "192.0.2.1", port: 5060, transport: .udp)
  configure(&trunk)
  return trunk
}

func refusal(_ status: Int) -> CallLegEvent {
  .ended(Disconnect(status: status, reasons: [], text: nil))
}

/// For tests that see the SIP stack's own type of this name too.
typealias CallExchange = Exchange
