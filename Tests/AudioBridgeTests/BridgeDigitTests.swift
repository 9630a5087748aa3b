import AudioBridge
import CallModel
import Codecs
import MediaRelay
import TestSupport
import Testing

extension AudioBridgeTests {
  @Suite struct Digits {
    /// Presses a key as telephone events: every 20 ms, the end three times.
    private func press(_ code: UInt8, _ caller: Caller, _ hall: Hall, clock: Int = 8_000) {
      let start = caller.timestamp
      let step = clock / 50
      let voice = caller.voice
      caller.voice = { _ in nil }
      for i in 1...8 {
        let isEnd = i > 5
        let duration = min(i, 6) * step
        caller.send(
          101, [code, isEnd ? 0x8a : 0x0a, UInt8(duration >> 8), UInt8(duration & 255)], timestamp: start,
          isMarked: i == 1)
        caller.sequence &+= 1
        hall.talk(frames: 1)
      }
      caller.voice = voice
    }

    @Test(arguments: [AudioEncoding.pcmu, .opus]) func eventsAreHeardOnceEach(encoding: AudioEncoding) throws
    {
      let hall = try Hall()
      let a = try hall.add(encoding).silent().join(.alone)
      #expect(hall.talk { !a.headers.isEmpty })
      for code: UInt8 in [1, 1, 10, 11, 0] { press(code, a, hall, clock: encoding.clockRate) }
      #expect(hall.talk { hall.digits(from: a).count >= 5 })
      hall.talk(frames: 10)
      #expect(hall.digits(from: a) == "11*#0")
      let durations = hall.log.compactMap { event -> TimeSpan? in
        if case .digit(_, _, let duration) = event { duration } else { nil }
      }
      #expect(durations == Array(repeating: .milliseconds(120), count: 5))
    }

    @Test(arguments: [AudioEncoding.pcmu, .g722, .opus])
    func tonesAreHeardWhereEventsWereNotAgreed(encoding: AudioEncoding) throws {
      let hall = try Hall()
      let a = try hall.add(encoding, hasEvents: false).join(.mix())
      let b = try hall.add(.pcma).silent().join()
      let keys: [TouchTone] = [.one, .one, .star, .pound, .nine]
      let sound = SignalTone.digits(keys, milliseconds: 80, pause: 80).samples(rate: encoding.sampleRate)
      let frame = encoding.sampleRate / 50
      a.voice = { tick in
        let start = (tick - 20) * frame
        guard start >= 0, start + frame <= sound.count else { return [Int16](repeating: 0, count: frame) }
        return Array(sound[start..<start + frame])
      }
      #expect(hall.talk { hall.digits(from: a).count >= 5 })
      hall.talk(frames: 20)
      #expect(hall.digits(from: a) == "11*#9")
      #expect(hall.digits(from: b) == "")
    }

    @Test(arguments: [AudioEncoding.pcma, .opus]) func keysAreSentAsEvents(encoding: AudioEncoding) throws {
      let hall = try Hall()
      let a = try hall.add(encoding).silent().join()
      let b = try hall.add(.pcmu).singing(440).join()
      #expect(hall.talk { a.hears(440) })
      for digit in "5#" { a.party.send(try #require(DTMFDigit(digit)), for: .milliseconds(100)) }
      #expect(hall.talk { hall.log.contains(.digitsSent(a.id)) })
      #expect(hall.talk { a.events.count { $0[1] & 0x80 != 0 } == 6 })
      // One event for each key, and each event's end three times.
      var codes: [UInt8] = []
      for event in a.events where codes.last != event[0] { codes.append(event[0]) }
      #expect(codes == [5, 11])
      let duration = a.events.last.map { Int($0[2]) << 8 | Int($0[3]) }
      #expect(duration == encoding.clockRate / 10)
      // Audio goes on behind them, under numbers without a hole.
      let count = a.headers.count
      #expect(hall.talk { a.headers.count > count + 20 && a.hears(440) })
      let all = a.headers
      #expect(zip(all, all.dropFirst()).allSatisfy { $1.sequenceNumber == $0.sequenceNumber &+ 1 })
      #expect(b.events.isEmpty)
    }

    @Test func keysAreSentAsTonesWhereEventsWereNotAgreed() throws {
      let hall = try Hall()
      let a = try hall.add(.pcma, hasEvents: false).silent().join()
      let b = try hall.add(.pcmu).singing(440).join()
      #expect(hall.talk { a.hears(440) })
      a.cleanEars()
      for digit in "1##A" { a.party.send(try #require(DTMFDigit(digit)), for: .milliseconds(100)) }
      #expect(hall.talk { hall.log.contains(.digitsSent(a.id)) })
      // Clean tones: the others are not heard meanwhile.
      var detector = try unwrapped(DTMFDetector())
      a.heard.withUnsafeBufferPointer { detector.process($0) }
      var keys = ""
      while let key = detector.next() { keys.append(key.character) }
      #expect(keys == "1##A")
      #expect(hall.talk { a.hears(440) })
      #expect(b.misses(697) && b.misses(941))
    }

    @Test func whoFloodsKeysIsBounded() throws {
      let hall = try Hall()
      let a = try hall.add(.pcmu).silent().join()
      #expect(hall.talk { !a.headers.isEmpty })
      // Two hundred keys in a tenth of a second, each with its end at once.
      for frame in 0..<5 {
        for i in 0..<40 {
          a.send(
            101, [UInt8(i % 10), 0x8a, 0, 160], timestamp: a.timestamp &+ UInt32(frame * 8_000 + i * 200))
          a.sequence &+= 1
        }
        hall.talk(frames: 1)
      }
      #expect(hall.talk { hall.digits(from: a).count >= 32 })
      hall.talk(frames: 5)
      #expect(hall.digits(from: a).count <= 32 + 16)
    }
  }
}
