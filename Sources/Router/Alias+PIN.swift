import CallModel

extension Alias {
  /// Digits of a PIN in an alias.
  static let maximumPINLength = 20

  /// The alias without the PIN it carries: `meet.alice**1234@example.com`, with or without a domain (reference: conferences
  /// §3.5). nil when it carries none. Ask for it before the alias is shown to anybody: policy, log, record.
  ///
  /// What stands behind the first `**` of the user part must be digits, and `#` at most at the end, so that feature codes
  /// (`**21*0301#`) stay what they are.
  public var takingPIN: Alias? {
    guard let parsed = Alias.split(parsed), let local = Alias.split(local) else { return nil }
    // The full form may be written in a way that the others are not; better without its PIN than as it came.
    let full = Alias.split(full)?.alias ?? local.alias
    return Alias(full: full, parsed: parsed.alias, local: local.alias, pin: Secret(parsed.pin))
  }

  /// As it is shown: the PIN stands apart, if there is one.
  public var withoutPIN: Alias { pin == nil ? takingPIN ?? self : self }

  private static func split(_ text: String) -> (alias: String, pin: String)? {
    let bytes = Array(text.utf8)
    // A scheme's colon comes early; one behind `**` is not a scheme's.
    let stars = bytes.indices.dropLast().first {
      bytes[$0] == UInt8(ascii: "*") && bytes[$0 + 1] == UInt8(ascii: "*")
    }
    guard let stars else { return nil }
    let userStart = bytes[..<stars].lastIndex(of: UInt8(ascii: ":")).map { $0 + 1 } ?? 0
    guard stars > userStart, !bytes[..<stars].contains(UInt8(ascii: "@")) else { return nil }
    let pinStart = stars + 2
    var end = pinStart
    while end < bytes.count, (0x30...0x39).contains(bytes[end]) { end += 1 }
    guard end > pinStart, end - pinStart <= maximumPINLength else { return nil }
    var pin = String(decoding: bytes[pinStart..<end], as: UTF8.self)
    if end < bytes.count, bytes[end] == UInt8(ascii: "#") {
      pin += "#"
      end += 1
    } else if bytes[end...].starts(with: "%23".utf8) {
      pin += "#"
      end += 3
    }
    guard
      end == bytes.count || [UInt8(ascii: "@"), UInt8(ascii: ";"), UInt8(ascii: "?")].contains(bytes[end])
    else { return nil }
    return (String(decoding: bytes[..<stars] + bytes[end...], as: UTF8.self), pin)
  }
}
