import CallModel
import MediaRelay
import PolicyEngine
import Router

/// A call that a service hosts by itself, with nobody else in it: its leg, its audio, its place in the books.
final class SoloCall: HostedLegOwner {
  let request: CallRequest
  let live: LiveCall
  let leg: HostedLeg
  private let forwarding: Forwarding
  private let audio: HostedAudio
  private let exchange: Exchange
  private let isIncoming: Bool
  private(set) var isOver = false
  private var isLeaving = false
  private var timer: SignallingLoop.TimerID?
  var onDigit: ((DTMFDigit) -> Void)?
  /// The call is over, or goes on elsewhere.
  var onOver: (() -> Void)?

  private var audience: AudioAudience { .party(leg.party.id) }

  /// nil: the call has been refused.
  init?(
    _ incoming: IncomingCall, _ service: ServiceConfiguration, exchange: Exchange, media: MediaAccess,
    plane: any AudioPlane, library: PromptLibrary
  ) {
    guard
      let audio = HostedAudio(service, plane: plane, library: library, loop: exchange.loop),
      let party = audio.openParty()
    else {
      incoming.refuse(Disconnect(.congestion, text: "No room for more calls"))
      return nil
    }
    let leg = HostedLeg(
      leg: incoming.leg, party: party, plane: plane, media: media,
      terms: HostedLeg.Terms(of: incoming, service))
    if let refusal = leg.prepare(offer: incoming.offer, described: incoming.described) {
      party.close()
      audio.close()
      incoming.refuse(refusal)
      return nil
    }
    request = incoming.request
    live = incoming.call
    forwarding = incoming.forwarding
    self.leg = leg
    self.audio = audio
    self.exchange = exchange
    isIncoming = incoming.leg.party.isIncoming
    leg.owner = self
    incoming.leg.observer = leg
    audio.onEvent = { [weak self] in self?.audioDid($0) }
    live.onEndRequested = { [weak self] in self?.end($0, by: .tandem) }
  }

  func answer() {
    leg.accept()
    live.connected()
  }

  func say(_ parts: [PromptPart], then: (() -> Void)? = nil) {
    audio.announcer.say(parts, to: audience, then: then)
  }

  /// Does something when nothing is said any more.
  func afterSaying(_ work: @escaping () -> Void) { audio.announcer.afterSaying(to: audience, work) }

  func play(file: String, then: @escaping (Bool) -> Void) {
    audio.announcer.play(file: file, to: audience, then: then)
  }

  /// Does something at this time, instead of what was to be done before; nil: nothing. Not once the call is over.
  func wake(at deadline: MonotonicInstant?, _ work: @escaping () -> Void) {
    exchange.loop.cancel(timer)
    timer = nil
    guard !isOver, let deadline else { return }
    timer = exchange.loop.schedule(after: max(.zero, deadline - exchange.loop.now), work)
  }

  func stopPlaying() {
    if !isLeaving { audio.announcer.stop(audience) }
  }

  /// What it hears while nothing is said.
  func setBackground(_ prompt: Prompt?) { audio.announcer.setBackground(prompt, for: audience) }

  /// Ends the call after saying this.
  func leave(_ disconnect: Disconnect, saying parts: [PromptPart]) {
    guard !isOver, !isLeaving else { return }
    guard leg.isAnswered, !parts.isEmpty else { return end(disconnect, by: .tandem) }
    isLeaving = true
    audio.announcer.stop(audience)
    say(parts) { [weak self] in self?.end(disconnect, by: .tandem) }
  }

  func end(_ disconnect: Disconnect, by side: CallRecord.Side) {
    guard !isOver else { return }
    leg.end(disconnect)
    over(disconnect, by: side)
  }

  /// Sends the call on to where `routed` leads.
  func pass(
    to routed: RoutedCall, _ request: CallRequest, as role: Participant.Role? = nil, isExternal: Bool
  ) {
    guard !isOver else { return }
    isOver = true
    live.onEndRequested = nil
    live.note("goes on at \(request.alias.parsed)")
    let incoming = IncomingCall(transferring: leg, request, routed, live, forwarding, as: role)
    leg.release()
    let (live, leg, side) = (live, leg, side)
    audio.whenClosed(leg.party.id) { figures in
      guard let figures else { return }
      live.update { $0.media.append(leg.quality(figures, side: side)) }
    }
    audio.close()
    exchange.loop.cancel(timer)
    onOver?()
    exchange.pass(incoming, isExternal: isExternal)
  }

  private var side: CallRecord.Side { isIncoming ? .caller : .called }

  private func over(_ disconnect: Disconnect, by side: CallRecord.Side) {
    isOver = true
    live.finish(disconnect, by: side, awaitsMedia: true)
    let (live, leg, recorded) = (live, leg, self.side)
    audio.whenClosed(leg.party.id) { figures in
      live.close(media: figures.map { [leg.quality($0, side: recorded)] } ?? [])
    }
    audio.close()
    exchange.loop.cancel(timer)
    onOver?()
  }

  func leg(_ leg: HostedLeg, did event: HostedLeg.Event) {
    guard !isOver else { return }
    switch event {
    case .digit(let digit): pressed(digit)
    case .transferRequested: leg.leg.transferProgressed(.failed(Disconnect(.forbidden)))
    case .ended(let disconnect): over(disconnect, by: side)
    case .progress, .answered, .held, .mediaChanged: break
    }
  }

  private func audioDid(_ event: AudioRoomEvent) {
    guard !isOver else { return }
    switch event {
    case .digit(_, let digit): pressed(digit)
    case .mediaLost where !leg.isHeld: end(Disconnect(.mediaTimeout, text: "No media"), by: .tandem)
    default: break
    }
  }

  private func pressed(_ digit: DTMFDigit) {
    if !isLeaving { onDigit?(digit) }
  }
}
