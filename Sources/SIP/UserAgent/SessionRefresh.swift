import CallModel

/// Session timers (RFC 4028).
extension InviteSession {
  /// Takes up what a 2xx to a request of ours says.
  func agreeInterval(_ headers: SIPHeaders, asked: Int?) {
    adopt(timerPreferences.settle(headers, asked: asked))
  }

  private func adopt(_ interval: SessionInterval?) {
    self.interval = interval
    timers[.refresh] = nil
    timers[.expiry] = nil
    guard let interval else { return }
    if interval.refreshedByUs {
      setTimer(.refresh, in: interval.refreshDelay)
    }
    setTimer(.expiry, in: interval.expiryDelay)
  }

  /// 422 to a request whose Session-Expires is too small (RFC 4028 §9). True if it may go on.
  func acceptsInterval(_ request: SIPRequest, in dialog: Dialog, _ id: ServerTransactionID) -> Bool {
    let verdict = timerPreferences.judge(
      request.headers, peerSupportsTimer: request.headers.supportsOption("timer"), current: interval)
    guard case .tooSmall(let minimum) = verdict else { return true }
    agent.respond(
      request, id, status: 422, tag: localTag, extra: [SIPHeaders.Field(.minSE, String(minimum))])
    return false
  }

  /// Puts the agreed interval into our 2xx, and starts it (RFC 4028 §9, table 2).
  func addInterval(to response: inout SIPResponse, for request: SIPRequest, in dialog: Dialog) {
    let verdict = timerPreferences.judge(
      request.headers, peerSupportsTimer: request.headers.supportsOption("timer"), current: interval)
    guard case .agreed(let interval, let requiresTimer) = verdict else { return }
    if let interval {
      let value = SessionExpires(
        interval: UInt32(clamping: interval.seconds), refresher: interval.refreshedByUs ? .uas : .uac)
      response.headers.append(.sessionExpires, value.description)
      if requiresTimer { response.headers.append(.require, "timer") }
    }
    adopt(interval)
  }

  /// Puts our wish into a re-INVITE or UPDATE (RFC 4028 §7.4): the refresher stays who it was.
  func addInterval(to fields: inout [SIPHeaders.Field]) {
    guard let seconds = interval?.seconds ?? timerPreferences.interval else { return }
    let refresher: SessionExpires.Refresher? = interval.map { $0.refreshedByUs ? .uac : .uas }
    fields.append(
      SIPHeaders.Field(
        .sessionExpires,
        SessionExpires(interval: UInt32(clamping: seconds), refresher: refresher).description))
    if timerPreferences.minimum > 90 {
      fields.append(SIPHeaders.Field(.minSE, String(timerPreferences.minimum)))
    }
  }

  /// Half the interval is over: UPDATE without offer where the peer allows it, else a re-INVITE with the description as it
  /// stands (RFC 4028 §7.4).
  func refreshSession() {
    guard state == .confirmed, let dialog, interval?.refreshedByUs == true else { return }
    // Any request with a new offer refreshes as well, and one is about to go.
    guard queuedOffer == nil, sentOffer == nil else { return setTimer(.refresh, in: .seconds(Int64(5))) }
    guard dialog.peer.allowsUpdate || dialog.negotiation.local != nil else { return }
    queuedOffer = Reoffer(
      body: dialog.negotiation.local, preferUpdate: true, headers: [], isRefresh: true,
      epoch: dialog.negotiation.epoch)
    sendQueuedOffer()
  }

  /// RFC 4028 §10: nobody refreshed.
  func sessionExpired() {
    guard state == .confirmed, let dialog else { return }
    success = nil
    timers[.successRetransmission] = nil
    timers[.acknowledgement] = nil
    let reason = ReasonValue(protocol: "SIP", cause: 408, text: "Session expired")
    send(
      makeRequest(.bye, in: dialog, extra: [SIPHeaders.Field(.reason, reason.description)]), in: dialog, .bye)
    end(SessionEnd(.expired))
    removeIfDone()
  }
}
