import CallModel
import Foundation
import MediaRelay

/// Sets up two-leg calls on `MediaRelay` for an outside load generator, then waits for the end of its input.
///
///     relaybench MODE CALLS OUT [--threads N] [--coalescing MICROSECONDS] [--segmentation 0|1]
///       [--a PORT] [--b PORT]
///
/// MODE is `rtp`, `srtp` (SRTP on side A, RTP on side B) or `gcm` (the same with AEAD_AES_128_GCM). OUT
/// receives a line a call: `A_port B_port [A_send_key A_receive_key]`, the form `rtpgen` reads. Parties are
/// 127.0.0.1 at the two given ports. Prints one line of JSON when ready (cost of set-up a call), one at the
/// end (counters, cost of tear-down).
///
///     relaybench churn RATE SECONDS [--hold MILLISECONDS] [--threads N]
///
/// begins RATE calls a second that carry no packet and end after the hold time, for that long, and prints what
/// each costs, first the opening of their sockets, then with pooled ones.
@main
struct RelayBench {
  static func main() throws {
    var arguments = Array(CommandLine.arguments.dropFirst())
    func option(_ name: String, _ standard: Int) -> Int {
      guard let i = arguments.firstIndex(of: "--\(name)"), i + 1 < arguments.count,
        let value = Int(arguments[i + 1])
      else { return standard }
      arguments.removeSubrange(i...i + 1)
      return value
    }
    let threads = option("threads", 2)
    let coalescing = option("coalescing", 300)
    let segmentation = option("segmentation", 1) != 0
    let portA = UInt16(clamping: option("a", 20001))
    let portB = UInt16(clamping: option("b", 20002))
    let hold = option("hold", 300)
    if arguments.count == 3, arguments[0] == "churn", let rate = Int(arguments[1]),
      let seconds = Int(arguments[2]), rate > 0
    {
      return try Churn(threads: threads, rate: rate, hold: hold).run(seconds: seconds)
    }
    guard arguments.count == 3, let calls = Int(arguments[1]), ["rtp", "srtp", "gcm"].contains(arguments[0])
    else {
      FileHandle.standardError.write(
        Data("usage: relaybench rtp|srtp|gcm CALLS OUT | churn RATE SECONDS\n".utf8))
      exit(2)
    }
    let relay = try MediaRelay(
      configuration: MediaRelayConfiguration(
        interfaces: [.init(address: .loopbackIPv4, ports: 30000...59999)], threads: threads,
        portQuarantine: .zero, coalescing: .microseconds(Int64(coalescing)), segmentation: segmentation))
    try relay.start()
    let suite: SDESCrypto.Suite? =
      arguments[0] == "rtp" ? nil : arguments[0] == "srtp" ? .aesCM128HMACSHA1_80 : .aeadAES128GCM

    // The first round opens the sockets, as a gateway does in its first busy minute; the second is what every
    // later call costs.
    var sessions: [RelaySession] = []
    let cold = measure {
      sessions = (0..<calls).compactMap { _ in call(relay, suite, portA, portB)?.session }
    }
    let firstDown = measure {
      for session in sessions { session.close() }
      settle(relay)
    }
    var lines: [String] = []
    sessions = []
    let warm = measure {
      for _ in 0..<calls {
        guard let made = call(relay, suite, portA, portB) else { continue }
        sessions.append(made.session)
        lines.append(made.line)
      }
      settle(relay)
    }
    try Data((lines.joined(separator: "\n") + "\n").utf8).write(to: URL(fileURLWithPath: arguments[2]))
    say(
      "{\"ready\":\(lines.count),\"setup_cold_us\":\(cold / Double(calls)),\"setup_us\":\(warm / Double(calls)),"
        + "\"teardown_us\":\(firstDown / Double(calls))}")
    while let line = readLine(strippingNewline: true), line != "quit" {}
    let counters = relay.counters
    for session in sessions { session.close() }
    relay.shutdown()
    say(
      "{\"relayed\":\(counters.packetsRelayed),\"wakes\":\(counters.wakes),\"drops\":\(counters.drops.total),"
        + "\"strays\":\(counters.strayPackets)}")
  }

  static func call(_ relay: MediaRelay, _ suite: SDESCrypto.Suite?, _ portA: UInt16, _ portB: UInt16)
    -> (session: RelaySession, line: String)?
  {
    let session = relay.openSession { _ in }
    guard let a = session.reserve(), let b = session.reserve() else { return nil }
    var sideA = RelaySide(
      port: a, remoteRTP: TransportAddress(.loopbackIPv4, portA), isRTCPMultiplexed: true,
      payloadTypes: RelayPayloadTypes([.init(0, 0), .init(8, 8), .init(101, 101)]),
      receivedTelephoneEvent: 101)
    let sideB = RelaySide(
      port: b, remoteRTP: TransportAddress(.loopbackIPv4, portB), isRTCPMultiplexed: true,
      payloadTypes: RelayPayloadTypes([.init(0, 0), .init(8, 8), .init(101, 101)]),
      receivedTelephoneEvent: 101)
    var line = "\(a.rtp.port) \(b.rtp.port)"
    if let suite {
      let theirs = key(suite)
      let ours = key(suite)
      sideA.receiveKeys = SRTPParameters(suite: suite, keyAndSalt: Secret(theirs))
      sideA.sendKeys = SRTPParameters(suite: suite, keyAndSalt: Secret(ours))
      line += " \(theirs) \(ours)"
    }
    guard
      session.makeStream(
        RelayStreamConfiguration(a: sideA, b: sideB, timeout: .init(bothSides: .seconds(60))))
        != nil
    else { return nil }
    return (session, line)
  }

  private static func key(_ suite: SDESCrypto.Suite) -> String {
    Data((0..<suite.keyLength + suite.saltLength).map { _ in UInt8.random(in: 0...255) })
      .base64EncodedString()
  }

  /// Waits until the threads have nothing in hand, so that their part is in the measure.
  static func settle(_ relay: MediaRelay) {
    var last = relay.counters.wakes
    repeat {
      usleep(20_000)
      let now = relay.counters.wakes
      if now == last { break }
      last = now
    } while true
  }

  /// CPU microseconds of the whole process.
  static func measure(_ body: () -> Void) -> Double {
    let start = clock(CLOCK_PROCESS_CPUTIME_ID)
    body()
    return clock(CLOCK_PROCESS_CPUTIME_ID) - start
  }

  private static func clock(_ id: clockid_t) -> Double {
    var t = timespec()
    clock_gettime(id, &t)
    return Double(t.tv_sec) * 1e6 + Double(t.tv_nsec) / 1e3
  }

  static func say(_ line: String) { FileHandle.standardOutput.write(Data((line + "\n").utf8)) }
}
