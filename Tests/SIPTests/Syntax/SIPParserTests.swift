import CallModel
import Testing

@testable import SIP

/// A minimal INVITE whose parts can be replaced.
func inviteText(
  line: String = "INVITE sip:bob@example.com SIP/2.0", replacing old: String = "", with new: String = "",
  extra: String = "", body: String = ""
) -> [UInt8] {
  var text = """
    \(line)
    Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKabc;rport
    From: "Alice" <sip:alice@example.com>;tag=1928301774
    To: Bob <sip:bob@example.com>
    Call-ID: a84b4c76e66710@192.0.2.1
    CSeq: 314159 INVITE
    Max-Forwards: 70
    Contact: <sip:alice@192.0.2.1:5060>

    """
  if !old.isEmpty {
    text = text.split(separator: old, omittingEmptySubsequences: false).joined(separator: new)
  }
  text += extra
  text += "\n"
  return Array(text.split(separator: "\n", omittingEmptySubsequences: false).joined(separator: "\r\n").utf8)
    + Array(body.utf8)
}

func parseError(_ bytes: [UInt8], limits: SIPLimits = .datagram) -> SIPSyntaxError? {
  do {
    _ = try SIPParser.parse(bytes, limits: limits)
    return nil
  } catch {
    return error
  }
}

@Suite struct SIPParserTests {
  @Test func readsARequest() throws {
    let message = try SIPParser.parse(inviteText(extra: "Content-Length: 4\n", body: "body and more"))
    guard case .request(let request) = message else {
      Issue.record("not a request")
      return
    }
    #expect(request.method == .invite)
    #expect(request.uri == SIPURI(user: "bob", host: .name("example.com")))
    #expect(request.headers.topVia?.branch == "z9hG4bKabc")
    #expect(request.headers.topVia?.rport == .requested)
    #expect(request.headers.topBranch == "z9hG4bKabc")
    #expect(request.headers.fromTag == "1928301774")
    #expect(request.headers.toTag == nil)
    #expect(request.headers.cSeq == CSeq(number: 314_159, method: .invite))
    #expect(request.body == Array("body".utf8))
    #expect(!request.headers.contains(.contentLength))
  }

  @Test func withoutContentLengthTheDatagramIsTheBody() throws {
    #expect(try SIPParser.parse(inviteText(body: "all of it")).body == Array("all of it".utf8))
  }

  @Test func skipsLeadingLineEnds() throws {
    let message = try SIPParser.parse(inviteText())
    #expect(try SIPParser.parse(Array("\r\n\r\n".utf8) + inviteText()) == message)
  }

  @Test(arguments: ["", "\r\n\r\n", "\r\n", "\0\0\0\0"]) func keepAlivesAreEmpty(_ text: String) {
    #expect(parseError(Array(text.utf8))?.code == .empty)
  }

  @Test func bareLineFeedsEndLines() throws {
    let bytes = inviteText().filter { $0 != .carriageReturn }
    #expect(try SIPParser.parse(bytes) == SIPParser.parse(inviteText()))
  }

  @Test func acceptsSlicesAndOtherCollections() throws {
    let bytes = inviteText()
    let message = try SIPParser.parse(bytes)
    #expect(try SIPParser.parse((bytes + [1, 2, 3])[..<bytes.count]) == message)
    #expect(try SIPParser.parse(String(decoding: bytes, as: UTF8.self).utf8) == message)
    #expect(try SIPParser.parse(bytes.lazy.map { $0 }) == message)
  }

  struct Fault: Sendable, CustomTestStringConvertible {
    var old: String
    var new: String
    var code: SIPSyntaxError.Code
    var header: SIPHeaderName?
    init(_ old: String, _ new: String, _ code: SIPSyntaxError.Code, _ header: SIPHeaderName? = nil) {
      self.old = old
      self.new = new
      self.code = code
      self.header = header
    }
    var testDescription: String { "\(old) -> \(new)" }
  }

