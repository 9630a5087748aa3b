import CallModel
import TestSupport
import Testing

@testable import SIP

@Suite struct DigestClientTests {
  private static let challengeNonce = "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v"
  private let account = DigestClient.Account(username: "alice", password: Secret("pw"))

  private func request(_ method: SIPMethod = .invite) -> SIPRequest {
    TransactionParty.request(method)
  }

  private func refusal(_ challenges: String..., proxy: Bool = false) -> SIPResponse {
    var response = SIPResponse(to: request(), status: proxy ? 407 : 401, toTag: "x")
    for challenge in challenges {
      response.headers.append(proxy ? .proxyAuthenticate : .wwwAuthenticate, challenge)
    }
    return response
  }

  private func retry(_ answer: DigestClient.Answer) -> SIPRequest? {
    if case .retry(let request) = answer { request } else { nil }
  }

  private func reason(_ answer: DigestClient.Answer) -> DigestClient.Reason? {
    if case .giveUp(let reason) = answer { reason } else { nil }
  }

  private func credentials(_ request: SIPRequest?, proxy: Bool = false) -> [AuthenticationField] {
    request?.headers.authenticationParameters(proxy ? .proxyAuthorization : .authorization) ?? []
  }

  @Test func takesTheStrongestAlgorithmItKnows() {
    var client = DigestClient()
    let answer = client.answer(
      refusal(
        "Basic realm=\"r\"", "Digest realm=\"r\", nonce=\"n\", algorithm=SHA3-512, qop=\"auth\"",
        "Digest realm=\"r\", nonce=\"n\", algorithm=MD5, qop=\"auth\"",
        "Digest realm=\"r\", nonce=\"n\", algorithm=SHA-256, qop=\"auth\"",
        "Digest realm=\"r\", nonce=\"n\", algorithm=SHA-256-sess, qop=\"auth\""), to: request()
    ) { _ in account }
    let sent = credentials(retry(answer))
    #expect(sent.count == 1)
    #expect(sent.first?["algorithm"] == "SHA-256")
    #expect(sent.first?["nc"] == "00000001")
    #expect(sent.first?["uri"] == "sip:bob@example.org")
    #expect(sent.first?["response"]?.count == 64)
  }

  @Test func echoesOpaqueAndQuotesAsTheGrammarHasIt() {
    var client = DigestClient { "0a4f113b" }
    let answer = client.answer(
      refusal(
        "Digest realm=\"a \\\"b\\\"\", nonce=\"n\", opaque=\"o\", qop=\"auth,auth-int\", algorithm=md5"),
      to: request()
    ) { _ in account }
    let text = retry(answer)?.headers[.authorization] ?? ""
    #expect(text.contains("realm=\"a \\\"b\\\"\""))
    #expect(text.contains("opaque=\"o\""))
    #expect(text.contains("qop=auth,"))
    #expect(text.contains("nc=00000001"))
    #expect(text.contains("cnonce=\"0a4f113b\""))
    #expect(text.contains("algorithm=MD5"))
  }

