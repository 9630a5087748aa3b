import Foundation
import Glibc
import Logging
import Testing

@testable import StructuredLogging

/// Lines that a handler wrote to a pipe.
private func lines(
  _ format: LogFormat = .logfmt, level: Logger.Level = .trace, _ body: (inout Logger) -> Void
) throws -> [String] {
  let pipe = Pipe()
  let output = LogOutput(descriptor: pipe.fileHandleForWriting.fileDescriptor)
  var logger = Logger(label: "sip") { label in
    StructuredLogHandler(
      label: label, format: format, output: output, level: level,
      now: { timespec(tv_sec: 1_700_000_000, tv_nsec: 42_000_000) })
  }
  body(&logger)
  output.flush()
  try pipe.fileHandleForWriting.close()
  let text = String(decoding: try pipe.fileHandleForReading.readToEnd() ?? Data(), as: UTF8.self)
  return text.split(separator: "\n").map(String.init)
}

@Suite struct StructuredLogTests {
  @Test func aLineHasItsTimeLevelCallAndMessageFirst() throws {
    let found = try lines { logger in
      logger[metadataKey: "call"] = "0abc"
      logger.info("call accepted", metadata: ["trunk": "carrier a", "alias": "bob"])
    }
    #expect(
      found == [
        #"ts=2023-11-14T22:13:20.042Z level=info call=0abc msg="call accepted" logger=sip alias=bob trunk="carrier a""#
      ])
  }

  @Test func jsonIsReadByAnIndependentReader() throws {
    let found = try lines(.json) {
      $0.error("bad \"thing\"\n", metadata: ["call": "1", "n": "\(5)", "list": ["a", "b"]])
    }
    let object = try #require(
      try JSONSerialization.jsonObject(with: Data(found[0].utf8)) as? [String: String])
    #expect(object["msg"] == "bad \"thing\"\n")
    #expect(object["call"] == "1")
    #expect(object["list"] == "[a, b]")
    #expect(object["level"] == "error")
  }

  @Test(arguments: LogFormat.allCases) func noValueCanForgeALine(format: LogFormat) throws {
    let found = try lines(format) { logger in
      logger.info("a\r\nlevel=error msg=forged", metadata: ["k\n=\"": "v\n\u{1b}[2Jx=\"y\" \u{0}"])
    }
    #expect(found.count == 1)
    #expect(!found[0].utf8.contains { $0 < 0x20 || $0 == 0x7f })
  }

  @Test func lowerLevelsAreNotEvenRendered() throws {
    struct Costly: CustomStringConvertible, Sendable {
      var description: String { fatalError("rendered") }
    }
    #expect(
      try lines(level: .info) { $0.debug("x \(Costly())", metadata: ["a": .stringConvertible(Costly())]) }
        .isEmpty)
  }

  /// Nobody reads the pipe until the end: logging goes on, and the lines that were lost are counted.
  @Test func aReaderThatIsStuckStopsNobody() throws {
    let pipe = Pipe()
    let output = LogOutput(descriptor: pipe.fileHandleForWriting.fileDescriptor, capacity: 10_000)
    let logger = Logger(label: "x") { StructuredLogHandler(label: $0, output: output) }
    let reader = Pipe()
    for number in 0..<20_000 { logger.info("line", metadata: ["n": "\(number)"]) }
    let done = DispatchSemaphore(value: 0)
    let handle = pipe.fileHandleForReading
    nonisolated(unsafe) var text = ""
    Thread {
      text = String(decoding: (try? handle.readToEnd()) ?? Data(), as: UTF8.self)
      done.signal()
    }.start()
    output.flush()
    try pipe.fileHandleForWriting.close()
    done.wait()
    _ = reader
    let written = text.split(separator: "\n")
    let dropped = written.compactMap { $0.split(separator: "count=").last.flatMap { Int($0) } }.reduce(0, +)
    #expect(dropped > 0)
    #expect(written.filter { $0.contains("msg=line") }.count + dropped == 20_000)
  }
}

@Suite struct RedactionTests {
  @Test(arguments: [
    "password", "Password", "trunk_password", "trunkPassword", "Proxy-Authorization", "authorization",
    "guest-pin",
    "PIN", "accessToken", "api_key", "apiKey", "X-Api-Key", "client.secret", "ha1", "credentials",
  ])
  func keysOfSecrets(key: String) throws {
    #expect(Redaction.isSecret(key: key))
    let found = try lines { $0.info("m", metadata: [key: "hunter2", "outer": [key: "hunter2"]]) }
    #expect(!found[0].contains("hunter2"))
    #expect(found[0].contains("[redacted]"))
  }

  @Test(arguments: [
    "pinned", "spinning", "alias", "key", "tokens_left_over", "ping", "shipping", "call", "address",
  ])
  func keysThatOnlyLookLikeIt(key: String) { #expect(!Redaction.isSecret(key: key)) }

  @Test(arguments: [
    "INVITE sip:b@x SIP/2.0\r\nAuthorization: Digest username=\"u\", response=\"hunter2\"\r\nCSeq: 1 INVITE\r\n",
    "REGISTER sip:x SIP/2.0\r\nProxy-Authorization : Digest username=\"u\",\r\n response=\"hunter2\"\r\nCSeq: 1 R\r\n",
    "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:hunter2|2^20|1:4\r\nm=audio",
    "v=0\r\nk=clear:hunter2\r\nm=audio 1 RTP/AVP 0",
    "sip:alice:hunter2@example.org", "connect to <sips:alice:hunter2@example.org;transport=tcp>",
    "GET /x?token=hunter2&a=b", "password=\"hunter2\" user=x", "PASSWORD=hunter2",
    "a pin=hunter2; b pin=hunter2",
  ])
  func credentialsInText(text: String) {
    let scrubbed = Redaction.scrub(text)
    #expect(!scrubbed.contains("hunter2"))
    #expect(scrubbed.contains("[redacted]"))
  }

  @Test(arguments: [
    "plain", "sip:alice@example.org:5060", "Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK1", "", "a=b",
    "sip:@", "::::",
    "From: <sip:a@b>\r\nTo: <sip:c@d:5061>\r\nCall-ID: x:y@z", "sip:æ@ø:å",
  ])
  func otherTextIsLeftAlone(text: String) { #expect(Redaction.scrub(text) == text) }

  /// The quick look must never pass over what the thorough one would replace.
  @Test func theQuickLookMissesNothing() {
    let pieces = [
      "k=", "\n", "\r\n", " ", "Authorization", ": ", ":", "inline:", "PASSWORD=", "secret", "token=", "pin=",
      "sip:",
      "SIPS:", "a", "@", "b.example", "<", ">", "\"", "=", ";", "\u{e9}", "1",
    ]
    var state: UInt64 = 7
    for _ in 0..<20_000 {
      var text = ""
      for _ in 0..<12 {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        text += pieces[Int(state >> 33) % pieces.count]
      }
      #expect(Redaction.scrub(text) == Redaction.scrubLines(text), "\(text.debugDescription)")
    }
  }

  @Test func whatSurroundsACredentialStays() {
    #expect(
      Redaction.scrub("a=crypto:1 AES inline:KEY|2^20\r\nAuthorization: Digest x\r\nCSeq: 1")
        == "a=crypto:1 AES inline:[redacted]|2^20\r\nAuthorization: [redacted]\r\nCSeq: 1")
  }
}
