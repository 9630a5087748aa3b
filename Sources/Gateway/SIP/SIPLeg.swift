import CallModel
import Router
import SDP
import SIP

/// One SIP dialog as a protocol-neutral leg.
///
/// Translates commands into ``SIP/UserAgent`` commands and session events into ``CallLegEvent``s; session descriptions are
/// mapped here and nowhere else.
final class SIPLeg: CallLeg {
  let id: LegID
  /// nil while an outgoing leg still looks for its way.
  private(set) var session: SessionID?
  var party: LegParty
  weak var observer: (any CallLegObserver)?
  private unowned let endpoint: SIPEndpoint
  /// User part of our Contact: the party behind us that this leg speaks for.
  private let contactUser: String?
  private var local: LocalDescription
  /// An incoming call before our final response, or an outgoing one before the peer's.
  private(set) var isAnswered = false
  private(set) var isOver = false
  /// The peer asked for our offer in a re-INVITE: ``offer(_:)`` belongs into its response.
  private var peerWantsOffer = false
  /// What each early dialog has answered, until one of them is confirmed: the 2xx need not repeat it (RFC 3262 §5).
  private var earlyAnswers: [EarlyDialogID: MediaDescription] = [:]
  /// The early dialog whose offer waits for our answer.
  private var offeringDialog: EarlyDialogID?
  /// A transfer the peer asked for, and whether it has been accepted.
  private var incomingTransfer: (id: SIP.TransferID, isAccepted: Bool)?
  /// Why we ended it, when that was our judgement of the far end.
  private var endedFor: Disconnect?
  private var outgoingTransfer: SIP.TransferID?

  init(
    id: LegID, session: SessionID?, party: LegParty, endpoint: SIPEndpoint, address: IPAddress,
    sdpSession: UInt64, contactUser: String?
  ) {
    self.contactUser = contactUser
    self.id = id
    self.session = session
    self.party = party
    self.endpoint = endpoint
    local = LocalDescription(sessionID: sdpSession, address: address)
  }

  private var agent: UserAgent { endpoint.agent }
  private var now: MonotonicInstant { endpoint.loop.now }

  /// Runs one command and carries out what the user agent orders.
  private func command(_ body: (UserAgent, SessionID) -> Void) {
    guard !isOver, let session else { return }
    body(agent, session)
    endpoint.flush()
  }

  // MARK: Placing the call

  /// Sends the INVITE, once it is known where to.
  func place(_ call: OutgoingCall, _ addressing: SIPEndpoint.Addressing?) {
    guard !isOver else { return }
    guard let addressing else { return fail(Disconnect(.networkFailure, text: "No way to the target")) }
    if let refusal = addressing.refusal { return fail(refusal) }
    let offer = call.offer.map(sdp)
    var hops = addressing.hops
    var headers = addressing.headers
    if let replaces = call.replaces {
      headers.append(.init(.replaces, replaces))
      // Who does not know it would take this for one more call, and keep the one it has.
      headers.append(.init(.require, "replaces"))
    }
    if !call.target.isDevice {
      // What the user agent adds (Via, Contact, Allow, Supported ...) comes to about 560 bytes, without the URIs. A wrong
      // guess costs: to a trunk that is heard by UDP alone each call begins with an attempt by TCP.
      let target = addressing.requestURI.serialised().utf8.count + addressing.to.serialised().utf8.count
      let size = headers.reduce(
        560 + target + addressing.from.serialised().utf8.count + (offer?.content.count ?? 0)
      ) {
        $0 + $1.value.utf8.count + 20
      }
      hops = endpoint.hops(hops, forRequestOf: size)
    }
    var invite = OutgoingInvite(
      requestURI: addressing.requestURI, routeSet: addressing.routeSet, hops: hops,
      from: addressing.from, to: addressing.to, contactUser: contactUser, offer: offer,
      headers: headers, sessionTimer: endpoint.agent.configuration.sessionTimer,
      maxForwards: call.hopsLeft, credentials: addressing.credentials, hopPatience: .seconds(4))
    // The caller wants our offer, and gets the called party's; it takes one in our answer only.
    if offer == nil { invite.withheld = ["100rel"] }
    guard let session = agent.invite(invite, now: now) else {
      return fail(Disconnect(.congestion, text: "Too many sessions"))
    }
    self.session = session
    party.address = addressing.remote
    endpoint.adopt(self, session)
    endpoint.flush()
  }

