import CallModel
import MediaRelay
import Router

/// What a ``HostedLeg`` tells the call it belongs to.
protocol HostedLegOwner: AnyObject {
  func leg(_ leg: HostedLeg, did event: HostedLeg.Event)
}

/// One leg of a call that a service hosts: its offers and answers, with its party in the audio of the service.
final class HostedLeg: CallLegObserver {
  enum Event {
    /// An outgoing leg makes progress; with media, it is heard already.
    case progress(CallProgress, hasMedia: Bool)
    /// An outgoing leg was answered, and its media is connected.
    case answered
    /// A key in signalling.
    case digit(DTMFDigit)
    /// The far end holds us, or takes us off hold.
    case held(Bool)
    /// It has other media than before.
    case mediaChanged
    case transferRequested(TransferRequest)
    /// Nothing more follows.
    case ended(Disconnect)
  }

  /// What is said of its media by policy.
  struct Terms {
    var encryption: MediaEncryption
    var bandwidth: Bandwidth?
    /// Where its signalling comes from.
    var source: IPAddress?
    var placement: [IPAddress] = []
  }

  let leg: any CallLeg
  let party: any AudioParty
  private let media: MediaAccess
  private let codecs: [Codec]
  private var terms: Terms
  weak var owner: (any HostedLegOwner)?
  /// Ports by the index of their stream.
  private var ports: [Int: RelayPort] = [:]
  /// What we told the far end last: our offer while its answer is awaited.
  private var told: MediaDescription?
  /// What the far end described last.
  private(set) var described: MediaDescription?
  /// Whether the latest exchange is one that we began: decides whose key answers whose.
  private var weOffered = false
  private(set) var isAnswered = false
  private(set) var isOver = false
  private(set) var isConnected = false
  private(set) var isHeld = false
  private(set) var isEncrypted = false
  /// What is mixed, for the record.
  private(set) var codecName = ""
  private(set) var takesEvents = false
  /// A stream was left out because no local port was free.
  private(set) var lacksPort = false

  init(
    leg: any CallLeg, party: any AudioParty, plane: any AudioPlane, media: MediaAccess, terms: Terms
  ) {
    self.leg = leg
    self.party = party
    self.media = media
    self.terms = terms
    codecs = plane.codecs
  }

  // MARK: Incoming

  /// Finds out whether the call can be answered, before anything else is done for it.
  ///
  /// - Parameters:
  ///   - offer: nil: it wants ours.
  ///   - described: what it described last, when it was answered in the call it comes from.
  /// - Returns: why not.
  func prepare(offer: MediaDescription?, described: MediaDescription?) -> Disconnect? {
    isAnswered = described != nil
    weOffered = offer == nil
    self.described = offer
    told =
      if let described {
        offerOfOurs(like: described)
      } else if let offer {
        answer(to: offer)
      } else {
        HostedLeg.offer(of: codecs, terms, media) { self.port(0) }
      }
    if told?.streams.contains(where: \.isEnabled) == true { return nil }
    if lacksPort { return Disconnect(.congestion, text: "No media port free") }
    let isUnencrypted =
      terms.encryption == .required
      && (offer ?? described)?.streams.contains { $0.isEnabled && $0.cryptos.isEmpty } == true
    return isUnencrypted
      ? Disconnect(.encryptionRequired, text: "Media encryption is required")
      : Disconnect(.notAcceptable, text: "No audio that can be mixed")
  }

  /// Answers the call, or offers a call that was answered before its media here.
  func accept() {
    guard !isOver, let told else { return }
    leg.observer = self
    if isAnswered { return leg.offer(told) }
    isAnswered = true
    if let described { connect(described, as: told) }
    leg.accept(media: told)
  }

  /// Refuses a call that is not answered, or ends one that is. Its party closes.
  func end(_ disconnect: Disconnect) {
    guard !isOver else { return }
    isOver = true
    leg.observer = nil
    leg.endOrReject(disconnect, answered: isAnswered || !leg.party.isIncoming)
    party.close()
  }

