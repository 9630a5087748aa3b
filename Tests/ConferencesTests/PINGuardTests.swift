import CallModel
import PolicyEngine
import Testing

@testable import Conferences

/// Guessing PINs (reference §3.2): more than twenty for one service in ten minutes.
struct PINGuardTests {
  private let settings = BreakInProtection()
  private let source = IPAddress("192.0.2.7")
  private func at(_ seconds: Int64) -> MonotonicInstant { .zero + .seconds(seconds) }

  private func isClosed(_ pins: PINGuard, at seconds: Int64, known: Bool = false, service: String = "Weekly")
    -> Bool
  {
    pins.isClosed(service: service, to: source, isKnown: known, settings: settings, now: at(seconds))
  }

  private func counted(_ times: [Int64], known: Bool = false, _ settings: BreakInProtection? = nil)
    -> PINGuard
  {
    var pins = PINGuard()
    for time in times {
      pins.countWrongPIN(
        service: "Weekly", from: source, isKnown: known, settings: settings ?? self.settings, now: at(time))
    }
    return pins
  }

  @Test func twentyAreForgiven() {
    #expect(!isClosed(counted((0..<20).map { $0 }), at: 20))
    let closed = counted((0..<21).map { $0 })
    #expect(isClosed(closed, at: 21))
    #expect(!isClosed(closed, at: 21, known: true), "those we know come in")
    #expect(!isClosed(closed, at: 21, service: "Other"))
  }

  /// The window slides: eleven in the last five minutes and eleven in the five before are too many at once, and not for long.
  @Test func theWindowSlides() {
    let pins = counted((0..<21).map { $0 * 25 })
    #expect(isClosed(pins, at: 500))
    #expect(isClosed(pins, at: 599))
    #expect(!isClosed(pins, at: 600), "the first has left the window")
    let slow = counted((0..<100).map { $0 * 30 })
    #expect(!isClosed(slow, at: 2_970), "twenty in any ten minutes")
  }

  @Test func knownSourcesAreNotCounted() {
    #expect(!isClosed(counted((0..<50).map { $0 }, known: true), at: 50))
    var allowed = settings
    allowed.allowList = ["192.0.2.0/24"].compactMap { IPNetwork($0) }
    #expect(!isClosed(counted((0..<50).map { $0 }, allowed), at: 50))
    var off = settings
    off.pinChecksEnabled = false
    #expect(!isClosed(counted((0..<50).map { $0 }, off), at: 50))
  }

  @Test func servicesAreBounded() {
    var pins = PINGuard(capacity: 10)
    for service in 0..<100 {
      for _ in 0..<21 {
        pins.countWrongPIN(
          service: "s\(service)", from: source, isKnown: false, settings: settings, now: at(Int64(service)))
      }
    }
    #expect((0..<100).filter { isClosed(pins, at: 100, service: "s\($0)") } == Array(90..<100))
  }
}
