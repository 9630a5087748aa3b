import AudioBridge
import CMediaIO
import CallModel
import Codecs
import Glibc
import MediaRelay
import TestSupport

/// Conferences with their sockets: the relay of this process mixes, the parties are another process.
enum Sockets {
  struct Figures {
    /// CPU microseconds of this process a party and 20 ms.
    var cost = 0.0
    /// Packets of the party that got the fewest, a second.
    var leastPerSecond = 0.0
    var ticks: UInt64 = 0
    var late: UInt64 = 0
  }

  static func measure(
    _ count: Int, talkers: Int, _ encoding: AudioEncoding, seconds: Int, speech: String?
  ) throws -> Figures {
    let relay = try MediaRelay(
      configuration: MediaRelayConfiguration(
        interfaces: [.init(address: .loopbackIPv4, ports: 24_000...27_999)], threads: 1, mixingThreads: 1))
    try relay.start()
    defer { relay.shutdown() }
    guard let room = BridgeRoom(relay: relay, onEvent: { _ in }) else { fatalError("no room") }
    defer { room.close() }
    var parties: [BridgeParty] = []
    var ports: [UInt16] = []
    for index in 0..<count {
      guard let party = room.openParty(), let port = party.reserve() else { fatalError("no party") }
      let address = TransportAddress(.loopbackIPv4, Generator.firstPort + UInt16(2 * index))
      let remote = stream(encoding, address)
      guard
        party.connect(
          RelaySide(port: port, remoteRTP: address, isRTCPMultiplexed: true), remote: remote, local: remote)
      else { fatalError("no connection") }
      party.place(.mix())
      parties.append(party)
      ports.append(port.rtp.port)
    }
    var arguments = ["--generate", "\(encoding)", ports.map(String.init).joined(separator: ",")]
    arguments += ["\(talkers)", "\(seconds)"] + (speech.map { [$0] } ?? [])
    var pipes: [Int32] = [0, 0]
    guard pipe(&pipes) == 0 else { fatalError("no pipe") }
    // The child must not hold the sockets.
    _ = fcntl(pipes[0], F_SETFD, FD_CLOEXEC)
    let child = try SpawnedProcess("/proc/self/exe", arguments, output: pipes[1])
    close(pipes[1])
    defer { close(pipes[0]) }
    guard line(pipes[0]) == "START" else { fatalError("no generator") }
    let before = (processTime(), relay.counters)
    guard line(pipes[0]) == "STOP" else { fatalError("the generator has ended") }
    let after = (processTime(), relay.counters)
    let received = line(pipes[0]).split(separator: " ").compactMap { Double($0) }
    child.waitUntilExit()
    var figures = Figures()
    figures.cost = (after.0 - before.0) / Double(count * seconds * 50)
    figures.leastPerSecond = (received.first ?? 0) / Double(seconds)
    figures.ticks = after.1.ticks - before.1.ticks
    figures.late = after.1.lateTicks - before.1.lateTicks
    return figures
  }

  static func stream(_ encoding: AudioEncoding, _ address: TransportAddress) -> MediaStream {
    MediaStream(
      kind: .audio, address: address, isRTCPMultiplexed: true,
      codecs: [
        Codec(
          encoding.staticPayloadType ?? 111, encoding.name, clockRate: encoding.clockRate,
          channels: encoding == .opus ? 2 : 1)
      ])
  }

  private static func line(_ descriptor: Int32) -> String {
    var bytes: [UInt8] = []
    var byte: UInt8 = 0
    while read(descriptor, &byte, 1) == 1, byte != 10 { bytes.append(byte) }
    return String(decoding: bytes, as: UTF8.self)
  }

  /// CPU microseconds of this process.
  private static func processTime() -> Double {
    var time = timespec()
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
    return Double(time.tv_sec) * 1e6 + Double(time.tv_nsec) / 1e3
  }
}
