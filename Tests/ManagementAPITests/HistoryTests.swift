import CallModel
import Conferences
import JSONText
import PolicyEngine
import Testing

@testable import ManagementAPI

/// What is told of conferences that are over.
struct HistoryTests {
  private let hall = Hall()
  /// 2026-01-31T12:00:00.123 UTC.
  private static let noon: Int64 = 1_769_860_800_123

  private func get(_ resource: String, _ query: String = "") async -> ManagementResponse {
    await hall.service().answer(Hall.get("/api/admin/history/v1/\(resource)/", query), now: .zero)
  }

  private func was(_ number: UInt64, _ name: String = "weekly", minutes: Int64 = 0) {
    hall.wasThere(number, name, began: WallClock(milliseconds: Self.noon + minutes * 60_000))
  }

  @Test func aConferenceAndItsParticipants() async throws {
    was(1)
    was(2)
    let list = await get("conference")
    #expect(try list.value("meta", "total_count") == .integer(1))
    let row = { (name: String) in try list.value("objects", "0", name) }
    guard case .string(let id)? = try row("id") else { throw Absent() }
    let person = CallID(high: 5, low: 1).uuid()
    let expected: [(String, JSONValue)] = [
      ("name", .string("weekly")), ("service_type", .string("conference")), ("tag", .string("tag")),
      ("start_time", .string("2026-01-31T12:00:00.123000")),
      ("end_time", .string("2026-01-31T12:01:00.123000")), ("duration", .integer(60)),
      ("participant_count", .integer(2)),
      ("resource_uri", .string("/api/admin/history/v1/conference/\(id)/")),
    ]
    for (name, value) in expected { #expect(try row(name) == value, "\(name)") }
    #expect(
      try list.value("objects", "0", "participants", "0")
        == .string("/api/admin/history/v1/participant/\(person)/"))
    #expect(try await get("conference/\(id)").value("name") == .string("weekly"))

    let participant = await get("participant/\(person)")
    let told: [(String, JSONValue)] = [
      ("id", .string(person)), ("conference", .string("/api/admin/history/v1/conference/\(id)/")),
      ("conference_name", .string("weekly")), ("service_tag", .string("tag")), ("role", .string("guest")),
      ("display_name", .string("Ann 1")), ("remote_alias", .string("sip:ann@example.com")),
      ("local_alias", .string("weekly@example.com")), ("protocol", .string("SIP")),
      ("call_direction", .string("in")), ("start_time", .string("2026-01-31T12:00:00.123000")),
      ("duration", .integer(60)), ("disconnect_reason", .string("No answer")),
      ("remote_address", .string("192.0.2.9")), ("remote_port", .integer(5061)),
      ("encryption", .string("Off")), ("call_uuid", .string(CallID(high: 6, low: 1).description)),
    ]
    for (name, value) in told { #expect(try participant.value(name) == value, "\(name)") }
    #expect(await get("participant/\(CallID(high: 1, low: 1).uuid())").status == 404)
  }

  @Test func theTypicalQuestion() async throws {
    for number in 0..<30 as Range<UInt64> {
      was(number, number % 2 == 0 ? "even" : "odd", minutes: Int64(number))
    }
    func names(_ query: String) async throws -> [String] {
      let response = await get("conference", query)
      #expect(response.status == 200, "\(response.body)")
      guard case .array(let rows)? = try response.value("objects") else { throw Absent() }
      return rows.compactMap { row in
        guard case .object(let object) = row.value, case .string(let time)? = object["start_time"]?.value
        else { return nil }
        return String(time.dropFirst(11).prefix(5))
      }
    }
    #expect(try await names("").count == 20)
    #expect(
      try await names("start_time__gte=2026-01-31T12:27:00&order_by=-start_time&limit=500")
        == ["12:29", "12:28", "12:27"])
    #expect(hall.queries.last == HistoryQuery(since: WallClock(milliseconds: Self.noon - 123 + 27 * 60_000)))
    // With a zone, too.
    #expect(
      try await names("start_time__gte=2026-01-31T14:28:00%2B02:00&order_by=start_time") == [
        "12:28", "12:29",
      ])
    #expect(
      try await names("start_time__range=2026-01-31T12:00:00,2026-01-31T12:02:00.5&order_by=start_time")
        == ["12:00", "12:01", "12:02"])
    #expect(
      hall.queries.last
        == HistoryQuery(
          since: WallClock(milliseconds: Self.noon - 123),
          until: WallClock(milliseconds: Self.noon - 123 + 120_999)))
    #expect(
      try await names("name=even&end_time__lt=2026-01-31T12:04:00&order_by=start_time") == ["12:00", "12:02"])
    #expect(try await names("limit=2&offset=28&order_by=start_time") == ["12:28", "12:29"])
    #expect(await get("conference", "nothing=1").status == 400)
    #expect(await get("participant", "display_name=Ann%203&duration=60").status == 200)
  }

  @Test func recordsThatCannotBeReadAreSaidSo() async throws {
    struct Unreadable: ConferenceHistory, Error {
      func conferences(_ query: HistoryQuery) async throws -> [PastConference] { throw self }
      func participants(_ query: HistoryQuery) async throws -> [PastParticipant] { throw self }
    }
    let service = ManagementService(
      users: [.init(name: "ann", password: Secret("sésame:open"))], desk: hall, history: Unreadable())
    let answer = await service.answer(Hall.get("/api/admin/history/v1/conference/"), now: .zero)
    #expect(answer.status == 500)
    #expect(try answer.value("error_message") == .string("The records cannot be read."))
  }
}