  @Test func challengesItCannotReadAreNoChallenges() {
    var client = DigestClient()
    for challenge in [
      "Basic realm=\"r\"", "Digest realm=\"r\"", "Digest nonce=\"n\"",
      "Digest realm=\"r\", nonce=\"n\", qop=\"x\"",
      "Digest realm=\"r\", nonce=\"n\", algorithm=SHA-1",
      "Digest realm=\"r\", nonce=\"\(String(repeating: "n", count: 1_025))\"",
    ] {
      #expect(
        reason(client.answer(refusal(challenge), to: request()) { _ in account }) == .noUsableChallenge)
    }
    #expect(
      reason(client.answer(refusal("Digest realm=\"r\", nonce=\"n\""), to: request()) { _ in nil })
        == .noAccount)
  }

  @Test func neverAnswersTheSameChallengeTwiceWithTheSamePassword() {
    var client = DigestClient()
    let first = "Digest realm=\"r\", nonce=\"n1\", qop=\"auth\""
    let retried = retry(client.answer(refusal(first), to: request()) { _ in account })
    #expect(retried != nil)
    for next in [first, "Digest realm=\"r\", nonce=\"n2\", qop=\"auth\""] {
      #expect(
        reason(client.answer(refusal(next), to: retried ?? request()) { _ in account }) == .refused)
    }
    // Another password is another matter.
    let other = DigestClient.Account(username: "alice", password: Secret("new"))
    #expect(retry(client.answer(refusal(first), to: retried ?? request()) { _ in other }) != nil)
  }

  @Test func staleNonceIsFollowedButNotForEver() {
    var client = DigestClient()
    var current: SIPRequest? = request()
    var rounds = 0
    while let request = current, rounds < 10 {
      let challenge = "Digest realm=\"r\", nonce=\"n\(rounds)\", qop=\"auth\", stale=TRUE"
      current = retry(client.answer(refusal(challenge), to: request) { _ in account })
      rounds += 1
    }
    #expect(rounds == 1 + DigestClient.staleLimit)
  }

  @Test func nonceIsUsedOnWithRisingCountsAndGivenUpWhenRefused() {
    var client = DigestClient()
    _ = client.answer(refusal("Digest realm=\"r\", nonce=\"n1\", qop=\"auth\""), to: request()) { _ in account
    }
    var next = request(.register)
    client.authorise(&next)
    #expect(credentials(next).first?["nc"] == "00000002")
    #expect(credentials(next).first?["nonce"] == "n1")
    // The server has forgotten n1 and says nothing of stale: the password was not refused, the old nonce was.
    let again = retry(
      client.answer(refusal("Digest realm=\"r\", nonce=\"n2\", qop=\"auth\""), to: next) { _ in account })
    #expect(credentials(again).first?["nonce"] == "n2")
    #expect(credentials(again).first?["nc"] == "00000001")
    #expect(credentials(again).count == 1)
    // The very same nonce again, however, is a refusal.
    var third = request()
    client.authorise(&third)
    #expect(
      reason(
        client.answer(refusal("Digest realm=\"r\", nonce=\"n2\", qop=\"auth\""), to: third) { _ in account })
        == .refused)
  }

  @Test func realmsOfTwoProxiesAndTheServerAddUp() {
    var client = DigestClient()
    let first = retry(
      client.answer(
        refusal(
          "Digest realm=\"p1\", nonce=\"a\", qop=\"auth\"", "Digest realm=\"p2\", nonce=\"b\", qop=\"auth\"",
          proxy: true), to: request()
      ) { _ in account })
    #expect(credentials(first, proxy: true).map { $0["realm"] } == ["p1", "p2"])
    let second = retry(
      client.answer(refusal("Digest realm=\"s\", nonce=\"c\", qop=\"auth\""), to: first ?? request()) { _ in
        account
      })
    #expect(credentials(second, proxy: true).count == 2)
    #expect(credentials(second).map { $0["realm"] } == ["s"])
    client.forget(realm: "p2")
    var next = request()
    client.authorise(&next)
    #expect(credentials(next, proxy: true).map { $0["realm"] } == ["p1"])
    #expect(credentials(next).map { $0["realm"] } == ["s"])
  }

  @Test func sessionsAreBounded() {
    var client = DigestClient()
    for index in 0..<DigestClient.sessionLimit + 10 {
      _ = client.answer(refusal("Digest realm=\"r\(index)\", nonce=\"n\", qop=\"auth\""), to: request()) {
        _ in
        account
      }
    }
    var next = request()
    client.authorise(&next)
    #expect(credentials(next).count == DigestClient.sessionLimit)
    #expect(credentials(next).first?["realm"] == "r10")
  }

  @Test func passwordIsInNoDescription() {
    var client = DigestClient()
    let secret = DigestClient.Account(username: "alice", password: Secret("xyzzy-plugh"))
    _ = client.answer(refusal("Digest realm=\"r\", nonce=\"n\""), to: request()) { _ in secret }
    #expect(!String(reflecting: client).contains("plugh"))
    #expect(!"\(secret)".contains("plugh"))
  }

  /// Whatever the two sides support, a client with the right password gets in, and one without does not.
  @Test(arguments: 1...200) func clientAndServerUnderstandEachOther(seed: Int) throws {
    var random = SplitMix(seed: UInt64(seed))
    let algorithms = DigestAlgorithm.allCases.shuffled(using: &random).prefix(
      1 + Int(random.next(below: 3)))
    let realm = ["example.org", "a \"quoted\" realm", "dom\u{e4}ne", "back\\slash"][
      Int(random.next(below: 4))]
    let username = ["alice", "al\"ice", "b\u{f6}b", "with space"][Int(random.next(below: 4))]
    let password = Secret(String(random.next(), radix: 36))
    var server = DigestServer(
      .init(realm: realm, algorithms: Array(algorithms), offersBodyProtection: random.next(below: 2) == 0),
      role: random.next(below: 2) == 0 ? .proxy : .userAgent)
    var client = DigestClient()
    var original = request(.message)
    original.body = (0..<random.next(below: 40)).map { _ in UInt8(random.next(below: 256)) }
    let now = MonotonicInstant(nanoseconds: 1)
    let isRight = random.next(below: 3) > 0
    let challenge = server.challenge(original, isStale: false, toTag: "t", now: now)
    let answer = client.answer(challenge, to: original) { _ in
      .init(username: username, password: isRight ? password : Secret("wrong"))
    }
    // Over the wire, so that quoting counts.
    let wire = try SIPParser.parse(try withVia(try #require(retry(answer))).serialised())
    let verdict = server.verify(try #require(wire.asRequest), now: now) { name in
      name == username ? .password(password) : nil
    }
    #expect(
      verdict
        == (isRight
          ? .authenticated(username: username) : .challenge(isStale: false, reason: .wrongCredentials)))
    guard isRight else { return }
    for _ in 0..<3 {
      var next = original
      client.authorise(&next)
      #expect(
        server.verify(next, now: now) { _ in .password(password) } == .authenticated(username: username))
    }
  }

  private func withVia(_ request: SIPRequest) throws -> SIPRequest {
    var request = request
    request.headers.prepend(.via, "SIP/2.0/UDP a;branch=z9hG4bKa")
    return request
  }
}