  /// Leaves the leg to another host. Its party closes.
  func release() {
    guard !isOver else { return }
    isOver = true
    leg.observer = nil
    party.close()
  }

  // MARK: Outgoing

  /// What is offered to somebody we call.
  static func offer(
    of codecs: [Codec], _ terms: Terms, _ media: MediaAccess, port: () -> RelayPort?
  ) -> MediaDescription? {
    guard let port = port() else { return nil }
    let stream = MediaStream(kind: .audio, address: port.rtp, isRTCPMultiplexed: false, codecs: codecs)
    return OfferAnswer.offer(
      MediaDescription(streams: [stream], bandwidth: terms.bandwidth), encryption: terms.encryption,
      makeKey: { media.freshKey($0) })
  }

  /// Takes over what was offered by ``offer(of:_:_:port:)`` when the call was placed.
  func placed(offering offer: MediaDescription?, at port: RelayPort?) {
    told = offer
    weOffered = true
    ports[0] = port
  }

  // MARK: Events

  func leg(_ leg: any CallLeg, did event: CallLegEvent) {
    guard !isOver else { return }
    switch event {
    case .progress(let progress, let answer):
      if let answer { answered(with: answer) }
      owner?.leg(self, did: .progress(progress, hasMedia: answer != nil && isConnected))
    case .answered(let answer):
      isAnswered = true
      if let answer { answered(with: answer) }
      guard isConnected else { return fail(Disconnect(.notAcceptable, text: "No audio in common")) }
      owner?.leg(self, did: .answered)
    case .confirmed(let answer?), .answer(let answer):
      if weOffered { answered(with: answer) }
      owner?.leg(self, did: .mediaChanged)
    case .offer(let offer?): offered(offer)
    case .offer(nil):
      // Whatever held us is to be said again, or not (RFC 3264 §8.4: an offer of our own is what we want).
      guard var offer = told else { return leg.refuseOffer(Disconnect(.notAcceptable)) }
      for i in offer.streams.indices where offer.streams[i].isEnabled {
        offer.streams[i].direction = .sendReceive
      }
      weOffered = true
      told = offer
      leg.offer(offer)
    case .offerRefused(let disconnect):
      // Without an exchange it hears nothing, and would wait for ever.
      if !isConnected { fail(disconnect) }
    case .digit(let digit, _): owner?.leg(self, did: .digit(digit))
    case .transferRequested(let request): owner?.leg(self, did: .transferRequested(request))
    case .ended(let disconnect):
      isOver = true
      party.close()
      owner?.leg(self, did: .ended(disconnect))
    case .confirmed(nil), .offerWithdrawn, .message, .transferProgressed: break
    }
  }

  private func fail(_ disconnect: Disconnect) {
    end(disconnect)
    owner?.leg(self, did: .ended(disconnect))
  }

  /// The far end changes its media: a new address, hold, other codecs.
  private func offered(_ offer: MediaDescription) {
    guard let answer = answer(to: offer), answer.streams.contains(where: \.isEnabled) else {
      return leg.refuseOffer(Disconnect(.notAcceptable))
    }
    weOffered = false
    told = answer
    connect(offer, as: answer)
    leg.answer(answer)
    owner?.leg(self, did: .mediaChanged)
  }

  private func answered(with answer: MediaDescription) {
    guard let told, let valid = try? OfferAnswer.validate(answer: answer, to: told).description else {
      return
    }
    connect(valid, as: told)
  }

  // MARK: Descriptions

  private func answer(to offer: MediaDescription) -> MediaDescription? {
    let capabilities = MediaCapabilities(
      codecs: [.audio: codecs], encryption: terms.encryption, bandwidth: terms.bandwidth)
    return try? OfferAnswer.answer(
      to: offer, with: capabilities, keeping: told, address: { self.port($0)?.rtp },
      makeKey: { self.media.freshKey($0) })
  }

