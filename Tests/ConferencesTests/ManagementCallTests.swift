import CallModel
import Router
import Testing

@testable import Conferences

/// Status and commands in the reference system's form.
@Suite struct ManagementCallTests {
  private static let rooms = """
    services:
      - { name: Open, type: conference, aliases: [open@example.org], tag: t }
      - { name: Other room, type: conference, aliases: [other@example.org] }
    """

  private func get(_ host: ConferenceHost, _ path: String, _ query: (String, String)...)
    -> ManagementCall.Answer
  {
    do {
      return host.answer(
        try ManagementCall(method: "GET", path: "/api/admin/status/v1/" + path, query: query))
    } catch {
      return error.answer
    }
  }

  private func post(_ host: ConferenceHost, _ path: String, _ body: String) -> ManagementCall.Answer {
    do {
      return host.answer(
        try ManagementCall(
          method: "POST", path: "/api/admin/command/v1/" + path + "/", body: Array(body.utf8)))
    } catch {
      return error.answer
    }
  }

  @Test func statusListsAndObjects() throws {
    let bench = try HostBench(Self.rooms, ports: 36_700...36_719)
    let host = bench.conferences
    #expect(get(host, "conference/").body.contains("\"total_count\": 0"))
    let legs = [
      bench.call("open@example.org"), bench.call("open@example.org", from: "bob"),
      bench.call("other@example.org", from: "eve"),
    ]
    let list = get(host, "conference/")
    #expect(list.status == 200 && list.body.contains("\"total_count\": 2"), "\(list.body)")
    #expect(list.body.contains("\"resource_uri\": \"/api/admin/status/v1/conference/Open/\""))
    #expect(get(host, "conference/Other room/").body.contains("\"is_started\": true"))
    #expect(get(host, "conference/Nowhere/").status == 404)
    let some = get(host, "participant/", ("conference", "Open"), ("limit", "1"))
    #expect(
      some.body.contains("\"total_count\": 2") && some.body.contains("limit=1&offset=1"), "\(some.body)")
    #expect(some.body.contains("\"role\": \"chair\"") && some.body.contains("\"protocol\": \"SIP\""))
    #expect(get(host, "participant/", ("is_muted", "true")).body.contains("\"total_count\": 0"))
    #expect(get(host, "participant/", ("nonsense", "1")).status == 400)
    #expect(get(host, "participant/", ("limit", "many")).status == 400)
    for leg in legs { leg.hangsUp() }
    bench.isClean()
  }

  @Test func commands() throws {
    let bench = try HostBench(Self.rooms, ports: 36_720...36_739)
    let host = bench.conferences
    let (ann, bob) = (bench.call("open@example.org"), bench.call("open@example.org", from: "bob"))
    let ids = bench.conference("Open")?.participants.map(\.id.description) ?? []
    #expect(post(host, "conference/lock", #"{"conference_id":"Open"}"#).status == 202)
    #expect(bench.conference("Open")?.status.isLocked == true)
    #expect(post(host, "participant/mute", "{\"participant_id\":\"\(ids[0])\"}").status == 202)
    #expect(bench.conference("Open")?.participants.map(\.isMuted) == [true, false])
    #expect(
      post(host, "participant/role", "{\"participant_id\":\"\(ids[1])\",\"role\":\"guest\"}").status == 202)
    #expect(bench.conference("Open")?.participants.map(\.role) == [.chair, .guest])
    #expect(post(host, "participant/disconnect", "{\"participant_id\":\"\(ids[1])\"}").status == 202)
    #expect(bob.take().last == "end normal")
    // Sent to another room, inside its call.
    let transfer = "{\"participant_id\":\"\(ids[0])\",\"conference_alias\":\"other@example.org\"}"
    #expect(post(host, "participant/transfer", transfer).status == 202)
    bench.after(.zero)
    #expect(ann.take().last == "offer" && bench.conference("Open") == nil)
    #expect(bench.conference("Other room")?.participants.first?.role == .guest)
    let dial = post(
      host, "participant/dial",
      #"{"conference_alias":"open@example.org","destination":"carol@far.test","role":"chair"}"#)
    #expect(dial.status == 202 && dial.body.contains("participant_id"), "\(dial.body)")
    bench.after(.zero)
    #expect(bench.dialled.first?.call?.target.calledAlias == "carol@far.test")
    bench.dialled.first?.does(.ended(Disconnect(.busy, protocolCode: 486)))
    ann.hangsUp()
    bench.isClean()
  }

  @Test(arguments: [
    ("conference/lock", "{}", 400), ("conference/lock", #"{"conference_id":"Nowhere"}"#, 404),
    ("conference/explode", #"{"conference_id":"Open"}"#, 404), ("participant/mute", "{}", 400),
    ("participant/mute", #"{"participant_id":"x"}"#, 400),
    ("participant/mute", #"{"participant_id":"5b6f1f0e-4c5a-4a53-9f2a-1f5d8a0c0001"}"#, 404),
    ("participant/dial", #"{"conference_alias":"open@example.org"}"#, 400),
    ("participant/dial", #"{"conference_alias":"nobody@example.org","destination":"a@b"}"#, 404),
    ("participant/dial", #"{"conference_alias":"open@example.org","destination":"open@example.org"}"#, 400),
    ("platform/upgrade", "{}", 404), ("conference/lock", "[]", 400),
  ])
  func badCommands(_ path: String, _ body: String, _ status: Int) throws {
    let bench = try HostBench(Self.rooms, ports: 36_740...36_759)
    #expect(post(bench.conferences, path, body).status == status)
    bench.isClean()
  }

  @Test func aNewPolicyHoldsForAConferenceThatRuns() throws {
    let bench = try HostBench(Self.rooms, ports: 36_760...36_779)
    let ann = bench.call("open@example.org")
    bench.activate(
      """
      services:
        - { name: Open, type: conference, aliases: [open@example.org], room: { participant_limit: 1 } }
      """)
    #expect(bench.conference("Open")?.settings.participantLimit == 1)
    let second = bench.call("open@example.org", from: "bob")
    bench.after(.seconds(1))
    #expect(second.take() == ["accept", "end limitReached"] && ann.take() == ["accept"])
    ann.hangsUp()
    bench.isClean()
  }
}
