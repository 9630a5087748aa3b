import CallModel
import TestSupport
import Testing

@testable import SIP

private let start = MonotonicInstant(nanoseconds: 5_000_000_000)
private let password = Secret("correct horse")

private func request(
  _ method: SIPMethod = .register, user: String? = nil, body: [UInt8] = []
) -> SIPRequest {
  var headers = SIPHeaders()
  headers.append(.via, "SIP/2.0/UDP a;branch=z9hG4bKa")
  headers.append(.from, "<sip:alice@example.org>;tag=a")
  headers.append(.to, "<sip:alice@example.org>")
  headers.append(.callID, "c")
  headers.append(.cSeq, "1 \(method)")
  return SIPRequest(
    method: method, uri: SIPURI(user: user, host: .name("example.org")), headers: headers, body: body)
}

private func account(_ username: String) -> DigestServer.Account? {
  username == "alice" ? .password(password) : nil
}

/// Answers a challenge of `server`'s as `username` would.
private func answered(
  _ server: inout DigestServer, _ original: SIPRequest = request(), username: String = "alice",
  password: Secret = password, isStale: Bool = false, now: MonotonicInstant = start,
  client: DigestClient = DigestClient()
) throws -> SIPRequest {
  var client = client
  let challenge = server.challenge(original, isStale: isStale, toTag: "t", now: now)
  let answer = client.answer(challenge, to: original) { _ in .init(username: username, password: password) }
  guard case .retry(let retry) = answer else { throw UnexpectedAnswer() }
  return retry
}

private struct UnexpectedAnswer: Error {}

/// The request with one parameter of its credentials changed.
private func tampered(_ original: SIPRequest, _ name: String, _ value: String) throws -> SIPRequest {
  var copy = original
  var field = try #require(original.headers.authenticationParameters(.authorization).first)
  field[name] = value
  copy.headers.set(.authorization, field.description)
  return copy
}

@Suite struct DigestServerTests {
  private func server(
    algorithms: [DigestAlgorithm] = [.sha256, .md5], bodies: Bool = false, withoutProtection: Bool = true,
    capacity: Int = 1_000
  ) -> DigestServer {
    DigestServer(
      .init(
        realm: "example.org", algorithms: algorithms, offersBodyProtection: bodies,
        acceptsWithoutProtection: withoutProtection, nonceCapacity: capacity), role: .userAgent)
  }

  @Test func challengesOnePerAlgorithmInOrder() throws {
    var server = server()
    let response = server.challenge(request(), isStale: false, toTag: "t", now: start)
    #expect(response.status == 401)
    let fields = response.headers.authenticationParameters(.wwwAuthenticate)
    #expect(fields.map { $0["algorithm"] } == ["SHA-256", "MD5"])
    #expect(fields.allSatisfy { $0["realm"] == "example.org" && $0["qop"] == "auth" && $0["stale"] == nil })
    #expect(Set(fields.map { $0["nonce"] }).count == 1)
    var proxy = DigestServer(.init(realm: "p"), role: .proxy)
    let other = proxy.challenge(request(), isStale: true, toTag: nil, now: start)
    #expect(other.status == 407)
    #expect(other.headers.authenticationParameters(.proxyAuthenticate).first?["stale"] == "true")
    #expect(!other.headers.contains(.wwwAuthenticate))
  }

