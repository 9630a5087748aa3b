import CallModel
import Foundation
import Testing

@testable import SIP

/// A verdict for every message of RFC 4475 and RFC 5118.
@Suite struct TortureVectorTests {
  struct Verdict: Sendable, CustomTestStringConvertible {
    var file: String
    var outcome: String
    var code: String
    var header: String
    var answerable: String
    var testDescription: String { file }
  }

  static let verdicts: [Verdict] = {
    let text = String(decoding: vector("verdicts.tsv"), as: UTF8.self)
    return text.split(separator: "\n").map { line in
      let columns = line.split(separator: "\t", omittingEmptySubsequences: false).map(String.init)
      return Verdict(
        file: columns[0], outcome: columns[2], code: columns[3], header: columns[4],
        answerable: columns[5])
    }
  }()

  @Test func everyMessageHasAVerdictAndEveryVerdictAMessage() throws {
    var files: Set<String> = []
    for folder in ["rfc4475", "rfc5118"] {
      let path = vectorsURL.appendingPathComponent(folder).path
      for name in try FileManager.default.contentsOfDirectory(atPath: path) {
        files.insert("\(folder)/\(name)")
      }
    }
    #expect(files == Set(Self.verdicts.map(\.file)))
    #expect(Self.verdicts.count == 62)
  }

  @Test(arguments: verdicts) func verdict(_ verdict: Verdict) {
    do {
      _ = try SIPParser.parse(vector(verdict.file))
      #expect(verdict.outcome == "accept")
    } catch {
      #expect(error.code.rawValue == verdict.code)
      #expect(error.header?.description ?? "" == verdict.header)
      #expect((error.answerable != nil ? "yes" : "no") == verdict.answerable)
      if verdict.outcome != "drop" { #expect("\(error.status)" == verdict.outcome) }
    }
  }

  /// What was read is written again and reads the same.
  @Test(arguments: verdicts.filter { $0.outcome == "accept" }) func roundTrip(_ verdict: Verdict) throws {
    let message = try SIPParser.parse(vector(verdict.file))
    #expect(try SIPParser.parse(message.serialised()) == message)
  }

  /// The same bytes through the stream framer: the same message, or a refusal.
  @Test(arguments: verdicts) func framed(_ verdict: Verdict) throws {
    let bytes = vector(verdict.file)
    var framer = SIPStreamFramer()
    framer.append(bytes)
    let event = framer.next()
    if verdict.outcome == "accept", verdict.file != "rfc4475/inv2543.dat" {
      #expect(event == .message(try SIPParser.parse(bytes)))
    } else if case .message = event {
      Issue.record("accepted on a stream")
    }
  }
}

/// The values that the documents draw attention to.
@Suite struct TortureFieldTests {
  private func request(_ name: String) throws -> SIPRequest {
    guard case .request(let request) = try SIPParser.parse(vector(name)) else {
      throw SIPSyntaxError(.malformedStartLine)
    }
    return request
  }

  private func response(_ name: String) throws -> SIPResponse {
    guard case .response(let response) = try SIPParser.parse(vector(name)) else {
      throw SIPSyntaxError(.malformedStartLine)
    }
    return response
  }

  @Test func wsinv() throws {
    let request = try request("rfc4475/wsinv.dat")
    let headers = request.headers
    #expect(request.uri["unknownparam"] == "")
    #expect(headers.to?.tag == "1918181833n")
    #expect(headers.from?.displayName == "J Rosenberg \\\"")
    #expect(headers.from?.tag == "98asjd8")
    #expect(headers.maxForwards == 68)
    #expect(headers.cSeq == CSeq(number: 9, method: .invite))
    #expect(headers.vias.map(\.branch) == ["390skdjuw", "z9hG4bK9ikj8", "z9hG4bK30239"])
    #expect(headers.vias.map(\.transport) == [.udp, .tcp, .udp])
    #expect(headers[.subject] == "")
    #expect(headers[SIPHeaderName("newfangledheader")] == "newfangled value continued newfangled value")
    #expect(headers[SIPHeaderName("UnknownHeaderWithUnusualValue")] == ";;,,;;,;")
    #expect(headers.routes.first?.uri["unknown-no-value"] == "")
    #expect(headers.routes.first?.uri["lr"] == "")
    #expect(headers.contacts.first?.displayName == "Quoted string \"\"")
    #expect(headers.contacts.first?["newparam"] == "newvalue")
    #expect(headers.contacts.first?["q"] == "0.33")
    #expect(request.body.count == 150)
  }

