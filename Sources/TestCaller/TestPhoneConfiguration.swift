import CallModel
import Codecs
import SIP
import SIPTransport

/// What a test phone sends into a call.
public enum TestSound: Hashable, Sendable {
  /// A sine of so many hertz.
  case tone(Double)
  /// What it hears, packet by packet.
  case echo
  case silence
}

/// A SIP phone for tests: who it is, by which server it calls, what it can do.
public struct TestPhoneConfiguration: Sendable {
  /// What happens to calls that come in.
  public enum Answering: Hashable, Sendable {
    /// 180, and 200 after this time.
    case answer(TestSound, after: TimeSpan)
    /// 180 and nothing more.
    case ring
    /// This status, 300-699.
    case refuse(Int)
  }

  /// Address of record: From of calls, and what is registered.
  public var identity: NameAddress
  /// Answers digest challenges of any realm.
  public var account: RealmAccount?
  /// Where requests go first. Nil: to where the called URI says.
  public var server: ServerLocationTarget?
  /// Used where the server or the URI name no transport, and for listening when there is no server.
  public var transport: SIPTransportProtocol
  /// Nil: the address by which the server is reached, or 127.0.0.1 without a server.
  public var localAddress: IPAddress?
  /// Needed to use TLS.
  public var tls: SIPTLSConfiguration?
  /// In order of preference; at least one.
  public var codecs: [G711]
  public var encryption: MediaEncryption
  public var suites: [SDESCrypto.Suite]
  public var answering: Answering
  public var timers: TransactionTimers
  public var product: String

  public init(
    identity: NameAddress, account: RealmAccount? = nil, server: ServerLocationTarget? = nil,
    transport: SIPTransportProtocol = .udp, localAddress: IPAddress? = nil, tls: SIPTLSConfiguration? = nil,
    codecs: [G711] = [.pcmu, .pcma], encryption: MediaEncryption = .off,
    suites: [SDESCrypto.Suite] = SDESCrypto.standardSuites, answering: Answering = .refuse(486),
    timers: TransactionTimers = TransactionTimers(), product: String = "Tandem test caller"
  ) {
    self.identity = identity
    self.account = account
    self.server = server
    self.transport = transport
    self.localAddress = localAddress
    self.tls = tls
    self.codecs = codecs.isEmpty ? [.pcmu, .pcma] : codecs
    self.encryption = encryption
    self.suites = suites
    self.answering = answering
    self.timers = timers
    self.product = product
  }
}

/// Why a test phone could not be started or could not register, in words for its user.
public struct TestPhoneError: Error, Hashable, Sendable, CustomStringConvertible {
  public var description: String
  /// The status that refused a registration.
  public var status: Int?

  public init(_ description: String, status: Int? = nil) {
    self.description = description
    self.status = status
  }
}
