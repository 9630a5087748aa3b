import Gateway
import Logging

extension SIPNotice {
  func write(to log: Logger) {
    switch self {
    case .authenticationFailed(let username, let source, let reason):
      log.warning(
        "authentication failed",
        metadata: ["username": "\(username)", "address": "\(source)", "reason": "\(reason)"])
    case .registrationRefused(let alias, let source, let status):
      log.warning(
        "registration refused",
        metadata: ["alias": "\(alias)", "address": "\(source)", "status": "\(status)"])
    case .quarantined(let source):
      log.warning("source quarantined", metadata: ["address": "\(source)"])
    case .trunkRegistered(let trunk):
      log.notice("registered with trunk", metadata: ["trunk": "\(trunk)"])
    case .trunkRegistrationFailed(let trunk, let reason):
      log.warning("registration with trunk failed", metadata: ["trunk": "\(trunk)", "reason": "\(reason)"])
    }
  }
}
