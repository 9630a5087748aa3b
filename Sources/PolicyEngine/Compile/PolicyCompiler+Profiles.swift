import CallModel

extension PolicyCompiler {
  /// What is wrong or in vain about policy profiles.
  static func checkProfiles(_ policy: Policy, into findings: inout [PolicyFinding]) {
    let used = Set(
      policy.locations.compactMap(\.policyProfile) + [policy.globals.policyProfile].compactMap { $0 })
    for (i, profile) in policy.policyProfiles.enumerated() {
      let path = PolicyPath("policy_profiles", i)
      if let credential = profile.credential {
        if credential.username.isEmpty || credential.password.isEmpty {
          findings.append(
            PolicyFinding(
              code: "incomplete-credential",
              message: "a policy server needs both a user name and a password, or neither",
              path: path.appending(credential.username.isEmpty ? "username" : "password")))
        }
        if credential.username.contains(":") {
          findings.append(
            PolicyFinding(
              code: "wrong-value", message: "a user name of HTTP Basic has no colon (RFC 7617)",
              path: path.appending("username")))
        }
        if let url = profile.url, !url.isSecure, !isLoopback(url.host) {
          findings.append(
            PolicyFinding(
              severity: .warning, code: "clear-text",
              message: "user name and password of “\(profile.name)” travel unencrypted",
              path: path.appending("url"), suggestion: "use https://"))
        }
      }
      if profile.hooks[.registration] != nil, let url = profile.url, !url.isSecure, !isLoopback(url.host) {
        findings.append(
          PolicyFinding(
            severity: .warning, code: "clear-text",
            message: "passwords of devices, which “\(profile.name)” answers with, travel unencrypted",
            path: path.appending("url"), suggestion: "use https://"))
      }
      if profile.url == nil, !profile.hooks.isEmpty {
        findings.append(
          PolicyFinding(
            code: "missing-key", message: "policy profile “\(profile.name)” has hooks, but no server to ask",
            path: path.appending("hooks"), suggestion: "give its url"))
      }
      if profile.hooks.isEmpty, profile.url != nil || profile.scripts.isEmpty {
        findings.append(
          PolicyFinding(
            severity: .warning, code: "setting-ignored",
            message: "policy profile “\(profile.name)” is asked nothing", path: path.appending("hooks")))
      }
      // Better said than found out: who relies on a hook for safety must know that nothing calls it.
      for kind in PolicyRequestKind.allCases where profile.hooks[kind] != nil {
        guard let reason = reasonNotToAsk(kind, policy) else { continue }
        findings.append(
          PolicyFinding(
            severity: .warning, code: "hook-not-asked",
            message: "the \(kind.rawValue) question is never asked: \(reason)",
            path: path.appending("hooks", kind.rawValue)))
      }
      for kind in [PolicyRequestKind.mediaLocation, .avatar, .directory]
      where profile.hooks[kind]?.fallback == .reject {
        findings.append(
          PolicyFinding(
            severity: .warning, code: "setting-ignored",
            message: "there is nothing to reject in a \(kind.rawValue) question: the fallback is continue",
            path: path.appending("hooks", kind.rawValue).appending("fallback")))
      }
      if profile.url?.isSecure == false,
        !profile.verifiesCertificate || profile.certificateAuthorityFile != nil
      {
        findings.append(
          PolicyFinding(
            severity: .warning, code: "setting-ignored", message: "an http:// server shows no certificate",
            path: path.appending(
              profile.verifiesCertificate ? "certificate_authority_file" : "verify_certificate")))
      }
      if !used.contains(profile.name) {
        findings.append(
          PolicyFinding(
            severity: .warning, code: "profile-not-used",
            message: "no location uses policy profile “\(profile.name)”", path: path.appending("name")))
      }
    }
  }

  /// Nil: the question is asked.
  static func reasonNotToAsk(_ kind: PolicyRequestKind, _ policy: Policy) -> String? {
    switch kind {
    case .serviceConfiguration, .participantProperties, .registration: nil
    case .mediaLocation:
      policy.choosesMediaAddresses
        ? nil : "no location has media_addresses, so that there is nothing to choose from"
    case .avatar: "no client of Tandem shows pictures yet"
    case .directory: "no client of Tandem searches the directory yet"
    }
  }

  private static func isLoopback(_ host: String) -> Bool {
    host == "localhost" || (IPAddress(host.filter { $0 != "[" && $0 != "]" })?.isLoopback ?? false)
  }
}
