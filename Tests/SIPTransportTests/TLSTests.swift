import CallModel
import SIP
import SIPTransport
import Testing

@Suite(.timeLimit(.minutes(1))) struct TLSTests {
  private struct Pair {
    var server: TransportFixture
    var client: TransportFixture
    var serverListener: BoundListener
    var clientListener: BoundListener

    func close() async throws {
      try await client.close()
      try await server.close()
    }
  }

  private func pair(
    server: (inout SIPTLSConfiguration) -> Void = { _ in }, identity: String = "server",
    client: (inout SIPTLSConfiguration) -> Void = { _ in }, trust: String = "ca.pem"
  ) async throws -> Pair {
    let certificates = TestCertificates.shared
    let serverLayer = try await TransportFixture.make()
    let clientLayer = try await TransportFixture.make()
    return Pair(
      server: serverLayer, client: clientLayer,
      serverListener: try await serverLayer.listen(
        .tls, tls: try certificates.configuration(identity, server)),
      clientListener: try await clientLayer.listen(
        .tls, tls: try certificates.configuration("server", trust: trust, client)))
  }

  @Test(arguments: [String?.none, "sip.test"])
  func theCertificateMustCarryTheNameOrTheAddress(_ name: String?) async throws {
    let pair = try await pair()
    let hop = pair.serverListener.hop(from: pair.clientListener, serverName: name)
    try await pair.client.send(options(transport: .tls), over: hop)
    #expect(try await pair.server.nextMessage().hop.transport == .tls)
    try await pair.close()
  }

  @Test func anotherNameIsRefused() async throws {
    let pair = try await pair()
    let hop = pair.serverListener.hop(from: pair.clientListener, serverName: "evil.test")
    try await pair.client.send(options(transport: .tls), over: hop)
    let failed = try await pair.client.nextFailure()
    #expect(failed.hop == hop && failed.failure == .tlsFailed)
    #expect(try await pair.client.counters().tlsFailures == 1)
    try await pair.close()
  }

  @Test func aConnectionIsNotSharedBetweenNames() async throws {
    let pair = try await pair()
    let good = pair.serverListener.hop(from: pair.clientListener, serverName: "sip.test")
    try await pair.client.send(options("a", transport: .tls), over: good)
    _ = try await pair.server.nextMessage()
    let bad = pair.serverListener.hop(from: pair.clientListener, serverName: "evil.test")
    try await pair.client.send(options("b", transport: .tls), over: bad)
    #expect(try await pair.client.nextFailure().failure == .tlsFailed)
    try await pair.close()
  }

  @Test func anotherAuthorityIsRefusedUnlessNothingIsVerified() async throws {
    let strict = try await pair(trust: "other.pem")
    try await strict.client.send(
      options(transport: .tls), over: strict.serverListener.hop(from: strict.clientListener))
    #expect(try await strict.client.nextFailure().failure == .tlsFailed)
    try await strict.close()

    let lax = try await pair(client: { $0.serverVerification = .none }, trust: "other.pem")
    try await lax.client.send(
      options(transport: .tls), over: lax.serverListener.hop(from: lax.clientListener, serverName: "any.test")
    )
    _ = try await lax.server.nextMessage()
    try await lax.close()
  }

  @Test func verificationCanDifferByServer() async throws {
    let pair = try await pair(client: { $0.serverVerificationByName = ["lab.test": .chainOnly] })
    try await pair.client.send(
      options("a", transport: .tls),
      over: pair.serverListener.hop(from: pair.clientListener, serverName: "lab.test"))
    _ = try await pair.server.nextMessage()
    try await pair.client.send(
      options("b", transport: .tls),
      over: pair.serverListener.hop(from: pair.clientListener, serverName: "field.test"))
    #expect(try await pair.client.nextFailure().failure == .tlsFailed)
    try await pair.close()
  }

  @Test func aClientWithoutATrustedCertificateIsRefused() async throws {
    let good = try await pair(server: { $0.clientVerification = .required })
    try await good.client.send(
      options(transport: .tls), over: good.serverListener.hop(from: good.clientListener))
    _ = try await good.server.nextMessage()
    try await good.close()

    let bad = try await pair(server: {
      $0.clientVerification = .required
      $0.trust = .files([TestCertificates.shared.file("other.pem")])
    })
    try await bad.client.send(
      options(transport: .tls), over: bad.serverListener.hop(from: bad.clientListener))
    // With TLS 1.3 the client learns of it after its own handshake: its message or its connection is lost.
    switch try await bad.client.next() {
    case .failed(_, let failure): #expect(failure == .tlsFailed || failure == .connectionClosed)
    case .closed(_, let reason): #expect(reason == .network || reason == .byPeer)
    case .received, .malformed, .pong: Issue.record("a stranger was served")
    }
    try await bad.close()
    #expect(try await bad.server.counters().tls.messagesReceived == 0)
    #expect(try await bad.server.counters().tlsFailures == 1)
  }

  @Test func aReloadedCertificateIsShownToNewConnections() async throws {
    let pair = try await pair()
    let old = pair.serverListener.hop(from: pair.clientListener, serverName: "sip.test")
    try await pair.client.send(options("a", transport: .tls), over: old)
    _ = try await pair.server.nextMessage()
    let renewed = try TestCertificates.shared.configuration("renewed")
    let id = pair.serverListener.id
    try await pair.server.run { try $0.reloadTLS(id, renewed) }
    // The old connection goes on; a new one sees the new certificate.
    try await pair.client.send(options("b", transport: .tls), over: old)
    _ = try await pair.server.nextMessage()
    let new = pair.serverListener.hop(from: pair.clientListener, serverName: "renewed.test")
    try await pair.client.send(options("c", transport: .tls), over: new)
    _ = try await pair.server.nextMessage()
    // Bad files change nothing.
    var broken = renewed
    broken.privateKeyFile = TestCertificates.shared.file("ca.pem")
    let configuration = broken
    await #expect(throws: SIPTLSError.self) {
      try await pair.server.run { try $0.reloadTLS(id, configuration) }
    }
    try await pair.close()
  }

  @Test(arguments: ["missing.pem", "server.key"])
  func badFilesAreNamed(_ file: String) async throws {
    let layer = try await TransportFixture.make()
    var configuration = try TestCertificates.shared.configuration()
    configuration.certificateChainFile = TestCertificates.shared.file(file)
    do {
      _ = try await layer.listen(.tls, tls: configuration)
      Issue.record("a listener without a certificate")
    } catch let error as SIPTLSError {
      #expect(error.file == configuration.certificateChainFile)
    }
    await #expect(throws: SIPTLSError.self) { _ = try await layer.listen(.tls) }
    try await layer.close()
  }

  @Test func aPeerThatDoesNotSpeakTLSIsCutOff() async throws {
    var configuration = SIPTransportConfiguration()
    configuration.handshakeTimeout = .milliseconds(100)
    let layer = try await TransportFixture.make(configuration)
    let listener = try await layer.listen(.tls, tls: try TestCertificates.shared.configuration())
    let silent = try await RawClient.connect(to: listener.local)
    try await silent.closed()
    let plain = try await RawClient.connect(to: listener.local)
    try await plain.write(options(transport: .tcp))
    try await plain.closed()
    let counters = try await layer.counters()
    #expect(counters.closed[.handshakeTimeout] == 1 && counters.closed[.tlsFailed] == 1)
    #expect(counters.connections == 0)
    try await layer.close()
  }
}
