import CallModel
import Testing

@testable import MediaRelay

#if canImport(Glibc)
  import Glibc
#endif

/// When a command wakes its thread. The test is the thread.
@Suite struct RelayMailboxTests {
  private let box = RelayMailbox()
  /// Only a name: nothing here is performed.
  private let stream = UnsafeMutablePointer<StreamState>.allocate(capacity: 1)

  /// Signals since the last look.
  private func signals() -> UInt64 {
    var value: UInt64 = 0
    return read(box.eventFD, &value, 8) == 8 ? value : 0
  }

  private func take() -> Int {
    var commands: [RelayCommand] = []
    box.take(into: &commands)
    return commands.count
  }

  private func sleep(_ depth: RelayMailbox.Sleep) {
    #expect(box.beginSleep(depth))
  }

  @Test(
    "Who sleeps deeply is woken for less",
    arguments: [
      (RelayMailbox.Sleep.awake, []), (.lingering, ["now"]), (.timed, ["soon", "now"]),
      (.endless, ["packet", "soon", "now"]),
    ])
  func urgency(_ depth: RelayMailbox.Sleep, _ wakes: [String]) {
    defer { stream.deallocate() }
    let commands: [(String, RelayCommand)] = [
      ("packet", .setMode(stream, .relay)), ("soon", .close(slot: 1)), ("now", .ageLatches(.zero)),
    ]
    for (name, command) in commands {
      if depth != .awake { sleep(depth) }
      box.post(command)
      #expect(signals() == (wakes.contains(name) ? 1 : 0), "\(depth): \(name)")
      #expect(!box.isEmpty && take() == 1 && box.isEmpty)
      box.endSleep()
    }
  }

  @Test("A thread is woken once for many commands, and again when it sleeps again")
  func once() {
    defer { stream.deallocate() }
    sleep(.timed)
    for _ in 0..<5 { box.post(.close(slot: 1)) }
    #expect(signals() == 1 && take() == 5)
    sleep(.timed)
    box.post(.close(slot: 1))
    #expect(signals() == 1 && take() == 1)
  }

  @Test("A thread with mail does not fall asleep")
  func mail() {
    defer { stream.deallocate() }
    box.post(.setMode(stream, .relay))
    #expect(signals() == 0)
    #expect(!box.beginSleep(.endless))
    #expect(take() == 1)
    sleep(.endless)
  }

  @Test("New sockets are no reason to wake a thread, the stream that uses them is")
  func sockets() {
    defer { stream.deallocate() }
    sleep(.timed)
    box.post(.open(slot: 1, rtpFD: -1, rtcpFD: -1))
    #expect(signals() == 0)
    box.post(.setMode(stream, .relay))
    #expect(signals() == 1 && take() == 2)
    sleep(.timed)
    box.post(.setMode(stream, .relay))
    #expect(signals() == 0)
  }
}
