import CallModel
import NIOCore
import SIP

/// One call of a ``TestPhone``, in either direction.
public final class TestCall: Sendable {
  private let call: NIOLoopBound<PhoneCall>
  private let core: NIOLoopBound<PhoneCore>
  private var eventLoop: any EventLoop { core.eventLoop }

  init(_ call: PhoneCall, _ core: PhoneCore) {
    self.call = NIOLoopBound(call, eventLoop: core.eventLoop)
    self.core = NIOLoopBound(core, eventLoop: core.eventLoop)
  }

  private func wait(
    _ limit: TimeSpan, _ condition: @escaping @Sendable (PhoneCall) -> Bool
  ) async throws -> Bool {
    try await eventLoop.flatSubmit { [call] in call.value.wait(within: limit, until: condition) }.get()
  }

  /// True once the other side rings; false when it does not in time.
  public func rings(within limit: TimeSpan) async throws -> Bool {
    try await wait(limit) { $0.ringingAt != nil }
  }

  /// True once the call is answered; false when it ended first, or the time is up.
  public func isAnswered(within limit: TimeSpan) async throws -> Bool {
    try await wait(limit) { $0.answeredAt != nil }
  }

  /// True once so many seconds of audio were received in all.
  public func hears(seconds: Double, within limit: TimeSpan) async throws -> Bool {
    try await wait(limit) { Double($0.audio?.assembly.samples.count ?? 0) >= seconds * 8000 }
  }

  /// True once so many digits were received in all.
  public func hears(digits count: Int, within limit: TimeSpan) async throws -> Bool {
    try await wait(limit) { ($0.audio?.heardDigits.digits.count ?? 0) + $0.infoDigits.count >= count }
  }

  /// True once the call is over.
  public func ends(within limit: TimeSpan) async throws -> Bool {
    try await wait(limit) { $0.state == .ended }
  }

  /// True once the other side holds the call, or holds it no more.
  public func isHeld(_ isHeld: Bool, within limit: TimeSpan) async throws -> Bool {
    try await wait(limit) { $0.isHeldByPeer == isHeld }
  }

  /// Queues digits as RFC 4733 events; false when the other side does not take them, or too many wait. Each takes 300 ms.
  public func send(_ digits: [DTMFDigit]) async throws -> Bool {
    try await eventLoop.submit { [call] in call.value.audio?.send(digits) ?? false }.get()
  }

  /// Puts the other side on hold, or takes it off; true when it agreed.
  public func hold(_ isHeld: Bool = true) async throws -> Bool {
    try await eventLoop.flatSubmit { [call] in call.value.hold(isHeld) }.get()
  }

  /// Hangs up, or gives up a call that is not answered, and reports.
  public func hangUp() async throws -> TestCallReport {
    try await eventLoop.submit { [call] in call.value.hangUp() }.get()
    // BYE and CANCEL end the session at once or with the answer to the INVITE.
    _ = try await ends(within: .seconds(4))
    return try await report()
  }

  /// What is known by now.
  public func report() async throws -> TestCallReport {
    let (facts, samples) = try await eventLoop.submit { [call, core] in
      (TestCallReport(call.value, core.value), call.value.audio?.assembly.samples ?? [])
    }.get()
    // The analysis takes a while: not on the event loop, where packets are sent.
    return facts.analysed(samples)
  }
}
