import TestSupport
import Testing

@testable import SIP

@Suite struct SIPStreamFramerTests {
  private static let invite = inviteText(extra: "Content-Length: 4\n", body: "b\r\n\r")
  private static let options = inviteText(extra: "l:\n 0\n")

  /// Two messages, keep-alives and leading line ends.
  private static let stream: [UInt8] =
    Array("\r\n\r\n".utf8) + invite + Array("\r\n\r\n\r\n\r\n".utf8) + options + Array("\r\n".utf8) + options

  private static func events(
    _ chunks: some Sequence<some Collection<UInt8>>, side: SIPStreamFramer.Side = .accepted,
    limits: SIPLimits = .stream
  ) -> [SIPStreamFramer.Event] {
    var framer = SIPStreamFramer(limits: limits, side: side)
    var events: [SIPStreamFramer.Event] = []
    for chunk in chunks {
      framer.append(chunk)
      while let event = framer.next() { events.append(event) }
    }
    return events
  }

  private static let expected: [SIPStreamFramer.Event] = {
    let first = try! SIPParser.parse(invite)
    let second = try! SIPParser.parse(options)
    return [.ping, .message(first), .ping, .ping, .message(second), .message(second)]
  }()

  @Test func allAtOnce() {
    #expect(Self.events([Self.stream]) == Self.expected)
  }

  @Test func byteByByte() {
    #expect(Self.events(Self.stream.map { [$0] }) == Self.expected)
  }

  @Test func bodiesAreExact() {
    guard case .message(let message) = Self.expected[1] else { return }
    #expect(message.body == Array("b\r\n\r".utf8))
  }

  @Test(arguments: 0..<200) func splitAnywhere(_ seed: Int) {
    var random = SplitMix(seed: UInt64(seed))
    var chunks: [ArraySlice<UInt8>] = []
    var rest = Self.stream[...]
    while !rest.isEmpty {
      let count = min(rest.count, Int.random(in: 1...(seed % 3 == 0 ? 5 : 400), using: &random))
      chunks.append(rest.prefix(count))
      rest = rest.dropFirst(count)
    }
    #expect(Self.events(chunks) == Self.expected)
  }

  @Test func everyTwoWaySplit() {
    for i in 0...Self.stream.count {
      #expect(Self.events([Self.stream[..<i], Self.stream[i...]]) == Self.expected)
    }
  }

  @Test func onAConnectionWeOpenedCRLFIsAPong() {
    let bytes = Array("\r\n".utf8) + Self.options + Array("\r\n".utf8)
    let events = Self.events(bytes.map { [$0] }, side: .opened)
    #expect(events == [.pong, Self.expected[4], .pong])
  }

  @Test func missingContentLengthEndsTheStream() throws {
    var framer = SIPStreamFramer()
    framer.append(inviteText() + Self.options)
    guard case .failed(let error) = framer.next() else {
      Issue.record("not failed")
      return
    }
    #expect(error.code == .missingContentLength)
    #expect(error.answerable?.headers.topVia?.branch == "z9hG4bKabc")
    #expect(framer.next() == nil)
    framer.append(Self.options)
    #expect(framer.next() == nil)
    #expect(framer.bufferedByteCount == Self.options.count)
    framer.append(Self.options)
    #expect(framer.bufferedByteCount == Self.options.count)
  }

  @Test(arguments: [
    ("Content-Length: -1", SIPSyntaxError.Code.malformedContentLength),
    ("Content-Length: 1 1", .malformedContentLength),
    ("Content-Length:", .malformedContentLength), ("Content-Length: 1\n 2", .malformedContentLength),
    ("Content-Length: 0\nl: 0", .duplicateHeader), ("Content-Length: 262145", .bodyTooLarge),
    ("Content-Length: 99999999999999999999", .malformedContentLength),
  ])
  func badContentLengthEndsTheStream(_ field: String, _ code: SIPSyntaxError.Code) {
    let events = Self.events([inviteText(extra: field + "\n")])
    guard case .failed(let error)? = events.first, events.count == 1 else {
      Issue.record("\(events)")
      return
    }
    #expect(error.code == code)
    #expect(error.answerable != nil)
  }

  @Test func aMalformedMessageDoesNotEndTheStream() {
    let bad = inviteText(
      replacing: "Max-Forwards: 70", with: "Max-Forwards: x\nContent-Length: 2", body: "zz")
    let events = Self.events([bad + Self.options])
    guard events.count == 2, case .malformed(let error) = events[0] else {
      Issue.record("\(events)")
      return
    }
    #expect(error.code == .malformedHeader)
    #expect(error.answerable != nil)
    #expect(events[1] == Self.expected[4])
  }

  @Test func limitsAtAndAbove() {
    var limits = SIPLimits.stream
    limits.headerSectionSize = Self.options.count
    #expect(Self.events(Self.options.map { [$0] }, limits: limits).count == 1)
    limits.headerSectionSize -= 1
    for chunks in [[Self.options], Self.options.map { [$0] }] {
      guard case .failed(let error)? = Self.events(chunks, limits: limits).first else {
        Issue.record("not failed")
        return
      }
      #expect(error.code == .headerSectionTooLarge)
    }
    limits = .stream
    limits.bodySize = 4
    #expect(Self.events([Self.invite], limits: limits).count == 1)
    limits.bodySize = 3
    if case .failed(let error)? = Self.events([Self.invite], limits: limits).first {
      #expect(error.code == .bodyTooLarge)
      #expect(error.status == 413)
    } else {
      Issue.record("not failed")
    }
    limits = .stream
    limits.messageSize = Self.invite.count
    #expect(Self.events([Self.invite], limits: limits) == [Self.expected[1]])
    limits.messageSize -= 1
    if case .failed? = Self.events([Self.invite], limits: limits).first {} else { Issue.record("not failed") }
  }

  @Test func anEndlessHeaderSectionIsCutOff() {
    var framer = SIPStreamFramer()
    var fed = 0
    var failed = false
    while fed < 200_000, !failed {
      framer.append(Array("X: y\r\n".utf8))
      fed += 6
      if case .failed? = framer.next() { failed = true }
    }
    #expect(failed)
    #expect(fed < 50_000)
  }

  @Test func tellsWhetherAMessageIsUnderWay() {
    var framer = SIPStreamFramer()
    #expect(!framer.hasPartialMessage)
    framer.append(Array("\r\n".utf8))
    #expect(framer.next() == nil)
    #expect(!framer.hasPartialMessage)
    framer.append(Self.invite.dropLast())
    #expect(framer.next() == nil)
    #expect(framer.hasPartialMessage)
    framer.append([13])
    #expect(framer.next() == Self.expected[1])
    #expect(!framer.hasPartialMessage)
    #expect(framer.bufferedByteCount == 0)
  }

  @Test func manyMessagesDoNotGrowTheBuffer() {
    var framer = SIPStreamFramer()
    var count = 0
    for _ in 0..<2_000 {
      framer.append(Self.options + Self.options.prefix(40))
      while case .message? = framer.next() { count += 1 }
      framer.append(Self.options.dropFirst(40))
      while case .message? = framer.next() { count += 1 }
    }
    #expect(count == 4_000)
    #expect(framer.bufferedByteCount == 0)
  }
}
