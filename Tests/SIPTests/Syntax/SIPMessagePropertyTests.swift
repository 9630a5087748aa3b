import CallModel
import TestSupport
import Testing

@testable import SIP

/// Random messages are written and read back; valid ones are damaged and must be refused or read, never
/// crash.
@Suite struct SIPMessagePropertyTests {
  @Test(arguments: 0..<400) func parseUndoesSerialise(_ seed: Int) throws {
    var random = MessageGenerator(seed: UInt64(seed))
    let message = random.message()
    let bytes = message.serialised()
    #expect(try SIPParser.parse(bytes) == message)
    var framer = SIPStreamFramer()
    framer.append(bytes)
    #expect(framer.next() == .message(message))
  }

  @Test(arguments: 0..<400) func valuesSurviveTheirText(_ seed: Int) throws {
    var random = MessageGenerator(seed: UInt64(seed) &+ 10_000)
    let uri = random.uri()
    #expect(try SIPURI.parse(uri.serialised()) == uri)
    #expect(uri.isEquivalent(to: uri))
    let address = random.address()
    #expect(try NameAddress.parse(address.serialised()) == address)
    let via = random.via()
    #expect(try Via.parse(via.description) == via)
  }

  @Test(arguments: 0..<300) func damagedMessagesNeverCrash(_ seed: Int) {
    var random = MessageGenerator(seed: UInt64(seed) &+ 20_000)
    var bytes =
      seed % 2 == 0 ? random.message().serialised() : vector(random.pick(TortureVectorTests.verdicts).file)
    for _ in 0..<20 {
      random.damage(&bytes)
      if let message = try? SIPParser.parse(bytes) {
        // Whatever was accepted can be written and read again, and every accessor is safe to call.
        let again = try? SIPParser.parse(message.serialised())
        #expect(again?.body == message.body)
        readEverything(message)
      }
      var framer = SIPStreamFramer()
      framer.append(bytes)
      while framer.next() != nil {}
    }
  }

  private func readEverything(_ message: SIPMessage) {
    let headers = message.headers
    _ = (headers.vias, headers.from, headers.to, headers.cSeq, headers.contacts, headers.routes, headers.path)
    _ = (
      headers.recordRoutes, headers.rAck, headers.rSeq, headers.sessionExpires, headers.minSE, headers.referTo
    )
    _ = (
      headers.replaces, headers.reasons, headers.contentType, headers.privacy, headers.event, headers.expires
    )
    _ = (headers.authenticationParameters(.authorization), headers.tokens(.supported), headers.retryAfter)
    _ = message.sessionDescription()
    #expect(headers.topVia != nil)
    #expect(headers.cSeq != nil)
    #expect(headers.from != nil)
    #expect(headers.to != nil)
    if case .request(let request) = message {
      _ = (request.uri.headerFields, request.uri.isEquivalent(to: request.uri))
    }
  }

  @Test func lineEndsInValuesCannotStartAHeader() throws {
    var request = SIPRequest(method: .options, uri: SIPURI(host: .name("h")))
    request.headers = SIPHeaders([
      .init(.via, "SIP/2.0/UDP h;branch=z9hG4bK1"), .init(.from, "<sip:a@b>;tag=1"), .init(.to, "<sip:a@b>"),
      .init(.callID, "x"), .init(.cSeq, "1 OPTIONS"), .init(.subject, "a\r\nEvil: 1\nWorse: 2"),
      .init(.contentLength, "77"),
    ])
    let message = try SIPParser.parse(request.serialised())
    #expect(message.headers.fields.count == 6)
    #expect(message.headers[.subject] == "a  Evil: 1 Worse: 2")
    var response = SIPResponse(status: 200, reason: "OK\r\nEvil: 1", headers: message.headers)
    #expect(try SIPParser.parse(response.serialised()).headers.fields.count == 6)
    response.reason = ""
    #expect(try SIPParser.parse(response.serialised()) == .response(response))
    var address = NameAddress(displayName: "a\r\nb", uri: SIPURI(user: "x\r\ny", host: .name("h")))
    #expect(address.serialised() == "\"a  b\" <sip:x%0D%0Ay@h>")
    address.parameters = [.init("p", "v\r\nw")]
    #expect(!address.serialised().contains("\n"))
  }
}

/// Random well-formed values.
struct MessageGenerator {
  private var random: SplitMix

  init(seed: UInt64) { random = SplitMix(seed: seed) }

