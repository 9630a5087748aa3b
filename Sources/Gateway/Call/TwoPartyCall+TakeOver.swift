import CallModel
import MediaRelay
import PolicyEngine
import Router

/// An INVITE whose Replaces names a leg of this call (RFC 3891): whoever sends it takes that leg's place.
extension TwoPartyCall {
  func takeOver(_ leg: LegID, by incoming: IncomingCall) {
    if attempts.contains(where: { $0.leg.id == leg && $0.failure == nil }) { return pickUp(by: incoming) }
    let isRinging = transfer?.ringing.contains { $0.leg.id == leg } ?? false
    let side: RelaySideName? =
      isRinging ? transfer?.side : caller.id == leg ? .a : called?.id == leg ? .b : nil
    guard phase == .connected, isRinging || transfer == nil, borrower == nil, exchangeUnderWay == nil,
      let side, let remaining = self.leg(side.other)
    else { return refuse(incoming, Disconnect(.notAcceptable)) }
    if let offer = incoming.offer {
      guard !lacksEncryption(offer) else { return refuse(incoming, Disconnect(.encryptionRequired)) }
      let media = newMedia(for: side, at: incoming.leg.party.address)
      if let old = self.media { media.inherit(side.other, from: old, side.other) }
      let encryption = encryption(toward: side.other)
      guard let passed = try? media.offer(from: side, offer, encryption: encryption) else {
        return refuse(incoming, Disconnect(.notAcceptable))
      }
      replace(
        side, by: incoming,
        TransferInProgress(
          side: side, stage: .offeringRemaining, leg: incoming.leg, offer: offer, encryption: encryption,
          media: media, targetIsCaller: true))
      remaining.offer(passed)
    } else {
      // It wants our offer: that is the remaining party's, and the answer comes in its ACK.
      let media = newMedia(for: side, at: incoming.leg.party.address)
      guard let offer = offerOfRemaining(side.other),
        let passed = try? media.offer(from: side.other, offer, encryption: configuration.mediaEncryption)
      else { return refuse(incoming, Disconnect(.notAcceptable)) }
      replace(
        side, by: incoming,
        TransferInProgress(
          side: side, stage: .offeringTarget, leg: incoming.leg, media: media, targetIsCaller: true,
          isTargetAccepted: true))
      incoming.leg.accept(media: passed)
    }
  }

  private func replace(
    _ side: RelaySideName, by incoming: IncomingCall, _ replacement: TransferInProgress
  ) {
    var replacement = replacement
    replacement.caller = incoming.request.caller
    if let transfer {
      // Those who ring for a transferred party are answered for: the transfer goes on with whom has answered.
      giveUpRinging(Disconnect(.answeredElsewhere))
      transfer.media.close { _ in }
      router.release(transfer.share)
      replacement.isTransferrerGone = transfer.isTransferrerGone
      replacement.isAwaited = true
    }
    transfer = replacement
    take(in: incoming)
    live.note("party replaced by call \(incoming.call.id)")
    watchTransfer()
  }
}
