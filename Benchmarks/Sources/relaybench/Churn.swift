import CallModel
import Foundation
import MediaRelay
import Synchronization

/// Calls that come and go at a fixed rate, as the signalling makes them.
struct Churn {
  let threads: Int
  let rate: Int
  let hold: Int

  private final class Count: Sendable {
    let closed = Atomic<Int>(0)
    /// Times the signalling had to be woken: a call's end that found no other waiting to be handled.
    let wakes = Atomic<Int>(0)
    let waiting = Atomic<Bool>(false)
  }

  func run(seconds: Int) throws {
    let relay = try MediaRelay(
      configuration: MediaRelayConfiguration(
        interfaces: [.init(address: .loopbackIPv4, ports: 20000...59999)], threads: threads))
    try relay.start()
    defer { relay.shutdown() }
    let count = Count()
    var open: [(end: Int, session: RelaySession)] = []
    var begun = 0
    // As long as a port rests, every call opens its own; from then on they are used again.
    for (name, length) in [("cold", 2), ("warm", seconds)] {
      let wakes = relay.counters.wakes
      let signals = count.wakes.load(ordering: .relaxed)
      let before = begun
      let cost = RelayBench.measure {
        let start = now()
        while now() - start < length * 1_000_000 {
          let due = start + (begun - before) * 1_000_000 / rate
          let next = min(due, open.first?.end ?? due)
          let wait = next - now()
          if wait > 0 { usleep(UInt32(wait)) }
          count.waiting.store(false, ordering: .relaxed)
          while let first = open.first, first.end <= now() {
            first.session.close()
            open.removeFirst()
          }
          guard due <= now() else { continue }
          let session = relay.openSession { event in
            guard case .closed = event else { return }
            count.closed.wrappingAdd(1, ordering: .relaxed)
            if !count.waiting.exchange(true, ordering: .relaxed) {
              count.wakes.wrappingAdd(1, ordering: .relaxed)
            }
          }
          if let a = session.reserve(), let b = session.reserve() {
            _ = session.makeStream(RelayStreamConfiguration(a: side(a, 20001), b: side(b, 20002)))
          }
          open.append((now() + hold * 1_000, session))
          begun += 1
        }
      }
      let calls = Double(max(1, begun - before))
      RelayBench.say(
        "{\"\(name)\":\(begun - before),\"cpu_us\":\(cost / calls),"
          + "\"relay_wakes\":\(Double(relay.counters.wakes - wakes) / calls),"
          + "\"signalling_wakes\":\(Double(count.wakes.load(ordering: .relaxed) - signals) / calls),"
          + "\"ports_warm\":\(relay.counters.portsWarm)}")
    }
    for call in open { call.session.close() }
  }

  private func side(_ port: RelayPort, _ remote: UInt16) -> RelaySide {
    RelaySide(
      port: port, remoteRTP: TransportAddress(.loopbackIPv4, remote),
      payloadTypes: RelayPayloadTypes([.init(0, 0), .init(8, 8), .init(101, 101)]),
      receivedTelephoneEvent: 101)
  }

  /// Microseconds.
  private func now() -> Int {
    var t = timespec()
    clock_gettime(CLOCK_MONOTONIC, &t)
    return t.tv_sec * 1_000_000 + t.tv_nsec / 1_000
  }
}
