import CallModel
import MediaRelay
import Router

/// One test call: every stream the caller offers is looped in the relay.
final class TestCall: CallLegObserver {
  private struct Loop {
    var index: Int
    var port: RelayPort
    var stream: RelayStream?
    var local: MediaStream?
  }

  private unowned let host: TestCallHost
  private let leg: any CallLeg
  private let live: LiveCall
  private let service: ServiceConfiguration
  private let offer: MediaDescription?
  /// What the party described last in the call it comes from.
  private let described: MediaDescription?
  private let source: IPAddress?
  private let placement: [IPAddress]
  private var session: RelaySession?
  private var loops: [Loop] = []
  /// What we told the caller last: our offer while its answer is awaited.
  private var told: MediaDescription?
  private var figures: [RelayStream.ID: RelayStreamStatistics] = [:]
  private var onFigures: (() -> Void)?
  private var timer: SignallingLoop.TimerID?
  /// Whether the latest exchange is one that we began: decides whose key answers whose.
  private var weOffered = false
  private var isAnswered = false
  /// A stream was left out because no local port was free.
  private var lacksPort = false
  private var isOver = false

  init(host: TestCallHost, incoming: IncomingCall, service: ServiceConfiguration) {
    self.host = host
    self.service = service
    leg = incoming.leg
    live = incoming.call
    offer = incoming.offer
    described = incoming.described
    source = incoming.request.caller.address?.ip
    placement = incoming.placement.caller
  }

  func start() {
    leg.observer = self
    live.onEndRequested = { [weak self] in self?.end($0, by: .tandem) }
    session = host.media.openSession { [weak self] event in self?.relayDid(event) }
    // Without an offer to answer, ours is what every phone understands.
    weOffered = offer == nil
    isAnswered = described != nil
    let description = described.map { self.offer(to: $0) } ?? offer.map { answer(to: $0) } ?? offerOfOurs()
    guard let description, description.streams.contains(where: \.isEnabled) else {
      return end(
        lacksPort
          ? Disconnect(.congestion, text: "No media port free")
          : Disconnect(.notAcceptable, text: "No media that can be looped"), by: .tandem)
    }
    told = description
    if isAnswered {
      leg.offer(description)
    } else {
      if let offer { loopBack(offer, as: description) }
      leg.accept(media: description)
      isAnswered = true
    }
    live.connected()
    timer = host.exchange.loop.schedule(after: TestCallHost.maximumDuration) { [weak self] in
      self?.end(Disconnect(.normal), by: .tandem)
    }
  }

  func leg(_ leg: any CallLeg, did event: CallLegEvent) {
    guard !isOver else { return }
    switch event {
    case .confirmed(let answer?):
      if weOffered, let told { loopBack(answer, as: told) }
    case .offer(let offer?):
      weOffered = false
      guard let description = answer(to: offer) else {
        return leg.refuseOffer(Disconnect(.notAcceptable))
      }
      told = description
      loopBack(offer, as: description)
      leg.answer(description)
    case .offer(nil):
      weOffered = true
      if let told { leg.offer(told) }
    case .answer(let answer):
      if let told { loopBack(answer, as: told) }
    case .offerRefused(let disconnect):
      // Without an exchange it hears nothing, and would wait for ever.
      if loops.allSatisfy({ $0.stream == nil }) { end(disconnect, by: .tandem) }
    case .transferRequested:
      leg.transferProgressed(.failed(Disconnect(.forbidden)))
    case .ended(let disconnect):
      end(disconnect, by: .caller)
    case .progress, .answered, .confirmed, .offerWithdrawn, .digit, .message, .transferProgressed:
      break
    }
  }

  // MARK: Media

  /// The streams as offered, with the first codec alone: what comes back must be what was sent.
  private func answer(to offer: MediaDescription) -> MediaDescription? {
    var codecs: [MediaStream.Kind: [Codec]] = [:]
    for stream in offer.streams where stream.kind == .audio || stream.kind == .video {
      codecs[stream.kind, default: []] += stream.codecs
    }
    let capabilities = MediaCapabilities(
      codecs: codecs, encryption: service.mediaEncryption, singleCodec: true,
      // What the caller sends comes back: no more than policy lets us take and send, and the caller wants to receive.
      bandwidth: Bandwidth.least(bandwidth, offer.bandwidth))
    return try? OfferAnswer.answer(
      to: offer.limited(to: service.callCapability), with: capabilities, keeping: told,
      address: { index in self.port(index, offer.streams[index].kind)?.rtp },
      makeKey: { self.host.media.freshKey($0) })
  }

  private func offerOfOurs() -> MediaDescription? {
    guard let port = port(0, .audio) else { return nil }
    let codecs = [
      Codec(8, "PCMA", clockRate: 8000), Codec(0, "PCMU", clockRate: 8000),
      Codec(101, "telephone-event", clockRate: 8000, parameters: "0-16"),
    ]
    let stream = MediaStream(kind: .audio, address: port.rtp, codecs: codecs)
    return OfferAnswer.offer(
      MediaDescription(streams: [stream], bandwidth: bandwidth), encryption: service.mediaEncryption,
      makeKey: { self.host.media.freshKey($0) })
  }

