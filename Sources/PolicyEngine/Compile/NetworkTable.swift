import CallModel

/// Longest-prefix look-up: one hash table for each prefix length in use, longest first.
struct NetworkTable<Value: Sendable>: Sendable {
  private var byLength: [(length: Int, isIPv6: Bool, values: [IPAddress: Value])] = []

  /// The first of two equal networks wins.
  init(_ entries: [(IPNetwork, Value)]) {
    for (network, value) in entries {
      let isIPv6 = network.base.isIPv6
      if let i = byLength.firstIndex(where: { $0.length == network.prefixLength && $0.isIPv6 == isIPv6 }) {
        if byLength[i].values[network.base] == nil { byLength[i].values[network.base] = value }
      } else {
        byLength.append((network.prefixLength, isIPv6, [network.base: value]))
      }
    }
    byLength.sort { $0.length > $1.length }
  }

  func lookUp(_ address: IPAddress) -> Value? {
    let address = address.unmapped
    for table in byLength where table.isIPv6 == address.isIPv6 {
      guard let network = IPNetwork(address, prefixLength: table.length) else { continue }
      if let value = table.values[network.base] { return value }
    }
    return nil
  }
}

extension IPNetwork {
  var isAddress: Bool { prefixLength == (base.isIPv6 ? 128 : 32) }
}

extension IPAddress {
  /// `::ffff:192.0.2.1`, as a dual-stack socket reports an IPv4 peer, is `192.0.2.1`.
  package var unmapped: IPAddress {
    if case .v6(0, let low) = self, low >> 32 == 0xffff { return .v4(UInt32(truncatingIfNeeded: low)) }
    return self
  }
}
