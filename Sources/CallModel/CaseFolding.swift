/// Case-insensitive keys for aliases: ASCII folding, and Unicode simple folding for the rest (routing reference §2.3).
extension String {
  /// The form under which aliases are compared: equal for two aliases that differ only by case.
  ///
  /// Simple folding maps one code point to one code point, as PCRE2's caseless matching does, so that a service alias
  /// and a rule agree on what is the same. `ß` stays `ß`; `ſ`, `ς` and `K` (kelvin) become `s`, `σ` and `k`.
  public var caseFolded: String {
    var needsFolding = false
    var isASCII = true
    for byte in utf8 {
      if byte >= 0x80 { isASCII = false }
      if (0x41...0x5a).contains(byte) { needsFolding = true }
    }
    if isASCII {
      guard needsFolding else { return self }
      return String(decoding: utf8.lazy.map { (0x41...0x5a).contains($0) ? $0 | 0x20 : $0 }, as: UTF8.self)
    }
    var scalars = String.UnicodeScalarView()
    for scalar in unicodeScalars { scalars.append(String.simpleFold(scalar)) }
    return String(scalars)
  }

  private static func simpleFold(_ scalar: Unicode.Scalar) -> Unicode.Scalar {
    if scalar.isASCII {
      return (0x41...0x5a).contains(scalar.value) ? Unicode.Scalar(scalar.value | 0x20)! : scalar
    }
    // Dotless i folds to itself (only Turkish says otherwise), though its capital is I.
    if scalar.value == 0x131 { return scalar }
    let upper = single(scalar.properties.uppercaseMapping) ?? scalar
    return single(upper.properties.lowercaseMapping) ?? scalar
  }

  private static func single(_ mapping: String) -> Unicode.Scalar? {
    let scalars = mapping.unicodeScalars
    guard let first = scalars.first, scalars.count == 1 else { return nil }
    return first
  }
}
