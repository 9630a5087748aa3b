/// What may be asked of the DNS: bounds of RFC 1035 §2.3.4, letters of RFC 1123 §2.1 and the underscore of service labels.
enum HostName {
  static func isValid(_ name: String) -> Bool {
    let bytes = name.utf8
    guard (1...253).contains(bytes.count) else { return false }
    var label = 0
    for byte in bytes {
      if byte == UInt8(ascii: ".") {
        // An empty label is refused; a final dot is the root and harmless.
        guard label > 0 else { return false }
        label = 0
        continue
      }
      let isLetterOrDigit = (0x30...0x39).contains(byte) || (0x61...0x7a).contains(byte | 0x20)
      guard isLetterOrDigit || byte == UInt8(ascii: "-") || byte == UInt8(ascii: "_") else { return false }
      label += 1
      guard label <= 63 else { return false }
    }
    return true
  }
}
