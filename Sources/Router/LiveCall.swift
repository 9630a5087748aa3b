import CallModel

/// One accepted call in the books: its record as it grows, and its share of the limits. Lives on the call's loop.
public final class LiveCall {
  public let id: CallID
  public let request: CallRequest
  public let routed: RoutedCall
  public private(set) var record: CallRecord
  unowned let ledger: CallLedger
  public private(set) var isOver = false
  private var isClosed = false
  /// Ends the call from outside: an administrator, shutdown, or a limit. Set by the host.
  public var onEndRequested: ((Disconnect) -> Void)?
  /// What is given back when the call is over, whoever hosts it then.
  private var obligations: [() -> Void] = []
  let time: CallTime

  init(request: CallRequest, routed: RoutedCall, record: CallRecord, ledger: CallLedger) {
    id = request.id
    self.request = request
    self.routed = routed
    self.record = record
    self.ledger = ledger
    time = CallTime(routed, router: ledger.router, loop: ledger.loop)
    time.onLimit = { [unowned self] in limitReached($0) }
  }

  /// Changes the record; `isWorthKeeping` writes it out now rather than with the next turning point.
  public func update(keep isWorthKeeping: Bool = false, _ change: (inout CallRecord) -> Void) {
    guard !isOver else { return }
    change(&record)
    if isWorthKeeping { ledger.recorder.changed(record) }
  }

  /// Stays of one call that are kept: one that goes on from room to room for ever does not make its record grow for ever.
  public static let maximumStays = 64

  /// Keeps what is known of a stay in a conference: a new one, or another state of one that is there already.
  public func record(_ stay: ParticipantRecord) {
    if let index = record.participants.lastIndex(where: { $0.id == stay.id }) {
      update { $0.participants[index] = stay }
    } else if record.participants.count < LiveCall.maximumStays {
      update(keep: true) { $0.participants.append(stay) }
    }
  }

  public func note(_ what: String) {
    update { $0.events.append(CallEvent(at: ledger.loop.wallClock, what: what)) }
  }

  /// What policy servers and scripts said about the call since it was decided: redirections, transfers, its party, media. Bounded.
  public func note(_ answers: [PolicyAnswerRecord], scripts: [PolicyScriptRecord] = []) {
    update { record in
      let room = DecisionRecord.policyAnswerLimit - record.decision.policyAnswers.count
      record.decision.policyAnswers += answers.prefix(max(0, room))
      let scriptRoom = DecisionRecord.policyAnswerLimit - record.decision.scripts.count
      record.decision.scripts += scripts.prefix(max(0, scriptRoom))
    }
  }

  /// Does something when the call is over; at once if it is.
  public func whenOver(_ work: @escaping () -> Void) {
    if isOver { work() } else { obligations.append(work) }
  }

  /// The caller has been answered.
  public func connected() {
    guard record.connected == nil else { return }
    update(keep: true) { $0.connected = ledger.loop.wallClock }
    time.connected()
    ledger.onConnected?(self)
  }

  /// The call is over: frees the limits and leaves the books. Later calls do nothing.
  ///
  /// - Parameter awaitsMedia: the record stays open for ``close(media:)``, since the relay's last figures take a moment.
  public func finish(_ disconnect: Disconnect, by side: CallRecord.Side, awaitsMedia: Bool = false) {
    guard !isOver else { return }
    record.ended = ledger.loop.wallClock
    record.disconnect = disconnect
    record.endedBy = side
    isOver = true
    let obligations = obligations
    self.obligations = []
    for work in obligations { work() }
    time.close()
    ledger.finished(self)
    if !awaitsMedia { close(media: []) }
  }

  /// Adds the last figures and closes the record of a finished call.
  public func close(media: [MediaQuality]) {
    guard isOver, !isClosed else { return }
    isClosed = true
    record.media += media
    ledger.recorder.ended(record)
    ledger.openRecords -= 1
  }
}

/// The calls that are up, and the way their records are written.
public final class CallLedger {
  public let loop: SignallingLoop
  public let recorder: any CallRecorder
  let router: Router
  public private(set) var calls: [CallID: LiveCall] = [:]
  /// Records that are not closed: of calls that are up, and of those whose last media figures are still to come.
  public fileprivate(set) var openRecords = 0
  /// For the log: a call was decided, connected, finished.
  public var onBegan: ((LiveCall) -> Void)?
  public var onConnected: ((LiveCall) -> Void)?
  public var onFinished: ((LiveCall) -> Void)?

  public init(loop: SignallingLoop, recorder: any CallRecorder, router: Router) {
    self.loop = loop
    self.recorder = recorder
    self.router = router
  }

  /// Enters a decided call. nil: it cannot be recorded and must be refused (architecture, rule 10).
  public func begin(_ request: CallRequest, _ routed: RoutedCall, caller: LegParty) -> LiveCall? {
    let (name, type, tag) = routed.decision.serviceIdentity
    let record = CallRecord(
      id: request.id, started: loop.wallClock, caller: caller, calledAlias: request.alias.full,
      serviceName: name,
      serviceType: type, tag: tag, decision: routed.record)
    guard recorder.began(record) else {
      router.release(routed)
      return nil
    }
    let call = LiveCall(request: request, routed: routed, record: record, ledger: self)
    calls[request.id] = call
    openRecords += 1
    onBegan?(call)
    return call
  }

  fileprivate func finished(_ call: LiveCall) {
    calls[call.id] = nil
    onFinished?(call)
  }

  /// Ends every call, for shutdown.
  public func endAll(_ disconnect: Disconnect) {
    for call in Array(calls.values) { call.onEndRequested?(disconnect) }
  }
}

extension Decision {
  /// Name, type and tag for the record.
  var serviceIdentity: (name: String, type: String, tag: String) {
    switch self {
    case .service(let service): (service.name, service.kind.rawValue, service.tag)
    case .gateway(let gateway): (gateway.name, "gateway", gateway.tag)
    case .reject, .redirect: ("", "", "")
    }
  }
}