  @Test func intmeth() throws {
    let request = try request("rfc4475/intmeth.dat")
    #expect(request.method.rawValue == "!interesting-Method0123456789_*+`.%indeed'~")
    #expect(request.uri.user == "1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*")
    #expect(request.uri.password?.reveal() == "&it+has=1,weird!*pas$wo~d_too.(doesn't-it)")
    #expect(request.headers.to?.displayName == "BEL:\u{7} NUL:\0 DEL:\u{7f}")
    #expect(request.headers.from?.displayName == "token1~` token2'+_ token3*%!.-")
    #expect(request.headers.from?["fromParam''~+*_!.-%"] == "работающий")
    #expect(request.headers.from?.tag == "_token~1'+`*%!-.")
    #expect(request.headers.callID == "intmeth.word%ZK-!.*_+'@word`~)(><:\\/\"][?}{")
    #expect(request.headers[SIPHeaderName("extensionHeader-!.%*+_`'~")] == "\u{feff}大停電")
  }

  @Test func escapes() throws {
    let esc01 = try request("rfc4475/esc01.dat")
    #expect(esc01.uri.user == "sips:user@example.com")
    #expect(esc01.uri.serialised() == "sip:sips%3Auser%40example.com@example.net")
    #expect(esc01.headers.to?.uri.user == "user")
    #expect(esc01.headers.from?.uri.user == "I have spaces")
    let contact = try #require(esc01.headers.contacts.first)
    #expect(contact.uri.isEquivalent(to: try .parse("sip:caller@host5.example.net;lr;name=value%2541")))
    #expect(!contact.uri.isEquivalent(to: try .parse("sip:caller@host5.example.net;lr;name=valueA")))

    let escnull = try request("rfc4475/escnull.dat")
    #expect(escnull.headers.to?.uri.user == "null-%00-null")
    #expect(escnull.headers.contacts.map(\.uri.user) == ["%00", "%00%00"])

    let esc02 = try request("rfc4475/esc02.dat")
    #expect(esc02.method != .register)
    #expect(esc02.headers.to?.displayName == "%Z%45")
    #expect(esc02.headers.contacts.count == 2)
  }

  @Test func displayNameWithoutBlank() throws {
    #expect(try request("rfc4475/lwsdisp.dat").headers.from?.displayName == "caller")
  }

  @Test func longRequest() throws {
    let headers = try request("rfc4475/longreq.dat").headers
    #expect(headers.vias.count == 34)
    #expect(headers.callID?.utf8.count == 141)
    #expect(headers.to?.uri.port == 6000)
    #expect(headers.to?.uri.parameters.count == 3)
  }

  @Test func secondRequestInOneDatagramIsCutOff() throws {
    let request = try request("rfc4475/dblreq.dat")
    #expect(request.method == .register)
    #expect(request.body.isEmpty)
  }

  @Test func semicolonsBelongToTheUser() throws {
    let request = try request("rfc4475/semiuri.dat")
    #expect(request.uri.user == "user;par=u@example.net")
    #expect(request.uri.parameters.isEmpty)
  }

  @Test func unknownTransports() throws {
    let vias = try request("rfc4475/transports.dat").headers.vias
    #expect(
      vias.map { $0.otherTransport ?? $0.transport.rawValue } == ["UDP", "SCTP", "TLS", "UNKNOWN", "TCP"])
  }

  @Test func multipart() throws {
    let request = try request("rfc4475/mpart01.dat")
    let type = try #require(request.headers.contentType)
    let multipart = try MultipartBody(request.body, contentType: type)
    #expect(multipart.parts.count == 2)
    #expect(multipart.parts[0].body == Array("Hello".utf8))
    #expect(multipart.parts[1].contentType.subtype == "octet-stream")
    #expect(multipart.parts[1].body.prefix(4) == [0x30, 0x82, 0x01, 0x52])
    #expect(multipart.parts[1].body.count == 342)
  }

