import CallModel

extension RelaySide {
  /// Sends and receives with the keys that an offer and its answer agreed on (RFC 4568); without any, plainly.
  ///
  /// - Parameter weOffered: whether the offer of the two was ours.
  /// - Returns: whether the stream is encrypted.
  @discardableResult
  public mutating func takeKeys(ours: MediaStream, theirs: MediaStream, weOffered: Bool) -> Bool {
    let pair =
      weOffered
      ? OfferAnswer.cryptoPair(offer: ours, answer: theirs).map { (ours: $0.offerer, theirs: $0.answerer) }
      : OfferAnswer.cryptoPair(offer: theirs, answer: ours).map { (ours: $0.answerer, theirs: $0.offerer) }
    guard let pair else { return false }
    sendKeys = SRTPParameters(pair.ours)
    receiveKeys = SRTPParameters(pair.theirs)
    return true
  }
}