  private func fail(_ disconnect: Disconnect) {
    isOver = true
    observe(.ended(disconnect))
  }

  private func sdp(_ media: MediaDescription) -> MessageBody { .sdp(local.body(for: media)) }

  // MARK: The called side

  func progress(_ progress: CallProgress, media: MediaDescription?) {
    let status: Int
    switch progress {
    case .trying: return
    case .ringing: status = 180
    case .forwarded: status = 181
    case .queued: status = 182
    case .inBand: status = 183
    }
    let body = media.map(sdp)
    command { agent, session in
      let result = agent.provisional(session, status: status, body: body, now: now)
      // What was answered in a reliable response is not said twice (RFC 6337 §2); the progress is news all the same.
      if body != nil, case .notPossible = result {
        agent.provisional(session, status: status, now: now)
      }
    }
  }

  func accept(media: MediaDescription) {
    isAnswered = true
    let body = sdp(media)
    command { $0.accept($1, body: body, contactUser: contactUser, now: now) }
  }

  func reject(_ disconnect: Disconnect) {
    var headers: [SIPHeaders.Field] = []
    for reason in disconnect.reasonValues { headers.append(.init(.reason, reason.description)) }
    let status = disconnect.sipStatus
    if status == 503 { headers.append(.init(.retryAfter, String(disconnect.retryAfter ?? 5))) }
    command { $0.reject($1, status: status, headers: headers, now: now) }
  }

  func redirect(to aliases: [String]) {
    let headers = aliases.compactMap { alias in
      SIPURI.of(alias: alias, defaultHost: endpoint.domainHost).map {
        SIPHeaders.Field(.contact, NameAddress(uri: $0).description)
      }
    }
    command {
      $0.reject($1, status: headers.isEmpty ? 480 : 302, headers: headers, now: now)
    }
  }

  // MARK: Negotiation

  func offer(_ media: MediaDescription) {
    let body = sdp(media)
    if peerWantsOffer {
      peerWantsOffer = false
      command { $0.offer($1, body, now: now) }
    } else {
      command { $0.reoffer($1, body, now: now) }
    }
  }

  var takesOffers: Bool { !isOver && session.map { agent.mayReoffer($0) } ?? false }

  func requestOffer() { command { $0.requestOffer($1, now: now) } }

  func answer(_ media: MediaDescription) {
    let body = sdp(media)
    let dialog = offeringDialog
    offeringDialog = nil
    command { $0.answer($1, with: body, dialog: dialog, now: now) }
  }

  func refuseOffer(_ disconnect: Disconnect) {
    peerWantsOffer = false
    let status =
      disconnect.protocolCode == 491 || disconnect.protocolCode == 500 ? disconnect.protocolCode! : 488
    command { $0.refuseOffer($1, status: status, now: now) }
  }

  // MARK: In the call

  func send(_ digit: DTMFDigit, duration: TimeSpan) {
    command { _ = $0.info($1, body: SIPDigits.body(digit, duration: duration), now: now) }
  }

  func send(_ message: CallMessage) {
    let body = MessageBody(contentType: message.contentType, content: message.content)
    command { agent, session in
      switch message.kind {
      case .text: _ = agent.message(session, body: body, now: now)
      case .information: _ = agent.info(session, body: body, now: now)
      }
    }
  }

  func transferProgressed(_ progress: CallModel.TransferProgress) {
    guard let transfer = incomingTransfer else { return }
    if case .failed(let disconnect) = progress, !transfer.isAccepted {
      incomingTransfer = nil
      endpoint.agent.rejectTransfer(transfer.id, status: disconnect.transferStatus, now: now)
      return endpoint.flush()
    }
    if !transfer.isAccepted {
      incomingTransfer?.isAccepted = true
      endpoint.agent.acceptTransfer(transfer.id, now: now)
    }
    switch progress {
    case .accepted: break
    case .trying: endpoint.agent.notifyTransferProgress(transfer.id, status: 100, now: now)
    case .ringing: endpoint.agent.notifyTransferProgress(transfer.id, status: 180, now: now)
    case .succeeded:
      incomingTransfer = nil
      endpoint.agent.notifyTransferProgress(transfer.id, status: 200, now: now)
    case .failed(let disconnect):
      incomingTransfer = nil
      endpoint.agent.notifyTransferProgress(transfer.id, status: disconnect.transferStatus, now: now)
    }
    endpoint.flush()
  }