  @Test(arguments: [
    Fault("CSeq: 314159 INVITE\n", "", .missingHeader, .cSeq),
    Fault("Call-ID: a84b4c76e66710@192.0.2.1\n", "", .missingHeader, .callID),
    Fault("Max-Forwards: 70", "From: <sip:a@b>;tag=2", .duplicateHeader, .from),
    Fault("Max-Forwards: 70", "t: <sip:a@b>", .duplicateHeader, .to),
    Fault("Max-Forwards: 70", "i: x", .duplicateHeader, .callID),
    Fault("Max-Forwards: 70", "Max-Forwards: 256", .numberOutOfRange, .maxForwards),
    Fault("Max-Forwards: 70", "Max-Forwards: -1", .malformedHeader, .maxForwards),
    Fault("Max-Forwards: 70", "Max-Forwards:", .malformedHeader, .maxForwards),
    Fault("CSeq: 314159", "CSeq: 2147483648", .numberOutOfRange, .cSeq),
    Fault("CSeq: 314159 INVITE", "CSeq: 314159 BYE", .cSeqMethodMismatch, .cSeq),
    Fault("CSeq: 314159 INVITE", "CSeq: 314159 invite", .cSeqMethodMismatch, .cSeq),
    Fault("CSeq: 314159 INVITE", "CSeq: INVITE", .malformedHeader, .cSeq),
    Fault("Call-ID: a84", "Call-ID: a 84", .malformedHeader, .callID),
    Fault("\"Alice\"", "\"Alice", .unterminatedQuotedString, .from),
    Fault("<sip:alice@example.com>;", "<sip:alice@example.com;", .malformedHeader, .from),
    Fault("To: Bob <sip:bob@example.com>", "To: <sip:a@b>, <sip:c@d>", .malformedHeader, .to),
    Fault("SIP/2.0/UDP 192.0.2.1:5060", "SIP/2.0/UDP", .malformedHeader, .via),
    Fault("192.0.2.1:5060;branch", "192.0.2.1:65536;branch", .malformedHeader, .via),
    Fault("Max-Forwards: 70", "Max-Forwards 70", .malformedHeaderName),
    Fault("Max-Forwards: 70", ": 70", .malformedHeaderName),
    Fault("Max-Forwards: 70", "Content-Length: 1", .truncatedBody, .contentLength),
    Fault("Max-Forwards: 70", "Content-Length: -1", .malformedContentLength, .contentLength),
    Fault("Max-Forwards: 70", "l: 99999999999999999999999", .malformedContentLength, .contentLength),
    Fault("Max-Forwards: 70", "Route: sip:a@b;lr, ,", .malformedURI, .route),
    Fault("Contact: <sip:alice@192.0.2.1:5060>", "Contact: *, <sip:a@b>", .malformedURI, .contact),
    Fault("Max-Forwards: 70", "X: a\rb", .bareCarriageReturn),
  ])
  func refuses(_ fault: Fault) {
    let error = parseError(inviteText(replacing: fault.old, with: fault.new))
    #expect(error?.code == fault.code)
    if fault.code != .bareCarriageReturn { #expect(error?.header == fault.header) }
    #expect(error?.status == 400)
  }

  @Test(arguments: [
    "INVITE sip:bob@example.com", "INVITE", "INVITE  sip:bob@example.com SIP/2.0",
    "INVITE sip:bob@example.com SIP/2.0 ", " INVITE sip:bob@example.com SIP/2.0",
    "INV@TE sip:bob@example.com SIP/2.0", "INVITE sip:bob@example.com HTTP/1.1", "SIP/2.0 20 OK",
    "SIP/2.0 700 X",
    "SIP/2.0 099 X", "SIP/2.0 2000 X", "SIP/2.0 -10 X", "SIP/2.0", "GET / HTTP/1.1", "INVITE sip:b@c SIP/2",
  ])
  func refusesStartLine(_ line: String) {
    let code = parseError(inviteText(line: line))?.code
    #expect(code == .malformedStartLine || code == .malformedURI)
  }

  @Test func otherVersionsAre505() {
    for line in ["INVITE sip:b@c SIP/3.0", "INVITE sip:b@c SIP/2.1", "SIP/7.0 200 OK"] {
      #expect(parseError(inviteText(line: line))?.status == 505)
    }
  }

  @Test func versionAndNamesHaveNoCase() throws {
    let request = try SIPParser.parse(inviteText(line: "INVITE sip:bob@example.com sip/2.0"))
    #expect(request == (try SIPParser.parse(inviteText())))
  }

  @Test func maxForwardsMayBeMissing() throws {
    let message = try SIPParser.parse(inviteText(replacing: "Max-Forwards: 70\n"))
    #expect(message.headers.maxForwards == nil)
  }

  @Test func limitsOfNumbers() throws {
    let message = try SIPParser.parse(
      inviteText(replacing: "CSeq: 314159", with: "CSeq: 2147483647").map { $0 })
    #expect(message.headers.cSeq?.number == 2_147_483_647)
    #expect(
      try SIPParser.parse(inviteText(replacing: "Max-Forwards: 70", with: "Max-Forwards: 255")).headers
        .maxForwards == 255)
  }

