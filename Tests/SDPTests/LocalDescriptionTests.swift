import CallModel
import SDP
import Testing

@Suite struct LocalDescriptionTests {
  @Test func versionCountsChanges() throws {
    let ip = try #require(IPAddress("192.0.2.1"))
    var local = LocalDescription(sessionID: 77, address: ip, username: "tandem", name: "call")
    let offer = MediaDescription(streams: [
      MediaStream(
        kind: .audio, address: TransportAddress(ip, 4000), codecs: [Codec(0, "PCMU", clockRate: 8000)])
    ])
    let first = local.body(for: offer)
    #expect(
      String(decoding: first, as: UTF8.self).hasPrefix("v=0\r\no=tandem 77 1 IN IP4 192.0.2.1\r\ns=call\r\n"))
    #expect(local.body(for: offer) == first)
    #expect(local.version == 1)

    let held = local.body(for: offer.held())
    #expect(local.version == 2)
    let sdp = try SessionDescription(parsing: held)
    #expect(sdp.origin?.version == "2")
    #expect(sdp.origin?.isSameSession(as: try #require(SessionDescription(parsing: first).origin)) == true)
    #expect(sdp.media[0].attributes.contains(MediaAttribute("sendonly")))

    _ = local.body(for: offer)
    #expect(local.version == 3)  // Back to the first description is a change as well.
  }

  @Test func versionMayStartAnywhere() throws {
    var local = LocalDescription(sessionID: 1, address: .loopbackIPv4, version: .max)
    #expect(
      String(decoding: local.body(for: MediaDescription()), as: UTF8.self).contains(
        "o=- 1 18446744073709551615 "))
    let body = local.body(for: MediaDescription(bandwidth: Bandwidth(kilobitsPerSecond: 1)))
    #expect(try SessionDescription(parsing: body).origin?.version == "0")
  }
}
