import Foundation
import Testing

@testable import TestCaller

@Suite struct TestCallReportTests {
  static func report(_ json: String) throws -> TestCallReport {
    try JSONDecoder().decode(TestCallReport.self, from: Data(json.utf8))
  }

  static let answered = """
    {"peer": "sip:test@192.0.2.1", "isIncoming": false, "outcome": "answered", "endedBy": "here",
     "timing": {"ringing": 4.26, "answer": 1234.5, "duration": 3000},
     "media": {"codec": "PCMA", "encryption": "AEAD_AES_128_GCM", "remoteAddress": "192.0.2.1:4000", "packetsSent": 150,
       "packetsReceived": 147, "packetsLost": 3, "packetsRejected": 2, "jitter": 0.84, "roundTrip": 12.3, "sent": "440 Hz",
       "digitsSent": 1},
     "heard": {"frequency": 439.97, "share": 0.996, "level": -9.03, "seconds": 2.94, "digits": "5"}}
    """

  @Test func everyFactHasItsLine() throws {
    #expect(
      try Self.report(Self.answered).text == """
        call to sip:test@192.0.2.1: answered, audio came back
          ringing      after 4.3 ms
          answered     after 1.23 s
          media        PCMA, SRTP AEAD_AES_128_GCM, with 192.0.2.1:4000
          sent         440 Hz, 150 packets, 1 digit
          received     147 packets, 3 lost (2.0 %), jitter 0.8 ms, 2 unusable
          heard        440.0 Hz, 100 % of the energy, -9.0 dBFS, 2.9 s
          digits       5
          round trip   12.3 ms
          duration     3.0 s, ended here
        """)
  }

  @Test func jsonComesBackAsItWas() throws {
    let report = try Self.report(Self.answered)
    #expect(try Self.report(report.json) == report)
    #expect(report.json.contains("sip:test@192.0.2.1"))
  }

  @Test func anAnswerWithoutAudioIsNamed() throws {
    var report = try Self.report(Self.answered)
    report.media?.packetsReceived = 0
    report.problem = "no codec in common"
    #expect(!report.hasMedia)
    #expect(report.text.hasPrefix("call to sip:test@192.0.2.1: answered, but no audio came back\n"))
    #expect(report.text.contains("  problem      no codec in common"))
    #expect(!report.text.contains("heard"))
  }

  @Test func aRefusalShowsStatusAndAdvice() throws {
    let report = try Self.report(
      """
      {"peer": "sip:x@y", "isIncoming": true, "outcome": "refused", "status": 486, "reason": "Busy Here",
       "advice": "busy", "timing": {}}
      """)
    #expect(report.text == "call from sip:x@y: refused (486 Busy Here)\n  advice       busy")
  }

  @Test(arguments: [(440.0, true), (441.9, true), (442.5, false), (880, false)]) func tones(
    frequency: Double, isTone: Bool
  ) throws {
    var report = try Self.report(Self.answered)
    #expect(report.isTone(frequency) == isTone)
    report.heard?.share = 0.5
    #expect(!report.isTone(frequency))
  }

  @Test func silenceIsNoTone() throws {
    let silent = try Self.report(Self.answered).analysed([Int16](repeating: 3, count: 8000))
    #expect(!silent.isTone(0))
    #expect(silent.text.contains("heard        silence, 1.0 s"))
  }
}