  @Test func whatIsRefusedCanStillBeAnswered() throws {
    let error = try #require(parseError(inviteText(replacing: "Max-Forwards: 70", with: "Max-Forwards: x")))
    let stub = try #require(error.answerable)
    #expect(stub.method == .invite)
    #expect(stub.uri.user == "bob")
    #expect(stub.headers.topVia?.branch == "z9hG4bKabc")
    #expect(stub.headers.from?.tag == "1928301774")
    #expect(stub.headers.callID == "a84b4c76e66710@192.0.2.1")
    #expect(stub.headers.cSeq?.number == 314_159)
    #expect(!stub.headers.contains(.contact))
    #expect(error.reason == "Malformed Header: Max-Forwards")
  }

  @Test func anACKIsNeverAnswered() {
    let bytes = inviteText(
      line: "ACK sip:bob@example.com SIP/2.0", replacing: "Max-Forwards: 70", with: "Max-Forwards: x")
    #expect(parseError(bytes)?.answerable == nil)
  }

  @Test func offsetsPointAtTheFault() throws {
    let bytes = inviteText(replacing: "Max-Forwards: 70", with: "Max-Forwards: 999")
    let error = try #require(parseError(bytes))
    #expect(String(decoding: bytes[error.offset...].prefix(3), as: UTF8.self) == "999")
  }

  @Test func bytesThatAreNotUTF8AreReplaced() throws {
    var bytes = inviteText(extra: "Subject: caf#\n")
    let index = try #require(bytes.lastIndex(of: UInt8(ascii: "#")))
    bytes[index] = 0xe9
    #expect(try SIPParser.parse(bytes).headers[.subject] == "caf\u{fffd}")
  }

  @Test func truncationAnywhereIsAnErrorOrAShorterBody() {
    let bytes = inviteText(extra: "Content-Length: 4\n", body: "body")
    for end in 0..<bytes.count {
      #expect(parseError(Array(bytes[..<end])) != nil)
    }
  }
}

/// Each limit at its value and one above.
@Suite struct SIPLimitsTests {
  private func expect(
    _ bytes: [UInt8], _ code: SIPSyntaxError.Code, status: Int, atLimit: SIPLimits, below: SIPLimits
  ) {
    #expect(parseError(bytes, limits: atLimit) == nil)
    let error = parseError(bytes, limits: below)
    #expect(error?.code == code)
    #expect(error?.status == status)
    #expect(error?.answerable != nil)
  }

  private func limits(_ change: (inout SIPLimits) -> Void) -> SIPLimits {
    var limits = SIPLimits.datagram
    change(&limits)
    return limits
  }

