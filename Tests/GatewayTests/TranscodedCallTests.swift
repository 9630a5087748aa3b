import CallModel
import MediaRelay
import PolicyEngine
import Router
import Testing

@testable import Gateway

/// What the two sides are told when their audio formats differ, and what stands between them then.
@Suite struct TranscodedCallTests {
  private func bench(_ configure: (inout GatewayConfiguration) -> Void = { _ in }) throws -> GatewayBench {
    try GatewayBench(rules: [rule(".*", target: .registration, configure: configure)], devices: ["bob"])
  }

  private func slot(_ bench: GatewayBench, _ caller: ScriptedLeg) throws -> MediaSlot {
    let call = try #require(bench.host.call(with: caller.id))
    return try #require(call.media?.slots.first)
  }

  private func codecs(_ leg: ScriptedLeg) -> [String] { leg.media?.streams[0].codecs.map(\.name) ?? [] }

  @Test func theCalledPartyIsOfferedTheCallersFormatsFirst() throws {
    let bench = try bench()
    _ = bench.call("bob", offer: .audio(port: 20000, codecs: [.pcmu, .events]))
    let offer = try #require(bench.dialer.legs[0].call?.offer?.streams[0].codecs)
    #expect(offer.map(\.name) == ["PCMU", "telephone-event", "opus", "PCMA"])
    #expect(Set(offer.map(\.payloadType)).count == offer.count)
  }

  /// Numbers that the caller uses for something else are not ours.
  @Test func ourFormatsTakeNumbersThatAreFree() throws {
    let bench = try bench()
    let caller = [Codec(111, "PCMU", clockRate: 8_000), Codec(100, "telephone-event", clockRate: 8_000)]
    _ = bench.call("bob", offer: .audio(port: 20000, codecs: caller))
    let offer = try #require(bench.dialer.legs[0].call?.offer?.streams[0].codecs)
    #expect(Array(offer.prefix(2)) == caller)
    #expect(Set(offer.map(\.payloadType)).count == offer.count)
  }

  @Test func nothingIsAddedToWhatWeCannotTranscode() throws {
    let bench = try bench()
    _ = bench.call("bob", offer: .audio(port: 20000, codecs: [.g729, .events]))
    #expect(bench.dialer.legs[0].call?.offer?.streams[0].codecs == [.g729, .events])
  }

  @Test func whoSharesAFormatIsRelayed() throws {
    let bench = try bench()
    let caller = bench.call("bob", offer: .audio(port: 20000, codecs: [.pcmu, .events]))
    bench.dialer.legs[0].does(.answered(media: .audio(port: 30000, codecs: [.pcmu, .events])))
    #expect(codecs(caller) == ["PCMU", "telephone-event"])
    let slot = try slot(bench, caller)
    #expect(slot.relay != nil && slot.transcoding == nil)
  }

  @Test func whoSharesNoneIsTranscoded() throws {
    let bench = try bench()
    let caller = bench.call("bob", offer: .audio(port: 20000, codecs: [.pcmu, .events]))
    let opus = Codec.opus(111)
    bench.dialer.legs[0].does(.answered(media: .audio(port: 30000, codecs: [opus])))
    #expect(caller.take() == [.accept])
    // The caller gets an answer to what it offered.
    #expect(codecs(caller) == ["PCMU", "telephone-event"])
    let slot = try slot(bench, caller)
    #expect(slot.relay != nil && slot.transcoding != nil)
  }

  /// `transcoding_enabled: false`: who shares no format with the caller is not offered any of ours, and refuses.
  @Test func policyMayForbidIt() throws {
    let bench = try bench {
      $0.details.transcodes = false
      // Nothing is tried again with encryption.
      $0.mediaEncryption = .off
    }
    let caller = bench.call("bob", offer: .audio(port: 20000, codecs: [.pcmu, .events]))
    let called = bench.dialer.legs[0]
    #expect(called.call?.offer?.streams[0].codecs == [.pcmu, .events])
    called.does(.ended(Disconnect(.notAcceptable, protocolCode: 488)))
    #expect(caller.take() == [.reject(.notAcceptable)])
    let record = try #require(bench.book.all.first)
    #expect(record.disconnect?.cause == .notAcceptable)
    #expect(record.events.contains { $0.what.contains("no transcoding") })
  }

