import CallModel

extension LatchPolicy {
  /// The policy for a party that named `signalled` in its description and whose signalling comes from `signalling`.
  ///
  /// An address that means nothing outside its own network, named from elsewhere, is the mark of a NAT: the party's own
  /// packets tell where it is. Loopback addresses are all this very host, which chooses among them freely when it sends.
  public init(signalled: IPAddress, signalling: IPAddress?) {
    let isNatted = signalling.map { $0 != signalled && signalled.isPrivate } ?? false
    self.init(isNatted || signalled.isLoopback ? .any : .signalledAddress, signallingAddress: signalling)
  }
}

extension IPAddress {
  /// Addresses that mean nothing outside their own network (RFC 1918, RFC 6598, RFC 3927, RFC 4193, RFC 4291 §2.5.6).
  var isPrivate: Bool {
    switch self {
    case .v4(let a):
      a >> 24 == 10 || a >> 20 == 0xac1 || a >> 16 == 0xc0a8 || a >> 22 == 0x191 || a >> 16 == 0xa9fe
    case .v6(let high, _): high >> 57 == 0x7e || high >> 54 == 0x3fa
    }
  }
}