  func transfer(to alias: String, replacing leg: LegID?) {
    guard let uri = SIPURI.of(alias: alias, defaultHost: endpoint.domainHost) else {
      return observe(.transferProgressed(.failed(Disconnect(.invalidNumber))))
    }
    let replacing = leg.flatMap { endpoint.session(of: $0) }
    command { outgoingTransfer = $0.refer($1, to: NameAddress(uri: uri), replacing: replacing, now: now) }
  }

  func end(_ disconnect: Disconnect) {
    if !isAnswered, party.isIncoming { return reject(disconnect) }
    if session == nil { return fail(disconnect) }
    let reasons = disconnect.reasonValues
    command { agent, session in
      if isAnswered {
        agent.bye(session, reasons: reasons, now: now)
      } else {
        agent.cancel(session, reasons: reasons, now: now)
      }
    }
  }

  // MARK: Events

  private func observe(_ event: CallLegEvent) { observer?.leg(self, did: event) }

  /// The session's own events, in the order in which they happened.
  func handle(_ event: SessionEvent) {
    switch event {
    case .trying:
      observe(.progress(.trying, media: nil))
    case .progress(let progress):
      progressed(progress)
    case .answered(let answered):
      wasAnswered(answered)
    case .earlyDialogEnded(let dialog):
      earlyAnswers[dialog] = nil
    case .offerWithdrawn:
      peerWantsOffer = false
      observe(.offerWithdrawn)
    case .provisionalAcknowledged(let description):
      if case .offer(let body)? = description {
        if let media = media(body) {
          observe(.offer(media))
        } else {
          command { $0.refuseOffer($1, now: now) }
        }
      } else if case .answer(let body)? = description, let media = media(body) {
        observe(.confirmed(media: media))
      }
    case .acknowledged(let answer):
      observe(.confirmed(media: answer.flatMap(media)))
    case .offer(let body, _):
      if let media = media(body) { observe(.offer(media)) } else { command { $0.refuseOffer($1, now: now) } }
    case .offerRequested:
      peerWantsOffer = true
      observe(.offer(nil))
    case .answer(let body):
      if let media = media(body) {
        observe(.answer(media))
      } else {
        observe(.offerRefused(Disconnect(.protocolError, text: "Answer cannot be read")))
      }
    case .offerRefused(let status, _):
      observe(.offerRefused(Disconnect(status: status, reasons: [], text: nil)))
    case .targetRefreshed:
      break
    case .request(let request):
      handle(request)
    case .transferRequested(let transfer):
      transferRequested(transfer)
    case .transfer(_, let report):
      transferReported(report)
    case .ended(let end):
      isOver = true
      observe(.ended(endedFor ?? end.disconnect))
    }
  }

  private func progressed(_ progress: SessionProgress) {
    let kind: CallProgress
    switch progress.status {
    case 180: kind = .ringing
    case 181: kind = .forwarded
    case 182: kind = .queued
    default: kind = .inBand
    }
    if case .offer? = progress.description { offeringDialog = progress.dialog }
    let described = progress.description.flatMap { media($0.body) }
    if let dialog = progress.dialog, let described { earlyAnswers[dialog] = described }
    observe(.progress(kind, media: described))
  }

  private func wasAnswered(_ answered: SessionAnswered) {
    isAnswered = true
    if let remote = answered.response.headers.to?.displayName { party.displayName = remote }
    party.vendor = answered.response.headers[.server] ?? answered.response.headers[.userAgent] ?? ""
    if case .offer? = answered.description { offeringDialog = answered.dialog }
    let early = earlyAnswers[answered.dialog]
    earlyAnswers = [:]
    guard let description = answered.description else { return observe(.answered(media: early)) }
    guard let media = media(description.body) else {
      let fault = Disconnect(.protocolError, text: "Answer cannot be read")
      endedFor = fault
      return command { $0.bye($1, reasons: fault.reasonValues, now: now) }
    }
    observe(.answered(media: media))
  }

