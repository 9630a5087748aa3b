import CMediaIO
import CallModel

extension mio_address {
  /// No address.
  static var none: mio_address { mio_address() }

  var isNone: Bool { length == 0 }

  init(_ address: TransportAddress) {
    switch address.ip {
    case .v4(let host): self = mio_address_v4(host, address.port)
    case .v6(let high, let low): self = mio_address_v6(high, low, address.port)
    }
  }

  init(_ address: TransportAddress?) {
    if let address { self.init(address) } else { self = .none }
  }

  var transportAddress: TransportAddress? {
    if length == 0 { return nil }
    return withUnsafePointer(to: self) { p in
      if mio_address_is_v4(p) {
        return TransportAddress(.v4(mio_address_host_v4(p)), mio_address_port(p))
      }
      return TransportAddress(.v6(mio_address_half_v6(p, 0), mio_address_half_v6(p, 8)), mio_address_port(p))
    }
  }
}
