import CallModel
import SIP

/// SIP status codes and protocol-neutral causes, both ways (RFC 3261 §21, RFC 3398 §8.2.6.1, RFC 3326).
extension Cause {
  init(sipStatus status: Int) {
    switch status {
    case 300...399: self = .moved
    case 401, 407: self = .unauthorised
    case 403: self = .forbidden
    case 404, 485: self = .notFound
    case 408: self = .noAnswer
    case 410: self = .gone
    case 415, 488, 606: self = .notAcceptable
    case 480: self = .temporarilyUnavailable
    case 482: self = .loop
    case 483: self = .tooManyHops
    case 484: self = .invalidNumber
    case 486: self = .busy
    // The way to the device, not the device: another of its flows may do (RFC 5626 §7). 477 is what Kamailio says of it.
    case 430, 477: self = .networkFailure
    case 487: self = .cancelled
    case 500, 501, 502, 504, 580: self = .serverFailure
    case 503: self = .congestion
    case 505, 513, 400, 405, 406, 413, 414, 416, 420, 421, 481: self = .protocolError
    case 600: self = .busyEverywhere
    case 603, 607, 608: self = .declined
    case 604: self = .doesNotExistAnywhere
    case 400...499: self = .protocolError
    case 500...599: self = .serverFailure
    case 600...699: self = .declined
    default: self = .protocolError
    }
  }

  /// The status an unanswered caller is given.
  var sipStatus: Int {
    switch self {
    case .normal, .cancelled, .answeredElsewhere, .transferred: 487
    case .busy: 486
    case .busyEverywhere: 600
    case .noAnswer: 480
    case .noResponse: 408
    case .declined: 603
    case .forbidden: 403
    case .notFound, .blocked: 404
    case .gone: 410
    case .doesNotExistAnywhere: 604
    case .invalidNumber: 484
    case .temporarilyUnavailable, .moved: 480
    case .notAcceptable, .encryptionRequired: 488
    // The far end did not believe our credentials: nothing the caller could answer (it must not see the challenge).
    case .unauthorised: 403
    case .networkFailure, .congestion, .limitReached, .shutdown: 503
    case .quotaReached, .durationReached: 480
    case .serverFailure, .protocolError, .interrupted: 500
    case .loop: 482
    case .tooManyHops: 483
    case .mediaTimeout, .sessionExpired: 480
    }
  }

  /// ITU-T Q.850 cause value, for the Reason header field.
  var q850: Int {
    switch self {
    case .normal, .transferred, .cancelled: 16
    case .answeredElsewhere: 26
    case .busy, .busyEverywhere: 17
    case .noAnswer: 19
    case .noResponse, .temporarilyUnavailable: 18
    case .declined, .forbidden, .unauthorised, .quotaReached: 21
    case .durationReached: 31
    case .notFound, .doesNotExistAnywhere, .blocked: 1
    case .gone, .moved: 22
    case .invalidNumber: 28
    case .notAcceptable, .encryptionRequired: 88
    case .networkFailure, .serverFailure, .interrupted, .shutdown: 41
    case .congestion, .limitReached: 42
    case .loop, .tooManyHops: 25
    case .mediaTimeout: 127
    case .sessionExpired: 102
    case .protocolError: 111
    }
  }
}

extension Disconnect {
  /// What a status from the wire means. The far end's own code is kept, so that it can be passed on unchanged.
  init(status: Int, reasons: [ReasonValue], text: String?) {
    self.init(Cause(sipStatus: status), protocolCode: status, text: text)
    q850 = reasons.first { $0.protocol.uppercased() == "Q.850" }?.cause
  }

  /// The status for a caller that has not been answered. A status that came from the other leg passes unchanged unless it
  /// is about that leg only (credentials, redirections, dialogs).
  var sipStatus: Int {
    guard let code = protocolCode, (400...699).contains(code) else { return cause.sipStatus }
    switch code {
    // The last flow of a device: it cannot be reached now, and we can very well.
    case 430, 477: return 480
    case 401, 407, 408, 481, 482, 487, 491, 494: return cause.sipStatus
    case 400, 402, 403, 404, 410, 415, 480, 483, 484, 486, 488, 500...599, 600...699: return code
    default: return cause.sipStatus
    }
  }

  /// The status for the party that asked for a transfer: it made the request that failed, so that it is told even what concerns
  /// that leg only; credentials remain our affair.
  var transferStatus: Int {
    guard let code = protocolCode, (300...699).contains(code), code != 401, code != 407 else {
      return cause.sipStatus
    }
    return code
  }

  /// Reason header field values (RFC 3326) for CANCEL, BYE and final responses.
  var reasonValues: [ReasonValue] {
    if cause == .answeredElsewhere {
      return [ReasonValue(protocol: "SIP", cause: 200, text: "Call completed elsewhere")]
    }
    if cause == .cancelled { return q850.map { [ReasonValue(protocol: "Q.850", cause: $0)] } ?? [] }
    // Words of the other leg stay there: phones put their addresses into them.
    let ours = protocolCode == nil && q850 == nil ? text : nil
    var values = [ReasonValue(protocol: "Q.850", cause: q850 ?? cause.q850, text: ours)]
    if let code = protocolCode, code >= 400 {
      values.append(ReasonValue(protocol: "SIP", cause: code))
    }
    return values
  }
}
