/// Cuts a byte stream (TCP, TLS) into SIP messages and keep-alives (RFC 3261 §18.3, RFC 5626 §3.5.1).
///
/// Feed it what arrives with ``append(_:)-(UnsafeRawBufferPointer)`` and take events with ``next()`` until
/// there are none. It reads no clock: with ``hasPartialMessage`` the owner decides how long a peer may take
/// to finish a message.
public struct SIPStreamFramer: Sendable {
  /// Who opened the connection. The opener sends pings (two CRLFs), the other side answers with pongs (one).
  public enum Side: Sendable {
    /// The peer opened it: two CRLFs are a ping, one alone means nothing.
    case accepted
    /// We opened it: every CRLF between messages is a pong.
    case opened
  }

  public enum Event: Hashable, Sendable {
    case message(SIPMessage)
    /// A message that is refused, while it is known where the next one starts.
    case malformed(SIPSyntaxError)
    /// The stream can no longer be cut into messages: answer if ``SIPSyntaxError/answerable``, then close.
    case failed(SIPSyntaxError)
    /// Answer with one CRLF.
    case ping
    case pong
  }

  private enum State {
    case betweenMessages
    /// In a header section; its end was looked for up to this offset from ``start``.
    case headers(searched: Int)
    /// The whole message is this long.
    case body(length: Int)
    case failed
  }

  private let limits: SIPLimits
  private let side: Side
  private var buffer: [UInt8] = []
  /// Where the bytes not yet taken start.
  private var start = 0
  private var state = State.betweenMessages

  public init(limits: SIPLimits = .stream, side: Side = .accepted) {
    self.limits = limits
    self.side = side
  }

  /// Bytes held that no event has been made of.
  public var bufferedByteCount: Int { buffer.count - start }

  /// Whether a message has begun to arrive and is not complete.
  public var hasPartialMessage: Bool {
    switch state {
    case .headers, .body: true
    case .betweenMessages, .failed: false
    }
  }

  public mutating func append(_ bytes: UnsafeRawBufferPointer) {
    makeRoom()
    buffer.append(contentsOf: bytes)
  }

  public mutating func append(_ bytes: some Collection<UInt8>) {
    makeRoom()
    buffer.append(contentsOf: bytes)
  }

  /// Moves what is left to the front once that costs less than it frees.
  private mutating func makeRoom() {
    if case .failed = state {
      buffer.removeAll()
      start = 0
    } else if start == buffer.count {
      buffer.removeAll(keepingCapacity: buffer.capacity <= 16_384)
      start = 0
    } else if start > 4_096, start > buffer.count / 2 {
      buffer.removeSubrange(..<start)
      start = 0
    }
  }

  /// The next event, or nil until more bytes arrive.
  public mutating func next() -> Event? {
    while true {
      switch state {
      case .failed: return nil
      case .betweenMessages:
        switch skipLineEnds() {
        case .event(let event): return event
        case .needsMore: return nil
        case .messageStarts: state = .headers(searched: 0)
        }
      case .headers(let searched):
        guard let event = findHeaderEnd(from: searched) else { continue }
        return event.value
      case .body(let length):
        guard bufferedByteCount >= length else { return nil }
        state = .betweenMessages
        let end = start + length
        defer { start = end }
        do throws(SIPSyntaxError) {
          return .message(try parseMessage(length))
        } catch {
          return .malformed(error)
        }
      }
    }
  }

  private enum Gap {
    case event(Event)
    case needsMore
    case messageStarts
  }

  private mutating func skipLineEnds() -> Gap {
    while start < buffer.count {
      switch buffer[start] {
      case .carriageReturn:
        guard start + 1 < buffer.count else { return .needsMore }
        guard buffer[start + 1] == .lineFeed else { return .messageStarts }
        if side == .opened {
          start += 2
          return .event(.pong)
        }
        // A ping may be split anywhere: one CRLF waits for what follows it.
        guard start + 2 < buffer.count else { return .needsMore }
        if buffer[start + 2] == .carriageReturn {
          guard start + 3 < buffer.count else { return .needsMore }
          if buffer[start + 3] == .lineFeed {
            start += 4
            return .event(.ping)
          }
        }
        start += 2
      case .lineFeed: start += 1
      default: return .messageStarts
      }
    }
    return .needsMore
  }

  /// An event, nil inside for "more bytes are needed". Nil outside: the state moved on.
  private struct Found { var value: Event? }

  private mutating func findHeaderEnd(from searched: Int) -> Found? {
    let end = buffer.count
    // Step back over a line end that was cut in two.
    let from = start + max(0, searched - 3)
    let bodyStart = buffer.withUnsafeBytes { SIPStreamFramer.endOfHeaders($0, from..<end) }
    if let bodyStart { return measure(headerLength: bodyStart - start) }
    guard end - start <= limits.headerSectionSize else {
      return Found(value: fail(SIPSyntaxError(.headerSectionTooLarge, offset: limits.headerSectionSize)))
    }
    state = .headers(searched: end - start)
    return Found(value: nil)
  }