  mutating func number(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &random) }
  mutating func flip() -> Bool { Bool.random(using: &random) }
  mutating func pick<T>(_ values: [T]) -> T { values[number(0...values.count - 1)] }

  mutating func text(_ alphabet: String, _ range: ClosedRange<Int>) -> String {
    let characters = Array(alphabet)
    return String((0..<number(range)).map { _ in pick(characters) })
  }

  mutating func token(_ range: ClosedRange<Int> = 1...20) -> String {
    text("abcXYZ019-.!%*_+`'~", range)
  }

  mutating func host() -> SIPURI.Host {
    switch number(0...2) {
    case 0: .ip(.v4(UInt32(number(0...Int(UInt32.max)))))
    case 1: .ip(.v6(UInt64.random(in: 0...UInt64.max, using: &random), flip() ? 0 : 0x1234_0000_0000_0001))
    default: .name("h" + text("abc019-", 0...9) + ".example")
    }
  }

  mutating func uri() -> SIPURI {
    switch number(0...9) {
    case 0:
      return SIPURI(
        scheme: .tel, user: "+" + text("0123456789-.()", 1...15), host: .name(""),
        parameters: flip() ? [] : [.init("phone-context", "example.com")])
    case 1: return SIPURI(scheme: .other("urn"), user: "service:" + text("abc.:", 1...10), host: .name(""))
    default: break
    }
    var uri = SIPURI(
      scheme: flip() ? .sip : .sips, host: host(), port: flip() ? nil : UInt16(number(0...65_535)))
    if flip() { uri.user = text("abz09-_.!~*'()&=+$,;?/ @:\"<>é大\\{}#", 1...20) }
    if uri.user != nil, number(0...4) == 0 { uri.password = Secret(text("abc09&=+$,", 0...8)) }
    for _ in 0..<number(0...3) {
      uri.parameters.append(.init(text("abc09-_.!~", 1...8), flip() ? nil : text("abc09-_.!~[]/:&+$", 1...9)))
    }
    if number(0...5) == 0 { uri.headers = "Subject=" + text("abc%20", 0...3).filter { $0 != "%" } }
    return uri
  }

  mutating func headerParameters() -> [SIPURI.Parameter] {
    (0..<number(0...3)).map { _ in
      .init("p" + token(0...8), flip() ? nil : flip() ? token() : text("ab \"\\,;<>=é大\t", 1...12))
    }
  }

  mutating func address() -> NameAddress {
    NameAddress(
      displayName: flip() ? nil : text("ab \"\\,;<>é大@:", 0...20), uri: uri(), parameters: headerParameters())
  }

  mutating func via() -> Via {
    var via = Via(
      transport: pick(SIPTransportProtocol.allCases), host: host(),
      port: flip() ? nil : UInt16(number(1...65_535)),
      parameters: [.init("branch", "z9hG4bK" + token())])
    via.parameters += headerParameters()
    if number(0...9) == 0 {
      via.transport = .udp
      via.otherTransport = "SCTP"
    }
    return via
  }

  /// Printable text without blanks at its ends, as a header value has after reading.
  mutating func value() -> String {
    let characters = text("abc XYZ\t019;,=\"<>\\é大", 0...60)
    return String(
      characters.drop { $0 == " " || $0 == "\t" }.reversed().drop { $0 == " " || $0 == "\t" }.reversed())
  }

  mutating func message() -> SIPMessage {
    let method = flip() ? SIPMethod.invite : SIPMethod(rawValue: token())
    var headers = SIPHeaders()
    for _ in 0..<number(1...3) { headers.append(.via, via().description) }
    headers.append(.from, address().serialised())
    headers.append(.to, address().serialised())
    headers.append(.callID, text("abc019.@", 1...30))
    headers.append(.cSeq, CSeq(number: UInt32(number(0...Int(Int32.max))), method: method).description)
    if flip() { headers.append(.maxForwards, String(number(0...255))) }
    if flip() {
      headers.append(.contact, [address(), address()].map { $0.serialised() }.joined(separator: ", "))
    }
    for _ in 0..<number(0...6) {
      headers.append(flip() ? .subject : SIPHeaderName("X-" + token()), value())
    }
    headers.fields.shuffle(using: &random)
    let body = (0..<number(0...1) * number(0...300)).map { _ in UInt8.random(in: 0...255, using: &random) }
    if flip() {
      var target = uri()
      target.headers = nil
      return .request(SIPRequest(method: method, uri: target, headers: headers, body: body))
    }
    return .response(
      SIPResponse(status: number(100...699), reason: value(), headers: headers, body: body))
  }

  mutating func damage(_ bytes: inout [UInt8]) {
    guard !bytes.isEmpty else { return bytes.append(0) }
    let position = number(0...bytes.count - 1)
    switch number(0...5) {
    case 0: bytes[position] = UInt8.random(in: 0...255, using: &random)
    case 1: bytes.remove(at: position)
    case 2: bytes.insert(pick(Array(" \t\r\n\"<>;,:=?@%[]\\\0".utf8)), at: position)
    case 3: bytes.removeSubrange(position..<min(bytes.count, position + number(1...40)))
    case 4:
      bytes.insert(contentsOf: bytes[position..<min(bytes.count, position + number(1...80))], at: position)
    default: bytes[position] ^= 1 << UInt8(number(0...7))
    }
  }
}