  private func handle(_ request: IncomingRequest) {
    let body = request.request.body
    let type = request.request.headers[.contentType] ?? ""
    switch request.request.method {
    case .info:
      command { agent, _ in agent.respond(to: request.id, status: 200, now: now) }
      if let (digit, duration) = SIPDigits.parse(contentType: type, body) {
        observe(.digit(digit, duration: duration))
      } else if !body.isEmpty {
        observe(.message(CallMessage(kind: .information, contentType: type, content: body)))
      }
    case .message:
      command { agent, _ in agent.respond(to: request.id, status: 200, now: now) }
      observe(.message(CallMessage(kind: .text, contentType: type, content: body)))
    case .options:
      command { agent, _ in agent.respond(to: request.id, status: 200, now: now) }
    case .subscribe:
      command { agent, _ in agent.respond(to: request.id, status: 489, now: now) }
    default:
      command { agent, _ in agent.respond(to: request.id, status: 405, now: now) }
    }
  }

  private func transferRequested(_ transfer: IncomingTransfer) {
    guard incomingTransfer == nil else {
      // One at a time; the first goes on, and its NOTIFYs with it.
      endpoint.agent.rejectTransfer(transfer.id, status: 491, now: now)
      return
    }
    let replacing = transfer.replacing.flatMap { endpoint.leg(of: $0)?.id }
    guard (transfer.replacing == nil) == (replacing == nil) else {
      endpoint.agent.rejectTransfer(transfer.id, status: 481, now: now)
      return
    }
    incomingTransfer = (transfer.id, false)
    var uri = transfer.referTo.uri
    uri.headers = nil
    observe(
      .transferRequested(
        CallModel.TransferRequest(
          alias: Alias(sip: uri.description).withoutPIN,
          replacing: replacing,
          replacingElsewhere: replacing == nil ? transfer.replaces?.description : nil,
          referredBy: transfer.referredBy)))
  }

  private func transferReported(_ report: TransferReport) {
    switch report {
    case .accepted(let subscribed): observe(.transferProgressed(subscribed ? .accepted : .succeeded))
    case .rejected(let status):
      observe(.transferProgressed(.failed(Disconnect(status: status, reasons: [], text: nil))))
    case .notified(let status, _):
      if status < 180 { observe(.transferProgressed(.trying)) }
      if (180...199).contains(status) { observe(.transferProgressed(.ringing)) }
    case .finished(let status):
      let status = status ?? 200
      observe(
        .transferProgressed(
          status < 300 ? .succeeded : .failed(Disconnect(status: status, reasons: [], text: nil))))
    }
  }

  private func media(_ body: MessageBody) -> MediaDescription? { endpoint.media(body) }
}

extension SessionEnd {
  /// How the session ended, in protocol-neutral terms.
  var disconnect: Disconnect {
    var result: Disconnect
    switch manner {
    case .local: result = Disconnect(.normal)
    case .bye:
      let q850 = reasons.first { $0.protocol.uppercased() == "Q.850" }
      result = Disconnect(.normal, text: q850?.text, q850: q850?.cause)
    case .cancelled:
      // A forking element upstream tells phones why they stop ringing (RFC 3326 §3).
      let isElsewhere = reasons.contains { $0.protocol.uppercased() == "SIP" && $0.cause == 200 }
      result = Disconnect(
        isElsewhere ? .answeredElsewhere : .cancelled,
        q850: reasons.first { $0.protocol.uppercased() == "Q.850" }?.cause)
    case .rejected, .redirected:
      result = Disconnect(status: status ?? 500, reasons: reasons, text: response?.reason)
      result.redirectTargets = contacts.map(\.uri.description)
    case .timedOut: result = Disconnect(.noResponse)
    case .transportFailed, .unresolved: result = Disconnect(.networkFailure)
    case .unacknowledged: result = Disconnect(.protocolError, text: "No acknowledgement")
    case .expired: result = Disconnect(.sessionExpired)
    case .dialogLost: result = Disconnect(status: status ?? 481, reasons: reasons, text: "Dialog lost")
    case .protocolError: result = Disconnect(.protocolError)
    }
    result.retryAfter = retryAfter
    return result
  }
}
