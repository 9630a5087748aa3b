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

let testOrigin = SessionDescription.Origin(
  sessionID: "1", version: "1", address: .init(IPAddress("192.0.2.1") ?? .anyIPv4))
