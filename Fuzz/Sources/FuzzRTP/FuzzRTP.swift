import CallModel
import MediaRelay

/// Any packet is refused or read as RTP and RTCP without a trap; a forged one is never taken for authentic; and what was
/// protected opens as what it was. The first byte of the input chooses the suite and its key identifier.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzRTP(_ data: UnsafePointer<UInt8>?, _ size: Int) -> CInt {
  guard let data, size > 0 else { return 0 }
  let packet = Array(UnsafeBufferPointer(start: data + 1, count: size - 1))
  let suites = SDESCrypto.Suite.allCases
  let suite = suites[Int(data[0] & 3) % suites.count]
  let mki = data[0] & 4 == 0 ? nil : SDESCrypto.MKI(value: 1, length: Int(data[0] >> 3 & 3) + 1)

  packet.withUnsafeBytes { bytes in
    _ = RTCPCompound.parse(bytes)
    guard let header = RTPHeader.parse(bytes) else { return }
    precondition(header.length <= bytes.count)
    if let payload = header.payload(in: bytes) {
      precondition(payload.lowerBound == header.length && payload.upperBound <= bytes.count)
    }
  }

  let crypto = SDESCrypto(
    tag: 1, suite: suite, keyAndSalt: [UInt8](repeating: 7, count: suite.keyLength + suite.saltLength))
  guard let crypto else { fatalError("the suite refuses its own key length") }
  let parameters = SRTPParameters(suite: suite, keyAndSalt: crypto.keyAndSalt, mki: mki)
  guard let sender = SRTPSession(parameters, direction: .send),
    let receiver = SRTPSession(parameters, direction: .receive)
  else { fatalError("no session for a good key") }

  // Nobody guesses a tag of 32 bits or more here: all inputs are forgeries.
  var forged = packet
  let opened = forged.withUnsafeMutableBytes { receiver.unprotect($0) }
  precondition(opened == nil)
  forged = packet
  let openedControl = forged.withUnsafeMutableBytes { receiver.unprotectControl($0) }
  precondition(openedControl == nil)

  // As an authentic packet with any header and content.
  var room = packet + [UInt8](repeating: 0, count: SRTPSession.overhead)
  if let count = room.withUnsafeMutableBytes({ sender.protect($0, count: packet.count) }) {
    precondition(count > packet.count && count <= room.count)
    var arrived = Array(room[..<count])
    let length = arrived.withUnsafeMutableBytes { receiver.unprotect($0) }
    precondition(length == packet.count && Array(arrived[..<packet.count]) == packet)
    arrived = Array(room[..<count])
    let replayed = arrived.withUnsafeMutableBytes { receiver.unprotect($0) }
    precondition(replayed == nil, "took a packet twice")
  }
  room = packet + [UInt8](repeating: 0, count: SRTPSession.overhead)
  if let count = room.withUnsafeMutableBytes({ sender.protectControl($0, count: packet.count) }) {
    precondition(count > packet.count && count <= room.count)
    var arrived = Array(room[..<count])
    let length = arrived.withUnsafeMutableBytes { receiver.unprotectControl($0) }
    precondition(length == packet.count && Array(arrived[..<packet.count]) == packet)
  }
  return 0
}
