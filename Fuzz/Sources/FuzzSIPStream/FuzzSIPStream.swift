import SIP

/// A stream is cut into the same messages and keep-alives however its bytes arrive. The first byte of the
/// input seeds the cuts and the side.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzSIPStream(_ data: UnsafePointer<UInt8>?, _ size: Int) -> CInt {
  guard let data, size > 0 else { return 0 }
  let stream = UnsafeBufferPointer(start: data + 1, count: size - 1)
  let seed = data[0]
  let side: SIPStreamFramer.Side = seed & 1 == 0 ? .accepted : .opened

  var whole = SIPStreamFramer(side: side)
  whole.append(UnsafeRawBufferPointer(stream))
  let expected = take(&whole)

  var pieces = SIPStreamFramer(side: side)
  var events: [String] = []
  var position = 0
  var state = UInt64(seed) &+ 1
  while position < stream.count {
    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    let count = min(stream.count - position, Int(state >> 33) % (Int(seed >> 1) + 1) + 1)
    pieces.append(stream[position..<position + count])
    position += count
    events += take(&pieces)
  }
  precondition(events == expected)
  return 0
}

/// The events in a form that can be compared: a failure may be known before all of its headers are there, so
/// that what could be answered differs.
private func take(_ framer: inout SIPStreamFramer) -> [String] {
  var events: [String] = []
  while let event = framer.next() {
    switch event {
    case .message(let message): events.append("message \(message.hashValue)")
    case .malformed(let error): events.append("malformed \(error.hashValue)")
    case .failed(let error): events.append("failed \(error.code)")
    case .ping: events.append("ping")
    case .pong: events.append("pong")
    }
  }
  return events
}
