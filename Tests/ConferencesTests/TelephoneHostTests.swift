import CallModel
import Router
import Testing

@testable import Conferences

/// A telephone system's conferences, as calls reach them.
@Suite struct TelephoneHostTests {
  private static let policy = """
    globals: { domain: example.org }
    devices:
      - { alias: 101@example.org, local_conference: { pin: { env: A, default: "4711" }, end_on_exit: true } }
      - { alias: 102@example.org }
      - { alias: 103@example.org }
    services:
      - name: Team
        type: conference
        aliases: ["700@example.org"]
        pin: { env: A, default: "9999" }
        guest_pin: { env: A, default: "1111" }
        allow_guests: true
        room: { telephone: { announce_caller_name: true } }
    rules:
      - { name: out, priority: 2, match: '(0\\d+)@example.org', replace: '\\1@far.test', direction: [outgoing] }
      - { name: in, priority: 1, match: '(1\\d\\d)@example.org', replace: '\\1@far.test', direction: [incoming, outgoing] }
    """

  private let local = "local conference of 101"

  private func bench(_ ports: ClosedRange<UInt16>) throws -> HostBench {
    try HostBench(Self.policy, ports: ports)
  }

  /// The scenario of the document, step by step.
  @Test func theConferenceOfATelephone() throws {
    let bench = try bench(36_500...36_539)
    // Nobody joins before its owner has opened it.
    let early = bench.call("*8101@example.org", from: "102", device: "102@example.org")
    bench.after(.seconds(1))
    #expect(early.take() == ["accept", "end normal"] && bench.conference(local) == nil)
    // To callers from outside there is no such number.
    #expect(bench.call("*8101@example.org").take() == ["reject notFound"])

    let owner = bench.call("*8101@example.org", from: "101", device: "101@example.org")
    #expect(bench.conference(local)?.participants.first?.isOwner == true)
    #expect(bench.conference(local)?.participants.first?.stage == .inConference)

    let other = bench.call("*8101@example.org", from: "102", device: "102@example.org")
    #expect(bench.conference(local)?.participants.last?.stage == .ivr)
    other.presses("4711")
    #expect(bench.conference(local)?.participants.map(\.stage) == [.inConference, .inConference])

    // The owner invites; meanwhile nobody else is called.
    owner.presses("*8103#")
    bench.after(.zero)
    let phone = try #require(bench.dialled.first)
    #expect(phone.call?.target.calledAlias == "103@far.test")
    #expect(phone.call?.callerAlias == "101@example.org")
    owner.presses("*8104#")
    bench.after(.zero)
    #expect(bench.dialled.count == 1)
    // An extension is dropped while it rings, and not after.
    owner.presses("##")
    #expect(phone.take().last == "end cancelled")
    owner.presses("*8103#")
    bench.after(.zero)
    let again = try #require(bench.dialled.last)
    again.does(.answered(media: .audio(port: 20_010)))
    owner.presses("##")
    #expect(bench.conference(local)?.participants.count == 3 && !again.isOver)

    // Somebody outside is heard while the line still plays something, and dropped at any time.
    owner.presses("*8030555#")
    bench.after(.zero)
    let outside = try #require(bench.dialled.last)
    #expect(outside.call?.target.calledAlias == "030555@far.test")
    outside.does(.progress(.inBand, media: .audio(port: 20_012)))
    #expect(bench.plane.rooms.last?.parties.last?.placement == .mix(isHeard: true, hears: true))
    outside.does(.answered(media: .audio(port: 20_012)))
    owner.presses("##")
    #expect(outside.take().last == "end normal" && bench.conference(local)?.participants.count == 3)
    // Nobody but the owner invites.
    other.presses("*8030556#")
    bench.after(.zero)
    #expect(bench.dialled.last === outside)

    // It ends with its owner.
    owner.hangsUp()
    #expect(other.take().last == "end normal" && again.take().last == "end normal")
    bench.isClean()
  }

  @Test func whoRangAndWasHeardMayStillFail() throws {
    let bench = try bench(36_540...36_559)
    let owner = bench.call("*8101@example.org", from: "101", device: "101@example.org")
    owner.presses("*8030555#")
    bench.after(.zero)
    let outside = try #require(bench.dialled.last)
    outside.does(.progress(.inBand, media: .audio(port: 20_012)))
    outside.does(.ended(Disconnect(.busy, protocolCode: 486)))
    #expect(bench.conference(local)?.participants.count == 1)
    owner.hangsUp()
    bench.isClean()
  }

  @Test func aModeratorHasItsFunctions() throws {
    let bench = try bench(36_560...36_599)
    let moderator = bench.call("700@example.org", from: "101", device: "101@example.org")
    moderator.presses("9999")
    let guest = bench.call("700@example.org", from: "102", device: "102@example.org")
    guest.presses("1111")
    #expect(bench.conference("Team")?.participants.map(\.role) == [.chair, .guest])
    // *93 mutes the others, *94 locks, *92 asks for a number, *95 drops the last.
    moderator.presses("*93")
    #expect(bench.conference("Team")?.participants.last?.isMuted == true)
    moderator.presses("*94")
    #expect(bench.conference("Team")?.status.isLocked == true)
    moderator.presses("*94")
    moderator.presses("*92")
    moderator.presses("103#")
    bench.after(.zero)
    #expect(bench.dialled.last?.call?.target.calledAlias == "103@far.test")
    bench.dialled.last?.does(.ended(Disconnect(.busy, protocolCode: 486)))
    moderator.presses("*95")
    bench.after(.seconds(3))
    #expect(guest.take().last == "end normal" && bench.conference("Team")?.participants.count == 1)
    // *95* ends it for all.
    moderator.presses("*95*")
    #expect(moderator.take().last == "end normal")
    bench.isClean()
  }
}
