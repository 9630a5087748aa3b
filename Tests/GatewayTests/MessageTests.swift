import CallModel
import PolicyEngine
import Router
import Testing

@testable import Gateway
@testable import SIP

/// Page-mode messages to a device, to several, and from step to step.
@Suite struct MessageTests {
  let bench: SIPBench
  let ann: SIPPeer
  let one: SIPPeer
  let two: SIPPeer
  let carriers: [SIPPeer]

  init() throws {
    var globals = Globals()
    globals.sipUDPEnabled = true
    globals.domain = "example.org"
    let devices = ["ann", "bob"].map {
      Device(alias: "\($0)@example.org", username: $0, password: Secret("secret"), allowsSIP: true)
    }
    let trunks = ["one", "two"].map {
      Trunk(name: $0, host: "\($0).example", port: 5060, transport: .udp)
    }
    bench = try SIPBench(
      Policy(
        globals: globals, trunks: trunks, devices: devices,
        rules: [
          rule("bob@example.org", target: .registration),
          rule(#"9(\d+)@.*"#, replace: #"\1"#, trunks: ["one", "two"]) { $0.continueOn = [.congestion] },
        ]))
    carriers = [bench.peer("203.0.113.5:5060"), bench.peer("203.0.113.6:5060")]
    bench.names = ["one.example": [carriers[0].hop], "two.example": [carriers[1].hop]]
    (ann, one, two) = (
      bench.peer("192.0.2.10:5060"), bench.peer("192.0.2.11:5060"), bench.peer("192.0.2.12:5060")
    )
    ann.registers("ann")
    one.registers("bob")
    _ = ann.take()
  }

  private func send(_ uri: String = "sip:bob@example.org") {
    ann.sends(.message, uri, from: "sip:ann@example.org", headers: [(.contentType, "text/plain")])
  }

  private var told: [Int] { ann.takeResponses().map(\.status) }

  /// Nothing of any message is left.
  private func nothingIsLeft(sourceLocation: SourceLocation = #_sourceLocation) {
    bench.pass(.seconds(70))
    #expect(bench.endpoint.agent.pendingRequestCount == 0, sourceLocation: sourceLocation)
    #expect(bench.endpoint.pendingCount == 0, sourceLocation: sourceLocation)
    #expect(bench.endpoint.agent.clients.isEmpty, sourceLocation: sourceLocation)
  }

  @Test func aMessageGoesToTheDeviceAndItsAnswerBack() throws {
    for status in [202, 486] {
      send()
      let request = try #require(one.request(.message))
      #expect(request.headers.from?.uri == SIPURI("sip:ann@example.org"))
      one.answers(request, status)
      #expect(told == [status])
    }
    nothingIsLeft()
  }

  @Test(arguments: [200, 486, 603, nil] as [Int?])
  func theFirstThatTakesItIsEnough(_ later: Int?) throws {
    two.registers("bob")
    send()
    one.answers(try #require(one.request(.message)), 202)
    #expect(told == [202])
    // What the other says is for nobody, if it ever says anything.
    if let later { two.answers(try #require(two.request(.message)), later) }
    bench.pass(.seconds(40))
    #expect(told == [])
    nothingIsLeft()
  }

  @Test func aRefusalWaitsForTheOthers() throws {
    two.registers("bob")
    send()
    one.answers(try #require(one.request(.message)), 603)
    #expect(told == [])
    two.answers(try #require(two.request(.message)), 200)
    #expect(told == [200])

    send()
    one.answers(try #require(one.request(.message)), 404)
    two.answers(try #require(two.request(.message)), 486)
    #expect(told == [486])
    nothingIsLeft()
  }

  @Test func aSilentDeviceDoesNotKeepTheSenderWaitingTooLong() throws {
    two.registers("bob")
    send()
    one.answers(try #require(one.request(.message)), 486)
    bench.pass(.seconds(20))
    #expect(told.allSatisfy { $0 == 100 })
    bench.pass(.seconds(6))
    #expect(told == [486])
    // All silent: no 408, which is not for this (RFC 4320).
    two.answers(try #require(two.request(.message)), 200)
    send()
    bench.pass(.seconds(26))
    #expect(told.filter { $0 > 100 } == [504])
    nothingIsLeft()
  }

  @Test func theNextStepFollowsOnceAndOnlyWhereTheCauseLetsIt() throws {
    bench.endpoint.trunks.start()
    bench.pass(.milliseconds(10))
    send("sip:9123@example.org")
    carriers[0].answers(try #require(carriers[0].request(.message)), 503)
    let second = try #require(carriers[1].request(.message))
    carriers[1].answers(second, 200)
    #expect(told.filter { $0 > 100 } == [200])
    let count = bench.sent.count
    carriers[0].answers(try #require(carriers[0].request(.message)), 404)
    #expect(bench.sent.count == count)

    send("sip:9124@example.org")
    carriers[0].answers(try #require(carriers[0].request(.message)), 404)
    #expect(told.filter { $0 > 100 } == [404])
    #expect(carriers[1].request(.message)?.uri.user == second.uri.user)
  }

  @Test func namesThatAreFoundTooLateSendNothing() throws {
    bench.holdsAnswers = true
    send("sip:9123@example.org")
    bench.pass(.seconds(26))
    #expect(told.filter { $0 > 100 } == [504])
    bench.holdsAnswers = false
    bench.resolve()
    #expect(carriers[0].request(.message) == nil)
    nothingIsLeft()
  }
}
