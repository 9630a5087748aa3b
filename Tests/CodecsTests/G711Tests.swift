import Testing

@testable import Codecs

@Suite struct G711Tests {
  /// Decoder output values of ITU-T G.711 table 2a (14 bits, times 4 here), by the character signal as sent.
  @Test(
    arguments: [
      (0x80, 8031), (0x8f, 4191), (0x90, 3999), (0x9f, 2079), (0xaf, 1023), (0xbf, 495), (0xcf, 231),
      (0xdf, 99),
      (0xef, 33), (0xfe, 2), (0xff, 0), (0x00, -8031), (0x0f, -4191), (0x7e, -2), (0x7f, 0),
    ] as [(UInt8, Int16)])
  func muLawValues(code: UInt8, value: Int16) { #expect(G711.pcmu.decode(code) == value * 4) }

  /// Decoder output values of ITU-T G.711 table 1a (13 bits, times 8 here), even bits inverted as sent.
  @Test(
    arguments: [
      (0xff, 4032), (0xf0, 2112), (0xef, 2016), (0xe0, 1056), (0xd0, 528), (0xc0, 264), (0xb0, 132),
      (0xa0, 66),
      (0x90, 33), (0x8f, 31), (0x80, 1), (0x7f, -4032), (0x00, -1),
    ] as [(UInt8, Int16)])
  func aLawValues(code: UInt8, value: Int16) { #expect(G711.pcma.decode(code ^ 0x55) == value * 8) }

  @Test(arguments: G711.allCases) func everyCodeIsAFixedPoint(codec: G711) {
    for code in UInt8.min...UInt8.max {
      let again = codec.encode(codec.decode(code))
      // µ-law has two zeros, and only one of them is ever sent.
      if codec == .pcmu, code == 0x7f { #expect(again == 0xff) } else { #expect(again == code) }
    }
  }

  /// No sample is further from its code's value than half an interval: 1 part in 32 of the (biased) value,
  /// and a little near zero.
  @Test(arguments: G711.allCases) func everySampleIsNearItsCode(codec: G711) {
    for sample in Int16.min...Int16.max {
      let error = abs(Int(codec.decode(codec.encode(sample))) - Int(sample))
      #expect(error <= (Int(sample.magnitude) + 132) / 32 + 8)
    }
  }

  @Test(arguments: G711.allCases) func codesGrowWithTheSample(codec: G711) {
    var last = Int16.min
    for sample in Int16.min...Int16.max {
      let value = codec.decode(codec.encode(sample))
      #expect(value >= last)
      last = value
    }
  }

  @Test(arguments: G711.allCases) func silence(codec: G711) {
    #expect(codec.encode(0) == codec.silence)
    #expect(abs(codec.decode(codec.silence)) <= 8)
  }
}
