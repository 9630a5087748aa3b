import CallModel

extension PolicyCompiler {
  /// Prefixes that are none or stand twice, and limits that can never apply.
  static func checkLimits(_ policy: Policy, into findings: inout [PolicyFinding]) {
    var owners: [String: (entry: Int, path: PolicyPath)] = [:]
    let numbering = policy.globals.numbering
    for (i, limit) in policy.destinationLimits.enumerated() {
      let path = PolicyPath("destination_limits", i)
      if limit.isRefused, !limit.limits.isEmpty {
        findings.append(
          PolicyFinding(
            severity: .warning, code: "setting-ignored",
            message: "numbers that are refused use up no limits", path: path.appending("limits")))
      }
      var places: [(form: String, path: PolicyPath)] = []
      if limit.prefixes.isEmpty { places = [("", path.appending("name"))] }
      for (j, prefix) in limit.prefixes.enumerated() {
        let place = path.appending("prefix").appending(j)
        let forms = numbering.canonicalPrefixes(prefix)
        if forms.isEmpty {
          findings.append(
            PolicyFinding(
              code: "wrong-value", message: "“\(prefix)” is not the beginning of a number", path: place,
              expected: "digits, perhaps behind +, such as +44 or 0900"))
        }
        places += forms.sorted().map { ($0, place) }
      }
      for (form, place) in places {
        guard let earlier = owners[form] else {
          owners[form] = (i, place)
          continue
        }
        // A number written twice in one entry does no harm.
        guard earlier.entry != i else { continue }
        findings.append(
          PolicyFinding(
            code: "duplicate-prefix",
            message: form.isEmpty
              ? "two destination limits are for whatever no other covers"
              : "numbers that begin with \(form) have two destination limits",
            path: place, related: [(earlier.path, "the other one")]))
      }
    }
    checkNumbering(numbering, PolicyPath(keys: "globals", "numbering"), into: &findings)
    for (i, trunk) in policy.trunks.enumerated() {
      guard let numbering = trunk.numbering else { continue }
      checkNumbering(numbering, PolicyPath("trunks", i, "numbering"), into: &findings)
    }
  }

  private static func checkNumbering(
    _ numbering: Numbering, _ path: PolicyPath, into findings: inout [PolicyFinding]
  ) {
    func digits(_ text: String, _ key: String) {
      guard !text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else { return }
      findings.append(
        PolicyFinding(
          code: "wrong-value", message: "“\(text)” is not made of digits", path: path.appending(key),
          suggestion: text.hasPrefix("+") ? "write it without the +" : nil))
    }
    digits(numbering.nationalPrefix, "national_prefix")
    if let code = numbering.countryCode {
      digits(code, "country_code")
      if code.isEmpty || code.hasPrefix("0") {
        findings.append(
          PolicyFinding(
            code: "wrong-value", message: "“\(code)” is no country code",
            path: path.appending("country_code"),
            suggestion: "leave it out to have national numbers compared as they are written"))
      }
    } else if numbering.bareNumbers == .national {
      findings.append(
        PolicyFinding(
          code: "missing-setting", message: "national numbers need a country_code to be told apart",
          path: path.appending("bare_numbers")))
    }
  }
}
