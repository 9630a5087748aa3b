import CallModel
import Codecs
import NIOCore
import SDP
import SIP

/// One call of a test phone: its session, its offers and answers, its audio, and who waits for what of it.
final class PhoneCall {
  enum State: Hashable {
    case pending, answered, ended
  }

  private unowned let core: PhoneCore
  private(set) var audio: CallAudio?
  let isIncoming: Bool
  let peer: String
  var session: SessionID?

  private(set) var state = State.pending
  private(set) var end: SessionEnd?
  private(set) var wasHungUpHere = false
  let started = MonotonicInstant.now
  /// 100: the next hop has the INVITE.
  private(set) var isTrying = false
  private(set) var ringingAt: MonotonicInstant?
  private(set) var answeredAt: MonotonicInstant?
  private(set) var endedAt: MonotonicInstant?
  private(set) var remoteAddress: TransportAddress?
  private(set) var codec: G711?
  private(set) var suite: SDESCrypto.Suite?
  /// What is wrong with the answer, when nothing could be made of it.
  private(set) var violation: String?
  /// Digits that came in SIP INFO.
  private(set) var infoDigits: [DTMFDigit] = []

  private var local: LocalDescription?
  /// Our last offer or answer.
  private var described: MediaDescription?
  /// An offer of ours that waits for its answer.
  private var offered: MediaDescription?
  private var earlyAnswers: [EarlyDialogID: MessageBody] = [:]
  private(set) var isHeldByUs = false
  private(set) var isHeldByPeer = false
  private var reofferOutcome: EventLoopPromise<Bool>?
  private var waiters: [Waiter] = []
  private var lastWaiter = 0

  private struct Waiter {
    var number: Int
    var condition: (PhoneCall) -> Bool
    var promise: EventLoopPromise<Bool>
  }

  init(core: PhoneCore, audio: CallAudio?, isIncoming: Bool, peer: String) {
    self.core = core
    self.isIncoming = isIncoming
    self.peer = peer
    if let audio { adopt(audio) }
  }

  func adopt(_ audio: CallAudio) {
    guard state != .ended else { return audio.close() }
    self.audio = audio
    audio.onPacket = { [weak self] in self?.changed() }
    local = LocalDescription(
      sessionID: .random(in: 1...UInt64(Int64.max)), address: audio.local.ip, name: "test call")
  }

  func rang() { ringingAt = ringingAt ?? .now }

  // MARK: Waiting

  /// True when the condition holds, or comes to hold in time; false when the time is up or the call has ended without it.
  func wait(
    within limit: TimeSpan, until condition: @escaping (PhoneCall) -> Bool
  ) -> EventLoopFuture<Bool> {
    let promise = core.eventLoop.makePromise(of: Bool.self)
    if condition(self) || state == .ended {
      promise.succeed(condition(self))
      return promise.futureResult
    }
    lastWaiter += 1
    let number = lastWaiter
    waiters.append(Waiter(number: number, condition: condition, promise: promise))
    core.eventLoop.assumeIsolated().scheduleTask(in: .nanoseconds(limit.nanoseconds)) {
      guard let i = self.waiters.firstIndex(where: { $0.number == number }) else { return }
      self.waiters.remove(at: i).promise.succeed(condition(self))
    }
    return promise.futureResult
  }

  private func changed() {
    guard !waiters.isEmpty else { return }
    let all = waiters
    waiters = all.filter { !$0.condition(self) && state != .ended }
    for waiter in all where !waiters.contains(where: { $0.number == waiter.number }) {
      waiter.promise.succeed(waiter.condition(self))
    }
  }

  // MARK: Commands

  /// Answers an incoming call; the offer is the peer's, or ours when it brought none.
  func accept(_ offer: MessageBody?) {
    guard let session, state == .pending else { return }
    guard let offer else {
      core.agent.accept(session, body: makeOffer(), now: .now)
      return answered()
    }
    guard let answer = answer(to: offer) else {
      core.agent.reject(session, status: 488, now: .now)
      return
    }
    core.agent.accept(session, body: answer, now: .now)
    answered()
  }

