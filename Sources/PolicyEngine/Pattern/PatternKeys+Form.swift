extension PatternKeys {
  init(of rule: CallRoutingRule) {
    if let form = rule.form { self.init(form) } else { self.init(rule.pattern) }
  }

  /// Keys of a form: its whole texts, or its parts in a row.
  init(_ form: PatternForm) {
    self.init(PatternKeys.elements(form))
    // A list is filed under each of its texts.
    guard !form.texts.isEmpty, !form.domains.contains(where: { $0.hasPrefix("*.") }) else { return }
    let count = form.texts.count * max(1, form.domains.count)
    guard count <= PatternKeys.maximumTexts else { return }
    var texts = form.domains.flatMap { domain in form.texts.map { "\($0)@\(domain)" } }
    if form.domains.isEmpty || !form.isDomainRequired { texts += form.texts }
    let keys = texts.map(PatternKeys.folded)
    // What is too long for a key leaves the form to its other keys.
    exact = keys.allSatisfy { $0.count <= PatternKeys.longestKey } ? keys : nil
  }

  /// Texts of one rule that are filed one by one.
  private static let maximumTexts = 200_000

  private static func folded(_ text: String) -> [UInt8] {
    var text = text
    return text.withUTF8 { FoldedAlias($0).bytes }
  }

  private static func elements(_ form: PatternForm) -> [PatternElement] {
    func text(_ text: String) -> [PatternElement] { folded(text).map(PatternElement.byte) }
    func choice(_ texts: [String]) -> [PatternElement] {
      if texts.isEmpty { return [] }
      if texts.count == 1 { return text(texts[0]) }
      guard texts.count <= 64 else { return [.gap(minimum: 0, maximum: nil)] }
      return [.choice(texts.map(text))]
    }
    var user = choice(form.texts)
    if form.texts.isEmpty {
      user = choice(form.prefixes)
      if !form.ranges.isEmpty {
        let lengths = form.ranges.map(\.low.utf8.count)
        if form.ranges.count == 1, let range = form.ranges.first {
          let common = zip(range.low.utf8, range.high.utf8).prefix { $0 == $1 }.map(\.0)
          let rest = range.low.utf8.count - common.count
          user += common.map(PatternElement.byte) + [.gap(minimum: rest, maximum: rest)]
        } else {
          user.append(.gap(minimum: lengths.min() ?? 0, maximum: lengths.max()))
        }
      } else if let digits = form.digits {
        user.append(
          .gap(minimum: digits.lowerBound, maximum: digits.upperBound == .max ? nil : digits.upperBound))
      } else {
        user.append(.gap(minimum: 0, maximum: nil))
      }
      user += choice(form.suffixes)
    }
    guard !form.domains.isEmpty else { return user }
    let domains = form.domains.map { name in
      name.hasPrefix("*.")
        ? [.gap(minimum: 1, maximum: nil)] + text(String(name.dropFirst())) : text(name)
    }
    let whole = user + [.byte(UInt8(ascii: "@"))] + (domains.count == 1 ? domains[0] : [.choice(domains)])
    return form.isDomainRequired ? whole : [.choice([whole, user])]
  }
}
