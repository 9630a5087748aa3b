import CallModel
import MediaRelay
import Router

/// Hosts test calls: whoever dials one hears and sees himself (`service_type: test_call`).
public final class TestCallHost: CallHost {
  let exchange: Exchange
  let media: MediaAccess
  private var calls: [LegID: TestCall] = [:]

  /// A test call ends by itself after this long: nobody tests for longer, and a forgotten one would hold its ports.
  static let maximumDuration = TimeSpan.seconds(600)

  public init(exchange: Exchange, media: MediaAccess) {
    self.exchange = exchange
    self.media = media
  }

  public func take(_ incoming: IncomingCall) {
    guard case .service(let service) = incoming.routed.decision else { return }
    let call = TestCall(host: self, incoming: incoming, service: service)
    calls[incoming.leg.id] = call
    call.start()
  }

  func forget(_ leg: LegID) { calls[leg] = nil }
}
