import CallModel
import Router
import Testing

@testable import Conferences

/// Receptions and playbacks as they host calls.
@Suite struct ReceptionHostTests {
  private static let policy = """
    playlists:
      - { name: tour, files: [one.wav, { file: two.wav, play_count: 2 }] }
    services:
      - { name: Desk, type: two_stage_dialing, aliases: [desk@example.org],
          reception: { match: '(\\d+)', replace: '\\1@example.org' } }
      - { name: Open, type: conference, aliases: [8001@example.org] }
      - { name: Closed, type: conference, aliases: [8002@example.org], pin: { env: A, default: "1234" } }
      - { name: Loop, type: two_stage_dialing, aliases: [8003@example.org] }
      - { name: Tour, type: media_playback, aliases: [tour@example.org],
          playback: { playlist: tour, on_completion: { transfer: 8001@example.org, role: guest } } }
      - { name: Secret, type: media_playback, aliases: [secret@example.org], pin: { env: A, default: "1234" },
          playback: { playlist: tour, on_completion: { disconnect: true } } }
    rules:
      - { name: phones, priority: 1, match: '(1\\d\\d)@example.org', to: { target: registered_device } }
    """

  private func bench(_ ports: ClosedRange<UInt16>) throws -> HostBench {
    try HostBench(Self.policy, ports: ports)
  }

  @Test func aNumberLeadsIntoARoomInsideTheCall() throws {
    let bench = try bench(36_300...36_319)
    let ann = bench.call("desk@example.org")
    #expect(ann.take() == ["accept"])
    ann.presses("8001#")
    // "Please hold" first.
    #expect(bench.conference("Open") == nil)
    bench.after(.seconds(1))
    #expect(ann.take() == ["offer"])
    #expect(ann.media?.streams.first?.codecs.first?.name == "PCMA")
    ann.does(.answer(.audio(port: 20_000)))
    #expect(bench.roster("Open") == ["sip:ann@example.org inConference"])
    #expect(bench.party(0, room: 0)?.isClosed == true && bench.party(0, room: 1)?.isConnected == true)
    ann.hangsUp()
    bench.isClean()
    // One call, one record, with the figures of both places.
    let record = try #require(bench.recorder.all.first)
    #expect(bench.recorder.all.count == 1 && record.media.count == 2)
    #expect(record.events.contains { $0.what.contains("goes on at 8001@example.org") })
  }

  @Test func missingPromptsHoldNobody() throws {
    let bench = try bench(36_660...36_679)
    bench.files.isMissing = true
    let ann = bench.call("desk@example.org")
    ann.presses("8001#")
    bench.after(.seconds(1))
    #expect(ann.take() == ["accept", "offer"])
    ann.does(.answer(.audio(port: 20_000)))
    #expect(bench.roster("Open") == ["sip:ann@example.org inConference"])
    ann.hangsUp()
    bench.isClean()
  }

  @Test func theRoomStillAsksForItsPIN() throws {
    let bench = try bench(36_320...36_339)
    let ann = bench.call("desk@example.org")
    ann.presses("8002#")
    bench.after(.seconds(1))
    ann.does(.answer(.audio(port: 20_000)))
    #expect(bench.conference("Closed")?.participants.map(\.stage) == [.ivr])
    ann.presses("1234")
    #expect(bench.conference("Closed")?.participants.map(\.stage) == [.inConference])
    ann.hangsUp()
    bench.isClean()
  }

  @Test func aNumberOfAPhoneGoesToTheGatewayWithWhatTheCallerCanDo() throws {
    let bench = try bench(36_340...36_359)
    let ann = bench.call("desk@example.org")
    ann.presses("102#")
    bench.after(.seconds(1))
    let incoming = try #require(bench.gateway.taken.first)
    #expect(incoming.leg === ann && incoming.offer == nil && ann.observer == nil)
    #expect(incoming.described == .audio(port: 20_000))
    #expect(incoming.request.previousServiceName == "Desk" && incoming.request.trigger == .twoStageDialing)
    incoming.call.finish(Disconnect(.normal), by: .caller)
    bench.isClean()
  }

  @Test func threeWrongNumbersEndTheCall() throws {
    let bench = try bench(36_360...36_379)
    let ann = bench.call("desk@example.org")
    for number in ["9#", "99#", "#"] {
      ann.presses(number)
      bench.after(.seconds(1))
    }
    #expect(ann.take() == ["accept", "end normal"])
    bench.isClean()
  }

  @Test func nobodyWaitsForANumberForEver() throws {
    let bench = try bench(36_380...36_399)
    let ann = bench.call("desk@example.org")
    bench.after(.seconds(119))
    #expect(ann.take() == ["accept"])
    bench.after(.seconds(2))
    #expect(ann.take() == ["end normal"])
    bench.isClean()
  }

  @Test func whoHangsUpWhileHeIsSentOnIsGone() throws {
    let bench = try bench(36_400...36_419)
    let ann = bench.call("desk@example.org")
    ann.presses("8001#")
    ann.hangsUp()
    bench.after(.seconds(2))
    #expect(bench.conference("Open") == nil)
    bench.isClean()
  }

  // MARK: Playback

  @Test func aPlaylistIsPlayedAndTheCallerSentOn() throws {
    let bench = try bench(36_420...36_439)
    let ann = bench.call("tour@example.org")
    #expect(ann.take() == ["accept"])
    bench.after(.milliseconds(1_400))
    #expect(bench.conference("Open") == nil)
    bench.after(.milliseconds(200))
    #expect(bench.plane.rooms.first?.played == 3)
    #expect(ann.take() == ["offer"])
    #expect(bench.conference("Open")?.participants.first?.role == .guest)
    ann.hangsUp()
    bench.isClean()
  }

  @Test func recordingsThatCannotBeReadArePassedOver() throws {
    let bench = try bench(36_440...36_459)
    bench.files.isMissing = true
    let ann = bench.call("tour@example.org")
    bench.after(.milliseconds(100))
    #expect(ann.take() == ["accept", "offer"] && bench.plane.rooms.first?.played == 0)
    ann.hangsUp()
    bench.isClean()
  }

  @Test func aPlaybackAsksForItsPINAndIsClosedToWhoGuesses() throws {
    let bench = try bench(36_460...36_499)
    let ann = bench.call("secret@example.org")
    ann.presses("1234")
    bench.after(.seconds(3))
    #expect(ann.take() == ["accept", "end normal"])
    // Eight callers guess three times each; the next is told nothing.
    for _ in 0..<7 {
      let eve = bench.call("secret@example.org", from: "eve")
      eve.presses("999988887777")
      bench.after(.seconds(2))
      #expect(eve.take() == ["accept", "end normal"])
    }
    #expect(bench.call("secret@example.org", from: "eve").take() == ["reject notFound"])
    #expect(bench.call("secret@example.org", device: "101@example.org").take() == ["accept"])
    bench.ledger.endAll(Disconnect(.normal))
    bench.isClean()
  }
}
