import CallModel
import Conferences
import PolicyEngine
import TestSupport
import Testing

@testable import ManagementAPI

/// Who may ask, and where.
struct ManagementServiceTests {
  private let hall = Hall()

  @Test(
    arguments: [
      nil, "", "Basic", "Basic !!!!", "Bearer YW5uOnPDqXNhbWU6b3Blbg==", "Basic YW5u", "Basic YW5uOg==",
      // ann:wrong, bob:sésame:open, :sésame:open
      "Basic YW5uOndyb25n", "Basic Ym9iOnPDqXNhbWU6b3Blbg==", "Basic OnPDqXNhbWU6b3Blbg==",
    ] as [String?]) func strangersLearnNothing(_ authorization: String?) async
  {
    hall.join("a@x", "weekly")
    let service = hall.service()
    for path in [
      "/api/admin/status/v1/conference/", "/nothing/", "/api/admin/command/v1/conference/lock/", "",
    ] {
      for method in ["GET", "POST", "DELETE"] {
        let response = await service.answer(
          ManagementRequest(method: method, path: path, authorization: authorization), now: .zero)
        #expect(response.status == 401 && response.body.isEmpty)
        #expect(response.headers.map(\.name) == ["WWW-Authenticate"])
      }
    }
  }

  @Test func aUserWithoutAPasswordIsNobody() async {
    let service = hall.service(users: [ManagementSettings.User(name: "ann", password: Secret(""))])
    // ann:
    let request = ManagementRequest(
      method: "GET", path: "/api/admin/status/v1/", authorization: "Basic YW5uOg==")
    #expect(await service.answer(request, now: .zero).status == 401)
  }

  @Test func guessingIsSlow() async {
    let service = hall.service()
    let wrong = ManagementRequest(
      method: "GET", path: "/api/admin/status/v1/", authorization: "Basic YW5uOndyb25n")
    for _ in 0..<ManagementService.failuresPerMinute {
      #expect(await service.answer(wrong, now: .zero + .seconds(1)).status == 401)
    }
    let over = await service.answer(wrong, now: .zero + .seconds(31))
    #expect(over.status == 429)
    #expect(over.headers == [.init("Retry-After", "30")])
    #expect(await service.answer(Hall.get("/api/admin/status/v1/"), now: .zero + .seconds(31)).status == 429)
    #expect(await service.answer(Hall.get("/api/admin/status/v1/"), now: .zero + .seconds(61)).status == 200)
    #expect(hall.audits.count == ManagementService.failuresPerMinute)
    #expect(hall.audits.allSatisfy { $0.status == 401 && $0.user == "ann" })
  }

  @Test func aThousandAMinute() async {
    let service = hall.service()
    for _ in 0..<ManagementService.requestsPerMinute {
      #expect(await service.answer(Hall.get("/api/admin/status/v1/"), now: .zero).status == 200)
    }
    #expect(await service.answer(Hall.get("/api/admin/status/v1/"), now: .zero).status == 429)
    #expect(await service.answer(Hall.get("/api/admin/status/v1/"), now: .zero + .seconds(60)).status == 200)
  }

  @Test(arguments: [
    ("GET", "/", 404), ("GET", "/api/admin/", 404), ("GET", "/api/admin/status/v2/conference/", 404),
    ("GET", "/api/admin/status/v1/conference", 301), ("GET", "/api/admin/status/v1/", 200),
    ("GET", "/api/admin/status/v1/nothing/", 404), ("GET", "/api/admin/status/v1/conference/nothing/", 404),
    ("GET", "/api/admin/status/v1/conference/a/b/", 404), ("GET", "/api/admin/status/v1/conf%65rence/", 200),
    ("GET", "/api/admin/status/v1/conf%6/", 404), ("GET", "/api/admin/status/v1/%ff/", 404),
    ("DELETE", "/api/admin/status/v1/conference/", 405), ("GET", "/api/admin/command/v1/", 404),
    ("GET", "/api/admin/command/v1/participant/", 200), ("POST", "/api/admin/command/v1/participant/", 405),
    ("GET", "/api/admin/command/v1/participant/dial/", 405),
    ("POST", "/api/admin/command/v1/platform/upgrade/", 404),
    ("POST", "/api/admin/command/v1/participant/fly/", 404),
    ("GET", "/api/admin/configuration/v1/conference/", 404), ("GET", "/api/admin/history/v1/", 200),
    ("GET", "/api/admin/history/v1/participant/", 200), ("GET", "/api/admin/history/v1/conference/x/", 404),
    ("GET", "/api/admin/history/v1/media_stream/", 404), ("DELETE", "/api/admin/history/v1/conference/", 405),
    ("GET", "/api/admin/history/v1/conference", 301),
    ("GET", "api/admin/status/v1/", 404), ("GET", "/../api/admin/status/v1/", 404),
  ]) func paths(_ method: String, _ path: String, _ status: Int) async {
    let request = ManagementRequest(method: method, path: path, authorization: Hall.credentials)
    #expect(await hall.service().answer(request, now: .zero).status == status)
  }

  @Test func theTrailingSlashIsSaidWithTheQuery() async {
    let response = await hall.service().answer(
      Hall.get("/api/admin/status/v1/participant", "limit=1&format=json"), now: .zero)
    #expect(response.headers == [.init("Location", "/api/admin/status/v1/participant/?limit=1&format=json")])
  }

  /// Bytes at random where a request has its path, query, header and body: always an answer.
  @Test(arguments: 1...200) func rubbishIsAnswered(_ seed: UInt64) async {
    var random = SplitMix(seed: seed)
    func text(_ pieces: [String]) -> String {
      (0..<Int.random(in: 0...8, using: &random)).map { _ in pieces.randomElement(using: &random)! }.joined()
    }
    let pieces = [
      "/", "api", "admin", "status", "command", "v1", "%", "%41", "participant", "dial", "é", "?", "&", "=",
      "\"", "{", "}", "a", "__in", "order_by", "limit",
    ]
    hall.join("a@x", "weekly")
    let service = hall.service()
    for _ in 0..<20 {
      let request = ManagementRequest(
        method: ["GET", "POST", "PUT", ""].randomElement(using: &random)!,
        path: Bool.random(using: &random) ? text(pieces) : "/api/admin/command/v1/participant/dial/",
        query: text(pieces),
        contentType: text(["application/json", "application/x-www-form-urlencoded", ";"]),
        authorization: Hall.credentials, body: Array(text(pieces).utf8))
      #expect((200..<500).contains(await service.answer(request, now: .zero).status))
    }
  }
}
