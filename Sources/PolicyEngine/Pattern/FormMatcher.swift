import PatternAnalysis

/// Matches a ``PatternForm`` in one pass over the alias, without backtracking; leaves the groups where PCRE2 would.
struct FormMatcher: Sendable {
  private let texts: Set<[UInt32]>
  /// Longest first, so that the longest that fits is taken.
  private let prefixes: [[UInt32]]
  private let suffixes: [[UInt32]]
  private let digits: ClosedRange<Int>?
  private let ranges: [(low: [UInt32], high: [UInt32])]
  private let domains: [(text: [UInt32], isBelow: Bool)]
  private let isDomainRequired: Bool

  init(_ form: PatternForm) {
    func folded(_ texts: [String]) -> [[UInt32]] {
      let all = texts.map { LiteralEnds.folded($0) }.sorted { $0.count > $1.count }
      return all.isEmpty ? [[]] : all
    }
    texts = Set(form.texts.map { LiteralEnds.folded($0) })
    prefixes = folded(form.prefixes)
    suffixes = folded(form.suffixes)
    digits = form.digits
    ranges = form.ranges.map { (LiteralEnds.folded($0.low), LiteralEnds.folded($0.high)) }
    domains = form.domains.map { name in
      let isBelow = name.hasPrefix("*.")
      return (LiteralEnds.folded(isBelow ? String(name.dropFirst()) : name), isBelow)
    }
    isDomainRequired = form.isDomainRequired
  }

  /// Matches all of `subject`, which must be UTF-8; on a match writes the offsets of four groups to `vector`.
  func match(_ subject: UnsafeBufferPointer<UInt8>, _ vector: UnsafeMutablePointer<Int>) -> Bool {
    guard let found = find(in: subject) else { return false }
    func set(_ group: Int, _ range: Range<Int>?) {
      vector[2 * group] = range?.lowerBound ?? -1
      vector[2 * group + 1] = range?.upperBound ?? -1
    }
    set(0, 0..<subject.count)
    set(1, found.rest)
    set(2, found.user)
    set(3, found.domain)
    return true
  }

  private struct Found {
    var rest: Range<Int>
    var user: Range<Int>
    var domain: Range<Int>?
  }

  private func find(in subject: UnsafeBufferPointer<UInt8>) -> Found? {
    guard subject.contains(where: { $0 >= 0x80 }) else { return find(in: ASCIIText(bytes: subject)) }
    let text = ScalarText(subject)
    guard var found = find(in: text) else { return nil }
    func bytes(_ range: Range<Int>) -> Range<Int> {
      text.offsets[range.lowerBound]..<text.offsets[range.upperBound]
    }
    found.rest = bytes(found.rest)
    found.user = bytes(found.user)
    found.domain = found.domain.map(bytes)
    return found
  }

  private func find(in text: some FoldedText) -> Found? {
    var user = 0..<text.count
    var domain: Range<Int>?
    if !domains.isEmpty {
      var at = text.count - 1
      while at >= 0, text[at] != 0x40 { at -= 1 }
      if at >= 0 {
        user = 0..<at
        let host = (at + 1)..<text.count
        guard domains.contains(where: { isDomain(host, $0, text) }) else { return nil }
        domain = host
      } else if isDomainRequired {
        return nil
      }
    }
    guard let rest = rest(of: user, text) else { return nil }
    return Found(rest: rest, user: user, domain: domain)
  }

  private func isDomain(
    _ host: Range<Int>, _ domain: (text: [UInt32], isBelow: Bool), _ text: some FoldedText
  )
    -> Bool
  {
    if !domain.isBelow { return host.count == domain.text.count && ends(host, domain.text, text) }
    return host.count > domain.text.count && ends(host, domain.text, text)
  }

  private func rest(of user: Range<Int>, _ text: some FoldedText) -> Range<Int>? {
    if !texts.isEmpty { return texts.contains(user.map { text[$0] }) ? user : nil }
    for prefix in prefixes where begins(user, prefix, text) {
      for suffix in suffixes where ends(user, suffix, text) {
        guard prefix.count + suffix.count <= user.count else { continue }
        let rest = (user.lowerBound + prefix.count)..<(user.upperBound - suffix.count)
        if holds(rest, text) { return rest }
      }
    }
    return nil
  }

  private func holds(_ rest: Range<Int>, _ text: some FoldedText) -> Bool {
    if ranges.isEmpty, digits == nil { return true }
    for i in rest where !(0x30...0x39).contains(text[i]) { return false }
    if !ranges.isEmpty {
      return ranges.contains { range in
        range.low.count == rest.count && !isLess(rest, range.low, text)
          && !isGreater(rest, range.high, text)
      }
    }
    return digits?.contains(rest.count) ?? true
  }

  private func isLess(_ rest: Range<Int>, _ number: [UInt32], _ text: some FoldedText) -> Bool {
    for (i, digit) in zip(rest, number) where text[i] != digit { return text[i] < digit }
    return false
  }

  private func isGreater(_ rest: Range<Int>, _ number: [UInt32], _ text: some FoldedText) -> Bool {
    for (i, digit) in zip(rest, number) where text[i] != digit { return text[i] > digit }
    return false
  }

  private func begins(_ range: Range<Int>, _ part: [UInt32], _ text: some FoldedText) -> Bool {
    guard part.count <= range.count else { return false }
    for (i, scalar) in part.enumerated() where text[range.lowerBound + i] != scalar { return false }
    return true
  }

  private func ends(_ range: Range<Int>, _ part: [UInt32], _ text: some FoldedText) -> Bool {
    guard part.count <= range.count else { return false }
    let start = range.upperBound - part.count
    for (i, scalar) in part.enumerated() where text[start + i] != scalar { return false }
    return true
  }
}

/// An alias as scalars without case, as ``LiteralEnds/folded(_:)`` has them.
private protocol FoldedText {
  var count: Int { get }
  subscript(_ index: Int) -> UInt32 { get }
}

private struct ASCIIText: FoldedText {
  let bytes: UnsafeBufferPointer<UInt8>
  var count: Int { bytes.count }
  subscript(_ index: Int) -> UInt32 {
    let byte = bytes[index]
    return UInt32((0x61...0x7a).contains(byte) ? byte - 0x20 : byte)
  }
}

private struct ScalarText: FoldedText {
  private let scalars: [UInt32]
  /// Bytes before each scalar, and all of them.
  let offsets: [Int]

  init(_ bytes: UnsafeBufferPointer<UInt8>) {
    let text = String(decoding: bytes, as: UTF8.self)
    scalars = LiteralEnds.folded(text)
    var offsets = [0]
    for scalar in text.unicodeScalars { offsets.append((offsets.last ?? 0) + UTF8.width(scalar)) }
    self.offsets = offsets
  }

  var count: Int { scalars.count }
  subscript(_ index: Int) -> UInt32 { scalars[index] }
}
