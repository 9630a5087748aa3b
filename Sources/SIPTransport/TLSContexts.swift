import CallModel
import NIOSSL
import SIP

/// TLS of one listener: our identity, whom we trust as a client, and whether clients must show a certificate.
public struct SIPTLSConfiguration: Sendable {
  /// How the certificate of a server we connect to is checked.
  public enum ServerVerification: Hashable, Sendable {
    /// Chain and name; the name is that of the target (RFC 5922 §4), or its address for numeric targets.
    case full
    /// Chain only.
    case chainOnly
    /// Nothing: for laboratories.
    case none
  }

  public enum ClientVerification: Hashable, Sendable {
    case none
    /// A client without a certificate from ``trust`` is refused (mutual TLS).
    case required
  }

  public enum Trust: Hashable, Sendable {
    case system
    /// PEM files of certificate authorities; nothing else is trusted.
    case files([String])
  }

  public enum Version: Hashable, Sendable { case tls12, tls13 }

  /// PEM file: our certificate first, then intermediates. Also shown to servers that ask for one.
  public var certificateChainFile: String
  /// PEM file with the private key.
  public var privateKeyFile: String
  public var trust: Trust
  public var serverVerification: ServerVerification
  /// Exceptions by server name, or by address for numeric targets, both as in ``Hop``.
  public var serverVerificationByName: [String: ServerVerification]
  public var clientVerification: ClientVerification
  public var minimumVersion: Version

  public init(
    certificateChainFile: String, privateKeyFile: String, trust: Trust = .system,
    serverVerification: ServerVerification = .full,
    serverVerificationByName: [String: ServerVerification] = [:],
    clientVerification: ClientVerification = .none, minimumVersion: Version = .tls12
  ) {
    self.certificateChainFile = certificateChainFile
    self.privateKeyFile = privateKeyFile
    self.trust = trust
    self.serverVerification = serverVerification
    self.serverVerificationByName = serverVerificationByName
    self.clientVerification = clientVerification
    self.minimumVersion = minimumVersion
  }
}

/// What is wrong with the TLS files of a listener.
public struct SIPTLSError: Error, Hashable, Sendable, CustomStringConvertible {
  public var file: String
  public var problem: String
  public var description: String { "\(file): \(problem)" }
}

/// The contexts made from a ``SIPTLSConfiguration``: files are read once, here, and not per connection.
struct TLSContexts {
  let server: NIOSSLContext
  private let clients: [SIPTLSConfiguration.ServerVerification: NIOSSLContext]
  private let configuration: SIPTLSConfiguration

  init(_ configuration: SIPTLSConfiguration) throws {
    self.configuration = configuration
    let chainFile = configuration.certificateChainFile
    let chain = try reading(chainFile) { try NIOSSLCertificate.fromPEMFile(chainFile) }
    guard !chain.isEmpty else { throw SIPTLSError(file: chainFile, problem: "holds no certificate") }
    let keyFile = configuration.privateKeyFile
    let key = try reading(keyFile) { try NIOSSLPrivateKey(file: keyFile, format: .pem) }
    let trust: NIOSSLTrustRoots
    switch configuration.trust {
    case .system:
      trust = .default
    case .files(let files):
      trust = .certificates(
        try files.flatMap { file in try reading(file) { try NIOSSLCertificate.fromPEMFile(file) } })
    }
    let version: TLSVersion = configuration.minimumVersion == .tls13 ? .tlsv13 : .tlsv12

    var server = TLSConfiguration.makeServerConfiguration(
      certificateChain: chain.map { .certificate($0) }, privateKey: .privateKey(key))
    server.minimumTLSVersion = version
    if configuration.clientVerification == .required {
      server.certificateVerification = .noHostnameVerification
      server.trustRoots = trust
    }
    self.server = try reading(keyFile) { try NIOSSLContext(configuration: server) }

    var clients: [SIPTLSConfiguration.ServerVerification: NIOSSLContext] = [:]
    for verification in Set(
      [configuration.serverVerification] + configuration.serverVerificationByName.values)
    {
      var client = TLSConfiguration.makeClientConfiguration()
      client.minimumTLSVersion = version
      client.certificateChain = chain.map { .certificate($0) }
      client.privateKey = .privateKey(key)
      client.trustRoots = trust
      switch verification {
      case .full, .chainOnly: client.certificateVerification = .noHostnameVerification
      case .none: client.certificateVerification = .none
      }
      clients[verification] = try reading(keyFile) { try NIOSSLContext(configuration: client) }
    }
    self.clients = clients
  }

  func serverHandler() -> NIOSSLServerHandler { NIOSSLServerHandler(context: server) }

  func verification(for hop: Hop) -> SIPTLSConfiguration.ServerVerification {
    let name = hop.serverName ?? hop.remote.ip.description
    return configuration.serverVerificationByName[name] ?? configuration.serverVerification
  }

  /// The handler for a connection to this hop. It checks the chain; the name is left to ``CertificateIdentity``.
  func clientHandler(for hop: Hop) throws -> NIOSSLClientHandler {
    let verification = verification(for: hop)
    guard let context = clients[verification] else { throw SIPTransportFailure.tlsFailed }
    let serverName = hop.serverName.flatMap { IPAddress($0) == nil ? $0 : nil }
    return try NIOSSLClientHandler(context: context, serverHostname: serverName)
  }
}

/// Names the file in whatever the TLS library says about it.
private func reading<T>(_ file: String, _ body: () throws -> T) throws -> T {
  do {
    return try body()
  } catch let error as SIPTLSError {
    throw error
  } catch {
    throw SIPTLSError(file: file, problem: "\(error)")
  }
}
