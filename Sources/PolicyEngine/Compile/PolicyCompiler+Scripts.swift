import PolicyScript

extension PolicyCompiler {
  /// The local scripts that are switched on, by the name of their profile. Of one that is switched off, everything that is wrong is a
  /// warning: to switch it off is what one does about it.
  static func scripts(
    of policy: Policy, into findings: inout [PolicyFinding]
  ) -> [String: [ScriptKind: PolicyScript]] {
    var result: [String: [ScriptKind: PolicyScript]] = [:]
    for (i, profile) in policy.policyProfiles.enumerated() {
      for kind in ScriptKind.allCases {
        guard let local = profile.scripts[kind] else { continue }
        let path = PolicyPath("policy_profiles", i, "scripts", kind.word)
        let name = local.file ?? "\(kind.word) script of “\(profile.name)”"
        guard local.text.utf8.contains(where: { $0 > 0x20 }) else {
          findings.append(
            PolicyFinding(
              severity: local.isEnabled ? .error : .warning, code: "empty-script",
              message: "the \(kind.word) script is empty", path: path, suggestion: "give its text or its file"
            ))
          continue
        }
        let (script, all) = PolicyScript.checked(local.text, name: name, variables: kind.variables)
        for found in all {
          findings.append(
            finding(
              found, path.appending(local.file == nil ? "text" : "file"), file: local.file,
              isEnabled: local.isEnabled))
        }
        guard local.isEnabled else { continue }
        if let script { result[profile.name, default: [:]][kind] = script }
        if kind == .location {
          // Better said than found out, as of hooks.
          if let reason = reasonNotToAsk(.mediaLocation, policy) {
            findings.append(
              PolicyFinding(
                severity: .warning, code: "script-not-run",
                message: "the \(kind.word) script is never run: \(reason)", path: path))
          }
          if local.fallback == .reject {
            findings.append(
              PolicyFinding(
                severity: .warning, code: "setting-ignored",
                message: "there is nothing to reject in a \(kind.word) script: the fallback is continue",
                path: path.appending("fallback")))
          }
        }
      }
    }
    return result
  }

  private static func finding(
    _ found: ScriptDiagnostic, _ path: PolicyPath, file: String?, isEnabled: Bool
  ) -> PolicyFinding {
    var finding = PolicyFinding(
      severity: isEnabled && found.severity == .error ? .error : .warning, code: found.code,
      message: found.message, path: path, found: found.found, expected: found.expected,
      suggestion: found.suggestion)
    finding.scriptPlace = PolicyFinding.ScriptPlace(
      file: file, line: found.line, column: found.column, text: found.sourceLine)
    return finding
  }
}
