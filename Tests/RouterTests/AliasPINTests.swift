import CallModel
import Testing

@testable import Router

/// `alias**PIN@domain`
struct AliasPINTests {
  @Test(arguments: [
    ("sip:meet.alice**1234@example.com", "meet.alice@example.com", "1234"),
    ("sip:meet.alice**1234@example.com;transport=tls", "meet.alice@example.com", "1234"),
    ("sip:meet.alice**1234%23@example.com", "meet.alice@example.com", "1234#"),
    ("sip:800**1234@192.0.2.7", "800", "1234"), ("meet.alice**1234", "meet.alice", "1234"),
    ("h323:meet.alice**0000@example.com", "meet.alice@example.com", "0000"),
    ("a**" + String(repeating: "1", count: 20), "a", String(repeating: "1", count: 20)),
  ]) func carried(_ written: String, _ parsed: String, _ pin: String) throws {
    let alias = try #require(Alias(sip: written).takingPIN)
    #expect(alias.parsed == parsed)
    #expect(alias.pin == Secret(pin))
    for form in [alias.full, alias.parsed, alias.local] {
      #expect(!form.contains("**") && !form.contains(pin), "\(form) still holds the PIN")
    }
    #expect(!"\(alias)".contains(pin))
  }

  @Test(arguments: [
    "sip:meet.alice@example.com", "sip:**21*0301#@example.com", "**1234", "sip:**1234@example.com", "a**",
    "a**b", "a**12b@example.com", "a**12*3@example.com", "sip:alice@example.com;x=a**1234", "*", "**", "",
    "a**" + String(repeating: "1", count: 21),
  ]) func notCarried(_ written: String) {
    #expect(Alias(sip: written).takingPIN == nil)
  }
}
