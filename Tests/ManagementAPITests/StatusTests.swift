import CallModel
import Conferences
import JSONText
import Testing

@testable import ManagementAPI

/// What is told of conferences that run.
struct StatusTests {
  private let hall = Hall()

  private func get(_ resource: String, _ query: String = "") async -> ManagementResponse {
    await hall.service().answer(Hall.get("/api/admin/status/v1/\(resource)/", query), now: .zero)
  }

  @Test func aConferenceAndItsParticipants() async throws {
    let host = hall.join("ann@example.com", "weekly")
    let list = await get("conference")
    #expect(try list.value("meta", "total_count") == .integer(1))
    #expect(try list.value("meta", "limit") == .integer(20))
    #expect(try list.value("meta", "next") == .null)
    let row = { (name: String) in try list.value("objects", "0", name) }
    #expect(try row("name") == .string("weekly"))
    #expect(try row("service_type") == .string("conference"))
    #expect(try row("start_time") == .string("2026-01-31T12:00:00.123000"))
    #expect(try row("is_started") == .boolean(true))
    #expect(try row("is_locked") == .boolean(false))
    guard case .string(let id)? = try row("id") else { throw Absent() }
    #expect(ParticipantID(id) != nil)
    #expect(try row("resource_uri") == .string("/api/admin/status/v1/conference/\(id)/"))
    #expect(try await get("conference/\(id)").value("name") == .string("weekly"))
    // The name leads there, too.
    hall.join("bob@example.com", "Rue de l’Été")
    let encoded = "conference/Rue%20de%20l%E2%80%99%C3%89t%C3%A9"
    #expect(try await get(encoded).value("name") == .string("Rue de l’Été"))

    let participant = await get("participant/\(host)")
    let expected: [(String, JSONValue)] = [
      ("id", .string(host.description)), ("conference", .string("weekly")), ("role", .string("chair")),
      ("display_name", .string("Ann 1")), ("source_alias", .string("ann@example.com")),
      ("destination_alias", .string("weekly@example.com")), ("protocol", .string("SIP")),
      ("call_direction", .string("in")), ("has_media", .boolean(true)), ("is_muted", .boolean(false)),
      ("service_type", .string("conference")), ("remote_address", .null), ("remote_port", .null),
      ("resource_uri", .string("/api/admin/status/v1/participant/\(host)/")),
    ]
    for (name, value) in expected { #expect(try participant.value(name) == value, "\(name)") }
  }

  @Test func pagesFiltersAndOrder() async throws {
    for i in 0..<25 { hall.join("p\(i)@example.com", i < 5 ? "daily" : "weekly", host: i % 5 == 0) }
    func names(_ query: String) async throws -> [String] {
      let response = await get("participant", query)
      #expect(response.status == 200, "\(response.body)")
      guard case .array(let rows)? = try response.value("objects") else { throw Absent() }
      return rows.compactMap { row in
        guard case .object(let object) = row.value, case .string(let alias)? = object["source_alias"]?.value
        else { return nil }
        return String(alias.prefix { $0 != "@" })
      }
    }
    #expect(try await names("").count == 20)
    #expect(try await names("limit=0").count == 25)
    #expect(try await names("limit=3&offset=24") == ["p24"])
    #expect(
      try await names("conference=daily&order_by=-source_alias&format=json") == [
        "p4", "p3", "p2", "p1", "p0",
      ])
    #expect(try await names("conference__in=daily,other&role=chair") == ["p0"])
    #expect(
      try await names("source_alias__startswith=p2&order_by=source_alias") == [
        "p20", "p21", "p22", "p23", "p24", "p2",
      ])
    #expect(try await names("display_name__iendswith=NN 7") == ["p6"])
    #expect(try await names("is_muted=True").isEmpty)
    #expect(try await names("is_muted=False&limit=0").count == 25)
    #expect(try await names("connect_time__gte=2026-01-31T12:00:00&limit=1").count == 1)
    #expect(try await names("connect_time__lt=2026-01-31T12:00:00").isEmpty)
    #expect(try await names("source_alias__range=p10,p11&order_by=source_alias") == ["p10"])
    let first = await get("participant", "limit=10&conference=weekly")
    #expect(
      try first.value("meta", "next")
        == .string("/api/admin/status/v1/participant/?limit=10&offset=10&conference=weekly"))
    #expect(try first.value("meta", "previous") == .null)
    let second = await get("participant", "limit=10&offset=10&conference=weekly")
    #expect(try second.value("meta", "next") == .null)
    #expect(
      try second.value("meta", "previous")
        == .string("/api/admin/status/v1/participant/?limit=10&offset=0&conference=weekly"))
  }

  @Test(arguments: [
    "limit=-1", "limit=x", "limit=1000001", "offset=9999999999999999999", "nothing=1", "name__magic=1",
    "order_by=nothing", "name=%zz",
  ]) func badQueries(_ query: String) async throws {
    hall.join("a@x", "weekly")
    let response = await get("conference", query)
    #expect(response.status == 400)
    #expect(try response.value("error") != .null)
  }

  @Test func nothingSecretIsTold() async {
    hall.join("a@x", "weekly")
    for resource in ["conference", "participant"] {
      #expect(await !get(resource).body.contains("token-of-weekly"))
    }
  }

}
