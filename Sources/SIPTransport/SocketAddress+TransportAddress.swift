import CallModel
import NIOCore
import NIOPosix

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

// The members of `sockaddr_in` belong to whichever C module the compiler met first, so they cannot be named here. The
// layout is that of the system's ABI: family in host order, port and address in network order.
extension TransportAddress {
  /// Nil for Unix sockets. An IPv4-mapped IPv6 address stays IPv6: listeners are of one family.
  init?(_ address: SocketAddress) {
    switch address {
    case .v4(let v4):
      self = withUnsafeBytes(of: v4.address) { raw in
        TransportAddress(
          .v4(UInt32(bigEndian: raw.loadUnaligned(fromByteOffset: 4, as: UInt32.self))),
          UInt16(bigEndian: raw.loadUnaligned(fromByteOffset: 2, as: UInt16.self)))
      }
    case .v6(let v6):
      self = withUnsafeBytes(of: v6.address) { raw in
        TransportAddress(
          .v6(
            UInt64(bigEndian: raw.loadUnaligned(fromByteOffset: 8, as: UInt64.self)),
            UInt64(bigEndian: raw.loadUnaligned(fromByteOffset: 16, as: UInt64.self))),
          UInt16(bigEndian: raw.loadUnaligned(fromByteOffset: 2, as: UInt16.self)))
      }
    case .unixDomainSocket:
      return nil
    }
  }

  /// Built from the number, without a parser and without text.
  var socketAddress: SocketAddress {
    // family, port, flow label, address, scope: 28 bytes of `sockaddr_in6`, of which `sockaddr_in` takes 16.
    withUnsafeTemporaryAllocation(byteCount: 32, alignment: 8) { raw in
      raw.initializeMemory(as: UInt8.self, repeating: 0)
      raw.storeBytes(of: port.bigEndian, toByteOffset: 2, as: UInt16.self)
      switch ip {
      case .v4(let address):
        raw.storeBytes(of: UInt16(AF_INET), as: UInt16.self)
        raw.storeBytes(of: address.bigEndian, toByteOffset: 4, as: UInt32.self)
        return SocketAddress(raw.loadUnaligned(as: sockaddr_in.self))
      case .v6(let high, let low):
        raw.storeBytes(of: UInt16(AF_INET6), as: UInt16.self)
        raw.storeBytes(of: high.bigEndian, toByteOffset: 8, as: UInt64.self)
        raw.storeBytes(of: low.bigEndian, toByteOffset: 16, as: UInt64.self)
        return SocketAddress(raw.loadUnaligned(as: sockaddr_in6.self))
      }
    }
  }
}

extension MonotonicInstant {
  /// The clock of the event loops.
  static func now() -> MonotonicInstant {
    MonotonicInstant(nanoseconds: Int64(clamping: NIODeadline.now().uptimeNanoseconds))
  }
}

extension TimeSpan {
  var timeAmount: TimeAmount { .nanoseconds(nanoseconds) }
}

extension SIPTransportFailure {
  /// What the system or NIO said, in our terms.
  init(_ error: any Error) {
    if let failure = error as? SIPTransportFailure {
      self = failure
    } else if let error = error as? IOError {
      self.init(errno: error.errnoCode)
    } else if let error = error as? NIOConnectionError {
      self = error.connectionErrors.first.map { SIPTransportFailure($0.error) } ?? .unreachable
    } else if let error = error as? ChannelError {
      switch error {
      case .connectTimeout: self = .timeout
      case .ioOnClosedChannel, .alreadyClosed, .inputClosed, .outputClosed, .eof: self = .connectionClosed
      case .writeMessageTooLarge: self = .tooLarge
      default: self = .system
      }
    } else {
      self = .system
    }
  }

  private init(errno code: CInt) {
    switch code {
    case ECONNREFUSED: self = .refused
    case ETIMEDOUT: self = .timeout
    case EHOSTUNREACH, ENETUNREACH, EHOSTDOWN, ENETDOWN, EADDRNOTAVAIL, EACCES, EPERM: self = .unreachable
    case ECONNRESET, EPIPE, ECONNABORTED, ENOTCONN: self = .connectionClosed
    case EMSGSIZE: self = .tooLarge
    case ENOBUFS, ENOMEM: self = .queueFull
    default: self = .system
    }
  }
}

extension ChannelOption where Self == ChannelOptions.Types.SocketOption {
  /// Keeps an IPv6 listener from taking IPv4 as well (RFC 3493 §5.3): each family has a listener of its own.
  static var ipv6Only: Self { .init(level: .ipv6, name: .ipv6_v6only) }
}
