extension PolicyCompiler {
  /// Whether the parts of a form go together; says what does not.
  static func check(
    _ form: PatternForm, _ replacement: String, _ path: PolicyPath, into findings: inout [PolicyFinding]
  ) -> Bool {
    var isGood = true
    func refuse(_ message: String, _ key: String?, _ suggestion: String? = nil) {
      isGood = false
      let match = path.appending("match")
      findings.append(
        PolicyFinding(
          code: "invalid-match", message: message, path: key.map { match.appending($0) } ?? match,
          suggestion: suggestion))
    }
    let isList = !form.texts.isEmpty || form.file != nil
    let hasParts =
      !form.prefixes.isEmpty || !form.suffixes.isEmpty || form.digits != nil || !form.ranges.isEmpty
    if !isList, !hasParts, form.domains.isEmpty {
      refuse(
        "this matches nothing in particular", nil,
        "give exact, file, prefix, suffix, digits, range or domain, or a regular expression")
    }
    if isList, hasParts {
      refuse(
        "a list of whole aliases leaves nothing for prefix, suffix, digits or range",
        form.file != nil ? "file" : "exact", "write a rule of its own for each")
    }
    if form.digits != nil, !form.ranges.isEmpty {
      refuse("digits and range both say what stands between prefix and suffix", "digits")
    }
    if form.file != nil, form.texts.isEmpty { refuse("the list is empty: the rule can never match", "file") }
    for (key, texts) in [("exact", form.texts), ("prefix", form.prefixes), ("suffix", form.suffixes)]
    where texts.contains(where: \.isEmpty) {
      refuse("an empty text", key, key == "exact" ? nil : "leave \(key) out")
    }
    if !form.domains.isEmpty, let text = form.texts.first(where: { $0.contains("@") }), form.isDomainRequired
    {
      refuse(
        "“\(text)” has a domain already, and domain asks for one more", form.file != nil ? "file" : "exact",
        "leave domain out, or the domain in the list")
    }
    if !form.isDomainRequired, form.domains.isEmpty {
      refuse("domain_required says nothing without domain", "domain_required", "name the domain")
    }
    guard !replacement.isEmpty else { return isGood }
    do {
      _ = try Replacement(
        replacement, groupCount: PatternForm.groupCount, groupNames: PatternForm.groupNames)
    } catch {
      isGood = false
      findings.append(
        PolicyFinding(
          code: "invalid-replacement", message: error.message, path: path.appending("replace"),
          offset: error.offset,
          suggestion: error.suggestion ?? "write \\g<rest>, \\g<user>, \\g<domain> or \\g<0>"))
    }
    return isGood
  }
}
