import CallModel
import PolicyEngine
import Router
import Testing

@testable import Conferences

/// Following a conference from outside.
@Suite struct WatchingTests {
  private static let policy = """
    services:
      - { name: Open, type: conference, aliases: [open@example.org] }
    """

  private final class Watcher: ConferenceWatcher {
    var changes = 0
    var last: [ConferenceNews]?
    func conferenceChanged() { changes += 1 }
    func conferenceEnded(_ last: [ConferenceNews]) { self.last = last }
  }

  private func names(_ news: [ConferenceNews]) -> [String] { news.map(\.name) }

  @Test func whoKnowsNothingIsShownTheState() throws {
    let bench = try HostBench(Self.policy, ports: 36_930...36_939)
    let ann = bench.call("open@example.org")
    let watcher = Watcher()
    let id = try bench.conferences.follow("Open", after: nil, by: watcher).get()
    #expect(id == bench.conference("Open")?.id)
    let state = bench.conferences.news(for: watcher)
    #expect(
      names(state)
        == ["participant_sync_begin", "participant_create", "participant_sync_end", "conference_update"])
    // Only from its end one may go on.
    #expect(state.dropLast().allSatisfy { $0.sequence == nil })
    #expect(state.last?.sequence == bench.conference("Open")?.events.lastSequence)
    #expect(bench.conferences.news(for: watcher).isEmpty)
    let bob = bench.call("open@example.org", from: "bob")
    #expect(watcher.changes > 0)
    let news = bench.conferences.news(for: watcher)
    #expect(names(news).contains("participant_create") && news.allSatisfy { $0.sequence != nil })
    #expect(news.contains { $0.json.contains("\"uri\":\"sip:bob@example.org\"") })
    #expect(news.allSatisfy { !$0.json.contains("\n") && !$0.text.contains("\n") })
    bob.hangsUp()
    #expect(names(bench.conferences.news(for: watcher)).contains("participant_delete"))
    ann.hangsUp()
    #expect(watcher.last.map(names)?.last == "conference_ended")
    #expect(bench.conferences.watchers.places.isEmpty && bench.conferences.news(for: watcher).isEmpty)
    bench.isClean()
  }

  @Test func whoComesBackHasWhatItMissed() throws {
    let bench = try HostBench(Self.policy, ports: 36_940...36_949)
    let ann = bench.call("open@example.org")
    let first = Watcher()
    let id = try bench.conferences.follow("Open", after: 0, by: first).get()
    let all = bench.conferences.news(for: first)
    #expect(all.map(\.sequence) == (1...all.count).map { UInt64($0) })
    bench.conferences.unfollow(first)
    _ = bench.conferences.perform(.lock(true), on: id)
    #expect(first.changes == 0)
    let second = Watcher()
    _ = bench.conferences.follow(id, after: all.last?.sequence, by: second)
    let missed = bench.conferences.news(for: second)
    #expect(names(missed) == ["conference_update"] && missed[0].json.contains("\"locked\":true"))
    // Further than the log remembers, or of another conference: everything anew.
    for _ in 0..<1_100 {
      _ = bench.conferences.perform(.lock(false), on: id)
      _ = bench.conferences.perform(.lock(true), on: id)
    }
    #expect(names(bench.conferences.news(for: second)).first == "participant_sync_begin")
    let third = Watcher()
    _ = bench.conferences.follow(id, after: 1 << 40, by: third)
    #expect(names(bench.conferences.news(for: third)).first == "participant_sync_begin")
    ann.hangsUp()
    bench.isClean()
  }

  @Test func followersAreBounded() throws {
    let bench = try HostBench(Self.policy, ports: 36_950...36_959)
    let ann = bench.call("open@example.org")
    var watchers = (0..<ConferenceWatchers.maximum).map { _ in Watcher() }
    for watcher in watchers {
      #expect((try? bench.conferences.follow("Open", after: nil, by: watcher).get()) != nil)
    }
    let late = Watcher()
    guard case .failure(.isFull) = bench.conferences.follow("Open", after: nil, by: late) else {
      throw Unexpected()
    }
    bench.conferences.unfollow(watchers.removeLast())
    #expect((try? bench.conferences.follow("Open", after: nil, by: late).get()) != nil)
    guard case .failure(.isOver) = bench.conferences.follow("Shut", after: nil, by: Watcher()) else {
      throw Unexpected()
    }
    ann.hangsUp()
    #expect(watchers.allSatisfy { $0.last != nil })
    bench.isClean()
  }

  private struct Unexpected: Error {}

  @Test func staysAreInTheRecords() throws {
    let bench = try HostBench(Self.policy, ports: 36_960...36_969)
    let ann = bench.call("open@example.org")
    let id = try #require(bench.conference("Open")?.id)
    let participant = try #require(bench.conference("Open")?.participants.first?.id)
    _ = bench.conferences.perform(.setRole(participant, .guest), on: "Open")
    bench.after(.seconds(5))
    ann.hangsUp()
    bench.isClean()
    let stay = try #require(bench.recorder.all.last?.participants.first)
    #expect(stay.conference.id == id && stay.conference.name == "Open" && stay.id == participant.description)
    #expect(stay.role == "guest" && stay.ended != nil && stay.disconnect?.cause == .normal && stay.hasMedia)
  }
}
