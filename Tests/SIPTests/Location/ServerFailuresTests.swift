import CallModel
import SIP
import Testing

@Suite struct ServerFailuresTests {
  private func server(_ last: UInt32, _ transport: SIPTransportProtocol = .udp) -> ServerCandidate {
    ServerCandidate(transport: transport, address: TransportAddress(.v4(0xc000_0200 + last), 5060))
  }

  private let start = MonotonicInstant.zero

  @Test func aServerThatFailedIsTriedLastUntilTheFailureExpires() {
    var failures = ServerFailures(retryInterval: .seconds(60))
    let all = [server(1), server(2), server(3)]
    failures.failed(server(1), .unreachable, now: start)
    #expect(failures.arranged(all, now: start + .seconds(59)) == [server(2), server(3), server(1)])
    #expect(failures.arranged(all, now: start + .seconds(60)) == all)
  }

  @Test func aServerThatBarsItselfIsNotTried() {
    var failures = ServerFailures(retryInterval: .seconds(60))
    let all = [server(1), server(2)]
    failures.failed(server(1), .unavailable(retryAfter: .seconds(10)), now: start)
    #expect(failures.arranged(all, now: start + .seconds(9)) == [server(2)])
    #expect(failures.arranged(all, now: start + .seconds(10)) == all)
    // A later time-out does not lift the bar.
    failures.failed(server(1), .unavailable(retryAfter: .seconds(10)), now: start)
    failures.failed(server(1), .unreachable, now: start + .seconds(1))
    #expect(failures.arranged(all, now: start + .seconds(2)) == [server(2)])
    #expect(failures.arranged([server(1)], now: start + .seconds(2)).isEmpty)
  }

  @Test func retryAfterIsBounded() {
    var failures = ServerFailures(maximumRetryAfter: .seconds(100))
    failures.failed(server(1), .unavailable(retryAfter: .seconds(1_000_000)), now: start)
    #expect(failures.arranged([server(1)], now: start + .seconds(99)).isEmpty)
    #expect(failures.arranged([server(1)], now: start + .seconds(100)) == [server(1)])
  }

  @Test func unavailableWithoutRetryAfterIsAPlainFailure() {
    var failures = ServerFailures()
    failures.failed(server(1), .unavailable(retryAfter: nil), now: start)
    #expect(failures.arranged([server(1), server(2)], now: start) == [server(2), server(1)])
  }

  @Test func anAnswerClearsAServer() {
    var failures = ServerFailures()
    failures.failed(server(1), .unavailable(retryAfter: .seconds(10)), now: start)
    failures.succeeded(server(1))
    #expect(failures.arranged([server(1), server(2)], now: start) == [server(1), server(2)])
    #expect(failures.count == 0)
  }

  @Test func transportsOfOneAddressFailApart() {
    var failures = ServerFailures()
    failures.failed(server(1, .tcp), .unreachable, now: start)
    let all = [server(1, .tcp), server(1, .udp)]
    #expect(failures.arranged(all, now: start) == [server(1, .udp), server(1, .tcp)])
  }

  @Test func memoryIsBoundedAndTheOldestGoesFirst() {
    var failures = ServerFailures(retryInterval: .seconds(60), capacity: 3)
    for i in 1...4 { failures.failed(server(UInt32(i)), .unreachable, now: start + .seconds(Int64(i))) }
    #expect(failures.count == 3)
    let all = [server(1), server(2), server(5)]
    #expect(failures.arranged(all, now: start + .seconds(5)) == [server(1), server(5), server(2)])
    // Expired entries make room before living ones.
    failures.failed(server(9), .unreachable, now: start + .seconds(63))
    #expect(failures.count == 2)
  }

  @Test func aSequenceEnds() {
    var sequence = ServerSequence([server(1), server(2), server(3)], maximumAttempts: 2)
    #expect(sequence.current == nil && sequence.remaining == 2)
    #expect(sequence.next() == server(1))
    #expect(sequence.current == server(1) && sequence.remaining == 1)
    #expect(sequence.next() == server(2))
    #expect(sequence.next() == nil)
    #expect(sequence.next() == nil)
    #expect(sequence.current == nil && sequence.remaining == 0)
    var empty = ServerSequence([])
    #expect(empty.next() == nil)
  }

  @Test func largeRequestsGoByStreamFirst() {
    let list = [server(1), server(2, .tcp), server(3, .tls)]
    #expect(RequestTransport.candidates(list, forRequestOf: 1300) == list)
    #expect(
      RequestTransport.candidates(list, forRequestOf: 1301)
        == [server(1, .tcp), server(1), server(2, .tcp), server(3, .tls)])
    #expect(!RequestTransport.requiresStream(byteCount: 1300, pathMTU: 1500))
    #expect(RequestTransport.requiresStream(byteCount: 1301, pathMTU: 1500))
    #expect(!RequestTransport.requiresStream(byteCount: 8800, pathMTU: 9000))
  }
}
