import CallModel
import Testing

@testable import SIP

/// Worked examples of the RFCs, as data.
@Suite struct DigestVectorTests {
  struct Vector: Sendable, CustomTestStringConvertible {
    var name: String
    var algorithm: DigestAlgorithm
    var username = "Mufasa"
    var realm = "http-auth@example.org"
    var password = "Circle of Life"
    var uri = "/dir/index.html"
    var nonce = "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v"
    var clientNonce: String? = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"
    var response: String
    var testDescription: String { name }
  }

  static let vectors = [
    Vector(
      name: "RFC 2617 §3.5", algorithm: .md5, realm: "testrealm@host.com", password: "Circle Of Life",
      nonce: "dcd98b7102dd2f0e8b11d0f600bfb0c093", clientNonce: "0a4f113b",
      response: "6629fae49393a05397450978507c4ef1"),
    // The same example without qop: the formula of RFC 2069.
    Vector(
      name: "RFC 2617 §3.5 without qop", algorithm: .md5, realm: "testrealm@host.com",
      password: "Circle Of Life", nonce: "dcd98b7102dd2f0e8b11d0f600bfb0c093", clientNonce: nil,
      response: "670fd8c2df070c60b045671b8b24ff02"),
    Vector(
      name: "RFC 7616 §3.9.1 MD5", algorithm: .md5, response: "8ca523f5e9506fed4657c9700eebdbec"),
    Vector(
      name: "RFC 7616 §3.9.1 SHA-256", algorithm: .sha256,
      response: "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    // As corrected by erratum 4897: the RFC printed SHA-512 cut to 256 bits, not SHA-512/256.
    Vector(
      name: "RFC 7616 §3.9.2 SHA-512-256", algorithm: .sha512Truncated256, username: "J\u{e4}s\u{f8}n Doe",
      realm: "api@example.org", password: "Secret, or not?", uri: "/doe.json",
      nonce: "5TsQWLVdgBdmrQ0XsxbDODV+57QdFR34I9HAbC/RVvkK",
      clientNonce: "NTg6RKcb9boFIAS3KrFK9BGeh+iDa/sm6jUMp2wds69v",
      response: "3798d4131c277846293534c3edc11bd8a5e4cdcbff78b05db9d95eeb1cec68a5"),
  ]

  @Test(arguments: vectors) func response(vector: Vector) {
    let key = DigestComputation.storedKey(
      username: vector.username, realm: vector.realm, password: Secret(vector.password),
      algorithm: vector.algorithm)
    let computation = DigestComputation(
      algorithm: vector.algorithm, nonce: vector.nonce, method: "GET", uri: vector.uri,
      protected: vector.clientNonce.map { (.auth, $0, "00000001") })
    #expect(String(decoding: computation.response(storedKey: key), as: UTF8.self) == vector.response)
  }

  @Test func hashesOfNothingAndABC() {
    let hex = { (digest: MessageDigest, text: String) in
      String(decoding: digest.hash(Array(text.utf8)).hex, as: UTF8.self)
    }
    #expect(hex(.md5, "") == "d41d8cd98f00b204e9800998ecf8427e")
    #expect(hex(.sha256, "") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
    #expect(
      hex(.sha512Truncated256, "abc") == "53048e2681941ef99b2e29b76b4c7dabe4c2d0c634fc6d46e0e2f13107e7af23")
  }

  /// The HMAC of RFC 4231 §4.3, test case 2.
  @Test func hmac() {
    let mac = MessageDigest.authenticate(
      Array("what do ya want for nothing?".utf8), key: Array("Jefe".utf8))
    #expect(
      String(decoding: mac.hex, as: UTF8.self)
        == "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843")
  }

  /// What `-sess` and `auth-int` are, written out with the bare hash.
  @Test(arguments: DigestAlgorithm.allCases) func sessionAndBodyFormulas(algorithm: DigestAlgorithm) {
    func h(_ text: String) -> String {
      String(decoding: algorithm.digest.hash(Array(text.utf8)).hex, as: UTF8.self)
    }
    var a1 = h("alice:r:pw")
    if algorithm.isSession { a1 = h("\(a1):N:C") }
    let a2 = h("INVITE:sip:b@c:\(h("v=0"))")
    let key = DigestComputation.storedKey(
      username: "alice", realm: "r", password: Secret("pw"), algorithm: algorithm)
    let computation = DigestComputation(
      algorithm: algorithm, nonce: "N", method: "INVITE", uri: "sip:b@c",
      protected: (.authInt, "C", "0000000a"), body: Array("v=0".utf8))
    #expect(
      String(decoding: computation.response(storedKey: key), as: UTF8.self)
        == h("\(a1):N:0000000a:C:auth-int:\(a2)"))
  }

  @Test func algorithmNamesAreCaseInsensitive() {
    #expect(DigestAlgorithm(name: "sha-256-SESS") == .sha256Session)
    #expect(DigestAlgorithm(name: "SHA-512-256") == .sha512Truncated256)
    #expect(DigestAlgorithm(name: "SHA-1") == nil)
  }
}
