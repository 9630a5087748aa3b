import CallModel
import SIP
import TestCaller

extension TestPhone {
  /// A phone that calls by way of a server, without a registration.
  static func at(
    _ server: TandemServer, _ name: String, answering: TestPhoneConfiguration.Answering = .refuse(486)
  ) async throws -> TestPhone {
    try await TestPhone.start(
      TestPhoneConfiguration(
        identity: NameAddress(uri: SIPURI(user: name, host: .name("elsewhere.test"))),
        server: ServerLocationTarget(uri: server.uri("x")), localAddress: .loopbackIPv4, answering: answering)
    )
  }

  /// A registered one; its password is its name and `-secret`.
  static func registered(
    _ server: TandemServer, _ name: String, answering: TestPhoneConfiguration.Answering = .refuse(486)
  ) async throws -> TestPhone {
    let phone = try await TestPhone.start(
      TestPhoneConfiguration(
        identity: NameAddress(uri: SIPURI(user: name, host: .name("tandem.test"))),
        account: RealmAccount(realm: nil, username: name, password: Secret("\(name)-secret")),
        server: ServerLocationTarget(uri: server.uri("x")), localAddress: .loopbackIPv4, answering: answering)
    )
    try await phone.register()
    return phone
  }

  /// Calls an alias of the server's domain with a tone of its own.
  func call(_ alias: String, tone: Double = 440) async throws -> TestCall {
    guard let uri = SIPURI("sip:\(alias)@tandem.test") else { throw HarnessError("no URI: \(alias)") }
    return try await call(uri, TestCallSettings(sound: .tone(tone)))
  }
}

extension TestCall {
  /// Presses keys, as events in RTP.
  func press(_ keys: String) async throws {
    guard try await send(keys.compactMap { DTMFDigit($0) }) else { throw HarnessError("keys were not taken") }
  }
}

extension TandemServer {
  func uri(_ user: String) throws -> SIPURI {
    guard let uri = SIPURI("sip:\(user)@\(address)") else { throw HarnessError("no URI: \(user)") }
    return uri
  }
}
