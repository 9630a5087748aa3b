import CallModel
import Gateway
import NIOCore
import SIP
import SIPTransport

/// Server location for the gateway: candidates become hops from the listeners that can reach them.
final class SIPLocator: SIPServerLocator {
  private let locator: ServerLocator
  private let transport: SIPTransportLayer
  private let driver: LoopDriver

  init(_ locator: ServerLocator, transport: SIPTransportLayer, driver: LoopDriver) {
    self.locator = locator
    self.transport = transport
    self.driver = driver
  }

  func locate(_ target: ServerLocationTarget, completion: @escaping ([Hop]) -> Void) {
    locator.locate(target).assumeIsolated().whenComplete { [transport, driver] result in
      let candidates = (try? result.get()) ?? []
      let hops = candidates.compactMap { candidate in
        transport.listener(for: candidate.transport, reaching: candidate.address.ip).map {
          candidate.hop(listener: $0.id)
        }
      }
      driver.turn { completion(hops) }
    }
  }
}
