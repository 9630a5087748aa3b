import CallModel

/// One dialog of a session (RFC 3261 §12): an early one for each fork, and after the 2xx the confirmed one.
final class Dialog {
  let id: EarlyDialogID
  /// Empty for a peer of RFC 2543, which sends none.
  let remoteTag: String
  /// The peer's From or To value with its tag, as it stands in our requests.
  let remoteParty: String
  /// The number of our latest request.
  var localSequence: UInt32
  /// The number of the peer's latest request.
  var remoteSequence: UInt32?
  /// Values for Route, the next hop first, and the URI of the first. Fixed when the dialog is set up (RFC 3261 §12.2).
  private(set) var routes: [String] = []
  private(set) var firstRoute: SIPURI?
  /// The peer's Contact.
  var remoteTarget: SIPURI { didSet { if remoteTarget != oldValue { hop = nil } } }
  /// Where requests go; nil until it is worked out from the route set and the remote target.
  var hop: Hop?
  /// The hop the peer's latest message came over.
  var flow: Hop
  /// The peer's message came without a proxy in between.
  var isAdjacent: Bool
  var negotiation = Negotiation()
  var peer = PeerCapabilities()
  /// RSeq of the latest reliable provisional response of the peer (RFC 3262 §4), for the INVITE under way.
  var reliableSequence: UInt32?
  /// The 2xx that confirms it has come. Callers only.
  var isAnswered = false
  /// Our ACK for the latest 2xx: its CSeq number, its bytes, and where it went.
  var acknowledgement: (sequence: UInt32, bytes: [UInt8], hop: Hop)?

  init(
    id: EarlyDialogID, remoteTag: String, remoteParty: String, localSequence: UInt32, remoteTarget: SIPURI,
    flow: Hop, isAdjacent: Bool
  ) {
    self.id = id
    self.remoteTag = remoteTag
    self.remoteParty = remoteParty
    self.localSequence = localSequence
    self.remoteTarget = remoteTarget
    self.flow = flow
    self.isAdjacent = isAdjacent
  }

  func setRoutes(_ routes: [NameAddress]) {
    self.routes = routes.map { $0.serialised() }
    firstRoute = routes.first?.uri
    hop = nil
  }

  /// The URI that decides where our requests go.
  var nextHop: SIPURI { firstRoute ?? remoteTarget }

  /// Request-URI and Route values of a request in this dialog (RFC 3261 §12.2.1.1).
  var target: (uri: SIPURI, routes: [String]) {
    guard let firstRoute, firstRoute["lr"] == nil else { return (remoteTarget, routes) }
    // A strict router: it wants its own address in the Request-URI, and the target as the last Route.
    var uri = firstRoute
    uri.parameters.removeAll { equalIgnoringASCIICase($0.name, "method") }
    uri.headers = nil
    return (uri, Array(routes.dropFirst()) + [NameAddress(uri: remoteTarget).serialised()])
  }

  func nextSequence() -> UInt32 {
    localSequence &+= 1
    return localSequence
  }
}

/// What the peer's Allow says, in a few bits: every session has one.
struct PeerCapabilities: Hashable {
  /// The methods that are told apart; the bit of each is its place.
  private static let known: [SIPMethod] = [
    .invite, .ack, .bye, .cancel, .register, .options, .prack, .update, .info, .message, .refer, .notify,
    .subscribe, .publish,
  ]

  private var methods: UInt16 = 0

  var allowsUpdate: Bool { allows(.update) }

  /// False for a method that is none of those of the RFCs.
  func allows(_ method: SIPMethod) -> Bool {
    Self.known.firstIndex(of: method).map { methods & (1 << UInt16($0)) != 0 } ?? false
  }

  /// The peer answered 405 or 501, whatever its Allow said.
  mutating func updateRefused() {
    if let bit = Self.known.firstIndex(of: .update) { methods &= ~(1 << UInt16(bit)) }
  }

  /// Reads them from a message. What it does not mention stays as it was.
  mutating func note(_ headers: SIPHeaders) {
    guard headers.contains(.allow) else { return }
    methods = 0
    for name in headers.tokens(.allow) {
      if let bit = Self.known.firstIndex(of: SIPMethod(rawValue: name)) { methods |= 1 << UInt16(bit) }
    }
  }
}
