import CallModel
import Testing

@Suite struct ReofferTests {
  static func stream(
    _ kind: MediaStream.Kind, _ port: UInt16, content: MediaStream.Content? = nil, codecs: [Codec] = [],
    enabled: Bool = true
  ) -> MediaStream {
    MediaStream(
      kind: kind, isEnabled: enabled, address: TransportAddress(.loopbackIPv4, port), codecs: codecs,
      content: content)
  }

  static func ports(_ description: MediaDescription) -> [UInt16] {
    description.streams.map { $0.isEnabled ? $0.address.port : 0 }
  }

  @Test func firstOfferHasNoDeadLines() {
    let wanted = MediaDescription(streams: [
      Self.stream(.audio, 1), Self.stream(.video, 2, enabled: false), Self.stream(.video, 3),
    ])
    let placed = OfferAnswer.reoffer(changing: wanted, from: MediaDescription())
    #expect(Self.ports(placed.offer) == [1, 3])
    #expect(placed.slots == [0, nil, 1])
    let answer = MediaDescription(streams: [Self.stream(.audio, 11), Self.stream(.video, 13)])
    #expect(Self.ports(placed.restored(answer, like: wanted)) == [11, 0, 13])
  }

  @Test func linesKeepTheirPlace() {
    let previous = MediaDescription(streams: [
      Self.stream(.audio, 1), Self.stream(.video, 2, content: .main),
      Self.stream(.video, 3, content: .slides),
    ])
    // Another order, video gone.
    let wanted = MediaDescription(streams: [
      Self.stream(.video, 30, content: .slides), Self.stream(.audio, 10),
    ])
    let placed = OfferAnswer.reoffer(changing: wanted, from: previous)
    #expect(Self.ports(placed.offer) == [10, 0, 30])
    #expect(placed.slots == [2, 0])
    #expect(placed.offer.streams.map(\.kind) == [.audio, .video, .video])
  }

  @Test func disabledLinesAreUsedAgain() {
    let previous = MediaDescription(streams: [
      Self.stream(.audio, 1), Self.stream(.application, 0, enabled: false),
      Self.stream(.video, 0, enabled: false),
    ])
    let video = MediaDescription(streams: [Self.stream(.audio, 1), Self.stream(.video, 5)])
    #expect(Self.ports(OfferAnswer.reoffer(changing: video, from: previous).offer) == [1, 0, 5])
    // No line of its kind: another kind's dead line, then a new one.
    let text = MediaDescription(streams: [
      Self.stream(.audio, 1), Self.stream(.text, 6), Self.stream(.text, 7), Self.stream(.text, 8),
    ])
    let placed = OfferAnswer.reoffer(changing: text, from: previous)
    #expect(Self.ports(placed.offer) == [1, 6, 7, 8])
    #expect(placed.offer.streams.map(\.kind) == [.audio, .text, .text, .text])
  }

  @Test func namesWinOverPlace() {
    var a = Self.stream(.video, 1)
    a.attributes = [MediaAttribute("mid", "a")]
    var b = Self.stream(.video, 2)
    b.attributes = [MediaAttribute("mid", "b")]
    let placed = OfferAnswer.reoffer(
      changing: MediaDescription(streams: [b, a]), from: MediaDescription(streams: [a, b]))
    #expect(placed.slots == [1, 0])
  }

  @Test func numberOfLinesNeverShrinks() {
    let previous = MediaDescription(streams: [Self.stream(.audio, 1), Self.stream(.video, 2)])
    let placed = OfferAnswer.reoffer(changing: MediaDescription(), from: previous)
    #expect(Self.ports(placed.offer) == [0, 0])
    #expect(placed.offer.streams.map(\.kind) == [.audio, .video])
  }

  /// RFC 3264 §8.3.2: 96 has been opus, so it cannot become speex.
  @Test func payloadTypesKeepTheirMeaning() {
    let opus = Codec(96, "opus", clockRate: 48000, channels: 2)
    let previous = MediaDescription(streams: [Self.stream(.audio, 1, codecs: [opus])])
    var moved = opus
    moved.payloadType = 111
    let wanted = MediaDescription(streams: [
      Self.stream(.audio, 1, codecs: [Codec(96, "speex", clockRate: 8000), moved])
    ])
    let codecs = OfferAnswer.reoffer(changing: wanted, from: previous).offer.streams[0].codecs
    #expect(codecs.map(\.name) == ["speex", "opus"])
    #expect(codecs.map(\.payloadType) == [97, 96])
    // Without a clash nothing moves.
    let harmless = MediaDescription(streams: [Self.stream(.audio, 1, codecs: [moved])])
    #expect(OfferAnswer.reoffer(changing: harmless, from: previous).offer == harmless)
  }
}
