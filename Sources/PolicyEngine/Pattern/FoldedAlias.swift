/// An alias as ``RuleIndex`` sees it: one byte a character, ASCII letters small, the two characters that equal an ASCII letter
/// but for case (Kelvin sign, long s) as that letter, and every other character beyond ASCII as 0x80.
struct FoldedAlias {
  let bytes: [UInt8]

  init(_ text: UnsafeBufferPointer<UInt8>) {
    bytes = [UInt8](unsafeUninitializedCapacity: text.count) { buffer, count in
      var i = 0
      while i < text.count {
        let byte = text[i]
        if byte < 0x80 {
          buffer[count] = PatternParser.folded(byte)
          i += 1
        } else {
          // U+212A is E2 84 AA, U+017F is C5 BF.
          if byte == 0xe2, i + 2 < text.count, text[i + 1] == 0x84, text[i + 2] == 0xaa {
            buffer[count] = UInt8(ascii: "k")
          } else if byte == 0xc5, i + 1 < text.count, text[i + 1] == 0xbf {
            buffer[count] = UInt8(ascii: "s")
          } else {
            buffer[count] = 0x80
          }
          i += 1
          while i < text.count, text[i] & 0xc0 == 0x80 { i += 1 }
        }
        count += 1
      }
    }
  }
}
