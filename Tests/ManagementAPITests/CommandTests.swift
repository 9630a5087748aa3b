import CallModel
import Conferences
import JSONText
import Testing

@testable import ManagementAPI

/// Commands, on conferences that run.
struct CommandTests {
  private let hall = Hall()

  private func answer(_ path: String, _ body: String, type: String = "application/json") async
    -> ManagementResponse
  {
    await hall.service().answer(Hall.post(path, body, type: type), now: .zero)
  }

  @Test func participantsAreMutedPromotedAndSentAway() async throws {
    let host = hall.join("a@x", "weekly")
    let guest = hall.join("b@x", "weekly", host: false)
    let body = #"{"participant_id": "\#(guest)"}"#
    #expect(await answer("participant/mute/", body).status == 200)
    #expect(hall.participant(guest, in: "weekly")?.isMuted == true)
    // As a form, too.
    let form = "participant_id=\(guest)"
    #expect(
      await answer("participant/unmute/", form, type: "application/x-www-form-urlencoded; charset=utf-8")
        .status == 200)
    #expect(hall.participant(guest, in: "weekly")?.isMuted == false)
    let role = await answer("participant/role/", #"{"participant_id": "\#(guest)", "role": "chair"}"#)
    #expect(role.status == 200)
    #expect(try role.value("status") == .string("success"))
    #expect(hall.participant(guest, in: "weekly")?.isHost == true)
    #expect(await answer("participant/disconnect/", body).status == 200)
    #expect(
      hall.actions.contains { if case .disconnect(guest, _, _) = $0 { true } else { false } })
    #expect(hall.participant(host, in: "weekly") != nil)
    #expect(hall.audits.map(\.path).last == "/api/admin/command/v1/participant/disconnect/")
    #expect(hall.audits.allSatisfy { $0.user == "ann" && $0.status == 200 })
  }

  @Test func conferencesAreLockedMutedAndEnded() async throws {
    hall.join("a@x", "weekly")
    let guest = hall.join("b@x", "weekly", host: false)
    #expect(await answer("conference/lock/", #"{"conference_id": "weekly"}"#).status == 200)
    #expect(await hall.running().first?.status.isLocked == true)
    // By its id, as the reference has it, or by its name.
    let id = try #require(await hall.running().first?.id)
    #expect(await answer("conference/unlock/", #"{"conference_id": "\#(id)"}"#).status == 200)
    #expect(await hall.running().first?.status.isLocked == false)
    #expect(await answer("conference/mute_guests/", #"{"conference_id": "weekly"}"#).status == 200)
    #expect(hall.participant(guest, in: "weekly")?.isMuted == true)
    #expect(await answer("conference/disconnect/", #"{"conference_id": "weekly"}"#).status == 200)
    #expect(await hall.running().isEmpty)
    #expect(await answer("conference/disconnect/", #"{"conference_id": "weekly"}"#).status == 404)
  }

  @Test func dialsOutWithTheDocumentedDefaults() async throws {
    let response = await answer(
      "participant/dial/", #"{"conference_alias": "weekly@example.com", "destination": "bob@example.com"}"#)
    #expect(response.status == 200)
    guard case .string(let id)? = try response.value("data", "participant_id") else {
      Issue.record("no participant_id: \(response.body)")
      return
    }
    #expect(try response.value("data", "participant_ids", "0") == .string(id))
    let dialled = try #require(
      hall.actions.compactMap { if case .dial(_, let dialOut) = $0 { dialOut } else { nil } }.first)
    #expect(
      dialled == DialOut(destination: "bob@example.com", localAlias: "weekly@example.com"))
    #expect(dialled.role == .guest && dialled.routing == .manual && dialled.callProtocol == .sip)
    #expect(dialled.keepAlive == .yes && dialled.capability == .video && !dialled.isStreaming)
    #expect(hall.participant(try #require(ParticipantID(id)), in: "weekly")?.stage == .connecting)
  }

  @Test func dialsOutWithEverythingSaid() async throws {
    let response = await answer(
      "participant/dial/",
      #"""
      {"conference_alias": "weekly@example.com", "destination": "sip:bob@example.com", "protocol": "sip",
       "routing": "routing_rule", "role": "chair", "call_type": "audio", "system_location": "HQ",
       "dtmf_sequence": "12,#*", "keep_conference_alive": "keep_conference_alive_never", "streaming": "yes",
       "remote_display_name": "Bob", "local_display_name": "Weekly", "presentation_url": ""}
      """#)
    #expect(response.status == 200)
    let dialled = try #require(
      hall.actions.compactMap { if case .dial(_, let dialOut) = $0 { dialOut } else { nil } }.first)
    var expected = DialOut(
      destination: "sip:bob@example.com", routing: .automatic, localAlias: "weekly@example.com", role: .chair,
      keepAlive: .never)
    expected.capability = .audio
    expected.location = "HQ"
    expected.dtmfSequence = DTMFSequence("12,#*")
    expected.isStreaming = true
    expected.remoteDisplayName = "Bob"
    expected.localDisplayName = "Weekly"
    #expect(dialled == expected)
  }

  @Test(arguments: [
    ("participant/dial/", #"{"destination": "b"}"#, 400, "conference_alias"),
    ("participant/dial/", #"{"conference_alias": "weekly@example.com"}"#, 400, "destination"),
    ("participant/dial/", #"{"conference_alias": "other", "destination": "b"}"#, 404, "alias"),
    (
      "participant/dial/", #"{"conference_alias": "weekly@example.com", "destination": "b\u0007"}"#, 400,
      "destination"
    ),
    (
      "participant/dial/",
      #"{"conference_alias": "weekly@example.com", "destination": "b", "protocol": "isdn"}"#, 400,
      "one of: sip"
    ),
    (
      "participant/dial/", #"{"conference_alias": "weekly@example.com", "destination": "b", "role": "boss"}"#,
      400, "chair, guest"
    ),
    (
      "participant/dial/",
      #"{"conference_alias": "weekly@example.com", "destination": "b", "dtmf_sequence": "1A"}"#, 400, "dtmf"
    ),
    (
      "participant/dial/",
      #"{"conference_alias": "weekly@example.com", "destination": "b", "streaming": "perhaps"}"#, 400,
      "true or false"
    ),
    (
      "participant/dial/", #"{"conference_alias": "weekly@example.com", "destination": ["b"]}"#, 400,
      "must be text"
    ),
    (
      "participant/dial/",
      #"{"conference_alias": "weekly@example.com", "destination": "b", "custom_sip_headers": "X: y"}"#, 400,
      "not supported"
    ),
    ("participant/dial/", "[]", 400, "JSON object"), ("participant/dial/", "{", 400, "not JSON"),
    ("participant/mute/", "", 400, "participant_id"),
    ("participant/mute/", #"{"participant_id": "1"}"#, 400, "not the id"),
    (
      "participant/mute/", #"{"participant_id": "00000000-0000-4000-8000-000000000009"}"#, 404,
      "no such participant"
    ),
    ("participant/role/", #"{"participant_id": "00000000-0000-4000-8000-000000000009"}"#, 400, "role"),
    (
      "participant/transfer/", #"{"participant_id": "00000000-0000-4000-8000-000000000009"}"#, 400,
      "conference_alias"
    ),
    ("conference/lock/", "{}", 400, "conference_id"),
    ("conference/lock/", #"{"conference_id": "other"}"#, 404, "no such conference"),
  ]) func refusals(_ path: String, _ body: String, _ status: Int, _ reason: String) async throws {
    hall.join("a@x", "weekly")
    let response = await answer(path, body)
    #expect(response.status == status)
    #expect(try response.value("status") == .string("failure"))
    guard case .string(let text)? = try response.value("error") else { throw Absent() }
    #expect(text.contains(reason), "\(text)")
  }

}
