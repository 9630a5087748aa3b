import CallModel
import PolicyEngine
import SIP
import SIPTransport

/// What the service says when it is up: where it listens, who may register, what can be dialled.
struct ReadyMessage {
  private let policy: Policy
  private let listeners: [BoundListener]
  private let version: PolicyVersion
  /// Passwords are shown to somebody who tries Tandem on his own machine: on a terminal, and only while nobody else can
  /// reach a listener. Never into a file or a pipe.
  private let showsPasswords: Bool

  init(policy: PolicySnapshot, listeners: [BoundListener], isTerminal: Bool) {
    showsPasswords = isTerminal && listeners.allSatisfy(\.local.ip.isLoopback)
    self.policy = policy.policy
    version = policy.version
    self.listeners = listeners
  }

  /// The last line begins with `ready`.
  var text: String {
    var lines = ["", "Tandem \(Tandem.version) serves policy \(version)", ""]
    for listener in listeners {
      lines.append("  SIP over \(listener.transport.rawValue.padded(4)) \(listener.advertised)")
    }
    let devices = policy.devices.filter(\.allowsSIP)
    if !devices.isEmpty {
      lines += [
        "",
        "Devices that may register\(showsPasswords ? "" : " (their passwords are where the policy says)"):",
      ]
      for device in devices.prefix(10) {
        let password = showsPasswords ? "  password \(device.password.reveal())" : ""
        lines.append("  \(device.alias.padded(28)) user \(device.username)\(password)")
      }
      if devices.count > 10 { lines.append("  … and \(devices.count - 10) more") }
    }
    let services = policy.services
    if !services.isEmpty {
      lines += ["", "Services:"]
      for service in services.prefix(10) {
        lines.append(
          "  \(service.configuration.name.padded(28)) dial \(service.aliases.joined(separator: " or "))")
      }
    }
    if let first = listeners.first(where: { $0.transport == .udp }) ?? listeners.first {
      let port = first.advertised.port == 5060 ? "" : ":\(first.advertised.port)"
      let host = "\(first.advertised.ip.bracketed)\(port)"
      if let alias = services.first(where: { $0.configuration.kind == .testCall })?.aliases.first {
        let user = alias.prefix { $0 != "@" }
        lines += ["", "Try it:  tandem call sip:\(user)@\(host)"]
      }
    }
    lines += ["", "ready", ""]
    return lines.joined(separator: "\n")
  }
}

extension String {
  fileprivate func padded(_ width: Int) -> String {
    count >= width ? self : self + String(repeating: " ", count: width - count)
  }
}
