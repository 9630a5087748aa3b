import CallModel

/// How telephone numbers are written, so that all ways to write one number are known as that number.
public struct Numbering: Hashable, Sendable {
  /// What stands before a country code: `00` in most of the world, `011` in North America.
  public var internationalPrefixes: [String]
  /// What stands before an area code (`0`, in North America `1`); empty: nothing does.
  public var nationalPrefix: String
  /// Our own, without `+`; nil: national numbers are compared as they are written.
  public var countryCode: String?
  /// Dialled before the number proper: codes that hide the caller or choose a carrier.
  public var accessPrefixes: [String]
  /// What a number without any prefix is.
  public var bareNumbers: BareNumbers

  public enum BareNumbers: String, Hashable, Sendable, CaseIterable {
    /// Neither: it is compared as it is written.
    case local
    /// A national number without its prefix.
    case national
    /// An international number without its `+`.
    case international
  }

  public init(
    internationalPrefixes: [String] = ["00"], nationalPrefix: String = "0", countryCode: String? = nil,
    accessPrefixes: [String] = ["*31#", "#31#"], bareNumbers: BareNumbers = .local
  ) {
    self.internationalPrefixes = internationalPrefixes
    self.nationalPrefix = nationalPrefix
    self.countryCode = countryCode
    self.accessPrefixes = accessPrefixes
    self.bareNumbers = bareNumbers
  }

  /// One form for all ways to write a number: `+` and country code where that can be told, else its digits; for what is no
  /// number, the user part without case.
  ///
  /// Scheme, domain, parameters and visual separators (RFC 3966 §5.1.1) are left out. Errs toward the international form: who
  /// writes `+0049…` or `0000 49…` to get past a limit is taken at the number a switch would find in it.
  public func canonical(_ alias: String) -> String { canonical(alias, isPrefix: false) }

  /// The forms in which numbers that begin with `prefix` may come out of ``canonical(_:)``; none when it is no number.
  func canonicalPrefixes(_ prefix: String) -> Set<String> {
    guard Numbering.dialled(prefix) != nil, !prefix.contains("@") else { return [] }
    // Short numbers stay bare whatever bare numbers are.
    return [canonical(prefix, isPrefix: true), canonical(prefix, isPrefix: false)]
  }

  private func canonical(_ alias: String, isPrefix: Bool) -> String {
    guard let dialled = Numbering.dialled(alias) else { return Numbering.user(of: alias).caseFolded }
    var digits = dialled[...]
    var isInternational = false
    // Each step takes something off, so this ends.
    while true {
      if let access = accessPrefixes.filter({ !$0.isEmpty && digits.hasPrefix($0) }).max(by: {
        $0.utf8.count < $1.utf8.count
      }) {
        digits = digits.dropFirst(access.count)
        continue
      }
      if digits.first == "+" {
        digits = digits.drop { $0 == "+" }
        isInternational = true
        continue
      }
      // No country code begins with 0: a prefix that stands behind + means itself.
      guard !isInternational || digits.first == "0" else { break }
      guard let prefix = internationalPrefixes.first(where: { !$0.isEmpty && digits.hasPrefix($0) }) else {
        break
      }
      digits = digits.dropFirst(prefix.count)
      isInternational = true
    }
    if !isInternational, let countryCode {
      if !nationalPrefix.isEmpty, digits.hasPrefix(nationalPrefix),
        isPrefix || digits.count > nationalPrefix.count
      {
        return "+\(countryCode)\(digits.dropFirst(nationalPrefix.count))"
      }
      if bareNumbers == .national, isPrefix || digits.count > 4 { return "+\(countryCode)\(digits)" }
    }
    if !isInternational, bareNumbers == .international, isPrefix || digits.count > 4 {
      isInternational = true
    }
    guard isInternational else { return String(digits) }
    // `+49 (0) 900` is often written, and often understood.
    if let countryCode, nationalPrefix == "0", digits.hasPrefix("\(countryCode)0") {
      digits = "\(countryCode)\(digits.dropFirst(countryCode.count + 1))"[...]
    }
    return "+\(digits)"
  }

  /// Digits and signs of a number; nil when the user part is none.
  private static func dialled(_ alias: String) -> String? {
    var result = ""
    for character in user(of: alias) {
      switch character {
      case "+", "*", "#": result.append(character)
      case _ where character.isASCII && character.isNumber: result.append(character)
      case " ", "-", ".", "(", ")", "/": continue
      // What follows is said to the switch, not dialled.
      case ";", ",", ":", "?", "@": return result.isEmpty ? nil : result
      default: return nil
      }
    }
    return result.isEmpty ? nil : result
  }

  private static func user(of alias: String) -> String {
    let parsed = Alias(sip: alias).parsed
    let user = parsed.lastIndex(of: "@").map { String(parsed[..<$0]) } ?? parsed
    // Escapes stand for what they say, here as for the next hop.
    return user.contains("%") ? Alias(sip: "sip:\(user)@invalid").parsed.replacingSuffix("@invalid") : user
  }
}

extension String {
  fileprivate func replacingSuffix(_ suffix: String) -> String {
    hasSuffix(suffix) ? String(dropLast(suffix.count)) : self
  }
}
