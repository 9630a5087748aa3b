import AudioMixing
import CallModel
import Codecs
import Glibc
import MediaRelay
import TestSupport
import Testing

@testable import AudioBridge

extension AudioBridgeTests {
  @Suite struct Prompts {
    private func tone(_ frequency: Double, milliseconds: Int) throws -> PromptAudio {
      try #require(
        PromptAudio(
          AudioSignal.sine(frequency, rate: 8_000, count: milliseconds * 8, amplitude: 6_000),
          sampleRate: 8_000))
    }

    @Test func oneHearsItAndItsEndIsReportedOnce() throws {
      let hall = try Hall()
      let a = try hall.add(.pcmu).silent().join(.alone)
      let b = try hall.add(.opus).singing(700).join()
      let c = try hall.add(.pcma).silent().join()
      #expect(hall.talk { c.hears(700) })
      hall.room.play(try tone(1_000, milliseconds: 600), to: .party(a.id), as: BridgePlayback(7))
      #expect(hall.talk { a.hears(1_000) })
      #expect(c.misses(1_000) && a.misses(700))
      #expect(hall.talk { hall.log.contains(.played(BridgePlayback(7))) })
      #expect(hall.talk { a.misses(1_000) })
      #expect(hall.log.count { $0 == .played(BridgePlayback(7)) } == 1)
      #expect(b.unreadable == 0)
    }

    @Test func allHearIt() throws {
      let hall = try Hall()
      let a = try hall.add(.pcmu).singing(440).join()
      let b = try hall.add(.opus).singing(700).join()
      let waiting = try hall.add(.pcma).silent().join(.alone)
      #expect(hall.talk { a.hears(700) && b.hears(440) })
      hall.room.play(try tone(1_000, milliseconds: 800), to: .everybody, as: BridgePlayback(1))
      #expect(hall.talk { a.hears(1_000) && b.hears(1_000) && a.hears(700) && b.hears(440) })
      #expect(waiting.misses(1_000))
      #expect(hall.talk { hall.log.contains(.played(BridgePlayback(1))) })
    }

    @Test func thoseWhoWaitHearMusicUntilTheyComeIn() throws {
      let hall = try Hall()
      let a = try hall.add(.pcmu).silent().join(.alone)
      let b = try hall.add(.opus).silent().join(.alone)
      let c = try hall.add(.pcma).singing(440).join()
      hall.room.play(try tone(1_000, milliseconds: 200), to: .waiting, as: BridgePlayback(1), repeats: true)
      #expect(hall.talk { a.hears(1_000) && b.hears(1_000) && c.misses(1_000) })
      a.party.place(.mix())
      #expect(hall.talk { a.hears(440) && a.misses(1_000) && b.hears(1_000) && b.misses(440) })
      // And back.
      a.party.place(.alone)
      #expect(hall.talk { a.hears(1_000) && a.misses(440) })
      hall.room.stopPlaying(to: .waiting)
      a.cleanEars()
      #expect(hall.talk { a.misses(1_000) })
      #expect(!hall.log.contains(.played(BridgePlayback(1))))
    }

    @Test func oneForAPartyThatIsNotThereYetBeginsWhenItComes() throws {
      let hall = try Hall()
      let a = try hall.add(.pcmu).silent()
      hall.room.play(try tone(1_000, milliseconds: 500), to: .party(a.id), as: BridgePlayback(1))
      hall.talk(frames: 40)
      #expect(!hall.log.contains(.played(BridgePlayback(1))))
      a.join(.alone)
      #expect(hall.talk { a.hears(1_000) })
      #expect(hall.talk { hall.log.contains(.played(BridgePlayback(1))) })
    }

    @Test func oneForAPartyOnHoldTakesItsTime() throws {
      let hall = try Hall()
      let a = try hall.add(.pcmu).silent()
      a.side.direction = .receiveOnly
      a.join(.alone)
      hall.room.play(try tone(1_000, milliseconds: 300), to: .party(a.id), as: BridgePlayback(1))
      #expect(hall.talk { hall.log.contains(.played(BridgePlayback(1))) })
      #expect(a.headers.isEmpty)
    }