  func hangUp() {
    guard let session, state != .ended else { return }
    wasHungUpHere = true
    core.agent.bye(session, now: .now)
    core.flush()
  }

  /// Offers the same with the other side on hold, or off it. True when the peer agreed.
  func hold(_ isHeld: Bool) -> EventLoopFuture<Bool> {
    let promise = core.eventLoop.makePromise(of: Bool.self)
    guard let session, state == .answered, reofferOutcome == nil else {
      promise.succeed(false)
      return promise.futureResult
    }
    isHeldByUs = isHeld
    guard let body = makeOffer() else {
      promise.succeed(false)
      return promise.futureResult
    }
    reofferOutcome = promise
    if case .notPossible = core.agent.reoffer(session, body, now: .now) { reoffered(false) }
    core.flush()
    return promise.futureResult
  }

  private func reoffered(_ isAgreed: Bool) {
    let promise = reofferOutcome
    reofferOutcome = nil
    if !isAgreed { offered = nil }
    promise?.succeed(isAgreed)
  }

  /// Ends without a word to anybody: the phone is going away, or never could begin.
  func abandon() { ended(SessionEnd(.local)) }

  // MARK: Events

  func handle(_ event: SessionEvent) {
    switch event {
    case .progress(let progress):
      if progress.status != 199 { rang() }
      if let body = progress.description?.body, case .offer? = progress.description {
        if let session, let answer = answer(to: body) {
          core.agent.answer(session, with: answer, dialog: progress.dialog, now: .now)
        }
      } else if let body = progress.description?.body {
        if let dialog = progress.dialog { earlyAnswers[dialog] = body }
        accept(answer: body)
      }
    case .answered(let answered):
      switch answered.description {
      case .offer(let offer):
        if let session, let answer = answer(to: offer) {
          core.agent.answer(session, with: answer, now: .now)
        } else if let session {
          core.agent.refuseOffer(session, now: .now)
        }
      case .answer(let body), .preview(let body): accept(answer: body)
      case nil: earlyAnswers[answered.dialog].map { accept(answer: $0) }
      }
      self.answered()
    case .acknowledged(let answer): answer.map { accept(answer: $0) }
    case .offer(let offer, _):
      guard let session else { break }
      if let answer = answer(to: offer) {
        core.agent.answer(session, with: answer, now: .now)
      } else {
        core.agent.refuseOffer(session, now: .now)
      }
    case .offerRequested:
      if let session, let body = makeOffer() { core.agent.offer(session, body, now: .now) }
    case .answer(let body):
      accept(answer: body)
      reoffered(violation == nil)
    case .offerRefused: reoffered(false)
    case .request(let request): answerRequest(request)
    case .transferRequested(let transfer): core.agent.rejectTransfer(transfer.id, now: .now)
    case .ended(let end): ended(end)
    case .trying: isTrying = true
    case .earlyDialogEnded, .provisionalAcknowledged, .offerWithdrawn, .targetRefreshed, .transfer:
      break
    }
    changed()
  }

  private func answered() {
    guard state == .pending else { return }
    state = .answered
    answeredAt = .now
    changed()
  }

  private func ended(_ end: SessionEnd) {
    guard state != .ended else { return }
    state = .ended
    self.end = end
    endedAt = .now
    audio?.close()
    reoffered(false)
    changed()
  }

  private func answerRequest(_ request: IncomingRequest) {
    var status = 200
    if request.request.method == .info {
      if let digit = InfoDigit.parse(request.request) { infoDigits.append(digit) }
    } else if request.request.method != .message {
      status = 405
    }
    core.agent.respond(to: request.id, status: status, now: .now)
  }

  // MARK: Offer and answer

  private static func makeKey(_ suite: SDESCrypto.Suite) -> Secret {
    let bytes = (0..<suite.keyLength + suite.saltLength).map { _ in UInt8.random(in: .min ... .max) }
    return SDESCrypto(tag: 1, suite: suite, keyAndSalt: bytes)?.keyAndSalt ?? Secret("")
  }

  private static let events = Codec(101, "telephone-event", clockRate: 8000, parameters: "0-15")

