import CallModel
import MediaRelay
import Router

/// Digits that policy has the called party sent once it has answered (`dtmf_sequence`): extensions, conference numbers.
extension TwoPartyCall {
  /// Routing reference §7: the first digit three seconds after the answer, one each half second; a comma is a pause of two.
  static let firstDigitDelay = TimeSpan.seconds(3)
  static let digitInterval = TimeSpan.milliseconds(500)
  static let digitDuration = TimeSpan.milliseconds(200)
  static let pauseInterval = TimeSpan.seconds(2)

  func sendSequence() {
    guard phase == .connected, !configuration.dtmfSequence.isEmpty, let called else { return }
    digitsToSend = Array(configuration.dtmfSequence)[...]
    sendNextDigit(to: called.id, after: TwoPartyCall.firstDigitDelay)
  }

  /// Who comes in the place of the called party has not asked for them.
  private func sendNextDigit(to leg: LegID, after delay: TimeSpan) {
    loop.cancel(digitTimer)
    digitTimer = loop.schedule(after: delay) { [weak self] in
      guard let self, self.phase == .connected, self.called?.id == leg,
        let character = self.digitsToSend.popFirst()
      else { return }
      var interval = TwoPartyCall.pauseInterval
      if let digit = DTMFDigit(character) {
        self.send(digit, TwoPartyCall.digitDuration, to: .b)
        interval = TwoPartyCall.digitInterval
      }
      if !self.digitsToSend.isEmpty { self.sendNextDigit(to: leg, after: interval) }
    }
  }
}
