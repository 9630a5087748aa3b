import CallModel
import Foundation
import Logging
import Records

/// Records such as a gateway would hand over.
enum Samples {
  static func gatewayDecision(rules: Int = 3) -> DecisionRecord {
    var gateway = GatewayConfiguration(
      name: "To the PSTN", tag: "pstn", remoteAlias: "sip:+15551234@trunk.example.net",
      trunks: [
        TrunkChoice(trunk: "carrier-a", weight: 3, ringTimeout: .seconds(20)),
        TrunkChoice(
          trunk: "carrier-b", calledTransform: AliasTransform(pattern: "\\+(.*)", replacement: "00\\1")),
      ])
    gateway.disabledCodecs = ["opus"]
    return DecisionRecord(
      policyVersion: "3f2a", direction: .dialIn, callProtocol: .sip,
      alias: Alias(
        full: "sip:0015551234@example.org", parsed: "0015551234@example.org",
        local: "sip:0015551234@example.org",
        pin: Secret("2468")),
      location: "Oslo", isRegistered: true,
      considered: (0..<rules).map {
        RuleConsideration(rule: $0, outcome: $0 == rules - 1 ? .matched : .pattern)
      }, rule: "To the PSTN", replaced: "sip:+15551234@trunk.example.net", decision: .gateway(gateway))
  }

  static func record(
    _ number: UInt64, started: Int64 = 1_700_000_000_000, from: String = "sip:ann@example.org",
    to: String = "0015551234@example.org", service: String = "To the PSTN"
  ) -> CallRecord {
    CallRecord(
      id: CallID(high: 0x1234_5678, low: number), started: WallClock(milliseconds: started),
      caller: LegParty(
        callProtocol: .sip, isIncoming: true, alias: from, displayName: "Ann \"A\"",
        address: TransportAddress("192.0.2.7:5060"), vendor: "baresip v1.0.0",
        protocolCallID: "abc\(number)@host"),
      calledAlias: to, serviceName: service, serviceType: "gateway", tag: "pstn", decision: gatewayDecision())
  }

  /// With everything a record can have.
  static func ended(_ number: UInt64, started: Int64 = 1_700_000_000_000) -> CallRecord {
    var record = record(number, started: started)
    record.connected = WallClock(milliseconds: started + 2_000)
    record.ended = WallClock(milliseconds: started + 62_500)
    record.endedBy = .called
    record.disconnect = Disconnect(.normal, protocolCode: 200, text: "bye – \u{1F44B}", q850: 16)
    var first = CallAttempt(
      via: "carrier-a", alias: "sip:+15551234@trunk.example.net",
      address: TransportAddress("[2001:db8::1]:5061"),
      started: WallClock(milliseconds: started + 10))
    first.ended = WallClock(milliseconds: started + 500)
    first.disconnect = Disconnect(.congestion, protocolCode: 503)
    var second = CallAttempt(
      via: "carrier-b", alias: "0015551234", started: WallClock(milliseconds: started + 500))
    second.rang = WallClock(milliseconds: started + 900)
    second.answered = WallClock(milliseconds: started + 2_000)
    record.attempts = [first, second]
    record.media = [
      MediaQuality(
        side: .caller, kind: "audio", codec: "PCMA", isEncrypted: true, packetsReceived: 3_000,
        packetsSent: 2_990,
        bytesReceived: 480_000, packetsLost: -2, jitter: 1.25, roundTrip: 20.5),
      MediaQuality(
        side: .called, kind: "audio", codec: "PCMU", isEncrypted: false, packetsReceived: 2_990,
        packetsSent: 3_000,
        bytesReceived: 479_000, packetsLost: 10, jitter: 0, roundTrip: nil),
    ]
    record.events = [CallEvent(at: WallClock(milliseconds: started + 30_000), what: "transferred to carol")]
    return record
  }

  /// As a store gives it back: a decision's PINs are never kept.
  static func asKept(_ record: CallRecord) -> CallRecord {
    var record = record
    record.decision.alias.pin = nil
    return record
  }

  static let silent = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
}

/// A directory that goes away with the test.
final class TemporaryDirectory: Sendable {
  let path: String

  init() {
    path = NSTemporaryDirectory() + "tandem-records-" + UUID().uuidString
    try? FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }
}
