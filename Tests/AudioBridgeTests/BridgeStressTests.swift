import AudioBridge
import CallModel
import Codecs
import MediaRelay
import TestSupport
import Testing

extension AudioBridgeTests {
  /// Nobody else notices.
  @Suite struct Stress {
    /// Two who talk to each other, and what they must not notice.
    private final class Witnesses {
      let hall: Hall
      let a: Caller
      let b: Caller
      private var start = 0
      private var ticksBefore: UInt64 = 0
      private var lateBefore: UInt64 = 0

      init(_ hall: Hall) throws {
        self.hall = hall
        a = try hall.add(.pcmu).singing(440).join()
        b = try hall.add(.opus).singing(700).join()
        #expect(hearEachOther)
        start = a.headers.count
        ticksBefore = hall.relay.counters.ticks
        lateBefore = hall.relay.counters.lateTicks
      }

      private var hearEachOther: Bool {
        let (a, b) = (a, b)
        return hall.talk { a.hears(700) && b.hears(440) }
      }

      func expectNothing(_ what: String) {
        #expect(hearEachOther, "\(what)")
        let media = a.headers[start...]
        #expect(zip(media, media.dropFirst()).allSatisfy { $1.sequenceNumber == $0.sequenceNumber &+ 1 })
        // Each packet 20 ms after the one before, unless the machine had no time for a thread: how punctual an optimised build
        // on a quiet machine is, is measured by the benchmarks.
        let steps = zip(media, media.dropFirst()).count { $1.timestamp &- $0.timestamp != 160 }
        #expect(steps * 5 <= media.count, "\(what): \(steps) of \(media.count) ticks left out")
        let ticks = hall.relay.counters.ticks - ticksBefore
        let late = hall.relay.counters.lateTicks - lateBefore
        #expect(late * 5 <= ticks, "\(what): \(late) of \(ticks) ticks late")
      }
    }

    @Test func whoSendsAHundredTimesThePackets() throws {
      let hall = try Hall()
      let bad = try hall.add(.pcma).join()
      let witnesses = try Witnesses(hall)
      var random = SplitMix(seed: 1)
      for _ in 0..<100 {
        for _ in 0..<100 {
          bad.send(8, (0..<160).map { _ in UInt8.random(in: 0...255, using: &random) })
          bad.sequence &+= 1
          bad.timestamp &+= 160
        }
        hall.talk(frames: 1)
      }
      witnesses.expectNothing("flood")
    }

    @Test(arguments: 0..<6) func whoSendsRubbish(seed: UInt64) throws {
      let hall = try Hall()
      let encoding: AudioEncoding = seed % 2 == 0 ? .opus : .g722
      let bad = try hall.add(encoding).join()
      let witnesses = try Witnesses(hall)
      var random = SplitMix(seed: seed)
      for _ in 0..<75 {
        for _ in 0..<3 {
          switch Int.random(in: 0..<7, using: &random) {
          case 0: bad.sequence = .random(in: 0 ... .max, using: &random)
          case 1: bad.timestamp = .random(in: 0 ... .max, using: &random)
          case 2: bad.ssrc = .random(in: 0 ... .max, using: &random)
          case 3:
            // Another format than was agreed.
            bad.send(UInt8.random(in: 0...127, using: &random), [UInt8](repeating: 7, count: 160))
          case 4:
            let count = Int.random(in: 0...1_400, using: &random)
            bad.send(bad.payloadType, (0..<count).map { _ in UInt8.random(in: 0...255, using: &random) })
          case 5:
            // Header extension and CSRCs that point beyond the packet, padding that is none.
            let count = Int.random(in: 1...40, using: &random)
            bad.send((0..<count).map { _ in UInt8.random(in: 0x80...0xbf, using: &random) })
          default: bad.sequence &+= UInt16.random(in: 0...200, using: &random)
          }
          bad.send(bad.payloadType, (0..<80).map { _ in UInt8.random(in: 0...255, using: &random) })
          bad.sequence &+= 1
        }
        hall.talk(frames: 1)
      }
      hall.remove(bad)
      witnesses.expectNothing("rubbish")
    }

    @Test func whoComesAndGoes() throws {
      let hall = try Hall(ports: 400)
      let witnesses = try Witnesses(hall)
      var random = SplitMix(seed: 5)
      var closed = 0
      for _ in 0..<60 {
        // Three a tick come, and most go at once, before or after they are connected.
        for _ in 0..<3 {
          let encoding = [AudioEncoding.pcmu, .opus, .g722].randomElement(using: &random)!
          let caller = try hall.add(encoding).singing(1_500, amplitude: 300)
          if Bool.random(using: &random) { caller.join(Bool.random(using: &random) ? .mix() : .alone) }
          if Int.random(in: 0..<4, using: &random) > 0 {
            hall.remove(caller)
            closed += 1
          }
        }
        hall.talk(frames: 1)
      }
      for caller in hall.callers where caller !== witnesses.a && caller !== witnesses.b {
        hall.remove(caller)
        closed += 1
      }
      #expect(
        hall.talk {
          hall.log.count { if case .closed = $0 { true } else { false } } == closed
        })
      #expect(hall.relay.counters.portsInUse == 2)
      witnesses.expectNothing("joins")
    }

    @Test func closingUnderTraffic() throws {
      for round in 0..<10 {
        let hall = try Hall()
        let callers = try [AudioEncoding.pcmu, .opus, .g722, .pcma].map {
          try hall.add($0, isSecure: round % 2 == 0).singing(440).join()
        }
        hall.talk(frames: 8)
        callers[0].party.send(DTMFDigit("1")!)
        callers[1].party.close()
        if round % 3 != 0 { hall.room.close() }
        // Packets that find nobody.
        for caller in callers { for _ in 0..<20 { caller.sendFrame() } }
        if round % 3 == 1 { hall.relay.shutdown() }
        for caller in callers { caller.party.place(.mix()) }
        #expect(
          round % 3 == 0
            || hall.talk { hall.log.count { if case .closed = $0 { true } else { false } } == 4 })
      }
    }

    @Test func aHundredParties() throws {
      let hall = try Hall(ports: 256)
      let witnesses = try Witnesses(hall)
      for i in 0..<98 {
        let encoding: AudioEncoding = i % 3 == 0 ? .g722 : i % 3 == 1 ? .pcma : .pcmu
        try hall.add(encoding).silent().join()
      }
      hall.talk(frames: 150)
      #expect(hall.callers.suffix(98).allSatisfy { $0.hears(440) && $0.hears(700) })
      witnesses.expectNothing("a hundred")
    }

    @Test func roomsAreSpreadOverTheThreads() throws {
      let hall = try Hall(mixingThreads: 2)
      let others = try (0..<3).map { _ in try #require(BridgeRoom(relay: hall.relay) { _ in }) }
      #expect(hall.relay.mixingSessions == [2, 2])
      for room in others { room.close() }
      #expect(hall.relay.mixingSessions.reduce(0, +) == 1)
      let none = try MediaRelay(
        configuration: MediaRelayConfiguration(interfaces: [.init(address: .loopbackIPv4)], mixingThreads: 0))
      #expect(BridgeRoom(relay: none) { _ in } == nil)
    }
  }
}
