import AudioBridge
import CMediaIO
import CallModel
import Codecs
import MediaRelay

/// How long a sound takes from the packet that holds its beginning to the packet that brings it to the other side: through a
/// mix, and through a transcoder. G.711 on the way in and, for the mix, out, which adds nothing of its own.
enum Delay {
  /// Milliseconds, sorted.
  static func mix(bursts: Int) throws -> [Double] {
    try measure(bursts) { relay, a, b in
      guard let room = BridgeRoom(relay: relay, onEvent: { _ in }) else { fatalError("no room") }
      let parties = [a, b].map { address -> (BridgeParty, UInt16) in
        guard let party = room.openParty(), let port = party.reserve() else { fatalError("no party") }
        let remote = Sockets.stream(.pcmu, address)
        party.connect(
          RelaySide(port: port, remoteRTP: address, isRTCPMultiplexed: true), remote: remote, local: remote)
        party.place(.mix())
        return (party, port.rtp.port)
      }
      return (parties[0].1, parties[1].1, [room] + parties.map { $0.0 as AnyObject })
    }
  }

  /// From PCMU to PCMA.
  static func transcoding(bursts: Int) throws -> [Double] {
    try measure(bursts) { relay, a, b in
      let session = relay.openSession { _ in }
      guard let portA = session.reserve(), let portB = session.reserve() else { fatalError("no port") }
      let (remoteA, remoteB) = (Sockets.stream(.pcmu, a), Sockets.stream(.pcma, b))
      guard let between = CallTranscoding(a: (remoteA, remoteA), b: (remoteB, remoteB)) else {
        fatalError("no transcoder")
      }
      let sideA = RelaySide(port: portA, remoteRTP: a, isRTCPMultiplexed: true)
      let sideB = RelaySide(port: portB, remoteRTP: b, isRTCPMultiplexed: true)
      let stream = session.makeStream(
        RelayStreamConfiguration(a: between.completing(sideA, .a), b: between.completing(sideB, .b)),
        tap: between.fromA, tapB: between.fromB)
      return (portA.rtp.port, portB.rtp.port, [session, stream as AnyObject])
    }
  }

  private static func measure(
    _ bursts: Int, _ open: (MediaRelay, TransportAddress, TransportAddress) -> (UInt16, UInt16, [AnyObject])
  ) throws -> [Double] {
    let relay = try MediaRelay(
      configuration: MediaRelayConfiguration(
        interfaces: [.init(address: .loopbackIPv4, ports: 24_000...24_199)], threads: 1, mixingThreads: 1))
    try relay.start()
    defer { relay.shutdown() }
    let addresses = [Generator.firstPort, Generator.firstPort + 2].map { TransportAddress(.loopbackIPv4, $0) }
    let sockets = addresses.map { address -> Int32 in
      var local = mio_address_v4(0x7f00_0001, address.port)
      return mio_udp_socket(&local, 0, 0)
    }
    defer { for socket in sockets { mio_close(socket) } }
    let (portA, portB, kept) = open(relay, addresses[0], addresses[1])
    var targets = [portA, portB].map { mio_address_v4(0x7f00_0001, $0) }
    let buffer = UnsafeMutableRawPointer.allocate(byteCount: 4_096, alignment: 16)
    defer { buffer.deallocate() }
    var delays: [Double] = []
    var from = mio_address()
    var frame = 0
    var begun: Int64?
    var next = mio_now()
    let samples = (0..<160).map { G711.pcmu.encode(Int16(($0 / 4) % 2 == 0 ? 9_000 : -9_000)) }
    let quiet = [UInt8](repeating: G711.pcmu.silence, count: 160)
    // Half a second of sound in every second and a bit: no grid is hit always at the same place.
    while delays.count < bursts, frame < bursts * 120 {
      let isLoud = frame % 63 >= 30 && frame > 100
      if frame % 63 == 30, frame > 100 { next += Int64(frame * 7_919 % 20) * 1_000_000 }
      while mio_now() < next {
        while true {
          let count = mio_receive(sockets[1], buffer, 4_096, &from)
          guard count > 12, !(192...223).contains(buffer.load(fromByteOffset: 1, as: UInt8.self)) else {
            break
          }
          guard let start = begun else { continue }
          let law: G711 = buffer.load(fromByteOffset: 1, as: UInt8.self) & 0x7f == 8 ? .pcma : .pcmu
          let bytes = UnsafeRawBufferPointer(start: buffer + 12, count: count - 12)
          guard bytes.contains(where: { abs(Int(law.decode($0))) > 1_000 }) else { continue }
          delays.append(Double(mio_now() - start) / 1e6)
          begun = nil
        }
        mio_sleep(50_000)
      }
      for side in 0..<2 {
        RTPHeader(
          payloadType: side == 0 || kept.count == 3 ? 0 : 8,
          sequenceNumber: UInt16(truncatingIfNeeded: frame),
          timestamp: UInt32(frame) &* 160, ssrc: UInt32(7 + side)
        ).write(to: buffer)
        let payload = side == 0 && isLoud ? samples : quiet
        payload.withUnsafeBytes { (buffer + 12).copyMemory(from: $0.baseAddress!, byteCount: 160) }
        if side == 0, isLoud, frame % 63 == 30 { begun = mio_now() }
        _ = mio_send(sockets[side], buffer, 172, &targets[side])
      }
      frame += 1
      next += 20_000_000
    }
    withExtendedLifetime(kept) {}
    return delays.sorted()
  }
}
