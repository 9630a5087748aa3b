import CallModel
import Router
import Testing

@testable import Conferences

/// What administrators ask at the control socket.
@Suite struct RequestTests {
  private func parse(_ text: String) throws -> ConferenceRequest? {
    try ConferenceRequest.parse(Array(text.utf8))?.request
  }

  @Test func linesAreRead() throws {
    #expect(try parse(#"{"command":"conferences"}"#) == .list)
    #expect(try parse(#"{"command":"conference_roster","conference":"A"}"#) == .roster("A"))
    #expect(try parse(#"{"command":"conference_lock","conference":"A"}"#) == .act(.lock(true), on: "A"))
    #expect(
      try parse(#"{"command":"conference_mute","conference":"A","participant":"ann"}"#)
        == .act(.mute("ann", true), on: "A"))
    #expect(
      try parse(#"{"command":"conference_role","conference":"A","participant":"ann","role":"chair"}"#)
        == .act(.setRole("ann", .chair), on: "A"))
    guard
      case .dial(let dialOut)? = try parse(
        #"{"command":"conference_dial","from":"meet","destination":"bob","dtmf_sequence":"1,2","role":"host","streaming":true}"#
      )
    else {
      Issue.record("no dial-out")
      return
    }
    #expect(dialOut.destination == "bob" && dialOut.localAlias == "meet" && dialOut.role == .chair)
    #expect(dialOut.dtmfSequence == DTMFSequence("1,2") && dialOut.isStreaming)
    // The defaults of a dial-out by hand.
    #expect(dialOut.callProtocol == .sip && dialOut.routing == .manual && dialOut.keepAlive == .yes)
  }

  @Test(arguments: [
    #"{"command":"status"}"#, "nonsense", "{}", "[]", #"{"command":1}"#,
  ])
  func whatIsNotAboutConferencesIsForOthers(line: String) throws {
    #expect(try parse(line) == nil)
  }

  @Test(arguments: [
    #"{"command":"conference_roster"}"#, #"{"command":"conference_explode","conference":"A"}"#,
    #"{"command":"conference_mute","conference":"A"}"#,
    #"{"command":"conference_role","conference":"A","participant":"a","role":"king"}"#,
    #"{"command":"conference_dial","from":"a"}"#,
    #"{"command":"conference_dial","from":"a","destination":"b","dtmf_sequence":"x"}"#,
    #"{"command":"conference_dial","from":"a","destination":"b","protocol":"pigeon"}"#,
    #"{"command":"conference_digits","conference":"A","participant":"a","digits":"12x"}"#,
  ])
  func whatCannotBeMeantIsRefused(line: String) {
    #expect(throws: ConferenceRequest.Invalid.self) { try parse(line) }
  }

  @Test func participantsAreFoundByIdAndAlias() throws {
    let bench = try HostBench(
      "services: [{ name: Open, type: conference, aliases: [open@example.org] }]", ports: 36_600...36_619)
    let legs = ["ann", "bob", "bob"].map { bench.call("open@example.org", from: $0) }
    let host = bench.conferences
    let ids = bench.conference("Open")?.participants.map(\.id.description) ?? []
    #expect(host.answer(.act(.mute("ann@example.org", true), on: "Open"), isJSON: false) == (0, "done\n"))
    #expect(bench.conference("Open")?.participants.map(\.isMuted) == [true, false, false])
    #expect(host.answer(.act(.mute("bob@example.org", true), on: "Open"), isJSON: false).exitCode == 1)
    #expect(host.answer(.act(.mute(ids[1], true), on: "Open"), isJSON: false).exitCode == 0)
    #expect(host.answer(.act(.disconnect(String(ids[2].prefix(8))), on: "Open"), isJSON: false).exitCode == 0)
    #expect(legs[2].take().last == "end normal")
    #expect(
      host.answer(.act(.mute("carol", true), on: "Open"), isJSON: false) == (1, "nobody there is “carol”\n"))
    #expect(host.answer(.roster("Nowhere"), isJSON: true).exitCode == 1)
    let roster = host.answer(.roster("Open"), isJSON: true).output
    #expect(
      roster.contains("\"source_alias\": \"sip:ann@example.org\"") && roster.contains("\"is_muted\": true"))
    #expect(host.answer(.list, isJSON: false).output.contains("Open"))
    #expect(host.answer(.act(.end, on: "Open"), isJSON: false).exitCode == 0)
    #expect(host.answer(.list, isJSON: false).output == "No conference runs.\n")
    bench.isClean()
  }

  @Test func aConferenceBeginsForADialOut() throws {
    let bench = try HostBench(
      "services: [{ name: Open, type: conference, aliases: [open@example.org] }]", ports: 36_620...36_639)
    var dialOut = DialOut(destination: "sip:bob@192.0.2.9:5070", localAlias: "open@example.org", role: .chair)
    #expect(bench.conferences.answer(.dial(dialOut), isJSON: false).exitCode == 0)
    bench.after(.zero)
    // A host that is an address is where the call goes.
    #expect(bench.dialled.first?.call?.target.calledAlias == "sip:bob@192.0.2.9:5070")
    bench.dialled.first?.does(.answered(media: .audio(port: 20_000)))
    #expect(bench.roster("Open") == ["sip:bob@192.0.2.9:5070 inConference"])
    bench.dialled.first?.hangsUp()
    dialOut.localAlias = "nowhere@example.org"
    #expect(bench.conferences.answer(.dial(dialOut), isJSON: false).exitCode == 1)
    bench.isClean()
  }
}
