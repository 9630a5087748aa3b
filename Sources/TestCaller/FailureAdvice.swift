import CallModel
import SIP
import SIPTransport

/// What a failure means to the person who placed the call, and what to look at.
enum FailureAdvice {
  static func call(_ report: TestCallReport, isTrying: Bool, _ core: PhoneCore) -> String? {
    switch report.outcome {
    case .answered, .cancelled: return nil
    case .unreachable: return unreachable(core)
    case .noAnswer:
      if report.timing.ringing != nil { return "it rang, and nobody answered in time" }
      return isTrying
        ? "the service has the call, and whom it tried said nothing in time; look at `tandem calls`"
        : unreachable(core)
    case .refused: return report.status.map { status($0, core) }
    }
  }

  static func registration(_ failure: Int?, _ core: PhoneCore) -> String {
    guard let failure else { return "the registration got no answer: \(unreachable(core))" }
    return "the registration was refused with \(failure) \(SIPStatus.defaultReason(failure)): "
      + status(failure, core)
  }

  private static func unreachable(_ core: PhoneCore) -> String {
    let place = core.hops.first.map { "\($0.transport.rawValue) \($0.remote)" } ?? "the called address"
    switch core.lastFailure {
    case .refused: return "nothing is listening at \(place); is the service running there?"
    case .tlsFailed:
      return "the TLS handshake with \(place) failed; its certificate may not be trusted here"
    case .unreachable: return "there is no way to \(place) from here"
    case .timeout: return "no connection to \(place) could be made in time; a firewall may drop it"
    case .connectionClosed: return "\(place) closed the connection"
    default:
      return core.hops.isEmpty && core.configuration.server == nil
        ? "the address could not be resolved or did not answer"
        : "nothing answered at \(place); is the service running there, and does it take this transport?"
    }
  }

  private static func status(_ status: Int, _ core: PhoneCore) -> String {
    switch status {
    case 401, 407:
      return core.configuration.account == nil
        ? "a password is asked for: give --username, and the password in a file or in TANDEM_PASSWORD"
        : "the user name or the password is wrong"
    case 403: return "not allowed: the policy refuses this caller or this call; ask `tandem explain`"
    case 404:
      return
        "no rule and no service takes this alias, or nobody is registered under it (strangers are not told which); "
        + "ask `tandem explain`"
    case 408: return "the other side did not answer in time"
    case 480: return "known, but not registered or not reachable now"
    case 486, 600: return "busy"
    case 488, 606: return "no common codec, or encryption is demanded: try --srtp or another --codec"
    case 482, 483: return "the call goes in circles: look at the rules that send it on"
    case 503: return "the service or the next hop is overloaded or down; look at `tandem calls`"
    case 603: return "declined"
    default: return "see RFC 3261 §21 for the meaning of \(status)"
    }
  }
}