  @Test func messageSize() {
    let bytes = inviteText(body: "12345")
    expect(
      bytes, .messageTooLarge, status: 513, atLimit: limits { $0.messageSize = bytes.count },
      below: limits { $0.messageSize = bytes.count - 1 })
  }

  @Test func headerSectionSize() {
    let bytes = inviteText()
    expect(
      bytes, .headerSectionTooLarge, status: 513, atLimit: limits { $0.headerSectionSize = bytes.count },
      below: limits { $0.headerSectionSize = bytes.count - 1 })
  }

  @Test func headerCount() {
    expect(
      inviteText(), .tooManyHeaders, status: 513, atLimit: limits { $0.headerCount = 7 },
      below: limits { $0.headerCount = 6 })
  }

  @Test(arguments: ["Subject: 0123456789", "Subject: 01234\n  56789"]) func headerLength(_ field: String) {
    let lines = field.split(separator: "\n")
    let length = lines.count == 1 ? 19 : 23
    let long = inviteText(
      replacing: "Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKabc;rport", with: "v:SIP/2.0/UDP h"
    )
    #expect(parseError(long) == nil)
    let bytes =
      Array(
        """
        OPTIONS sip:b SIP/2.0\r\nv:SIP/2.0/UDP h\r\nf:<sip:a@b>\r\nt:<sip:a@b>\r\ni:x\r\nCSeq:1 OPTIONS\r\n
        """.utf8)
      + Array(lines.joined(separator: "\r\n").utf8) + Array("\r\n\r\n".utf8)
    expect(
      bytes, .headerTooLong, status: 513, atLimit: limits { $0.headerLength = length },
      below: limits { $0.headerLength = length - 1 })
  }

  @Test func viaCount() {
    let separate = inviteText(extra: "Via: SIP/2.0/UDP a\nv: SIP/2.0/UDP b\n")
    let joined = inviteText(replacing: ";rport\n", with: ";rport, SIP/2.0/UDP a, SIP/2.0/UDP b\n")
    let mixed = inviteText(extra: "Via: SIP/2.0/UDP a, SIP/2.0/UDP b\n")
    for bytes in [separate, joined, mixed] {
      expect(
        bytes, .tooManyVias, status: 513, atLimit: limits { $0.viaCount = 3 },
        below: limits { $0.viaCount = 2 })
    }
  }

  @Test func uriLength() {
    expect(
      inviteText(), .uriTooLong, status: 414, atLimit: limits { $0.uriLength = 19 },
      below: limits { $0.uriLength = 18 })
  }

  @Test(arguments: ["", "Content-Length: 5\n"]) func bodySize(_ field: String) {
    expect(
      inviteText(extra: field, body: "12345"), .bodyTooLarge, status: 413,
      atLimit: limits { $0.bodySize = 5 }, below: limits { $0.bodySize = 4 })
  }

  @Test func bodyParts() throws {
    let type = ContentType("multipart", "mixed", parameters: [.init("boundary", "b")])
    let body = Array("--b\r\n\r\none\r\n--b\r\n\r\ntwo\r\n--b--".utf8)
    #expect(
      try MultipartBody(body, contentType: type, limits: limits { $0.bodyPartCount = 2 }).parts.count == 2)
    #expect(throws: SIPSyntaxError(.tooManyBodyParts, offset: 17)) {
      try MultipartBody(body, contentType: type, limits: limits { $0.bodyPartCount = 1 })
    }
  }

  @Test func theLargestDatagram() throws {
    let head = inviteText(replacing: "Max-Forwards: 70\n", with: "")
    let bytes = head + [UInt8](repeating: 0x41, count: 65_535 - head.count)
    #expect(try SIPParser.parse(bytes).body.count == 65_535 - head.count)
    #expect(parseError(bytes + [0x41])?.code == .messageTooLarge)
  }
}