  /// Where the body begins, after the first empty line of the range.
  private static func endOfHeaders(_ bytes: Bytes, _ range: Range<Int>) -> Int? {
    var i = range.lowerBound
    while let lineFeed = bytes.firstIndex(of: .lineFeed, in: i..<range.upperBound) {
      i = lineFeed + 1
      var after = i
      if after < range.upperBound, bytes[after] == .carriageReturn { after += 1 }
      if after < range.upperBound, bytes[after] == .lineFeed { return after + 1 }
    }
    return nil
  }

  /// With the whole header section here, finds out where the message ends.
  private mutating func measure(headerLength: Int) -> Found? {
    guard headerLength <= limits.headerSectionSize else {
      return Found(value: fail(SIPSyntaxError(.headerSectionTooLarge, offset: limits.headerSectionSize)))
    }
    let result = buffer.withUnsafeBytes { bytes in
      ContentLengthScan.scan(UnsafeRawBufferPointer(rebasing: bytes[start..<start + headerLength]))
    }
    switch result {
    case .length(let length):
      guard length <= limits.bodySize, headerLength + length <= limits.messageSize else {
        return Found(
          value: fail(SIPSyntaxError(.bodyTooLarge, offset: headerLength, header: .contentLength)))
      }
      state = .body(length: headerLength + length)
      return nil
    case .missing:
      return Found(value: fail(SIPSyntaxError(.missingContentLength, offset: headerLength)))
    case .duplicate(let offset):
      return Found(
        value: fail(SIPSyntaxError(.duplicateHeader, offset: offset, header: .contentLength)))
    case .malformed(let offset):
      return Found(
        value: fail(SIPSyntaxError(.malformedContentLength, offset: offset, header: .contentLength)))
    }
  }

  private mutating func fail(_ error: SIPSyntaxError) -> Event {
    var error = error
    error.answerable = buffer.withUnsafeBytes { bytes in
      SIPParser.answerable(UnsafeRawBufferPointer(rebasing: bytes[start...]))
    }
    state = .failed
    buffer = []
    start = 0
    return .failed(error)
  }

  private func parseMessage(_ length: Int) throws(SIPSyntaxError) -> SIPMessage {
    let result: Result<SIPMessage, SIPSyntaxError> = buffer.withUnsafeBytes { bytes in
      do throws(SIPSyntaxError) {
        let message = UnsafeRawBufferPointer(rebasing: bytes[start..<start + length])
        return .success(try SIPParser.parse(message, limits: limits, framing: .stream))
      } catch {
        return .failure(error)
      }
    }
    return try result.get()
  }
}

/// Looks for Content-Length in a complete header section, whatever else is wrong with it.
enum ContentLengthScan {
  case length(Int)
  case missing
  case duplicate(Int)
  case malformed(Int)

  static func scan(_ bytes: Bytes) -> ContentLengthScan {
    var found: Int?
    // The first line is the start line.
    var next = bytes.firstIndex(of: .lineFeed, in: 0..<bytes.count).map { $0 + 1 }
    while let start = next, start < bytes.count {
      var end = bytes.firstIndex(of: .lineFeed, in: start..<bytes.count) ?? bytes.count
      next = end + 1
      let initial = bytes[start].asciiLowercased
      guard initial == UInt8(ascii: "c") || initial == UInt8(ascii: "l") else { continue }
      let nameEnd = bytes.skipToken(start, end)
      let colon = bytes.skipBlanks(nameEnd, end)
      guard nameEnd > start, colon < end, bytes[colon] == .colon,
        SIPHeaderName(bytes: UnsafeRawBufferPointer(rebasing: bytes[start..<nameEnd])) == .contentLength
      else { continue }
      guard found == nil else { return .duplicate(start) }
      if end > colon, bytes[end - 1] == .carriageReturn { end -= 1 }
      var digits = bytes.trimmed(colon + 1..<end)
      // The number may stand on a continuation line.
      while let line = next, line < bytes.count, bytes[line].isBlank {
        var lineEnd = bytes.firstIndex(of: .lineFeed, in: line..<bytes.count) ?? bytes.count
        next = lineEnd + 1
        if lineEnd > line, bytes[lineEnd - 1] == .carriageReturn { lineEnd -= 1 }
        let text = bytes.trimmed(line..<lineEnd)
        if text.isEmpty { continue }
        guard digits.isEmpty else { return .malformed(start) }
        digits = text
      }
      guard let length = bytes.decimal(digits, limit: UInt64(Int32.max)) else { return .malformed(start) }
      found = Int(length)
    }
    return found.map { .length($0) } ?? .missing
  }
}