  @Test func withoutTranscodingACallIsRelayedAsEver() throws {
    let bench = try bench { $0.details.transcodes = false }
    let caller = bench.call("bob", offer: .audio(port: 20000, codecs: [.pcmu, .pcma]))
    bench.dialer.legs[0].does(.answered(media: .audio(port: 30000, codecs: [.pcma, .pcmu])))
    let slot = try slot(bench, caller)
    #expect(slot.relay != nil && slot.transcoding == nil)
    // A packet of another agreed format changes nothing.
    bench.host.call(with: caller.id)?.media?.transcodeMixedFormats(of: try #require(slot.relay).id)
    #expect(try self.slot(bench, caller).transcoding == nil)
    // One side changes to what the other has not: it is asked, and what it refuses is refused.
    caller.does(.offer(.audio(port: 20000, codecs: [.opus(111)])))
    #expect(bench.dialer.legs[0].media?.streams[0].codecs.map(\.name) == ["opus"])
    bench.dialer.legs[0].does(.offerRefused(Disconnect(.notAcceptable, protocolCode: 488)))
    #expect(bench.host.call(with: caller.id) != nil)
  }

  @Test func aRestrictionForcesIt() throws {
    let bench = try bench { $0.disabledCodecs = ["pcmu"] }
    let caller = bench.call("bob", offer: .audio(port: 20000, codecs: [.pcmu, .pcma]))
    let called = bench.dialer.legs[0]
    #expect(called.call?.offer?.streams[0].codecs.map(\.name) == ["PCMA", "opus"])
    called.does(.answered(media: .audio(port: 30000, codecs: [.opus(111)])))
    // What is forbidden is not agreed either.
    #expect(codecs(caller) == ["PCMA"])
    #expect(try slot(bench, caller).transcoding != nil)
  }

  /// In a call, without either side dialling anew: to transcoding and back, on the same ports.
  @Test func aReofferMovesBetweenTheTwo() throws {
    let bench = try bench()
    let caller = bench.call("bob", offer: .audio(port: 20000, codecs: [.pcmu, .opus(96)]))
    let called = bench.dialer.legs[0]
    called.does(.answered(media: .audio(port: 30000, codecs: [.opus(96)])))
    let before = try slot(bench, caller)
    #expect(before.transcoding == nil)
    _ = (caller.take(), called.take())

    caller.does(.offer(.audio(port: 20000, codecs: [.pcmu])))
    #expect(called.take() == [.offer])
    #expect(codecs(called).prefix(2) == ["PCMU", "opus"])
    called.does(.answer(.audio(port: 30000, codecs: [.opus(111)])))
    #expect(caller.take() == [.answer] && codecs(caller) == ["PCMU"])
    let transcoded = try slot(bench, caller)
    #expect(transcoded.transcoding != nil && transcoded.relay === before.relay)

    // Hold and resume leave the transcoders as they are.
    called.does(.offer(.audio(port: 30000, codecs: [.opus(111)], direction: .sendOnly)))
    caller.does(.answer(.audio(port: 20000, codecs: [.pcmu], direction: .receiveOnly)))
    #expect(try slot(bench, caller).transcoding === transcoded.transcoding)
    _ = (caller.take(), called.take())

    called.does(.offer(.audio(port: 30000, codecs: [.pcmu])))
    #expect(caller.take() == [.offer])
    caller.does(.answer(.audio(port: 20000, codecs: [.pcmu])))
    #expect(called.take() == [.answer])
    let after = try slot(bench, caller)
    #expect(after.transcoding == nil && after.relay === before.relay)
  }

  /// A party that agreed to both and changes over on its own.
  @Test func whoChangesToAFormatTheOtherHasNotIsTranscodedFromThenOn() throws {
    let bench = try bench()
    let caller = bench.call("bob", offer: .audio(port: 20000, codecs: [.pcmu]))
    bench.dialer.legs[0].does(.answered(media: .audio(port: 30000, codecs: [.pcmu, .opus(111)])))
    #expect(try slot(bench, caller).transcoding == nil)
    let call = try #require(bench.host.call(with: caller.id))
    call.media?.transcodeMixedFormats(of: try #require(slot(bench, caller).relay).id)
    let transcoded = try slot(bench, caller).transcoding
    #expect(transcoded != nil)
    // A refresh changes nothing.
    call.media?.joinSides()
    #expect(try slot(bench, caller).transcoding === transcoded)
  }

  @Test func bothHaveMadeOffers() throws {
    let bench = try bench()
    let ann = bench.call("bob", offer: .audio(port: 20000, codecs: [.pcmu]))
    let dave = bench.replace(
      bench.dialer.legs[0], in: try #require(bench.host.call(with: ann.id)),
      offer: .audio(port: 28000, codecs: [.opus(96)]))
    #expect(codecs(ann) == ["PCMU"])
    #expect(dave.media?.streams[0].codecs.map(\.payloadType) == [96])
    #expect(try slot(bench, ann).transcoding != nil)
  }
}