    @Test func theNextReplacesTheOneBefore() throws {
      let hall = try Hall()
      let a = try hall.add(.pcmu).silent().join(.alone)
      hall.room.play(try tone(1_000, milliseconds: 5_000), to: .party(a.id), as: BridgePlayback(1))
      #expect(hall.talk { a.hears(1_000) })
      hall.room.play(try tone(600, milliseconds: 500), to: .party(a.id), as: BridgePlayback(2))
      #expect(hall.talk { a.hears(600) && a.misses(1_000) })
      #expect(hall.talk { hall.log.contains(.played(BridgePlayback(2))) })
      #expect(!hall.log.contains(.played(BridgePlayback(1))))
    }

    @Test func whatTheMixHearsIsRecorded() throws {
      let path = "/tmp/tandem-recording-\(getpid())-\(Hall.now()).opus"
      defer { unlink(path) }
      let hall = try Hall()
      let a = try hall.add(.pcmu).singing(440).join()
      let b = try hall.add(.opus).singing(700).join()
      #expect(hall.talk { a.hears(700) && b.hears(440) })
      hall.room.record(try RecordingFile(path), title: "Test")
      // A file that is there is not overwritten.
      #expect(throws: BridgeRecordingError(path: path, errno: EEXIST)) { try RecordingFile(path) }
      #expect("\(BridgeRecordingError(path: path, errno: EEXIST))" == "\(path): File exists")
      hall.talk(frames: 150)
      hall.room.stopRecording()
      // The last part is written at the end.
      var samples: [Int16] = []
      #expect(
        hall.talk {
          samples = (try? Self.decode(path)) ?? []
          return samples.count > 48_000 * 27 / 10
        })
      let last = samples.suffix(48_000)
      #expect(AudioSignal.level(of: 440, in: last, rate: 48_000) > 1_500)
      #expect(AudioSignal.level(of: 700, in: last, rate: 48_000) > 1_500)
    }

    /// The room goes on, and says why it is not recorded any more.
    @Test func aFullDiskEndsTheRecordingAlone() throws {
      let hall = try Hall()
      let a = try hall.add(.pcmu).singing(440).join()
      let b = try hall.add(.opus).singing(700).join()
      let full = RecordingFile("/dev/full", descriptor: open("/dev/full", O_WRONLY | O_CLOEXEC))
      hall.room.record(full, title: "Test")
      let failure = BridgeRecordingError(path: "/dev/full", errno: ENOSPC)
      #expect(hall.talk { hall.log.contains(.recordingFailed(failure)) })
      #expect("\(failure)" == "/dev/full: No space left on device")
      #expect(hall.talk { a.hears(700) && b.hears(440) })
      #expect(hall.log.count { $0 == .recordingFailed(failure) } == 1)
    }

    /// The samples of what is in the file.
    private static func decode(_ path: String) throws -> [Int16] {
      let fd = open(path, O_RDONLY)
      guard fd >= 0 else { return [] }
      defer { close(fd) }
      var bytes = [UInt8](repeating: 0, count: 1 << 20)
      let count = read(fd, &bytes, bytes.count)
      var reader = OggOpusReader()
      var decoder = try unwrapped(AudioDecoder(.opus))
      var samples: [Int16] = []
      for case .audio(let packet) in try bytes[..<max(0, count)].withUnsafeBytes({ try reader.read($0) }) {
        var frame = [Int16](repeating: 0, count: decoder.maximumSamples)
        let decoded = packet.withUnsafeBytes { bytes in
          frame.withUnsafeMutableBufferPointer { decoder.decode(bytes, into: $0) }
        }
        samples += frame[..<(decoded ?? 0)]
      }
      return samples
    }
  }
}
