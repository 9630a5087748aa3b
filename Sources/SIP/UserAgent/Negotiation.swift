/// The offer/answer state of one dialog (RFC 3264 §4, RFC 6337): at most one offer is open, in one direction.
struct Negotiation {
  enum Phase: Hashable {
    /// Nothing was exchanged yet.
    case initial
    /// Our offer waits for the peer's answer.
    case offered(OfferCarrier)
    /// The peer's offer waits for our answer.
    case received(OfferCarrier)
    /// The latest exchange is complete.
    case stable
  }

  private(set) var phase = Phase.initial
  /// Counts the exchanges that the peer began and we answered: each may have changed what an offer of ours would say.
  private(set) var epoch = 0
  /// What an open exchange returns to when it fails.
  private(set) var isEstablished = false
  /// Our latest description that took effect: repeated to refresh the session.
  private(set) var local: MessageBody?
  /// Whether ``local`` answered the peer. An offer lists more than an answer may, and cannot stand in for one.
  private(set) var isLocalAnswer = false
  /// Our offer or, before it takes effect, our answer.
  private var proposedLocal: MessageBody?
  /// The peer's latest description that took effect, as a hash: enough to know it again.
  private var remoteHash: Int?
  private var proposedRemoteHash: Int?
  /// The peer's early answer in an unreliable provisional response.
  private(set) var preview: MessageBody?

  var isIdle: Bool { phase == .stable || phase == .initial }
  var hasLocalOffer: Bool { if case .offered = phase { true } else { false } }
  var hasRemoteOffer: Bool { if case .received = phase { true } else { false } }

  mutating func offer(_ body: MessageBody, in carrier: OfferCarrier) {
    phase = .offered(carrier)
    proposedLocal = body
  }

  mutating func receiveOffer(_ body: MessageBody, in carrier: OfferCarrier) {
    phase = .received(carrier)
    proposedRemoteHash = body.hashValue
  }

  mutating func receivePreview(_ body: MessageBody) { preview = body }

  /// The peer answered our offer.
  mutating func receiveAnswer(_ body: MessageBody) {
    local = proposedLocal ?? local
    isLocalAnswer = false
    remoteHash = body.hashValue
    complete()
  }

  /// We answered the peer's offer.
  mutating func answer(_ body: MessageBody) {
    local = body
    isLocalAnswer = true
    remoteHash = proposedRemoteHash
    epoch &+= 1
    complete()
  }

  /// The open offer was refused, withdrawn or lost: all stays as it was before it.
  mutating func rollBack() {
    phase = isEstablished ? .stable : .initial
    proposedLocal = nil
    proposedRemoteHash = nil
  }

  private mutating func complete() {
    phase = .stable
    isEstablished = true
    proposedLocal = nil
    proposedRemoteHash = nil
    preview = nil
  }

  /// Whether this is, byte for byte, what the peer described last.
  func isUnchanged(_ body: MessageBody) -> Bool { isEstablished && remoteHash == body.hashValue }
}
