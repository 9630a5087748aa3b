import AudioMixing
import CallModel
import Codecs

/// A room with packets coming in and going out, without the network.
enum Room {
  nonisolated(unsafe) static var verbose = false

  static func cost(
    _ material: Material, _ count: Int, talkers: Int, _ encoding: AudioEncoding, _ ticks: Int,
    levels: Bool = false, isSilent: Bool = false
  ) -> Double {
    var room = MixRoom()
    let parties = (0..<count).map { index -> MixParticipantID in
      let format = MixParticipantConfiguration.Format(111, encoding)
      let configuration = MixParticipantConfiguration(
        receives: [format], sends: format, opus: OpusSettings(bitrate: 32_000, complexity: 5),
        ssrc: UInt32(index), firstSequenceNumber: 0, firstTimestamp: 0)
      guard let id = room.join(configuration) else { fatalError("no room for \(index)") }
      return id
    }
    let packets = (0..<count).map { index in
      material.packets(encoding, isSpeech: index < talkers, speaker: index < talkers ? index % 8 : 0)
    }
    let step = UInt32(encoding.clockRate / 50)
    var sent = 0
    var start = 0.0
    let warmUp = 50
    for tick in 0..<ticks + warmUp {
      if tick == warmUp { start = cpuTime() }
      let now = MonotonicInstant(nanoseconds: Int64(tick) * 20_000_000)
      if !isSilent {
        for index in 0..<count {
          let payload = packets[index][(tick + index * 31) % Material.frames]
          let level = AudioLevelExtension(
            level: AudioLevel(index < talkers ? 25 : 80), hasVoice: index < talkers)
          payload.withUnsafeBytes {
            _ = room.receive(
              from: parties[index], payloadType: 111, sequenceNumber: UInt16(truncatingIfNeeded: tick),
              timestamp: UInt32(tick) &* step, ssrc: UInt32(index), level: levels ? level : nil, payload: $0,
              now: now + .microseconds(Int64(index * 7 % 15_000)))
          }
        }
      }
      room.tick(now: now + .milliseconds(18)) { packet in sent += packet.payload.count }
    }
    let cost = (cpuTime() - start) / Double(ticks * count)
    if verbose {
      let decoded = parties.map { room.decodedPackets(of: $0) }.reduce(0, +)
      let total = Double(ticks + warmUp)
      print(
        "  \(count) parties: each tick \(Double(decoded) / total) decoded,",
        "\(Double(room.counters.encodedFrames) / total) encoded,",
        "\(Double(room.counters.sentPackets) / total) sent"
      )
    }
    if !isSilent, sent == 0 { fatalError("nobody heard anything") }
    return cost
  }
}
