import CallModel
import MediaRelay
import PolicyEngine
import Router

/// Picking up a call that rings elsewhere: an INVITE whose Replaces names a dialog of ours with somebody who has not answered
/// yet (RFC 3891 §3). Who sends it becomes the called party.
extension TwoPartyCall {
  func pickUp(by incoming: IncomingCall) {
    guard phase == .hunting, let media else { return refuse(incoming, Disconnect(.notAcceptable)) }
    let leg = incoming.leg
    if let offer = incoming.offer, lacksEncryption(offer) {
      return refuse(incoming, Disconnect(.encryptionRequired, text: "Media encryption is required"))
    }
    if let callerOffer { media.reopen(callerOffer) }
    do throws(MediaRefusal) {
      switch (callerOffer, incoming.offer) {
      case (_?, let offer?):
        let answers = try media.meet(
          offer, encryption: configuration.mediaEncryption, from: leg.party.address?.ip)
        join(incoming)
        acceptCalled(answers.toNewcomer)
        acceptCaller(answers.toCaller)
      case (let offer?, nil):
        // It wants our offer: that is the caller's, and the answer comes in its ACK.
        let passed = try media.offerToNewcomer(
          offer, encryption: configuration.mediaEncryption, near: leg.party.address)
        join(incoming)
        acceptCalled(passed)
      case (nil, let offer?):
        // The caller wanted our offer: it gets the newcomer's, whose answer is the one in the caller's ACK.
        media.signallingAddress[.b] = leg.party.address?.ip
        let passed = try media.offer(from: .b, offer, encryption: encryptionTowardCaller)
        join(incoming)
        offerInAnswer(passed)
      case (nil, nil):
        refuse(incoming, Disconnect(.notAcceptable, text: "Nobody offers media"))
      }
    } catch {
      refuse(incoming, error.disconnect)
    }
  }

  /// The newcomer's ACK, with its answer to the caller's offer.
  func pickedUp(_ answer: MediaDescription?) {
    guard called != nil, callerOffer != nil, attempts.isEmpty else { return }
    connect(answer)
  }

  /// The newcomer is the called party from now on; nobody else rings any more.
  private func join(_ incoming: IncomingCall) {
    loop.cancel(ringTimer)
    ringTimer = nil
    giveUpAttempts(Disconnect(.answeredElsewhere))
    attempts = []
    take(in: incoming)
    let leg = incoming.leg
    called = leg
    calledTarget = nil
    isCalledWaiting = true
    newcomers[.b] = incoming.request.caller
    live.note("picked up by call \(incoming.call.id)")
    live.update { record in
      var attempt = CallAttempt(
        via: "pickup", alias: incoming.request.caller.alias, address: leg.party.address,
        started: loop.wallClock)
      attempt.answered = loop.wallClock
      record.attempts.append(attempt)
    }
  }

  private func acceptCalled(_ media: MediaDescription) {
    isCalledWaiting = false
    called?.accept(media: media)
  }

  /// The leg of another call belongs to this one; that one is over.
  func take(in incoming: IncomingCall) {
    incoming.leg.observer = self
    host.register(self, leg: incoming.leg.id)
    incoming.call.finish(Disconnect(.transferred, text: "Continues in call \(live.id)"), by: .tandem)
  }

  /// Who cannot take a place in this call is told so; the call goes on.
  func refuse(_ incoming: IncomingCall, _ disconnect: Disconnect) {
    incoming.leg.reject(disconnect)
    incoming.call.finish(disconnect, by: .tandem)
  }
}
