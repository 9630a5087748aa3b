import AudioBridge
import CallModel
import Foundation
import Testing

@testable import Conferences

/// What a room hears, in a file: when it begins and ends, who is told, and what becomes of failures.
@Suite struct RecordingTests {
  private static let rooms = """
    services:
      - { name: Open, type: conference, aliases: [open@example.org] }
      - { name: Board, type: conference, aliases: [board@example.org], room: { record: true } }
    """

  // MARK: The conference

  @Test func everybodyIsToldAndWhoComesLater() {
    let room = Room(meetingRoom())
    room.arrives("ann") { $0.role = .chair }
    #expect(room.command(.record(true)) == ["record"])
    #expect(room.status.isRecording == false, "there is no file yet")
    #expect(room.recordingBegins() == ["say conf-recording-started to everybody"])
    #expect(room.status.isRecording)
    #expect(room.command(.record(true)) == [], "it is recorded already")
    #expect(room.arrives("gus") { $0.role = .guest }.contains("say conf-being-recorded to gus"))
    #expect(room.command(.record(false), by: "gus") == ["refused: invalidRole"])
    #expect(room.command(.record(false), by: "ann").contains("say conf-recording-stopped to everybody"))
    #expect(!room.status.isRecording)
    #expect(room.arrives("bob") { $0.role = .guest }.contains("say conf-being-recorded to bob") == false)
  }

  @Test func whatIsStoppedBeforeItsFileIsThereNeverBegins() {
    let room = Room()
    room.arrives("ann")
    room.command(.record(true))
    #expect(room.command(.record(false)) == ["stop recording"])
    #expect(room.recordingBegins() == [] && !room.status.isRecording)
  }

  @Test func aFailureIsSaidToHostsAndEndsNothing() {
    let room = Room(meetingRoom())
    room.arrives("ann") { $0.role = .chair }
    room.command(.record(true))
    room.recordingBegins()
    #expect(room.recordingFails() == ["say conf-recording-failed to hosts"])
    #expect(!room.status.isRecording && room.inside == ["ann"])
    #expect(room.command(.record(true)) == ["record"], "it may be tried again")
  }

