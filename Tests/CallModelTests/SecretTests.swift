import CallModel
import Testing

@Suite struct SecretTests {
  struct Holder { var pin: Secret }

  @Test func neverPrinted() {
    let secret = Secret("hunter2")
    var dumped = ""
    dump(Holder(pin: secret), to: &dumped)
    let texts = [
      "\(secret)", String(describing: secret), String(reflecting: secret), "\(Holder(pin: secret))",
      "\([secret])", "\(Optional(secret) as Any)", String(reflecting: ["k": secret]), dumped,
    ]
    for text in texts { #expect(!text.contains("hunter2")) }
    #expect(secret.reveal() == "hunter2")
  }

  @Test func equality() {
    let same: [(String, String)] = [("", ""), ("1234", "1234"), ("é", "é")]
    for (a, b) in same {
      #expect(Secret(a) == Secret(b))
      #expect(Secret(a).hashValue == Secret(b).hashValue)
    }
    // A prefix, a NUL in place of nothing, and one bit.
    let different: [(String, String)] = [
      ("1234", "123"), ("", "1"), ("a", "a\0"), ("", "\0"), ("1234", "1235"),
    ]
    for (a, b) in different {
      #expect(Secret(a) != Secret(b))
      #expect(Secret(b) != Secret(a))
    }
    #expect(Secret("").isEmpty)
    #expect(!Secret(" ").isEmpty)
  }

  /// Equal values hash alike also when the same text is composed differently.
  @Test func hashAgreesWithEquality() {
    let composed = Secret("\u{e9}")
    let decomposed = Secret("e\u{301}")
    #expect(composed != decomposed)
    #expect(Set([composed, decomposed]).count == 2)
  }
}
