import CallModel
import SDP

/// Text of a test written with LF, as it goes over the wire.
func wire(_ text: String) -> [UInt8] {
  var bytes: [UInt8] = []
  for byte in text.utf8 {
    if byte == 0x0a { bytes.append(0x0d) }
    bytes.append(byte)
  }
  return bytes
}

func describe(_ text: String) throws -> MediaDescription {
  try MediaDescription(sdp: wire(text))
}

/// A small generator with a fixed sequence for each seed (SplitMix64), so that a failure can be repeated.
struct SeededGenerator: RandomNumberGenerator {
  var state: UInt64
  init(seed: UInt64) { state = seed }
  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var z = state
    z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
    z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
    return z ^ (z >> 31)
  }
}

let testOrigin = SessionDescription.Origin(
  sessionID: "1", version: "1", address: .init(IPAddress("192.0.2.1") ?? .anyIPv4))
