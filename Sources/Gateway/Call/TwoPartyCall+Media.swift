import CallModel
import MediaRelay
import PolicyEngine
import Router

/// An offer that has been passed on and waits for its answer.
struct MediaExchange {
  var offerer: RelaySideName
  /// True for the exchange that answers the call: its answer comes in the caller's ACK.
  var isInitial = false
  /// True when we asked the other side to offer because this one asked us to.
  var wasRequested = false
  /// True when the offer went out in a response: its answer comes in the ACK, or never.
  var isAnsweredInAcknowledgement = false
  /// True when the offerer has taken its offer back: the answer is for nobody.
  var isVoid = false
  /// True for an offer of ours that says again what was agreed before one that came to nothing.
  var isRestoration = false
  /// True when the two sides have nothing in common without it.
  var isIndispensable = false
}

/// Renegotiation, digits and silence once the call is up.
extension TwoPartyCall {
  /// Opens the media of the call. False: the call has been ended.
  func openMedia() -> Bool {
    if let callerOffer, lacksEncryption(callerOffer) {
      end(Disconnect(.encryptionRequired, text: "Media encryption is required"), by: .tandem)
      return false
    }
    let media = CallMedia(access: host.media, settings: defaultSettings)
    media.onEvent = { [weak self] in self?.mediaDid($0) }
    self.media = media
    return true
  }

  /// Whether policy wants encryption that an offer does not have.
  func lacksEncryption(_ offer: MediaDescription) -> Bool {
    configuration.mediaEncryption == .required
      && offer.streams.contains { $0.isEnabled && $0.profile.isRTP && $0.cryptos.isEmpty }
  }

  /// What policy says of this call's media.
  var defaultSettings: CallMedia.Settings {
    let policy = live.routed.policy.policy
    var capability = configuration.callCapability
    if capability == .auto { capability = request.capability == .auto ? .video : request.capability }
    return CallMedia.Settings(
      capability: capability, encryptionTowardCaller: configuration.mediaEncryption,
      disabledCodecs: Set(configuration.disabledCodecs.map { $0.lowercased() }),
      transcodes: configuration.details.transcodes,
      // What one party sends is what the other is sent: neither limit may be exceeded. Nobody on the way could slow it down.
      bandwidth: Bandwidth.least(
        configuration.maximumBandwidthIn ?? policy.globals.bandwidthIn,
        configuration.maximumBandwidthOut ?? policy.globals.bandwidthOut),
      timeout: policy.globals.media.timeout,
      callerAddress: request.caller.address?.ip, placement: placement)
  }

  var encryptionTowardCaller: MediaEncryption { configuration.mediaEncryption }

  func leg(_ side: RelaySideName) -> (any CallLeg)? { side == .a ? caller : called ?? earlyLeg }

  func encryption(toward side: RelaySideName) -> MediaEncryption {
    side == .a
      ? encryptionTowardCaller
      : (calledTarget.map { encryption(toward: $0) } ?? configuration.mediaEncryption)
  }

  /// An event of either leg once it is part of the call.
  func inCall(_ side: RelaySideName, _ event: CallLegEvent) {
    switch event {
    case .offer(let description?): offered(by: side, description)
    case .offer(nil): offerRequested(by: side)
    case .offerWithdrawn: offerWithdrawn(by: side)
    case .answer(let description): answered(by: side, description)
    case .offerRefused(let disconnect): offerRefused(by: side, disconnect)
    case .digit(let digit, let duration): heard(digit, duration, from: side)
    case .message(let message): leg(side.other)?.send(message)
    case .transferRequested(let request): transferRequested(by: side, request)
    case .transferProgressed, .progress, .answered, .confirmed, .ended: break
    }
  }

  private func offered(by side: RelaySideName, _ description: MediaDescription) {
    if phase == .hunting, let leg = self.leg(side) { return offeredEarly(by: side, leg, description) }
    guard phase == .connected, let media, let leg = self.leg(side), let other = self.leg(side.other) else {
      leg(side)?.refuseOffer(Disconnect(.temporarilyUnavailable, protocolCode: 500))
      return
    }
    if let transfer, !transfer.stage.isBeforeMedia || transfer.isTransferrerGone {
      leg.refuseOffer(Disconnect(.temporarilyUnavailable, protocolCode: 491))
      return
    }
    guard borrower == nil else {
      return leg.refuseOffer(Disconnect(.temporarilyUnavailable, protocolCode: 491))
    }
    let wasRequested = exchangeUnderWay?.wasRequested ?? false
    if let underWay = exchangeUnderWay, !(underWay.wasRequested && underWay.offerer == side) {
      // An exchange begun by the other side is on its way through us (RFC 3261 §14.2).
      leg.refuseOffer(Disconnect(.temporarilyUnavailable, protocolCode: 491))
      return
    }
    if exchangeUnderWay == nil, media.lastOfferer == side, media.described[side] == description,
      let told = media.told[side]
    {
      // A session refresh: nothing has changed, so nobody else needs to hear of it (RFC 4028 §7.4).
      leg.answer(told)
      return
    }
    do {
      let passed = try media.offer(from: side, description, encryption: encryption(toward: side.other))
      exchangeUnderWay = MediaExchange(offerer: side, isAnsweredInAcknowledgement: wasRequested)
      other.offer(passed)
    } catch {
      exchangeUnderWay = nil
      leg.refuseOffer(error.disconnect)
      if wasRequested { other.refuseOffer(error.disconnect) }
    }
  }