  @Test func rightPasswordIsLetIn() throws {
    var server = server()
    #expect(
      server.verify(request(), now: start, account: account)
        == .challenge(isStale: false, reason: .noCredentials))
    let retry = try answered(&server)
    #expect(server.verify(retry, now: start, account: account) == .authenticated(username: "alice"))
  }

  @Test func storedKeysServeAsWell() throws {
    var server = server()
    let key = DigestComputation.storedKey(
      username: "alice", realm: "example.org", password: password, algorithm: .sha256)
    let stored = DigestServer.Account.storedKeys([
      .sha256: Secret(String(decoding: key, as: UTF8.self).uppercased())
    ])
    let retry = try answered(&server)
    #expect(server.verify(retry, now: start) { _ in stored } == .authenticated(username: "alice"))
    var md5Only = self.server(algorithms: [.md5])
    let other = try answered(&md5Only)
    #expect(
      md5Only.verify(other, now: start) { _ in stored }
        == .challenge(isStale: false, reason: .wrongCredentials))
  }

  @Test func unknownUserAndWrongPasswordGetTheSameAnswer() throws {
    var server = server()
    let wrong = try answered(&server, password: Secret("guess"))
    let unknown = try answered(&server, username: "mallory")
    let expected = DigestServer.Verdict.challenge(isStale: false, reason: .wrongCredentials)
    #expect(server.verify(wrong, now: start, account: account) == expected)
    #expect(server.verify(unknown, now: start, account: account) == expected)
    #expect(server.noncesInUse == 0)
  }

  @Test func replayIsSeenAndOvertakingIsNot() throws {
    var server = server()
    var client = DigestClient()
    let challenge = server.challenge(request(), isStale: false, toTag: "t", now: start)
    guard
      case .retry(let first) = client.answer(
        challenge, to: request(), account: { _ in .init(username: "alice", password: password) })
    else { throw UnexpectedAnswer() }
    let later = (0..<5).map { _ -> SIPRequest in
      var next = request()
      client.authorise(&next)
      return next
    }
    for retry in [later[2], first, later[0], later[4]] {
      #expect(server.verify(retry, now: start, account: account) == .authenticated(username: "alice"))
    }
    let replayed = DigestServer.Verdict.challenge(isStale: true, reason: .replayed)
    for retry in [later[2], first, later[4]] {
      #expect(server.verify(retry, now: start, account: account) == replayed)
    }
    #expect(server.verify(later[1], now: start, account: account) == .authenticated(username: "alice"))
  }

  @Test func withoutProtectionANonceServesOnce() throws {
    var server = server(algorithms: [.md5])
    var challenge = server.challenge(request(), isStale: false, toTag: "t", now: start)
    var field = try #require(challenge.headers.authenticationParameters(.wwwAuthenticate).first)
    field.parameters.removeAll { $0.name == "qop" || $0.name == "algorithm" }
    challenge.headers.set(.wwwAuthenticate, field.description)
    var client = DigestClient()
    guard
      case .retry(let retry) = client.answer(
        challenge, to: request(), account: { _ in .init(username: "alice", password: password) })
    else { throw UnexpectedAnswer() }
    let sent = try #require(retry.headers.authenticationParameters(.authorization).first)
    #expect(sent["qop"] == nil && sent["nc"] == nil && sent["cnonce"] == nil && sent["algorithm"] == nil)
    var strict = self.server(algorithms: [.md5], withoutProtection: false)
    #expect(
      strict.verify(retry, now: start, account: account)
        == .challenge(isStale: false, reason: .malformedCredentials))
    #expect(server.verify(retry, now: start, account: account) == .authenticated(username: "alice"))
    #expect(
      server.verify(retry, now: start, account: account) == .challenge(isStale: true, reason: .replayed))
  }

  @Test func nonceExpiresAndOnlyTheRightPasswordLearnsIt() throws {
    var server = server()
    let right = try answered(&server)
    let wrong = try answered(&server, password: Secret("guess"))
    let atTheEnd = start + .seconds(300)
    let after = atTheEnd + .nanoseconds(1)
    #expect(
      server.verify(right, now: after, account: account)
        == .challenge(isStale: true, reason: .staleNonce))
    #expect(
      server.verify(wrong, now: after, account: account)
        == .challenge(isStale: false, reason: .wrongCredentials))
    #expect(server.verify(right, now: atTheEnd, account: account) == .authenticated(username: "alice"))
    // A nonce from the future, or of a server with another key.
    let future = try answered(&server, now: start + .seconds(10))
    #expect(
      server.verify(future, now: start, account: account) == .challenge(isStale: true, reason: .staleNonce))
    var other = self.server()
    let foreign = try answered(&other)
    #expect(
      server.verify(foreign, now: start, account: account) == .challenge(isStale: true, reason: .staleNonce))
  }

  @Test func serversWithOneKeyAcceptEachOthersNonces() throws {
    let key = [UInt8](repeating: 9, count: 16)
    var one = DigestServer(.init(realm: "example.org"), role: .userAgent, key: key)
    var two = DigestServer(.init(realm: "example.org"), role: .userAgent, key: key)
    let retry = try answered(&one)
    #expect(two.verify(retry, now: start, account: account) == .authenticated(username: "alice"))
  }

  @Test func credentialsAreForOneURIAndOneMethod() throws {
    var server = server()
    let retry = try answered(&server, request(.invite, user: "bob"))
    var elsewhere = retry
    elsewhere.uri = SIPURI(user: "premium", host: .name("example.org"))
    #expect(
      server.verify(elsewhere, now: start, account: account)
        == .challenge(isStale: false, reason: .wrongURI))
    var otherMethod = retry
    otherMethod.method = .bye
    #expect(
      server.verify(otherMethod, now: start, account: account)
        == .challenge(isStale: false, reason: .wrongCredentials))
    var withParameter = retry
    withParameter.uri.host = .name("EXAMPLE.org")
    withParameter.uri.parameters.append(.init("transport", "tcp"))
    #expect(server.verify(withParameter, now: start, account: account) == .authenticated(username: "alice"))
  }

  @Test(arguments: [
    ("username", "bob"), ("nonce", "00"), ("uri", "sip:other.org"), ("response", "00"), ("cnonce", "x"),
    ("nc", "00000002"), ("algorithm", "MD5"), ("qop", "auth-int"), ("realm", "elsewhere"), ("nc", "1"),
    ("nc", "0000000g"), ("nc", "00000000"), ("qop", "auth-none"), ("algorithm", "SHA-1"), ("opaque", "no"),
    ("response", "zz3927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ("cnonce", String(repeating: "x", count: 1_025)),
  ]) func anyChangeOfTheCredentialsIsRefused(name: String, value: String) throws {
    var server = server()
    let changed = try tampered(try answered(&server), name, value)
    let verdict = server.verify(changed, now: start, account: account)
    if case .authenticated = verdict { Issue.record("accepted \(name)=\(value)") }
  }

  @Test func fieldLengthLimit() throws {
    var server = server()
    let long = String(repeating: "a", count: 1_024)
    let retry = try answered(&server, username: long)
    #expect(server.verify(retry, now: start) { _ in .password(password) } == .authenticated(username: long))
    let longer = try answered(&server, username: long + "a")
    #expect(
      server.verify(longer, now: start) { _ in .password(password) }
        == .challenge(isStale: false, reason: .malformedCredentials))
  }

  @Test func bodyIsCoveredByAuthInt() throws {
    var server = server(bodies: true)
    var challenge = server.challenge(request(), isStale: false, toTag: "t", now: start)
    for index in challenge.headers.fields.indices
    where challenge.headers.fields[index].name == .wwwAuthenticate {
      let value = challenge.headers.fields[index].value
      #expect(value.contains("qop=\"auth,auth-int\""))
      challenge.headers.fields[index].value = value.replacing("auth,auth-int", with: "auth-int")
    }
    var client = DigestClient()
    let original = request(.message, body: Array("hello".utf8))
    guard
      case .retry(var retry) = client.answer(
        challenge, to: original, account: { _ in .init(username: "alice", password: password) })
    else { throw UnexpectedAnswer() }
    #expect(retry.headers.authenticationParameters(.authorization).first?["qop"] == "auth-int")
    retry.body = Array("hellO".utf8)
    #expect(
      server.verify(retry, now: start, account: account)
        == .challenge(isStale: false, reason: .wrongCredentials))
    retry.body = Array("hello".utf8)
    #expect(server.verify(retry, now: start, account: account) == .authenticated(username: "alice"))
  }

  @Test func theReplayTableIsBoundedAndForgettingAdmitsNothing() throws {
    var server = server(capacity: 10)
    var retries: [SIPRequest] = []
    for second in 0..<30 {
      let now = start + .seconds(Int64(second))
      let retry = try answered(&server, now: now)
      #expect(server.verify(retry, now: now, account: account) == .authenticated(username: "alice"))
      retries.append(retry)
      #expect(server.noncesInUse <= 10)
    }
    for (index, retry) in retries.enumerated() {
      let verdict = server.verify(retry, now: start + .seconds(30), account: account)
      #expect(verdict == .challenge(isStale: true, reason: index < 20 ? .staleNonce : .replayed))
    }
  }

  @Test func expiredNoncesLeaveTheTable() throws {
    var server = server()
    for second in 0..<10 {
      let now = start + .seconds(Int64(second) * 100)
      let retry = try answered(&server, now: now)
      _ = server.verify(retry, now: now, account: account)
    }
    #expect(server.noncesInUse == 4)
  }
}

