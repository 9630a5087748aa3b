/// Python's case conversions: full mappings by code point, not by locale.
extension Text {
  var lowercased: Text {
    if isASCII { return Text(bytes: bytes.map { (0x41...0x5a).contains($0) ? $0 | 0x20 : $0 }) }
    let scalars = Array(scalars)
    var result: [UInt8] = []
    for (i, scalar) in scalars.enumerated() { Text.appendLowercased(scalar, at: i, of: scalars, to: &result) }
    return Text(bytes: result)
  }

  var uppercased: Text {
    if isASCII { return Text(bytes: bytes.map { (0x61...0x7a).contains($0) ? $0 & 0xdf : $0 }) }
    return Text(scalars.reduce(into: "") { $0 += $1.properties.uppercaseMapping })
  }

  /// The first character as a title, the others in lower case.
  var capitalized: Text {
    let scalars = Array(scalars)
    guard let first = scalars.first else { return self }
    var result = Array(first.properties.titlecaseMapping.utf8)
    for i in scalars.indices.dropFirst() {
      Text.appendLowercased(scalars[i], at: i, of: scalars, to: &result)
    }
    return Text(bytes: result)
  }

  /// `str.title`: each letter that follows no letter as a title.
  var titlecased: Text {
    let scalars = Array(scalars)
    var result: [UInt8] = []
    var isInWord = false
    for (i, scalar) in scalars.enumerated() {
      if isInWord {
        Text.appendLowercased(scalar, at: i, of: scalars, to: &result)
      } else {
        result.append(text: scalar.properties.titlecaseMapping)
      }
      isInWord = scalar.properties.isCased
    }
    return Text(bytes: result)
  }

  /// A capital sigma at the end of a word has a form of its own (Unicode, SpecialCasing, Final_Sigma).
  private static func appendLowercased(
    _ scalar: Unicode.Scalar, at i: Int, of scalars: [Unicode.Scalar], to result: inout [UInt8]
  ) {
    guard scalar == "\u{3a3}" else {
      result.append(text: scalar.properties.lowercaseMapping)
      return
    }
    let before = scalars[..<i].last { !$0.properties.isCaseIgnorable }
    let after = scalars[(i + 1)...].first { !$0.properties.isCaseIgnorable }
    let isFinal = before?.properties.isCased == true && after?.properties.isCased != true
    result.append(isFinal ? "\u{3c2}" : "\u{3c3}" as Unicode.Scalar)
  }

  /// `islower` and `isupper`.
  func hasOnlyCase(upper: Bool) -> Bool {
    var hasCased = false
    for scalar in scalars {
      let properties = scalar.properties
      if upper ? properties.isLowercase : properties.isUppercase { return false }
      if properties.generalCategory == .titlecaseLetter { return false }
      if upper ? properties.isUppercase : properties.isLowercase { hasCased = true }
    }
    return hasCased
  }

  // MARK: White space

  /// Without white space at both ends.
  var trimmed: Text { trimmed(leading: true, trailing: true) { $0.isPythonSpace } }

  func trimmed(leading: Bool, trailing: Bool, _ isTrimmed: (Unicode.Scalar) -> Bool) -> Text {
    var start = 0
    var end = bytes.count
    if leading {
      for scalar in scalars {
        guard isTrimmed(scalar) else { break }
        start += UTF8.width(scalar)
      }
    }
    if trailing {
      for scalar in scalars.reversed() {
        guard end > start, isTrimmed(scalar) else { break }
        end -= UTF8.width(scalar)
      }
    }
    return start == 0 && end == bytes.count ? self : Text(bytes: bytes[start..<max(start, end)])
  }

  /// `split()` without a separator: at runs of white space, none at the ends. The rest stays whole after `limit` parts.
  func words(limit: Int = .max) -> [Text] {
    var words: [Text] = []
    var start: Int?
    var offset = 0
    for scalar in scalars {
      let width = UTF8.width(scalar)
      if scalar.isPythonSpace {
        if let begun = start {
          words.append(Text(bytes: bytes[begun..<offset]))
          start = nil
        }
      } else if start == nil {
        if words.count >= limit {
          let rest = Text(bytes: bytes[offset...])
          words.append(rest.trimmed(leading: false, trailing: true) { $0.isPythonSpace })
          return words
        }
        start = offset
      }
      offset += width
    }
    if let start { words.append(Text(bytes: bytes[start...])) }
    return words
  }
}