  /// What a party that comes from another call is offered, in the lines it has.
  private func offerOfOurs(like described: MediaDescription) -> MediaDescription? {
    var hasAudio = false
    let streams = described.streams.enumerated().map { index, stream -> MediaStream in
      guard stream.kind == .audio, stream.isEnabled, stream.profile.isRTP, !stream.profile.isDTLS, !hasAudio,
        let port = port(index)
      else { return stream.disabled() }
      hasAudio = true
      return MediaStream(
        kind: .audio, profile: stream.profile, address: port.rtp,
        isRTCPMultiplexed: stream.isRTCPMultiplexed, codecs: common(stream.codecs))
    }
    guard hasAudio else { return nil }
    // What was encrypted stays so.
    let isSecure = described.streams.contains { $0.isEnabled && $0.profile.isSecure }
    return OfferAnswer.offer(
      MediaDescription(streams: streams, bandwidth: terms.bandwidth),
      encryption: isSecure && terms.encryption != .off ? .required : terms.encryption,
      makeKey: { self.media.freshKey($0) })
  }

  /// The party's codecs that can be mixed, under its own numbers: a number keeps its meaning (RFC 3264 §8.3.2).
  private func common(_ theirs: [Codec]) -> [Codec] {
    theirs.filter { $0.counterpart(in: codecs, among: theirs) != nil }
  }

  private func port(_ index: Int) -> RelayPort? {
    if let port = ports[index] { return port }
    // One stream is mixed; one that moves to another line takes its port along.
    if let port = ports.values.first { return port }
    for interface in media.interfaces(for: terms.source, among: terms.placement) {
      guard let port = party.reserve(interface: interface, kind: .audio) else { continue }
      ports[index] = port
      return port
    }
    lacksPort = true
    return nil
  }

  /// Brings the party in line with what both sides have said.
  private func connect(_ remote: MediaDescription, as local: MediaDescription) {
    described = remote
    let index = local.streams.indices.first { index in
      index < remote.streams.count && local.streams[index].kind == .audio && local.streams[index].isEnabled
        && remote.streams[index].isEnabled
    }
    guard let index, let port = ports.values.first else {
      isConnected = false
      party.disconnect()
      return
    }
    let (theirs, ours) = (remote.streams[index], local.streams[index])
    var side = RelaySide(
      port: port, remoteRTP: theirs.address, remoteRTCP: theirs.rtcpAddress,
      isRTCPMultiplexed: theirs.isRTCPMultiplexed && ours.isRTCPMultiplexed,
      latch: LatchPolicy(signalled: theirs.address.ip, signalling: terms.source),
      direction: MediaStream.Direction(
        sends: theirs.direction.receives && ours.direction.sends,
        receives: theirs.direction.sends && ours.direction.receives))
    isEncrypted = side.takeKeys(ours: ours, theirs: theirs, weOffered: weOffered)
    isConnected = party.connect(side, remote: theirs, local: ours)
    codecName = (weOffered ? theirs : ours).codecs.first(where: \.isPrimary)?.name ?? ""
    takesEvents = theirs.codecs.contains(where: \.isTelephoneEvent)
    let isHeld = remote.isHold
    if isHeld != self.isHeld {
      self.isHeld = isHeld
      owner?.leg(self, did: .held(isHeld))
    }
  }

  /// The record's line about it.
  func quality(_ figures: RelaySideStatistics, side: CallRecord.Side) -> MediaQuality {
    MediaQuality(
      side: side, kind: "audio", codec: codecName, isEncrypted: isEncrypted,
      packetsReceived: figures.packetsReceived, packetsSent: figures.packetsSent,
      bytesReceived: figures.bytesReceived, packetsLost: Int64(clamping: figures.packetsLost),
      jitter: figures.jitterMilliseconds, roundTrip: figures.roundTripMilliseconds)
  }
}

extension HostedLeg.Terms {
  /// Those of a call that comes to a service.
  init(of incoming: IncomingCall, _ service: ServiceConfiguration) {
    self.init(
      encryption: service.mediaEncryption, bandwidth: service.maximumBandwidthIn,
      source: incoming.request.caller.address?.ip, placement: incoming.placement.caller)
  }
}
