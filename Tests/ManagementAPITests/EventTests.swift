import CallModel
import Conferences
import Testing

@testable import ManagementAPI

/// Conferences as they go on.
struct EventTests {
  private let hall = Hall()

  private func ask(
    _ conference: String, _ query: String = "", lastEventID: String? = nil, method: String = "GET"
  ) async -> ManagementResponse {
    var request = Hall.get("/api/tandem/v1/conference/\(conference)/events", query)
    request.method = method
    request.lastEventID = lastEventID
    return await hall.service().answer(request, now: .zero)
  }

  private func known(_ response: ManagementResponse) -> UInt64? {
    (response.events as? Hall.OneEvent)?.after
  }

  @Test func aStreamBegins() async throws {
    let response = await ask("weekly")
    #expect(response.status == 200 && response.body.isEmpty)
    #expect(response.headers.contains(.init("Content-Type", "text/event-stream")))
    let events = try #require(response.events)
    #expect(known(response) == nil)
    let news = try #require(await events.next())
    #expect(ServerSentEvents.text(news) == "event: participant_sync_begin\ndata: null\n\n")
    #expect(await events.next() == nil)
    #expect(await known(ask("weekly/")) == nil)
  }

  @Test func aStreamGoesOn() async throws {
    let response = await ask("weekly", lastEventID: "41")
    #expect(known(response) == 41)
    let news = try #require(await response.events?.next())
    #expect(ServerSentEvents.text(news) == "event: participant_sync_begin\nid: 42\ndata: null\n\n")
    #expect(ServerSentEvents.text([]) == ":\n\n")
    #expect(await known(ask("weekly", "after=7")) == 7)
    // What the client knows itself counts more than the address it came by.
    #expect(await known(ask("weekly", "after=7", lastEventID: "9")) == 9)
    #expect(await known(ask("weekly", lastEventID: "MjdfNg==")) == nil)
    #expect(await ask("weekly", "after=-1").status == 400)
  }

  @Test func thereMayBeNothingToFollow() async {
    #expect(await ask("nothing").status == 404)
    #expect(await ask("full").status == 429)
    #expect(await ask("weekly", method: "POST").status == 405)
    var stranger = Hall.get("/api/tandem/v1/conference/weekly/events")
    stranger.authorization = nil
    let response = await hall.service().answer(stranger, now: .zero)
    #expect(response.status == 401 && response.events == nil)
  }
}
