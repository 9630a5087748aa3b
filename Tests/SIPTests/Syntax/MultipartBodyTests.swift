import Testing

@testable import SIP

@Suite struct MultipartBodyTests {
  private let type = ContentType("multipart", "mixed", parameters: [.init("boundary", "xyz")])

  private func parse(_ text: String) throws -> MultipartBody {
    try MultipartBody(Array(text.utf8), contentType: type)
  }

  @Test func readsParts() throws {
    let body = try parse(
      "preamble\r\n--xyz\r\nContent-Type: application/sdp\r\n\r\nv=0\r\n\r\n--xyz  \r\n"
        + "c: application/isup;\r\n version=itu-t92+\r\nContent-Disposition: signal;handling=optional\r\n"
        + "\r\n\u{1}\u{2}\r\n"
        + "--xyzzy is not it\r\n--xyz--\r\nepilogue\r\n--xyz\r\n")
    #expect(body.parts.count == 2)
    #expect(body.parts[0].contentType.isSDP)
    #expect(body.parts[0].disposition == "session")
    #expect(!body.parts[0].isOptional)
    #expect(body.parts[0].body == Array("v=0\r\n".utf8))
    #expect(body.parts[1].contentType["version"] == "itu-t92+")
    #expect(body.parts[1].disposition == "signal")
    #expect(body.parts[1].isOptional)
    #expect(body.parts[1].body == Array("\u{1}\u{2}\r\n--xyzzy is not it".utf8))
  }

  @Test func toleratesLineFeeds() throws {
    let body = try parse("--xyz\nContent-Type: text/x\n\nabc\n--xyz--")
    #expect(
      body.parts == [.init(headers: SIPHeaders([.init(.contentType, "text/x")]), body: Array("abc".utf8))])
  }

  @Test func emptyParts() throws {
    let body = try parse("--xyz\r\n\r\n--xyz\r\n--xyz--")
    #expect(body.parts.map(\.body) == [[], []])
    #expect(body.parts[0].contentType == ContentType("text", "plain"))
    #expect(try parse("--xyz--").parts.isEmpty)
  }

  @Test(arguments: [
    "", "no boundary", "--xyz\r\n\r\nnever closed", "--xyz\r\nbad header\r\n\r\n--xyz--", "--xy",
  ])
  func refuses(_ text: String) {
    #expect(throws: SIPSyntaxError.self) { try parse(text) }
  }

  @Test func needsABoundary() {
    for type in [
      ContentType("multipart", "mixed"), ContentType("text", "plain", parameters: [.init("boundary", "xyz")]),
      ContentType("multipart", "mixed", parameters: [.init("boundary", String(repeating: "x", count: 71))]),
    ] {
      #expect(throws: SIPSyntaxError(.malformedMultipart, header: .contentType)) {
        try MultipartBody(Array("--xyz--".utf8), contentType: type)
      }
    }
  }

  @Test func writesWhatItReads() throws {
    let body = MultipartBody(
      parts: [
        .init(headers: SIPHeaders([.init(.contentType, "application/sdp")]), body: Array("v=0\r\n".utf8)),
        .init(body: [0, 255, 13, 10]),
      ], boundary: "unique 1")
    let type = body.contentType(subtype: "mixed")
    #expect(type.description == "multipart/mixed;boundary=\"unique 1\"")
    #expect(try MultipartBody(body.serialised(), contentType: type) == body)
  }

  @Test func findsTheSessionDescription() throws {
    let inner = "--in\r\nContent-Type: application/sdp\r\n\r\nv=0\r\n--in--"
    let outer =
      "--out\r\nContent-Type: text/plain\r\n\r\nx\r\n--out\r\n"
      + "Content-Type: multipart/alternative;boundary=in\r\n\r\n"
      + inner + "\r\n--out--"
    let message = SIPMessage.response(
      SIPResponse(
        status: 200, headers: SIPHeaders([.init(.contentType, "multipart/mixed;boundary=out")]),
        body: Array(outer.utf8)))
    #expect(message.sessionDescription() == Array("v=0".utf8))
    let plain = SIPMessage.response(
      SIPResponse(status: 200, headers: SIPHeaders([.init(.contentType, "text/plain")]), body: [1]))
    #expect(plain.sessionDescription() == nil)
  }
}
