extension SIPParser {
  /// What can be read of a request that was refused, for a response to it: the five headers that a response
  /// repeats (RFC 3261 §8.2.6.2), as written. They may be malformed: a response goes back on the hop the
  /// request came from and repeats them unread. Nil when one is missing, and for an ACK or a response.
  static func answerable(_ bytes: Bytes) -> SIPRequest? {
    var position = 0
    while position < bytes.count, bytes[position] == .carriageReturn || bytes[position] == .lineFeed {
      position += 1
    }
    guard let (line, next) = try? StartLine.line(bytes, position) else { return nil }
    let methodEnd = bytes.skipToken(line.lowerBound, line.upperBound)
    guard methodEnd > line.lowerBound, methodEnd < line.upperBound, bytes[methodEnd].isBlank else {
      return nil
    }
    let method = SIPMethod(bytes, line.lowerBound..<methodEnd)
    guard method != .ack else { return nil }
    let afterMethod = bytes.skipBlanks(methodEnd, line.upperBound)
    var uriEnd = afterMethod
    while uriEnd < line.upperBound, !bytes[uriEnd].isBlank { uriEnd += 1 }
    let uri =
      (try? URILayout.scan(bytes, afterMethod..<uriEnd)).map { SIPURI(bytes, $0) }
      ?? SIPURI(scheme: .other("invalid"), host: .name(""))
    var headers = SIPHeaders()
    position = next
    while position < bytes.count, bytes[position] != .lineFeed, bytes[position] != .carriageReturn,
      headers.fields.count < 64
    {
      position = readLeniently(bytes, position, into: &headers)
    }
    for name in [SIPHeaderName.via, .from, .to, .callID, .cSeq] where headers[name]?.isEmpty ?? true {
      return nil
    }
    return SIPRequest(method: method, uri: uri, headers: headers)
  }

  /// Takes the field at `position` if a response needs it, and returns where the next one starts.
  private static func readLeniently(_ bytes: Bytes, _ position: Int, into headers: inout SIPHeaders) -> Int {
    var end = position
    var value: [UInt8] = []
    let nameEnd = bytes.skipToken(position, bytes.count)
    let colon = bytes.skipBlanks(nameEnd, bytes.count)
    var isNeeded = false
    var name = SIPHeaderName.via
    if nameEnd > position, colon < bytes.count, bytes[colon] == .colon {
      name = SIPHeaderName(bytes: UnsafeRawBufferPointer(rebasing: bytes[position..<nameEnd]))
      switch name {
      case .via: isNeeded = true
      case .from, .to, .callID, .cSeq: isNeeded = !headers.contains(name)
      default: break
      }
    }
    var start = isNeeded ? colon + 1 : position
    repeat {
      let lineFeed = bytes.firstIndex(of: .lineFeed, in: start..<bytes.count) ?? bytes.count
      if isNeeded, value.count < 8_192 {
        let text = bytes.trimmed(start..<lineFeed)
        if !value.isEmpty { value.append(.space) }
        value.append(contentsOf: bytes[text].lazy.filter { $0 != .carriageReturn })
      }
      end = min(lineFeed + 1, bytes.count)
      start = end
    } while end < bytes.count && bytes[end].isBlank
    if isNeeded {
      while value.last?.isBlank == true { value.removeLast() }
      headers.append(name, String(decoding: value, as: UTF8.self))
    }
    return end
  }
}
