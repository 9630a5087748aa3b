import AudioBridge
import CallModel
import Testing

@Suite struct BridgeCodecsTests {
  private func answer(_ codecs: [Codec], without disabled: Set<String> = []) throws -> [Codec] {
    let offer = MediaDescription(streams: [
      MediaStream(kind: .audio, address: TransportAddress(.loopbackIPv4, 4000), codecs: codecs)
    ])
    let answer = try OfferAnswer.answer(
      to: offer, with: BridgeCodecs.capabilities(without: disabled),
      address: { _ in TransportAddress(.loopbackIPv4, 5000) }, makeKey: { _ in Secret("") })
    return answer.streams[0].codecs
  }

  @Test func answersWithWhatItMixesInTheOfferersOrderAndNumbers() throws {
    let codecs = try answer([
      Codec(18, "G729", clockRate: 8_000), Codec(0, "PCMU", clockRate: 8_000),
      Codec(120, "OPUS", clockRate: 48_000, channels: 2), Codec(96, "telephone-event", clockRate: 8_000),
    ])
    #expect(codecs.map(\.payloadType) == [0, 120, 96])
  }

  @Test func leavesOutWhatPolicyForbids() throws {
    let codecs = BridgeCodecs.offered(without: ["opus", "g722"])
    #expect(codecs.map(\.name) == ["PCMA", "PCMU", "CN", "telephone-event"])
    // The clock of a format that is not there has no events.
    #expect(codecs.allSatisfy { $0.clockRate == 8_000 })
    #expect(throws: OfferAnswer.Violation.noCommonCodec(stream: 0)) {
      try answer([Codec(96, "opus", clockRate: 48_000, channels: 2)], without: ["opus"])
    }
  }

  @Test func takesLevelsWhereTheyAreOffered() {
    let uri = "urn:ietf:params:rtp-hdrext:ssrc-audio-level"
    func answer(_ values: [String]) -> [String] {
      let offered = MediaStream(kind: .audio, attributes: values.map { MediaAttribute("extmap", $0) })
      return BridgeCodecs.attributes(answering: offered).compactMap(\.value)
    }
    #expect(
      answer(["2 urn:ietf:params:rtp-hdrext:toffset", "1 \(uri) vad=on"]) == ["1/recvonly \(uri) vad=on"])
    #expect(answer(["3/sendonly \(uri)"]) == ["3/recvonly \(uri)"])
    for none in ["1/recvonly \(uri)", "1/inactive \(uri)", "0 \(uri)", "256 \(uri)", "x \(uri)", "1", ""] {
      #expect(answer([none]) == [])
    }
  }

  @Test func knowsTheEncodingOfAllItOffers() {
    for codec in BridgeCodecs.offered() where codec.isPrimary {
      #expect(BridgeCodecs.encoding(of: codec) != nil)
    }
  }
}