  /// What a party that comes from another call is offered, in the lines it has: what it described last, with the first codec
  /// of each stream alone.
  private func offer(to described: MediaDescription) -> MediaDescription? {
    let wanted = described.limited(to: service.callCapability)
    let streams = wanted.streams.enumerated().map { index, stream in
      guard stream.isEnabled, stream.profile.isRTP, !stream.profile.isDTLS,
        stream.kind == .audio || stream.kind == .video,
        let codec = stream.codecs.first(where: \.isPrimary), let port = port(index, stream.kind)
      else { return described.streams[index].disabled() }
      let events = stream.codecs.filter { $0.isTelephoneEvent && $0.clockRate == codec.clockRate }
      return MediaStream(
        kind: stream.kind, profile: stream.profile, address: port.rtp,
        isRTCPMultiplexed: stream.isRTCPMultiplexed, codecs: [codec] + events.prefix(1),
        bandwidth: stream.bandwidth, content: stream.content)
    }
    // What was encrypted stays so.
    let isSecure = described.streams.contains { $0.isEnabled && $0.profile.isSecure }
    return OfferAnswer.offer(
      MediaDescription(streams: streams, bandwidth: Bandwidth.least(bandwidth, described.bandwidth)),
      encryption: isSecure && service.mediaEncryption != .off ? .required : service.mediaEncryption,
      makeKey: { self.host.media.freshKey($0) })
  }

  private var bandwidth: Bandwidth? {
    Bandwidth.least(service.maximumBandwidthIn, service.maximumBandwidthOut)
  }

  private func port(_ index: Int, _ kind: MediaStream.Kind) -> RelayPort? {
    if let loop = loops.first(where: { $0.index == index }) { return loop.port }
    // One offer must not take the ports of many calls.
    guard loops.count < 8, let port = reservePort(kind) else {
      lacksPort = true
      return nil
    }
    loops.append(Loop(index: index, port: port))
    return port
  }

  private func reservePort(_ kind: MediaStream.Kind) -> RelayPort? {
    for interface in host.media.interfaces(for: source, among: placement) {
      if let port = session?.reserve(interface: interface, kind: kind) { return port }
    }
    return nil
  }

  /// Brings the relay in line with what both sides have said.
  private func loopBack(_ remote: MediaDescription, as local: MediaDescription) {
    for i in loops.indices {
      let index = loops[i].index
      guard index < remote.streams.count, index < local.streams.count, remote.streams[index].isEnabled,
        local.streams[index].isEnabled
      else {
        loops[i].stream?.close()
        loops[i].stream = nil
        continue
      }
      let side = relaySide(loops[i].port, remote.streams[index], local.streams[index])
      loops[i].local = local.streams[index]
      if let stream = loops[i].stream {
        stream.update(a: side)
      } else {
        loops[i].stream = session?.makeStream(RelayStreamConfiguration(a: side, mode: .loop))
      }
    }
  }

  private func relaySide(_ port: RelayPort, _ remote: MediaStream, _ local: MediaStream) -> RelaySide {
    var side = RelaySide(
      port: port, remoteRTP: remote.address, remoteRTCP: remote.rtcpAddress,
      isRTCPMultiplexed: remote.isRTCPMultiplexed && local.isRTCPMultiplexed,
      latch: LatchPolicy(signalled: remote.address.ip, signalling: source),
      direction: local.direction, clockRate: UInt32(clamping: local.codecs.first?.clockRate ?? 8000))
    side.takeKeys(ours: local, theirs: remote, weOffered: weOffered)
    return side
  }

  // MARK: End

  private func relayDid(_ event: RelayEvent) {
    guard case .closed(let id, let statistics) = event else { return }
    figures[id] = statistics
    if figures.count >= loops.filter({ $0.stream != nil }).count { onFigures?() }
  }

  private func end(_ disconnect: Disconnect, by side: CallRecord.Side) {
    guard !isOver else { return }
    isOver = true
    host.exchange.loop.cancel(timer)
    if side != .caller { isAnswered ? leg.end(disconnect) : leg.reject(disconnect) }
    live.finish(disconnect, by: side, awaitsMedia: true)
    // The record waits for the last figures; they keep the call alive until then.
    onFigures = { [self] in
      onFigures = nil
      live.close(media: quality())
      host.forget(leg.id)
    }
    let isSilent = loops.allSatisfy { $0.stream == nil }
    session?.close()
    if isSilent { onFigures?() }
  }

  private func quality() -> [MediaQuality] {
    loops.compactMap { loop in
      guard let stream = loop.stream, let figure = figures[stream.id]?.a else { return nil }
      return MediaQuality(
        side: .caller, kind: loop.local?.kind == .video ? "video" : "audio",
        codec: loop.local?.codecs.first?.name ?? "",
        isEncrypted: !(loop.local?.cryptos.isEmpty ?? true), packetsReceived: figure.packetsReceived,
        packetsSent: figure.packetsSent, bytesReceived: figure.bytesReceived,
        packetsLost: Int64(clamping: figure.packetsLost), jitter: figure.jitterMilliseconds,
        roundTrip: figure.roundTripMilliseconds)
    }
  }
}
