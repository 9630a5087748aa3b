import CallModel
import Testing

@Suite struct CodecTests {
  static func h264(_ pt: UInt8, _ parameters: String?) -> Codec {
    Codec(pt, "H264", clockRate: 90000, parameters: parameters)
  }

  @Test(arguments: [
    (Codec(0, "PCMU", clockRate: 8000), Codec(96, "pcmu", clockRate: 8000), true),
    (Codec(0, "PCMU", clockRate: 8000), Codec(0, "PCMA", clockRate: 8000), false),
    (Codec(96, "L16", clockRate: 8000), Codec(96, "L16", clockRate: 16000), false),
    (Codec(96, "L16", clockRate: 8000), Codec(96, "L16", clockRate: 8000, channels: 2), false),
    (Codec(96, "", clockRate: 0), Codec(96, "", clockRate: 0), false),
    (
      Codec(96, "opus", clockRate: 48000, channels: 2, parameters: "useinbandfec=1"),
      Codec(111, "OPUS", clockRate: 48000, channels: 2, parameters: "minptime=10;stereo=1"), true
    ),
    (h264(96, nil), h264(97, "packetization-mode=0"), true),
    (h264(96, nil), h264(97, "packetization-mode=1"), false),
    (
      h264(96, "profile-level-id=42e01f; packetization-mode=1"),
      h264(97, "PACKETIZATION-MODE=1;profile-level-id=428014"), true
    ),
    (h264(96, "profile-level-id=42e01f"), h264(97, "profile-level-id=4de01f"), true),
    (h264(96, "profile-level-id=42e01f"), h264(97, "profile-level-id=4d001f"), false),
    (h264(96, "profile-level-id=64001f"), h264(97, "profile-level-id=640c1f"), false),
    (h264(96, "profile-level-id=64001f"), h264(97, "profile-level-id=640028;max-fs=8160"), true),
    (h264(96, "profile-level-id=xyz"), h264(97, nil), true),
    (
      Codec(96, "AMR-WB", clockRate: 16000, parameters: "octet-align=1"),
      Codec(96, "AMR-WB", clockRate: 16000), false
    ),
    (
      Codec(96, "AMR", clockRate: 8000, parameters: "mode-set=7"),
      Codec(96, "AMR", clockRate: 8000, parameters: "octet-align=0"), true
    ),
    (
      Codec(115, "G7221", clockRate: 32000, parameters: "bitrate=48000"),
      Codec(115, "G7221", clockRate: 32000, parameters: "bitrate=24000"), false
    ),
    (
      Codec(98, "VP9", clockRate: 90000, parameters: "profile-id=0"), Codec(98, "VP9", clockRate: 90000), true
    ),
    (
      Codec(98, "VP9", clockRate: 90000, parameters: "profile-id=2"), Codec(98, "VP9", clockRate: 90000),
      false
    ),
    (
      Codec(98, "H265", clockRate: 90000, parameters: "profile-id=2"),
      Codec(98, "H265", clockRate: 90000, parameters: "level-id=93"), false
    ),
    (
      Codec(98, "mpeg4-generic", clockRate: 48000, channels: 2, parameters: "mode=AAC-hbr;config=1190"),
      Codec(98, "MPEG4-GENERIC", clockRate: 48000, channels: 2, parameters: "config=1190; mode=aac-hbr"), true
    ),
  ])
  func identity(a: Codec, b: Codec, same: Bool) {
    #expect(a.isSameFormat(as: b) == same)
    #expect(b.isSameFormat(as: a) == same)
  }

  static let told = [
    Codec(96, "VP8", clockRate: 90000), Codec(97, "rtx", clockRate: 90000, parameters: "apt=96"),
    h264(98, "packetization-mode=1"), Codec(99, "rtx", clockRate: 90000, parameters: "apt=98;rtx-time=100"),
    Codec(100, "VP9", clockRate: 90000),
  ]
  static let expected = [
    h264(120, "packetization-mode=1"), Codec(121, "rtx", clockRate: 90000, parameters: "apt=120"),
    Codec(96, "VP8", clockRate: 90000), Codec(98, "rtx", clockRate: 90000, parameters: "apt=96"),
  ]

  @Test func payloadTypeMap() {
    let map = PayloadTypeMap(from: Self.told, to: Self.expected)
    #expect((96...100).map { map[$0] } == [96, 98, 120, 121, nil])
    #expect(!map.isIdentity)
    #expect(map[0] == nil)
    #expect(map[127] == nil)
    #expect(map[128] == nil)
    #expect(map[255] == nil)
    let back = PayloadTypeMap(from: Self.expected, to: Self.told)
    #expect([120, 121, 96, 98].map { back[$0] } == [98, 99, 96, 97])
    #expect(PayloadTypeMap(from: Self.told, to: Self.told).isIdentity)
    #expect(PayloadTypeMap(from: Self.told, to: []).isEmpty)
    #expect(PayloadTypeMap(from: [Codec(200, "VP8", clockRate: 90000)], to: Self.told).isEmpty)
  }

  /// Two payload types of one codec (H.264 in two modes, or listed twice) go each to its own.
  @Test func sameNumberIsPreferred() {
    let twice = [Codec(96, "VP8", clockRate: 90000), Codec(97, "VP8", clockRate: 90000)]
    #expect(PayloadTypeMap(from: twice, to: twice.reversed()).isIdentity)
  }

  @Test func retransmissionOfItselfEnds() {
    let loop = Codec(97, "rtx", clockRate: 90000, parameters: "apt=97")
    #expect(loop.counterpart(in: [loop], among: [loop]) == nil)
    let wild = Codec(97, "rtx", clockRate: 90000, parameters: "apt=999")
    #expect(wild.associatedPayloadType == nil)
  }

  @Test func renumbering() {
    let answer = MediaStream(
      kind: .video, codecs: Self.expected + [Codec(100, "H261", clockRate: 90000)],
      attributes: [
        MediaAttribute("imageattr", "120 send [x=1280,y=720]"), MediaAttribute("imageattr", "* recv *"),
      ])
    let renumbered = answer.renumbered(like: MediaStream(kind: .video, codecs: Self.told))
    #expect(renumbered.codecs.map(\.payloadType) == [98, 99, 96, 97, 100])
    #expect(renumbered.codecs.map(\.associatedPayloadType) == [nil, 98, nil, 96, nil])
    #expect(renumbered.attributes.map(\.value) == ["98 send [x=1280,y=720]", "* recv *"])

    let audio = MediaStream(
      kind: .audio,
      codecs: [
        Codec(111, "opus", clockRate: 48000, channels: 2),
        Codec(63, "red", clockRate: 48000, channels: 2, parameters: "111/111"),
        Codec(96, "speex", clockRate: 8000),
      ])
    let like = MediaStream(kind: .audio, codecs: [Codec(96, "opus", clockRate: 48000, channels: 2)])
    let result = audio.renumbered(like: like)
    #expect(result.codecs.map(\.payloadType) == [96, 63, 97])  // speex had to leave 96 to opus.
    #expect(result.codecs[1].parameters == "96/96")
  }
}
