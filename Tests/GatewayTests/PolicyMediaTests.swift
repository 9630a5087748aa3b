import CallModel
import PolicyEngine
import Router
import Testing

@testable import Gateway

/// What policy says of a call's media, on both legs.
@Suite struct PolicyMediaTests {
  private func bench(
    _ configure: @escaping (inout GatewayConfiguration) -> Void, globals: (inout Globals) -> Void = { _ in }
  ) throws -> GatewayBench {
    try GatewayBench(
      rules: [rule(".*", target: .registration, configure: configure)], devices: ["bob"],
      ports: 33000...33999,
      globals: globals)
  }

  private func offer(_ kilobits: Int?, video: Int? = nil) -> MediaDescription {
    var offer = MediaDescription.video(port: 20000)
    offer.bandwidth = kilobits.map { Bandwidth(kilobitsPerSecond: $0) }
    offer.streams[1].bandwidth = video.map { Bandwidth(kilobitsPerSecond: $0) }
    return offer
  }

  struct Limits: Sendable {
    var `in`: Int?
    var out: Int?
    var offered: Int?
    var answered: Int?
    /// What the called party is offered, and the caller answered.
    var told: Int
    var toldBack: Int
  }

  /// What one party sends is what the other is sent, so both are told the lower of the two limits, or less where the other
  /// party wants less.
  @Test(arguments: [
    Limits(in: nil, out: nil, offered: nil, answered: nil, told: 4128, toldBack: 4128),
    Limits(in: 1024, out: nil, offered: nil, answered: nil, told: 1024, toldBack: 1024),
    Limits(in: nil, out: 768, offered: nil, answered: nil, told: 768, toldBack: 768),
    Limits(in: 1024, out: 768, offered: 2000, answered: 512, told: 768, toldBack: 512),
    Limits(in: 768, out: 1024, offered: 384, answered: 2000, told: 384, toldBack: 768),
  ])
  func neitherPartySendsMoreThanBothLimitsAllow(_ limits: Limits) throws {
    let bench = try bench {
      $0.maximumBandwidthIn = limits.`in`.map { Bandwidth(kilobitsPerSecond: $0) }
      $0.maximumBandwidthOut = limits.out.map { Bandwidth(kilobitsPerSecond: $0) }
    }
    let ann = bench.call("bob", offer: offer(limits.offered, video: limits.offered))
    let bob = try #require(bench.dialer.legs.last)
    let offered = try #require(bob.call?.offer)
    #expect(offered.bandwidth?.kilobitsPerSecond == limits.told)
    #expect(offered.streams[1].bandwidth?.kilobitsPerSecond == limits.told)
    // Speech is never near the limit, and says nothing of its own.
    #expect(offered.streams[0].bandwidth == nil)
    bob.does(.answered(media: offer(limits.answered, video: limits.answered)))
    #expect(ann.media?.bandwidth?.kilobitsPerSecond == limits.toldBack)
    #expect(ann.media?.streams[1].bandwidth?.kilobitsPerSecond == limits.toldBack)
    // And again in the other direction.
    bob.does(.offer(offer(9_999, video: 9_999)))
    #expect(ann.media?.bandwidth?.kilobitsPerSecond == min(limits.in ?? 4128, limits.out ?? 4128))
  }

  @Test func withoutAnyLimitWhatPartiesSayIsPassedOn() throws {
    let bench = try bench({ _ in }) { $0.bandwidthOut = nil }
    let ann = bench.call("bob", offer: offer(nil))
    let bob = try #require(bench.dialer.legs.last)
    #expect(bob.call?.offer?.bandwidth == nil && bob.call?.offer?.streams[1].bandwidth == nil)
    bob.does(.answered(media: offer(6000, video: 5000)))
    #expect(ann.media?.bandwidth == Bandwidth(kilobitsPerSecond: 6000))
    #expect(ann.media?.streams[1].bandwidth == Bandwidth(kilobitsPerSecond: 5000))
  }

  // MARK: Capability

  /// `call_type: auto` is what the caller offers, and the called party does not escalate above it.
  @Test(arguments: [CallCapability.auto, .video, .audio])
  func theCapabilityIsTheCallersWhereTheRuleSaysAuto(_ capability: CallCapability) throws {
    let bench = try bench { $0.callCapability = capability }
    // A caller with a picture.
    let ann = bench.call("bob", offer: .video(port: 20000))
    var bob = try #require(bench.dialer.legs.last)
    let hasVideo = bob.call?.offer?.streams.contains { $0.kind == .video && $0.isEnabled }
    #expect(hasVideo == (capability != .audio))
    ann.does(.ended(Disconnect(.cancelled)))

    // One without: whether the called party may add it.
    let carl = bench.call("bob", offer: .audio(port: 22000))
    bob = try #require(bench.dialer.legs.last)
    bob.does(.answered(media: .audio(port: 25000)))
    _ = carl.take()
    bob.does(.offer(.video(port: 25000)))
    #expect(carl.take() == [.offer])
    let isAdded = carl.media?.streams.contains { $0.kind == .video && $0.isEnabled }
    #expect(isAdded == (capability == .video))
    carl.does(.ended(Disconnect(.normal)))

    // A late offer says nothing of what the caller can: the called party's picture is offered to it.
    let late = bench.call("bob", offer: nil)
    bob = try #require(bench.dialer.legs.last)
    bob.does(.answered(media: .video(port: 25000)))
    #expect(late.media?.streams.contains { $0.kind == .video && $0.isEnabled } == (capability != .audio))
  }

  // MARK: Digits

  private func digits(_ sequence: String, audio: MediaDescription = .audio(port: 25000, codecs: [.pcma]))
    throws -> (bench: GatewayBench, ann: ScriptedLeg, bob: ScriptedLeg)
  {
    let bench = try bench { $0.dtmfSequence = sequence }
    let ann = bench.call("bob", offer: .audio(port: 20000, codecs: [.pcma]))
    let bob = try #require(bench.dialer.legs.last)
    bob.does(.progress(.ringing, media: nil))
    bench.loop.advance(to: bench.loop.now + .seconds(10))
    #expect(bob.take().isEmpty)
    bob.does(.answered(media: audio))
    _ = bob.take()
    return (bench, ann, bob)
  }

  /// Routing reference §7: three seconds, then half a second each; a comma is two seconds.
  @Test func digitsFollowTheAnswerInTheirTime() throws {
    let (bench, _, bob) = try digits("7#,,1")
    let answered = bench.loop.now
    var heard: [(TimeSpan, ScriptedLeg.Command)] = []
    for _ in 0..<200 {
      bench.loop.advance(to: bench.loop.now + .milliseconds(50))
      for command in bob.take() { heard.append((bench.loop.now - answered, command)) }
    }
    #expect(heard.map(\.1) == [.digit(DTMFDigit("7")!), .digit(DTMFDigit("#")!), .digit(DTMFDigit("1")!)])
    #expect(heard.map(\.0) == [.seconds(3), .milliseconds(3500), .seconds(8)])
  }

  @Test func digitsEndWithTheCall() throws {
    let (bench, ann, bob) = try digits("123")
    bench.loop.advance(to: bench.loop.now + .milliseconds(3100))
    #expect(bob.take() == [.digit(DTMFDigit("1")!)])
    ann.does(.ended(Disconnect(.normal)))
    #expect(bob.take() == [.end(.normal)])
    bench.loop.advance(to: bench.loop.now + .seconds(10))
    #expect(bob.take().isEmpty)
  }
}