  /// A re-INVITE without an offer: the other side makes it.
  private func offerRequested(by side: RelaySideName) {
    guard phase == .connected, let leg = self.leg(side), let other = self.leg(side.other) else { return }
    guard exchangeUnderWay == nil, transfer == nil, borrower == nil else {
      leg.refuseOffer(Disconnect(.temporarilyUnavailable, protocolCode: 491))
      return
    }
    exchangeUnderWay = MediaExchange(offerer: side.other, wasRequested: true)
    other.requestOffer()
  }

  /// The offer is taken back, but it has been passed on and may be in force already: what the other side answers is
  /// followed by what was agreed before.
  private func offerWithdrawn(by side: RelaySideName) {
    guard let underWay = exchangeUnderWay else { return }
    if underWay.offerer == side { exchangeUnderWay?.isVoid = true }
  }

  /// How long a party may think about an offer: somebody may have to agree to be seen.
  static let exchangePatience = TimeSpan.seconds(90)

  /// A party that acknowledges an offer and never answers it would block all others of the call.
  func watchExchange() {
    loop.cancel(exchangeTimer)
    exchangeTimer = nil
    guard exchangeUnderWay != nil else { return }
    exchangeTimer = loop.schedule(after: TwoPartyCall.exchangePatience) { [weak self] in
      self?.exchangeOverdue()
    }
  }

  private func exchangeOverdue() {
    guard var underWay = exchangeUnderWay else { return }
    if underWay.isInitial || underWay.isIndispensable {
      return end(MediaRefusal.noAnswer.disconnect, by: .tandem)
    }
    if underWay.isVoid || underWay.isRestoration {
      exchangeUnderWay = nil
      media?.withdrawOffer()
      return continueTransfer()
    }
    let asking = underWay.wasRequested ? underWay.offerer.other : underWay.offerer
    leg(asking)?.refuseOffer(Disconnect(.noAnswer, protocolCode: 500))
    // Should the answer come after all, it is undone.
    underWay.isVoid = true
    exchangeUnderWay = underWay
  }

  /// The far end's ACK. With an answer, it is the one to an offer of ours in a response; it goes on to the other party's ACK.
  func acknowledged(by side: RelaySideName, _ answer: MediaDescription?) {
    if let answer { return answered(by: side, answer) }
    guard let underWay = exchangeUnderWay, underWay.isAnsweredInAcknowledgement,
      underWay.offerer == side.other
    else { return }
    end(MediaRefusal.noAnswer.disconnect, by: .tandem)
  }

  /// The answer to an offer we passed on.
  func answered(by side: RelaySideName, _ description: MediaDescription) {
    if transferAnswered(by: side, description) { return }
    guard let underWay = exchangeUnderWay, underWay.offerer == side.other, let media,
      let offerer = leg(side.other)
    else { return }
    exchangeUnderWay = nil
    if underWay.isVoid { return restore(side) }
    defer { continueTransfer() }
    if underWay.isRestoration {
      try? media.confirm(side, description)
      return
    }
    do {
      let answer = try media.answer(from: side, description, isFinal: true)
      if phase == .hunting { noteEarlyExchange(answer, offerer: side.other) }
      if underWay.offerer == .b, isCalledWaiting {
        isCalledWaiting = false
        offerer.accept(media: answer)
      } else {
        offerer.answer(answer)
      }
    } catch {
      if underWay.isInitial {
        end(error.disconnect, by: .tandem)
      } else {
        media.withdrawOffer()
        offerer.refuseOffer(error.disconnect)
      }
    }
  }

  private func offerRefused(by side: RelaySideName, _ disconnect: Disconnect) {
    if transferOfferRefused(by: side, disconnect) { return }
    guard let underWay = exchangeUnderWay else { return }
    exchangeUnderWay = nil
    defer { continueTransfer() }
    if underWay.isIndispensable { return end(MediaRefusal.nothingInCommon.disconnect, by: .tandem) }
    if underWay.isRestoration { return }
    media?.withdrawOffer()
    if underWay.isVoid { return }
    if underWay.wasRequested, underWay.offerer == side {
      leg(side.other)?.refuseOffer(disconnect)
    } else if underWay.offerer == side.other {
      leg(side.other)?.refuseOffer(disconnect)
    }
  }

  /// Offers a side once more what it was told before an offer that came to nothing.
  func restore(_ side: RelaySideName) {
    media?.withdrawOffer()
    guard let told = media?.told[side], let leg = leg(side) else { return }
    exchangeUnderWay = MediaExchange(offerer: side.other, isRestoration: true)
    leg.offer(told)
  }

  // MARK: Digits

  /// A digit in signalling: into the other party's RTP if it takes RFC 4733, else as signalling again.
  private func heard(_ digit: DTMFDigit, _ duration: TimeSpan, from side: RelaySideName) {
    send(digit, duration, to: side.other)
  }

  func send(_ digit: DTMFDigit, _ duration: TimeSpan, to side: RelaySideName) {
    if media?.play(digit, duration: duration, to: side) ?? false { return }
    leg(side)?.send(digit, duration: duration)
  }

  func mediaDid(_ event: RelayEvent) {
    guard !isOver, let media else { return }
    if let heard = media.digit(event) {
      leg(heard.side.other)?.send(heard.digit, duration: heard.duration)
    } else if case .mediaTimeout(let stream, nil, _) = event, phase == .connected, transfer == nil,
      borrower == nil, media.isMissed(stream)
    {
      end(Disconnect(.mediaTimeout, text: "No media"), by: .tandem)
    }
  }
}
