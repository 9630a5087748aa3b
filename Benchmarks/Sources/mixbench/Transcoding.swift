import AudioMixing
import CallModel
import Codecs

/// One direction of a call whose sides share no codec.
enum Transcoding {
  static func cost(_ material: Material, from: AudioEncoding, to: AudioEncoding, _ ticks: Int) -> Double {
    let configuration = Transcoder.Configuration(
      from: from, to: to, opus: OpusSettings(bitrate: 32_000, complexity: 5), payloadType: 111, ssrc: 1,
      firstSequenceNumber: 0, firstTimestamp: 0)
    guard var transcoder = Transcoder(configuration) else { fatalError("no transcoder") }
    let packets = material.packets(from, isSpeech: true)
    let step = UInt32(from.clockRate / 50)
    var sent = 0
    let start = cpuTime()
    for tick in 0..<ticks {
      packets[tick % Material.frames].withUnsafeBytes { payload in
        let outcome = transcoder.receive(
          sequenceNumber: UInt16(truncatingIfNeeded: tick), timestamp: UInt32(tick) &* step, ssrc: 1,
          payload: payload, now: MonotonicInstant(nanoseconds: Int64(tick) * 20_000_000)
        ) { packet in sent += packet.payload.count }
        if outcome != .accepted { fatalError("\(outcome)") }
      }
    }
    let cost = (cpuTime() - start) / Double(ticks)
    if sent == 0 { fatalError("nothing came out") }
    return cost
  }
}
