import AudioBridge
import CallModel
import Codecs
import Glibc
import MediaRelay
import Synchronization
import TestSupport

/// A relay with a room, its callers, and the time in which they talk.
final class Hall {
  let relay: MediaRelay
  let room: BridgeRoom
  private let events = Shared(Mutex<[BridgeEvent]>([]))
  private(set) var callers: [Caller] = []
  private static let nextPort = Atomic<UInt16>(20_000)

  init(
    ports: UInt16 = 64, mixingThreads: Int = 1, _ configuration: BridgeRoomConfiguration = Hall.plain
  ) throws {
    let first = Hall.nextPort.wrappingAdd(ports, ordering: .relaxed).oldValue
    relay = try MediaRelay(
      configuration: MediaRelayConfiguration(
        interfaces: [.init(address: .loopbackIPv4, ports: first...first + ports - 1)], threads: 1,
        mixingThreads: mixingThreads, portQuarantine: .zero))
    try relay.start()
    let events = events
    room = try unwrapped(
      BridgeRoom(relay: relay, configuration: configuration) { event in
        events.value.withLock { $0.append(event) }
      })
  }

  deinit {
    room.close()
    relay.shutdown()
  }

  /// Without automatic gain, so that levels can be compared.
  static var plain: BridgeRoomConfiguration {
    BridgeRoomConfiguration(usesAutomaticGain: false, mediaTimeout: .seconds(1))
  }

  var log: [BridgeEvent] { events.value.withLock { $0 } }

  @discardableResult
  func add(
    _ encoding: AudioEncoding, isSecure: Bool = false, hasEvents: Bool = true,
    change: (inout MediaStream) -> Void = { _ in }
  ) throws -> Caller {
    let caller = try Caller(room, encoding, isSecure: isSecure, hasEvents: hasEvents, change: change)
    callers.append(caller)
    return caller
  }

  func remove(_ caller: Caller) {
    caller.party.close()
    callers.removeAll { $0 === caller }
  }

  /// Lets everybody talk in real time until the condition holds; false when it does not in time.
  @discardableResult
  func talk(within seconds: Double = 5, until done: () -> Bool) -> Bool {
    var next = Hall.now()
    let end = next + Int64(seconds * 1e9)
    while true {
      for caller in callers { caller.sendFrame() }
      next += 20_000_000
      // The pace of speech, not a wait for something.
      var rest = timespec(tv_sec: Int(next / 1_000_000_000), tv_nsec: Int(next % 1_000_000_000))
      clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &rest, nil)
      for caller in callers { caller.receiveAll() }
      if done() { return true }
      if Hall.now() > end { return false }
    }
  }

  /// So many frames of talk.
  func talk(frames: Int) {
    var left = frames
    talk(within: 60) {
      left -= 1
      return left <= 0
    }
  }

  /// Waits for an event while all talk.
  func event<T>(within seconds: Double = 5, _ pick: (BridgeEvent) -> T?) -> T? {
    var found: T?
    talk(within: seconds) {
      found = log.lazy.compactMap(pick).first
      return found != nil
    }
    return found
  }

  func digits(from caller: Caller) -> String {
    log.compactMap { event in
      if case .digit(caller.id, let digit, _) = event { return digit.description }
      return nil
    }.joined()
  }

  static func now() -> Int64 {
    var t = timespec()
    clock_gettime(CLOCK_MONOTONIC, &t)
    return Int64(t.tv_sec) * 1_000_000_000 + Int64(t.tv_nsec)
  }
}

/// A non-copyable value shared by closures.
final class Shared<Value: ~Copyable & Sendable>: Sendable {
  let value: Value
  init(_ value: consuming Value) { self.value = value }
}