  @Test func fromTheBeginningMeansWhenItStarts() {
    let room = Room(meetingRoom { $0.isRecorded = true })
    #expect(
      !room.arrives("gus") { $0.role = .guest }.contains("record"), "a Guest at the door is no conference")
    #expect(room.arrives("ann") { $0.role = .chair }.contains("record"))
    room.recordingBegins()
    // Whoever stops it has stopped it.
    room.command(.record(false))
    #expect(!room.arrives("bob") { $0.role = .chair }.contains("record"))
    #expect(!room.status.isRecording)
  }

  @Test func itEndsWithTheConference() {
    let room = Room()
    room.arrives("ann")
    room.command(.record(true))
    room.recordingBegins()
    #expect(room.leaves("ann").suffix(2) == ["stop recording", "end: Everybody left"])
  }

  /// An empty room with people at its door begins anew, and so does its recording.
  @Test func eachSessionHasItsOwn() {
    let room = Room(meetingRoom { $0.isRecorded = true })
    room.arrives("ann") { $0.role = .chair }
    room.recordingBegins()
    room.arrives("pin")
    #expect(room.leaves("ann").contains("stop recording"))
    #expect(room.presses("pin", "1234").contains("record"))
  }

  @Test func aKeyOfAThemeRecords() throws {
    let control = try #require(ControlProfile.Control("*1", .toggleRecording, for: .host))
    let room = Room(meetingRoom { $0.controls.controls.append(control) })
    room.arrives("ann") { $0.role = .chair }
    #expect(room.presses("ann", "*1") == ["record"])
    room.recordingBegins()
    #expect(room.presses("ann", "*1").first == "stop recording")
    room.arrives("gus") { $0.role = .guest }
    #expect(room.presses("gus", "*1") == [])
  }

  // MARK: The host

  private func answer(_ bench: HostBench, _ line: String) throws -> () -> String {
    let request = try #require(try ConferenceRequest.parse(Array(line.utf8)))
    var answer = ""
    bench.conferences.answer(request.request, isJSON: request.isJSON) { answer = "\($0) \($1)" }
    return { answer }
  }

  @Test func anAdminIsToldTheFile() throws {
    let bench = try HostBench(Self.rooms, ports: 36_700...36_719)
    #expect(
      try answer(bench, #"{"command":"conference_record","conference":"Open"}"#)()
        == "1 no conference “Open” runs\n")
    let ann = bench.call("open@example.org")
    let begun = try answer(bench, #"{"command":"conference_record","conference":"Open"}"#)
    #expect(begun() == "", "its file is not there yet")
    bench.after(.milliseconds(2))
    let file = try #require(bench.recordings.files.first)
    #expect(file == "Open-19700101T000001Z.ogg")
    #expect(begun().hasPrefix("0 /") && begun().hasSuffix("/\(file)\n"))
    #expect(bench.plane.rooms[0].recording?.hasPrefix("Open in /") == true)
    #expect(bench.conferences.answer(.roster("Open"), isJSON: true).output.contains("\"is_recording\": true"))
    #expect(bench.conferences.answer(.list, isJSON: false).output.contains("is recorded"))
    // Asked twice it is the same file.
    let again = try answer(bench, #"{"command":"conference_record","conference":"Open"}"#)
    #expect(again() == begun() && bench.recordings.files.count == 1)
    let stopped = try answer(
      bench, #"{"command":"conference_stop_recording","conference":"Open","json":true}"#)
    #expect(stopped().contains(#""ok": true"#) && stopped().contains(file), "\(stopped())")
    #expect(bench.plane.rooms[0].recording == nil)
    let idle = try answer(bench, #"{"command":"conference_stop_recording","conference":"Open"}"#)
    #expect(idle() == "0 it was not recorded\n")
    ann.hangsUp()
    bench.isClean()
    let said = bench.notices.compactMap { notice -> String? in
      switch notice {
      case .recordingBegan: "began"
      case .recordingEnded: "ended"
      case .recordingFailed: "failed"
      default: nil
      }
    }
    #expect(said == ["began", "ended"])
  }

  @Test func fromTheBeginningAndToTheEnd() throws {
    let bench = try HostBench(Self.rooms, ports: 36_720...36_739)
    let ann = bench.call("board@example.org")
    bench.after(.milliseconds(2))
    #expect(bench.plane.rooms[0].recording != nil && bench.conference("Board")?.status.isRecording == true)
    ann.hangsUp()
    #expect(bench.plane.rooms[0].recording == nil)
    bench.isClean()
  }

  @Test func aFullDiskIsSaidAndHarmsNobody() throws {
    let bench = try HostBench(Self.rooms, ports: 36_740...36_759)
    bench.recordings.failure = ENOSPC
    let ann = bench.call("open@example.org")
    let asked = try answer(bench, #"{"command":"conference_record","conference":"Open"}"#)
    bench.after(.milliseconds(2))
    #expect(asked().hasPrefix("1 it cannot be recorded: /") && asked().contains("No space left on device"))
    // And when it fills later.
    bench.recordings.failure = nil
    let later = try answer(bench, #"{"command":"conference_record","conference":"Open"}"#)
    bench.after(.milliseconds(2))
    #expect(later().hasPrefix("0 /"))
    bench.plane.rooms[0].onEvent(.recordingFailed(BridgeRecordingError(path: "/x", errno: ENOSPC)))
    bench.after(.milliseconds(1))
    #expect(bench.conference("Open")?.status.isRecording == false)
    guard case .recordingFailed("Open", _, "/x: No space left on device")? = bench.notices.last else {
      Issue.record("\(bench.notices)")
      return
    }
    #expect(ann.take() == ["accept"])
    ann.hangsUp()
    bench.isClean()
  }

  /// The room is gone when its file is there: nothing is left of it.
  @Test func whoLeavesAtOnceLeavesNoFile() throws {
    let bench = try HostBench(Self.rooms, ports: 36_760...36_779)
    bench.call("board@example.org").hangsUp()
    bench.isClean()
    #expect(bench.recordings.files == [])
  }

  @Test(arguments: [
    ("Weekly meeting", "Weekly_meeting"), ("../../etc", "_._.._etc"),
    ("-rf", "_rf"), ("", "conference"), ("Bü ro", "B___ro"), ("a@b.c", "a@b.c"),
  ])
  func names(_ conference: String, _ expected: String) {
    let name = RecordingName(conference: conference, at: WallClock(milliseconds: 1_000)).file(copy: 1)
    #expect(!name.contains("/") && !name.hasPrefix("."))
    #expect(name == "\(expected)-19700101T000001Z.ogg")
    let long = RecordingName(
      conference: String(repeating: "x", count: 5_000), at: WallClock(milliseconds: 0))
    #expect(long.file(copy: 2) == String(repeating: "x", count: 100) + "-19700101T000000Z-2.ogg")
  }
}
