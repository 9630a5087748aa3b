import CallModel
import Router

/// Two legs joined back to back: a call from one service of ours to another that never leaves the house. What is told to one is
/// heard by the other, a turn later, as between two systems.
final class LocalLeg: CallLeg {
  let id: LegID
  let party: LegParty
  weak var observer: (any CallLegObserver)?
  private unowned let loop: SignallingLoop
  /// The legs hold each other until the call is over.
  private var other: LocalLeg?
  private var isOver = false

  private init(_ id: LegID, _ party: LegParty, _ loop: SignallingLoop) {
    self.id = id
    self.party = party
    self.loop = loop
  }

  /// - Returns: the side that calls, and the side that is called.
  static func pair(
    from caller: LegParty, to called: LegParty, on exchange: Exchange
  ) -> (calling: LocalLeg, called: LocalLeg) {
    // Each leg's party is whom its owner talks to.
    let calling = LocalLeg(exchange.makeLegID(), called, exchange.loop)
    let answering = LocalLeg(exchange.makeLegID(), caller, exchange.loop)
    calling.other = answering
    answering.other = calling
    return (calling, answering)
  }

  private func tell(_ event: CallLegEvent) {
    guard !isOver, let other else { return }
    loop.schedule(after: .zero) { other.hear(event) }
  }

  private func hear(_ event: CallLegEvent) {
    guard !isOver else { return }
    if case .ended = event { finish() }
    observer?.leg(self, did: event)
  }

  private func finish() {
    isOver = true
    other = nil
  }

  /// The last that either side says.
  private func end(telling disconnect: Disconnect) {
    guard !isOver else { return }
    tell(.ended(disconnect))
    finish()
  }

  // MARK: Commands

  func progress(_ progress: CallProgress, media: MediaDescription?) {
    tell(.progress(progress, media: media))
  }
  func accept(media: MediaDescription) {
    tell(.answered(media: media))
    loop.schedule(after: .zero) { self.hear(.confirmed(media: nil)) }
  }
  func reject(_ disconnect: Disconnect) { end(telling: disconnect) }
  func redirect(to aliases: [String]) {
    var disconnect = Disconnect(.moved)
    disconnect.redirectTargets = aliases
    end(telling: disconnect)
  }

  var takesOffers: Bool { !isOver }
  func offer(_ media: MediaDescription) { tell(.offer(media)) }
  func requestOffer() { tell(.offer(nil)) }
  func answer(_ media: MediaDescription) { tell(.answer(media)) }
  func refuseOffer(_ disconnect: Disconnect) { tell(.offerRefused(disconnect)) }

  func send(_ digit: DTMFDigit, duration: TimeSpan) { tell(.digit(digit, duration: duration)) }
  func send(_ message: CallMessage) { tell(.message(message)) }
  func transferProgressed(_ progress: TransferProgress) { tell(.transferProgressed(progress)) }
  func transfer(to alias: String, replacing leg: LegID?) {
    tell(.transferRequested(TransferRequest(alias: Alias(sip: alias).withoutPIN, replacing: leg)))
  }
  func end(_ disconnect: Disconnect) { end(telling: disconnect) }
}
