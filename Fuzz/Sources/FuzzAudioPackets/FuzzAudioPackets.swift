import AudioMixing
import CallModel
import Codecs

/// Any packets, in any order and at any time, leave a room and a transcoder in order: what comes out is one
/// unbroken stream. The input is a series of packets: a byte of flags, a step in sequence, a step in time, a
/// length, and so many bytes.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzAudioPackets(_ data: UnsafePointer<UInt8>?, _ size: Int) -> CInt {
  guard let data, size > 1 else { return 0 }
  let encodings: [AudioEncoding] = [.pcma, .g722, .opus, .l16(.wide)]
  let encoding = encodings[Int(data[0] & 3)]
  let other = encodings[Int(data[0] >> 2 & 3)]
  var room = MixRoom()
  let format = MixParticipantConfiguration.Format(96, encoding)
  let parties = (0..<2).compactMap { index in
    room.join(
      MixParticipantConfiguration(
        receives: [format, .init(8, .pcma)], sends: .init(97, other), opus: OpusSettings(complexity: 0),
        comfortNoisePayloadType: 13, eventPayloadTypes: [101], ssrc: UInt32(index), firstSequenceNumber: 0,
        firstTimestamp: 0))
  }
  precondition(parties.count == 2)
  guard
    var transcoder = Transcoder(
      Transcoder.Configuration(
        from: encoding, to: other, opus: OpusSettings(complexity: 0), payloadType: 97,
        comfortNoisePayloadType: 13, eventPayloadType: 101, ssrc: 1, firstSequenceNumber: 0, firstTimestamp: 0
      ))
  else { return 0 }
  var now = MonotonicInstant(nanoseconds: 1_000_000_000)
  var sequence: UInt16 = 0
  var timestamp: UInt32 = 0
  var expected: UInt16 = 0
  var sent: [UInt16] = [0, 0]
  var offset = 1
  while offset + 4 <= size {
    let flags = data[offset]
    sequence &+= UInt16(data[offset + 1]) &* (flags & 1 == 0 ? 1 : 997)
    timestamp &+= UInt32(data[offset + 2]) &* (flags & 2 == 0 ? 160 : 1_234_567)
    let length = min(Int(data[offset + 3]), size - offset - 4)
    let payload = UnsafeRawBufferPointer(start: data + offset + 4, count: length)
    offset += 4 + length
    now = now + .milliseconds(Int64(flags >> 6) * 10)
    let type: UInt8 = [96, 96, 8, 13, 101, 96, 127, 96][Int(flags >> 3 & 7)]
    let level = flags & 4 == 0 ? nil : AudioLevelExtension(level: AudioLevel(flags), hasVoice: flags & 8 == 0)
    _ = room.receive(
      from: parties[Int(flags >> 5 & 1)], payloadType: type, sequenceNumber: sequence, timestamp: timestamp,
      ssrc: 1, isMarked: flags & 16 != 0, level: level, payload: payload, now: now)
    let kind: PacketNote.Kind = type == 13 ? .comfortNoise : type == 101 ? .event : .audio
    _ = transcoder.receive(
      sequenceNumber: sequence, timestamp: timestamp, ssrc: UInt32(flags & 1), kind: kind, payload: payload,
      now: now
    ) { packet in
      precondition(packet.sequenceNumber == expected && !packet.payload.isEmpty)
      expected &+= 1
    }
    room.tick(now: now) { packet in
      let index = packet.participant == parties[0] ? 0 : 1
      precondition(packet.sequenceNumber == sent[index] && !packet.payload.isEmpty)
      sent[index] &+= 1
    }
  }
  return 0
}
