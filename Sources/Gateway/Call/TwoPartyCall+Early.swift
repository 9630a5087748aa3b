import CallModel
import MediaRelay

/// Offers before the call is answered: in UPDATE, or in the PRACK of the answer to an earlier one (RFC 3311 §5.1, RFC 3262 §5).
extension TwoPartyCall {
  /// Passes the offer on where the other party can be offered something now, and answers it from what has been agreed where it
  /// cannot: media goes through us, so a new address need not be known beyond.
  func offeredEarly(by side: RelaySideName, _ leg: any CallLeg, _ description: MediaDescription) {
    guard let media, callerOffer != nil else {
      return leg.refuseOffer(Disconnect(.temporarilyUnavailable, protocolCode: 500))
    }
    guard exchangeUnderWay == nil else {
      return leg.refuseOffer(Disconnect(.temporarilyUnavailable, protocolCode: 491))
    }
    // With several phones ringing, what one of them changes would be forced on the others.
    let ringing = attempts.indices.filter { attempts[$0].failure == nil }
    guard let index = ringing.first, ringing.count == 1, attempts[index].hasEarlyMedia,
      side == .a || attempts[index].leg.id == leg.id
    else { return leg.refuseOffer(Disconnect(.notAcceptable, protocolCode: 488)) }
    let attempt = attempts[index]
    let other = side == .a ? attempt.leg : caller
    do {
      guard other.takesOffers else {
        let answer = try media.answerAlone(description, from: side)
        if side == .a { noteEarlyExchange(answer, offerer: .a) }
        if side == .b { attempts[index].description = media.described[.b] }
        return leg.answer(answer)
      }
      media.settle()
      let passed = try media.offer(
        from: side, description, encryption: side == .a ? attempt.encryption : encryptionTowardCaller)
      earlyLeg = attempt.leg
      exchangeUnderWay = MediaExchange(offerer: side)
      other.offer(passed)
    } catch {
      leg.refuseOffer(error.disconnect)
    }
  }

  /// What the caller has been told last, and what it offers to whoever is tried next should this attempt fail.
  func noteEarlyExchange(_ answer: MediaDescription, offerer: RelaySideName) {
    if offerer == .a {
      earlyAnswer = answer
      callerOffer = media?.described[.a]
    } else {
      earlyAnswer = media?.told[.a]
    }
  }

  /// The leg that an early exchange is with has come to nothing.
  func abandonEarlyExchange(with leg: any CallLeg) {
    guard earlyLeg?.id == leg.id else { return }
    earlyLeg = nil
    guard let underWay = exchangeUnderWay else { return }
    exchangeUnderWay = nil
    media?.withdrawOffer()
    if underWay.offerer == .a, !underWay.isVoid, !underWay.isRestoration {
      caller.refuseOffer(Disconnect(.temporarilyUnavailable, protocolCode: 500))
    }
  }
}
