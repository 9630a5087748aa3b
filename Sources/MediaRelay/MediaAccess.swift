import COpenSSL
import CallModel

/// The relay as calls see it: sessions, fresh keys, and a way back from the relay's threads to the call's
/// loop.
public final class MediaAccess {
  public let relay: MediaRelay
  /// Runs a closure on the signalling loop. Called on relay threads.
  private let post: @Sendable (@escaping @Sendable () -> Void) -> Void
  private let randomKey: (Int) -> [UInt8]

  /// - Parameters:
  ///   - post: runs a closure on the signalling loop; called on relay threads.
  ///   - randomKey: cryptographically random bytes.
  public init(
    relay: MediaRelay, post: @escaping @Sendable (@escaping @Sendable () -> Void) -> Void,
    randomKey: @escaping (Int) -> [UInt8] = MediaAccess.randomBytes
  ) {
    self.relay = relay
    self.post = post
    self.randomKey = randomKey
  }

  /// From OpenSSL's generator. A generator that fails leaves nothing safe to go on with.
  public static func randomBytes(_ count: Int) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: count)
    precondition(RAND_bytes(&bytes, Int32(count)) == 1, "no random numbers")
    return bytes
  }

  /// A fresh SDES master key and salt for the suite, in base64 (RFC 4568 §6.1).
  public func freshKey(_ suite: SDESCrypto.Suite) -> Secret {
    let bytes = randomKey(suite.keyLength + suite.saltLength)
    guard let crypto = SDESCrypto(tag: 1, suite: suite, keyAndSalt: bytes) else {
      preconditionFailure("a key of \(bytes.count) bytes for \(suite)")
    }
    return crypto.keyAndSalt
  }

  /// Opens a session whose events arrive on the signalling loop.
  public func openSession(onEvent: @escaping (RelayEvent) -> Void) -> RelaySession {
    let handler = LoopConfined(onEvent)
    let post = post
    return relay.openSession { event in post { handler.value(event) } }
  }

  /// The addresses media may use.
  public var interfaces: [MediaRelayConfiguration.Interface] { relay.configuration.interfaces }

  /// The index of the interface that serves the family of `address`: the far end must be able to send there.
  public func interface(for address: IPAddress?) -> Int {
    guard let address else { return 0 }
    return interfaces.firstIndex { $0.address.isIPv6 == address.isIPv6 } ?? 0
  }

  /// The interfaces that may serve the far end at `address`, most wanted first: those bound to one of `wanted`. Where none of
  /// these is of its family, or nothing is wanted, the one that ``interface(for:)`` finds.
  public func interfaces(for address: IPAddress?, among wanted: [IPAddress]) -> [Int] {
    let isIPv6 = (address ?? wanted.first)?.isIPv6
    let usable = wanted.compactMap { bound in interfaces.firstIndex { $0.address == bound } }
      .filter { interfaces[$0].address.isIPv6 == isIPv6 }
    return usable.isEmpty ? [interface(for: address)] : usable
  }
}

/// A value that is made, used and released on the signalling loop only, and merely carried by others.
///
/// Sendable by that promise: whoever holds it hands it to ``MediaAccess/post`` and does not look inside.
struct LoopConfined<Value>: @unchecked Sendable {
  let value: Value
  init(_ value: Value) { self.value = value }
}
