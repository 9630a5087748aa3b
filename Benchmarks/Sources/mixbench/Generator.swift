import CMediaIO
import CallModel
import Codecs
import Glibc
import MediaRelay

/// The parties of a conference, in a process of their own: `mixbench --generate`. Sends what they say to the given ports, one
/// socket each, spread over the 20 ms; takes what comes back, and counts it.
enum Generator {
  static let firstPort: UInt16 = 22_000

  struct Result {
    /// Packets that each party got in the window.
    var least = 0
    var most = 0
  }

  /// Prints `START`, `STOP`, and `least most`.
  static func run(
    _ material: Material, _ encoding: AudioEncoding, ports: [UInt16], talkers: Int, seconds: Int
  ) {
    let count = ports.count
    let epoll = mio_epoll_create()
    var sockets: [Int32] = []
    var targets: [mio_address] = []
    for (index, port) in ports.enumerated() {
      var local = mio_address_v4(0x7f00_0001, firstPort + UInt16(2 * index))
      sockets.append(mio_udp_socket(&local, 0, 1 << 20))
      guard let socket = sockets.last, socket >= 0 else { fatalError("no socket") }
      _ = mio_epoll_add(epoll, socket, UInt64(index))
      targets.append(mio_address_v4(0x7f00_0001, port))
    }
    let packets = (0..<count).map { index in
      material.packets(encoding, isSpeech: index < talkers, speaker: index < talkers ? index % 8 : 0)
    }
    var got = [Int](repeating: 0, count: count)
    let events = UnsafeMutablePointer<mio_event>.allocate(capacity: 64)
    let buffer = UnsafeMutableRawPointer.allocate(byteCount: 4_096, alignment: 16)
    var from = mio_address()
    let warmUp: Int64 = 2_000
    let end = warmUp + Int64(seconds) * 1_000
    let origin = mio_now() + 1_000_000
    let step = UInt32(encoding.clockRate / 50)
    for millisecond in 0..<end {
      let due = origin + millisecond * 1_000_000
      while true {
        let now = mio_now()
        if now >= due { break }
        let ready = Int(mio_epoll_wait(epoll, events, 64, Int32((due - now + 999_999) / 1_000_000)))
        for i in 0..<max(0, ready) {
          let index = Int(events[i].tag)
          while mio_receive(sockets[index], buffer, 4_096, &from) > 0 {
            let kind = buffer.load(fromByteOffset: 1, as: UInt8.self)
            if millisecond >= warmUp, !(192...223).contains(kind) { got[index] += 1 }
          }
        }
      }
      if millisecond == warmUp { announce("START") }
      let frame = Int(millisecond / 20)
      for index in 0..<count where index * 20 / count == Int(millisecond % 20) {
        let payload = packets[index][(frame + index * 31) % Material.frames]
        RTPHeader(
          payloadType: encoding.staticPayloadType ?? 111, sequenceNumber: UInt16(truncatingIfNeeded: frame),
          timestamp: UInt32(frame) &* step, ssrc: UInt32(0x5000 + index)
        ).write(to: buffer)
        payload.withUnsafeBytes { (buffer + 12).copyMemory(from: $0.baseAddress!, byteCount: $0.count) }
        _ = mio_send(sockets[index], buffer, 12 + payload.count, &targets[index])
      }
    }
    announce("STOP")
    announce("\(got.min() ?? 0) \(got.max() ?? 0)")
  }

  private static func announce(_ line: String) {
    let bytes = Array((line + "\n").utf8)
    _ = write(1, bytes, bytes.count)
  }
}
