import CallModel
import MediaRelay
import Router

/// Digits that policy has the called party sent once it has answered (`dtmf_sequence`): extensions, conference numbers.
extension TwoPartyCall {
  func sendSequence() {
    guard phase == .connected, let called, let sequence = DTMFSequence(configuration.dtmfSequence) else {
      return
    }
    sequencer = DTMFSequencer(sequence, answeredAt: loop.now)
    sendDueDigits(to: called.id)
  }

  /// Who comes in the place of the called party has not asked for them.
  private func sendDueDigits(to leg: LegID) {
    loop.cancel(digitTimer)
    guard let deadline = sequencer?.nextDeadline else { return }
    digitTimer = loop.schedule(after: deadline - loop.now) { [weak self] in
      guard let self, self.phase == .connected, self.called?.id == leg else { return }
      for digit in self.sequencer?.advance(to: self.loop.now) ?? [] {
        self.send(digit, DTMFSequence.toneDuration, to: .b)
      }
      self.sendDueDigits(to: leg)
    }
  }
}