  private var codecs: [Codec] {
    core.configuration.codecs.map { Codec($0.payloadType, $0.rawValue, clockRate: G711.sampleRate) }
      + [PhoneCall.events]
  }

  func makeOffer() -> MessageBody? {
    guard let audio else { return nil }
    let stream = MediaStream(
      kind: .audio, address: audio.local, isRTCPMultiplexed: true,
      direction: isHeldByUs ? .sendOnly : .sendReceive, codecs: codecs, packetTime: 20)
    let wanted = OfferAnswer.offer(
      MediaDescription(streams: [stream]), encryption: core.configuration.encryption,
      suites: core.configuration.suites, keeping: described, makeKey: PhoneCall.makeKey)
    let offer = described.map { OfferAnswer.reoffer(changing: wanted, from: $0).offer } ?? wanted
    offered = offer
    return local?.body(for: offer).asSDP
  }

  private func answer(to body: MessageBody) -> MessageBody? {
    guard let audio, let offer = try? MediaDescription(sdp: body.content) else { return nil }
    let capabilities = MediaCapabilities(
      codecs: [.audio: codecs], direction: isHeldByUs ? .sendOnly : .sendReceive,
      encryption: core.configuration.encryption, suites: core.configuration.suites, singleCodec: true)
    do {
      let answer = try OfferAnswer.answer(
        to: offer, with: capabilities, keeping: described, address: { _ in audio.local },
        makeKey: PhoneCall.makeKey)
      described = answer
      agree(ours: answer, theirs: offer, isOurOffer: false)
      return local?.body(for: answer).asSDP
    } catch {
      violation = "\(error)"
      return nil
    }
  }

  private func accept(answer body: MessageBody) {
    guard let offer = offered else { return }
    violation = nil
    do {
      let answer = try OfferAnswer.validate(answer: MediaDescription(sdp: body.content), to: offer)
      described = offer
      agree(ours: offer, theirs: answer.description, isOurOffer: true)
    } catch {
      violation = "\(error)"
    }
  }

  /// Hands what was agreed on to the audio.
  private func agree(ours: MediaDescription, theirs: MediaDescription, isOurOffer: Bool) {
    guard let i = theirs.streams.indices.first(where: { theirs.streams[$0].kind == .audio }),
      i < ours.streams.count, ours.streams[i].isEnabled, theirs.streams[i].isEnabled
    else {
      violation = "the audio stream was refused"
      return
    }
    let (mine, other) = (ours.streams[i], theirs.streams[i])
    let answer = isOurOffer ? other : mine
    guard let format = answer.codecs.first(where: \.isPrimary),
      let codec = G711(rawValue: format.name.uppercased())
    else {
      violation = "no codec in common"
      return
    }
    let keys = OfferAnswer.cryptoPair(offer: isOurOffer ? mine : other, answer: answer)
    self.codec = codec
    suite = keys?.answerer.suite
    remoteAddress = other.address
    isHeldByPeer = !other.direction.receives
    audio?.apply(
      CallAudio.Agreement(
        remote: other.address, codec: codec,
        eventPayloadType: answer.codecs.first(where: \.isTelephoneEvent)?.payloadType,
        sends: mine.direction.sends && other.direction.receives,
        outgoing: isOurOffer ? keys?.offerer : keys?.answerer,
        incoming: isOurOffer ? keys?.answerer : keys?.offerer))
  }
}

extension [UInt8] {
  fileprivate var asSDP: MessageBody { .sdp(self) }
}

/// DTMF in SIP INFO as devices send it: `Signal=5` in `application/dtmf-relay`, or the digit alone in `application/dtmf`.
enum InfoDigit {
  static func parse(_ request: SIPRequest) -> DTMFDigit? {
    guard request.body.count <= 256 else { return nil }
    let text = String(decoding: request.body, as: UTF8.self)
    for line in text.split(whereSeparator: \.isNewline) {
      let pair = line.split(separator: "=", maxSplits: 1)
      guard let value = pair.last?.first(where: { !$0.isWhitespace }) else { continue }
      if pair.count == 1 || pair[0].lowercased().contains("signal") { return DTMFDigit(value) }
    }
    return nil
  }
}