  @Test func reasonPhrases() throws {
    let unreason = try response("rfc4475/unreason.dat")
    #expect(unreason.status == 200)
    #expect(unreason.reason.hasPrefix("= 2**3 * 5**2"))
    let noreason = try response("rfc4475/noreason.dat")
    #expect(noreason.status == 100)
    #expect(noreason.reason == "")
  }

  @Test func applicationSemanticsAreReadable() throws {
    #expect(try request("rfc4475/unkscm.dat").uri.scheme == .other("nobodyknowsthisscheme"))
    #expect(try request("rfc4475/novelsc.dat").uri.scheme == .other("soap.beep"))
    #expect(
      try request("rfc4475/bext01.dat").headers.tokens(.require) == [
        "nothingSupportsThis", "nothingSupportsThisEither",
      ])
    #expect(
      try request("rfc4475/invut.dat").headers.contentType == ContentType("application", "unknownformat"))
    #expect(
      try request("rfc4475/regaut01.dat").headers.authenticationParameters(.authorization).first?.scheme
        == "NoOneKnowsThisScheme")
    #expect(try request("rfc4475/zeromf.dat").headers.maxForwards == 0)
    #expect(try request("rfc4475/cparam01.dat").headers.contacts.first?["unknownparam"] == "")
    #expect(try request("rfc4475/cparam02.dat").headers.contacts.first?.uri["unknownparam"] == "")
    #expect(try request("rfc4475/sdp01.dat").headers.tokens(.accept) == ["text/nobodyKnowsThis"])
    let route = try request("rfc4475/regescrt.dat").headers.contacts.first?.uri.headerFields
    #expect(route == [.init(.route, "<sip:sip.example.com>")])
    let old = try request("rfc4475/inv2543.dat")
    #expect(old.headers.topVia?.branch == nil)
    #expect(old.headers.from?.tag == nil)
    #expect(old.headers.maxForwards == nil)
    #expect(old.body.count == 105)
  }

  @Test func ipv6() throws {
    let good = try request("rfc5118/ipv6-good.dat")
    #expect(good.uri.host == .ip(IPAddress("2001:db8::10")!))
    #expect(good.headers.topVia?.host == .ip(IPAddress("2001:db8::9:1")!))
    let ambiguous = try request("rfc5118/port-ambiguous.dat")
    #expect(ambiguous.uri.port == nil)
    #expect(ambiguous.uri.host == .ip(IPAddress("2001:db8::10:5070")!))
    #expect(try request("rfc5118/port-unambiguous.dat").uri.port == 5070)
    for name in ["via-received-param-with-delim", "via-received-param-no-delim"] {
      #expect(try request("rfc5118/\(name).dat").headers.topVia?.received == IPAddress("2001:db8::9:255"))
    }
    let mapped = try request("rfc5118/ipv4-mapped-ipv6.dat")
    #expect(mapped.headers.vias.map(\.port) == [19823, nil])
    #expect(mapped.headers.contacts.first?.uri.host == .ip(IPAddress("::ffff:192.0.2.2")!))
    let three = try request("rfc5118/ipv6-bug-abnf-3-colons.dat")
    let two = try request("rfc5118/ipv6-correct-abnf-2-colons.dat")
    #expect(three.uri == two.uri)
    #expect(try request("rfc5118/mult-ip-in-header.dat").headers.vias[2].received == IPAddress("192.0.2.200"))
  }

  /// RFC 5118 §4.6 miscounts its body; with the right length it is accepted.
  @Test func ipv6InSDPWithItsRealLength() throws {
    var bytes = vector("rfc5118/ipv6-in-sdp.dat")
    let range = try #require(bytes.firstRange(of: Array("Content-Length: 268".utf8)))
    bytes.replaceSubrange(range, with: Array("Content-Length: 251".utf8))
    #expect(try SIPParser.parse(bytes).body.count == 251)
  }
}

let vectorsURL = Bundle.module.url(forResource: "Vectors", withExtension: nil)!

func vector(_ name: String) -> [UInt8] {
  // A missing file is an empty message, which no verdict accepts.
  [UInt8]((try? Data(contentsOf: vectorsURL.appendingPathComponent(name))) ?? Data())
}
