import CallModel
import Testing

@testable import DNSResolver

@Suite struct DNSMessageTests {
  private func read(_ bytes: [UInt8], _ type: DNSQuestion.RecordType) -> DNSMessage {
    bytes.withUnsafeBytes { DNSMessage($0, question: type) }
  }

  private func response(
    _ type: DNSQuestion.RecordType, code: UInt8 = 0, answers: [[UInt8]] = [], authorities: [[UInt8]] = []
  ) -> [UInt8] {
    Wire.response(to: Wire.query("a.test", type), code: code, answers: answers, authorities: authorities)
  }

  @Test func addresses() {
    let v4 = read(
      response(
        .a, answers: [Wire.record(1, ttl: 60, [192, 0, 2, 1]), Wire.record(1, ttl: 30, [192, 0, 2, 2])]), .a)
    #expect(v4.answer == .records([.address(.v4(0xc000_0201)), .address(.v4(0xc000_0202))]))
    #expect(v4.lifetime == 30)
    let bytes: [UInt8] = [0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9]
    let v6 = read(response(.aaaa, answers: [Wire.record(28, ttl: 5, bytes)]), .aaaa)
    #expect(v6.answer == .records([.address(.v6(0x2001_0db8_0000_0000, 9))]))
  }

  @Test func services() {
    let data = Wire.uint16(10) + Wire.uint16(20) + Wire.uint16(5062) + Wire.name("PBX.Test")
    let message = read(response(.srv, answers: [Wire.record(33, ttl: 60, data)]), .srv)
    #expect(
      message.answer
        == .records([.service(.init(priority: 10, weight: 20, port: 5062, target: "pbx.test"))]))
    let root = read(response(.srv, answers: [Wire.record(33, ttl: 60, [0, 0, 0, 0, 0, 0, 0])]), .srv)
    #expect(root.answer == .records([.service(.init(priority: 0, weight: 0, port: 0, target: "."))]))
  }

  @Test func namingAuthorities() {
    let data =
      Wire.uint16(1) + Wire.uint16(2) + [1] + Array("s".utf8) + [8] + Array("SIP+D2U2".utf8) + [0]
      + Wire.name("_sip._udp.a.test")
    let message = read(response(.naptr, answers: [Wire.record(35, ttl: 60, data)]), .naptr)
    let expected = DNSRecord.NamingAuthorityPointer(
      order: 1, preference: 2, flags: "s", service: "SIP+D2U2", replacement: "_sip._udp.a.test")
    #expect(message.answer == .records([.namingAuthority(expected)]))
  }

  @Test func aliasesAreFollowedInAnyOrderAndTheLeastLifetimeCounts() {
    let alias = Wire.record(5, ttl: 10, Wire.name("b.test"))
    let second = Wire.record(5, ttl: 300, Wire.name("c.test"), owner: Wire.name("b.test"))
    let target = Wire.record(1, ttl: 60, [192, 0, 2, 1], owner: Wire.name("C.TEST"))
    let stray = Wire.record(1, ttl: 60, [192, 0, 2, 66], owner: Wire.name("evil.test"))
    for answers in [[alias, second, target, stray], [stray, target, second, alias]] {
      let message = read(response(.a, answers: answers), .a)
      #expect(message.answer == .records([.address(.v4(0xc000_0201))]))
      #expect(message.lifetime == 10)
    }
  }

  @Test func aliasesInACircleEnd() {
    let there = Wire.record(5, ttl: 10, Wire.name("b.test"))
    let back = Wire.record(5, ttl: 10, Wire.name("a.test"), owner: Wire.name("b.test"))
    #expect(read(response(.a, answers: [there, back]), .a).answer == .failed(.serverFailure))
  }

  @Test func negativeAnswersKeepTheLesserOfLifetimeAndMinimum() {
    let none = read(response(.a, code: 3, authorities: [Wire.soa(ttl: 600, minimum: 120)]), .a)
    #expect(none.answer == .noSuchName && none.lifetime == 120)
    let noData = read(response(.a, authorities: [Wire.soa(ttl: 60, minimum: 120)]), .a)
    #expect(noData.answer == .noData && noData.lifetime == 60)
    #expect(read(response(.a, code: 3), .a).lifetime == nil)
  }

  @Test func lifetimesWithTheTopBitAreZero() {
    let message = read(response(.a, answers: [Wire.record(1, ttl: 0x8000_0001, [192, 0, 2, 1])]), .a)
    #expect(message.lifetime == 0)
  }

  @Test(arguments: [UInt8(1), 2, 4, 5])
  func errorCodesAreFailures(_ code: UInt8) {
    #expect(read(response(.a, code: code), .a).answer == .failed(.serverFailure))
  }

  @Test func recordsOfWrongLengthAreLeftOut() {
    let bad = Wire.record(1, ttl: 60, [192, 0, 2])
    let good = Wire.record(1, ttl: 60, [192, 0, 2, 1])
    #expect(read(response(.a, answers: [bad, good]), .a).answer == .records([.address(.v4(0xc000_0201))]))
    let long = Wire.record(
      33, ttl: 60, Wire.uint16(1) + Wire.uint16(1) + Wire.uint16(1) + Wire.name("t") + [9])
    #expect(read(response(.srv, answers: [long]), .srv).answer == .noData)
  }

  @Test func pointersLeadBackwardsOnly() {
    // The target of the alias points at itself, and beyond the message.
    for pointer in [[UInt8(0xc0), 40], [0xc0, 0xff], [0xff, 0xff]] {
      let message = read(response(.a, answers: [Wire.record(5, ttl: 1, pointer)]), .a)
      #expect(message.answer == .failed(.serverFailure))
    }
  }

  @Test func namesAreBounded() {
    let label = String(repeating: "x", count: 63)
    let longest = [label, label, label, String(repeating: "y", count: 61)].joined(separator: ".")
    func target(_ name: String) -> DNSAnswer {
      let data = Wire.uint16(1) + Wire.uint16(1) + Wire.uint16(1) + Wire.name(name)
      return read(response(.srv, answers: [Wire.record(33, ttl: 60, data)]), .srv).answer
    }
    #expect(target(longest).records.count == 1)
    #expect(target(longest + "yy") == .noData)
    #expect(target("a b") == .noData)
  }

  /// Whatever arrives is read or refused, never a trap.
  @Test func everyPrefixAndManyMutationsAreSurvived() {
    let data =
      Wire.uint16(1) + Wire.uint16(2) + [1] + Array("s".utf8) + [7] + Array("SIP+D2U".utf8) + [0]
      + Wire.name("_sip._udp.a.test")
    let whole = response(
      .naptr, answers: [Wire.record(5, ttl: 1, [0xc0, 12]), Wire.record(35, ttl: 60, data)],
      authorities: [Wire.soa(ttl: 1, minimum: 1)])
    var outcomes = Set<String>()
    for end in 0...whole.count { outcomes.insert("\(read(Array(whole[..<end]), .naptr).answer)") }
    var state: UInt64 = 1
    for _ in 0..<20_000 {
      var bytes = whole
      for _ in 0..<3 {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        bytes[Int(state >> 33) % bytes.count] = UInt8(truncatingIfNeeded: state >> 25)
      }
      outcomes.insert("\(read(bytes, .naptr).answer)")
    }
    #expect(outcomes.count > 5)
  }
}
