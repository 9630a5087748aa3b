import CMediaIO
import CallModel
import Testing

@testable import MediaRelay

/// The rules of ``LatchPolicy``, on virtual time.
@Suite struct LatchTests {
  private static let second: Int64 = 1_000_000_000
  private let timing = LatchNanoseconds(LatchTiming())
  private var signalled = address("192.0.2.1:4000")

  /// One packet as the loop treats it: judged, then admitted when it is a candidate.
  private func packet(
    _ latch: inout Latch, from: String, ssrc: UInt32 = 1, sequence: UInt16 = 1, authentic: Bool? = nil,
    continues: Bool = false, at now: Int64
  ) -> Bool {
    var from = address(from)
    switch latch.judge(&from, authenticates: authentic != nil, timing: timing, now: now) {
    case .accepted: return true
    case .foreign: return false
    case .candidate:
      return authentic != false
        && latch.admit(
          &from, ssrc: ssrc, sequence: sequence, isAuthenticated: authentic == true, continues: continues,
          window: timing.window, now: now)
    }
  }

  private func open(_ policy: LatchPolicy.Source, signalling: String? = nil, at now: Int64 = 0) -> Latch {
    var latch = Latch()
    latch.negotiate(
      signalled: signalled, signallingHost: signalling.map { address($0) } ?? .none, policy: policy,
      reopens: true,
      now: now)
    return latch
  }

  @Test("Exact: only the signalled address and port")
  func exact() {
    var latch = open(.exact)
    #expect(!packet(&latch, from: "192.0.2.1:4002", at: 0))
    #expect(!packet(&latch, from: "192.0.2.2:4000", at: 0))
    #expect(packet(&latch, from: "192.0.2.1:4000", at: 0))
  }

  @Test("Signalled address: any port of it, and then only that port")
  func signalledAddress() {
    var latch = open(.signalledAddress)
    #expect(!packet(&latch, from: "198.51.100.9:4000", at: 0))
    #expect(packet(&latch, from: "192.0.2.1:61000", at: 0))
    #expect(!packet(&latch, from: "192.0.2.1:4000", at: 1))
    #expect(packet(&latch, from: "192.0.2.1:61000", at: 2))
  }

  @Test("The address of the signalling counts as signalled")
  func signallingAddress() {
    var latch = open(.signalledAddress, signalling: "203.0.113.5:0")
    #expect(packet(&latch, from: "203.0.113.5:1234", at: 0))
  }

  @Test("Any: an address nobody signalled needs two packets in a row, within the window")
  func anyAddress() {
    var latch = open(.any)
    #expect(!packet(&latch, from: "198.51.100.9:4000", sequence: 10, at: 0))
    #expect(!packet(&latch, from: "198.51.100.9:4000", sequence: 12, at: 1))
    #expect(!packet(&latch, from: "198.51.100.9:4002", sequence: 13, at: 1))
    #expect(!packet(&latch, from: "198.51.100.9:4000", ssrc: 5, sequence: 14, at: 2))
    #expect(packet(&latch, from: "198.51.100.9:4000", ssrc: 5, sequence: 15, at: 3))
    var late = open(.any)
    #expect(!packet(&late, from: "198.51.100.9:4000", sequence: 1, at: 60 * Self.second))
    #expect(!packet(&late, from: "198.51.100.9:4000", sequence: 2, at: 60 * Self.second))
    #expect(packet(&late, from: "192.0.2.1:4000", sequence: 2, at: 61 * Self.second))
  }

  @Test("A stranger who was first gives way to the party itself, in the window and for two packets in a row")
  func displaced() {
    func stranger(_ sequence: UInt16, _ latch: inout Latch, at now: Int64) -> Bool {
      packet(&latch, from: "198.51.100.9:4000", ssrc: 7, sequence: sequence, at: now)
    }
    for party in ["192.0.2.1:61000", "203.0.113.5:5004"] {
      var latch = open(.any, signalling: "203.0.113.5:0")
      #expect(!stranger(1, &latch, at: 0) && stranger(2, &latch, at: 1))
      #expect(latch.isProvisional(timing.window, 2))
      #expect(!packet(&latch, from: "198.51.100.8:9", ssrc: 8, sequence: 1, at: 3), "no second stranger")
      #expect(!packet(&latch, from: "198.51.100.8:9", ssrc: 8, sequence: 2, at: 4))
      #expect(!packet(&latch, from: party, sequence: 20, at: 5))
      #expect(stranger(3, &latch, at: 6))
      #expect(packet(&latch, from: party, sequence: 21, at: 7))
      #expect(!stranger(4, &latch, at: 8) && !stranger(5, &latch, at: 9), "and does not come back")
      #expect(!latch.isProvisional(timing.window, 10))
    }
    var late = open(.any)
    #expect(!stranger(1, &late, at: 0) && stranger(2, &late, at: 60 * Self.second - 1))
    #expect(!packet(&late, from: "192.0.2.1:4000", sequence: 20, at: 60 * Self.second))
    #expect(!packet(&late, from: "192.0.2.1:4000", sequence: 21, at: 60 * Self.second + 1))
  }

  @Test(
    "A third party cannot take a stream over: not while it flows, not with another SSRC, not from elsewhere")
  func hijack() {
    var latch = open(.signalledAddress)
    #expect(packet(&latch, from: "192.0.2.1:4000", at: 0))
    #expect(!packet(&latch, from: "192.0.2.1:4444", continues: true, at: Self.second))
    // Silent for longer: still only with the stream's own continuation, and from an allowed host.
    #expect(!packet(&latch, from: "192.0.2.1:4444", continues: false, at: 2 * Self.second))
    #expect(!packet(&latch, from: "198.51.100.9:4444", continues: true, at: 2 * Self.second))
    #expect(packet(&latch, from: "192.0.2.1:4444", continues: true, at: 2 * Self.second))
    #expect(!packet(&latch, from: "192.0.2.1:4000", continues: true, at: 2 * Self.second + 1))
  }

  @Test("With SRTP only an authentic packet latches, and moves after a short silence")
  func authenticated() {
    var latch = open(.signalledAddress)
    #expect(!packet(&latch, from: "198.51.100.9:4000", authentic: false, at: 0))
    #expect(!latch.isLatched)
    #expect(packet(&latch, from: "198.51.100.9:4000", authentic: true, at: 0))
    #expect(!packet(&latch, from: "203.0.113.7:9", authentic: true, continues: true, at: Self.second / 5))
    #expect(!packet(&latch, from: "203.0.113.7:9", authentic: true, continues: false, at: Self.second / 2))
    #expect(packet(&latch, from: "203.0.113.7:9", authentic: true, continues: true, at: Self.second / 2))
  }

  @Test("A negotiation that moves the address opens the latch, another keeps it")
  func renegotiation() {
    var latch = open(.signalledAddress)
    #expect(packet(&latch, from: "192.0.2.1:4000", at: 0))
    latch.negotiate(
      signalled: signalled, signallingHost: .none, policy: .signalledAddress, reopens: false, now: 1)
    #expect(!packet(&latch, from: "192.0.2.1:4002", at: 2))
    latch.negotiate(
      signalled: address("192.0.2.7:5000"), signallingHost: .none, policy: .signalledAddress, reopens: true,
      now: 3)
    #expect(!packet(&latch, from: "192.0.2.1:4000", at: 4))
    #expect(packet(&latch, from: "192.0.2.7:5000", at: 5))
  }
}

private func address(_ text: String) -> mio_address { mio_address(TransportAddress(text)) }
