import CallModel
import Router
import Testing

@testable import Conferences

/// Conferences that call other services of ours: the call stays in the house.
@Suite struct RoomToServiceTests {
  private static let policy = """
    services:
      - { name: A, type: conference, aliases: [a@example.org] }
      - { name: B, type: conference, aliases: [b@example.org] }
      - { name: C, type: conference, aliases: [c@example.org], pin: { env: P, default: "1234" } }
      - { name: Desk, type: two_stage_dialing, aliases: [desk@example.org] }
    """

  private func dial(_ bench: HostBench, _ from: String, _ to: String) {
    let dialOut = DialOut(destination: to, localAlias: "\(from.lowercased())@example.org", role: .chair)
    _ = bench.conferences.perform(.dial(bench.conferences.makeParticipantID(), dialOut), on: from)
    bench.after(.milliseconds(1))
  }

  @Test func twoRoomsAreJoined() throws {
    let bench = try HostBench(Self.policy, ports: 36_800...36_839)
    let (ann, bob) = (bench.call("a@example.org"), bench.call("b@example.org", from: "bob"))
    dial(bench, "A", "b@example.org")
    #expect(bench.roster("A").last == "b@example.org inConference")
    #expect(bench.roster("B").last == "a@example.org inConference")
    // Their parties send each other what their rooms hear.
    for room in bench.plane.rooms {
      #expect(room.parties.count == 2 && !room.parties.contains { !$0.isConnected })
      #expect(room.parties.last?.placement == .mix(isHeard: true, hears: true))
    }
    #expect(bench.dialled.isEmpty)
    // Once more would be a circle, from either side.
    dial(bench, "B", "a@example.org")
    dial(bench, "A", "b@example.org")
    #expect(bench.roster("A").count == 2 && bench.roster("B").count == 2)
    #expect(bench.recorder.all.filter { $0.disconnect?.cause == .loop }.count == 4)
    // The room that is called ends with its people, and the other loses it.
    #expect(bench.conferences.perform(.end, on: "B") == nil)
    bench.after(.milliseconds(1))
    #expect(bob.take().last == "end normal" && bench.roster("A").count == 1)
    ann.hangsUp()
    bench.isClean()
  }

  @Test func aPINIsPressedForTheRoomThatIsCalled() throws {
    let bench = try HostBench(Self.policy, ports: 36_840...36_869)
    let ann = bench.call("a@example.org")
    let dialOut = DialOut(destination: "c**1234@example.org", localAlias: "a@example.org", role: .chair)
    _ = bench.conferences.perform(.dial(bench.conferences.makeParticipantID(), dialOut), on: "A")
    bench.after(.milliseconds(1))
    #expect(bench.roster("C") == ["a@example.org inConference"])
    #expect(!bench.recorder.all.contains { "\($0)".contains("1234") })
    // A Host that was dialled keeps the room; whoever ends it ends the call.
    #expect(bench.conferences.perform(.end, on: "A") == nil)
    bench.after(.milliseconds(1))
    #expect(ann.take().last == "end normal")
    bench.isClean()
  }

  @Test func aReceptionIsCalledToo() throws {
    let bench = try HostBench(Self.policy, ports: 36_870...36_899)
    let ann = bench.call("a@example.org")
    dial(bench, "A", "desk@example.org")
    #expect(bench.roster("A").last == "desk@example.org inConference")
    // A Host that was dialled keeps the room; whoever ends it ends the call.
    #expect(bench.conferences.perform(.end, on: "A") == nil)
    bench.after(.milliseconds(1))
    #expect(ann.take().last == "end normal")
    bench.isClean()
  }
}