@Suite struct NonceCountTableTests {
  @Test func agreesWithASetOfAllThatWasUsed() {
    var random = SplitMix(seed: 7)
    var table = NonceCountTable(capacity: 8)
    let nonce = DigestNonce(issuedAt: start, serial: 1)
    var used = Set<UInt32>()
    var highest: UInt32 = 0
    for _ in 0..<5_000 {
      let step = UInt32(random.next(below: 130))
      let base = highest > 70 ? highest - 70 : 1
      let count = base + step
      let verdict = table.use(nonce, count: count)
      if used.contains(count) {
        #expect(verdict == .replayed)
      } else if highest >= 64, count <= highest - 64 {
        // Too old to tell: refused, never admitted twice.
        #expect(verdict == .replayed)
      } else {
        #expect(verdict == .fresh)
      }
      if verdict == .fresh { used.insert(count) }
      highest = max(highest, count)
    }
  }

  @Test func extremeCounts() {
    var table = NonceCountTable(capacity: 1)
    let nonce = DigestNonce(issuedAt: start, serial: 1)
    #expect(table.use(nonce, count: 1) == .fresh)
    #expect(table.use(nonce, count: .max) == .fresh)
    #expect(table.use(nonce, count: .max) == .replayed)
    #expect(table.use(nonce, count: 1) == .replayed)
  }
}
