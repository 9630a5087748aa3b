import CallModel
import Testing

@testable import Records

/// What the store tells apart without writing decisions out.
@Suite struct DecisionFingerprintTests {
  /// A script that looks at a call's party after its decision, and nothing else new.
  @Test func aScriptIsNews() {
    var record = DecisionRecord(
      policyVersion: "1", direction: .dialIn, callProtocol: .sip, alias: Alias(sip: "sip:a@b"), location: nil,
      isRegistered: false, decision: .reject(.policy))
    let before = record.fingerprint
    #expect(record.fingerprint == before)
    record.scripts.append(
      PolicyScriptRecord(profile: "p", kind: "participant", script: "s", outcome: .reject))
    #expect(record.fingerprint != before)
  }
}
