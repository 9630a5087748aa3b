import CallModel

/// How a record lies in the journal: its id, its decision, and the values of its other rows in the order of their columns.
///
/// So the writer thread binds them to SQL statements from where they lie, and no `CallRecord` is built on the way. The
/// column lists of ``RecordTables`` and the order of writing here belong together.
struct RecordTape {
  /// Beyond these a record is cut, and says so: a peer decides how long its aliases are, and how often it transfers.
  struct Limits {
    /// Bytes of one text, cut at a character.
    var text: Int
    var attempts: Int
    var media: Int
    var events: Int
    var participants: Int

    static let usual = Limits(text: 4096, attempts: 128, media: 64, events: 512, participants: 64)
    /// When a record would fill the journal by itself.
    static let tight = Limits(text: 256, attempts: 16, media: 16, events: 16, participants: 4)
  }

  enum Tag {
    static let null: UInt8 = 0
    static let integer: UInt8 = 1
    static let real: UInt8 = 2
    static let text: UInt8 = 3
  }

  private(set) var sink: ByteSink
  private let limits: Limits

  init(_ sink: ByteSink, limits: Limits = .usual) {
    self.sink = sink
    self.limits = limits
  }

  /// - Parameter decides: False when the decision is as an earlier entry of this call has it.
  mutating func write(_ record: CallRecord, decides: Bool) {
    sink.append(value: record.id.high)
    sink.append(value: record.id.low)

    put(decides ? record.decision : nil)

    // Table call, from column call_id on.
    put(id: record.id)
    put(record.started.milliseconds)
    put(record.connected?.milliseconds)
    put(record.ended?.milliseconds)
    put(record.caller.callProtocol.rawValue)
    put(record.caller.isIncoming)
    put(record.caller.alias)
    put(record.caller.displayName)
    put(record.caller.address?.description)
    put(record.caller.vendor)
    put(record.caller.protocolCallID)
    put(record.calledAlias)
    put(record.serviceName)
    put(record.serviceType)
    put(record.tag)
    put(record.endedBy?.rawValue)
    put(record.disconnect)

    // Tables attempt, media_quality, event: a count, then the rows, from the column after position on.
    count(record.attempts.count, limit: limits.attempts)
    for attempt in record.attempts.prefix(limits.attempts) {
      put(attempt.via)
      put(attempt.alias)
      put(attempt.address?.description)
      put(attempt.started.milliseconds)
      put(attempt.rang?.milliseconds)
      put(attempt.answered?.milliseconds)
      put(attempt.ended?.milliseconds)
      put(attempt.disconnect)
    }
    count(record.media.count, limit: limits.media)
    for quality in record.media.prefix(limits.media) {
      put(quality.side.rawValue)
      put(quality.kind)
      put(quality.codec)
      put(quality.isEncrypted)
      put(Int64(clamping: quality.packetsReceived))
      put(Int64(clamping: quality.packetsSent))
      put(Int64(clamping: quality.bytesReceived))
      put(quality.packetsLost)
      put(quality.jitter)
      put(quality.roundTrip)
    }
    let events = record.events
    let shownEvents = events.count <= limits.events ? events.count : limits.events - 1
    count(events.count, limit: limits.events)
    for event in events.prefix(shownEvents) {
      put(event.at.milliseconds)
      put(event.what)
    }
    if shownEvents < events.count {
      put(events[events.count - 1].at.milliseconds)
      put("\(events.count - shownEvents) more events")
    }
    count(record.participants.count, limit: limits.participants)
    for participant in record.participants.prefix(limits.participants) { put(participant) }
  }

  /// Table participant, then what table conference has of its conference.
  private mutating func put(_ participant: ParticipantRecord) {
    put(participant.id)
    put(participant.conference.id)
    put(participant.isIncoming)
    put(participant.role)
    put(participant.displayName)
    put(participant.remoteAlias)
    put(participant.localAlias)
    put(participant.callProtocol.rawValue)
    put(participant.address?.description)
    put(participant.vendor)
    put(participant.callTag)
    put(participant.isEncrypted)
    put(participant.hasMedia)
    put(participant.isStreaming)
    put(participant.started.milliseconds)
    put(participant.connected?.milliseconds)
    put(participant.ended?.milliseconds)
    put(participant.disconnect)
    put(participant.conference.id)
    put(participant.conference.name)
    put(participant.conference.serviceType)
    put(participant.conference.tag)
    put(participant.conference.started.milliseconds)
  }

  private mutating func count(_ count: Int, limit: Int) { sink.append(value: UInt32(min(count, limit))) }

  /// Table decision.
  private mutating func put(_ decision: DecisionRecord?) {
    guard let decision else { return sink.append(Tag.null) }
    sink.append(Tag.text)
    let length = sink.reserveUInt32()
    let start = sink.count
    var json = JSONWriter(sink)
    decision.write(to: &json)
    sink = json.sink
    sink.patch(UInt32(truncatingIfNeeded: sink.count - start), at: length)
  }

  private mutating func put(_ disconnect: Disconnect?) {
    put(disconnect?.cause.rawValue)
    put(disconnect?.protocolCode.map(Int64.init))
    put(disconnect?.text)
    put(disconnect?.q850.map(Int64.init))
  }

  private mutating func put(_ flag: Bool) { put(Int64(flag ? 1 : 0)) }

  private mutating func put(_ number: Int64?) {
    guard let number else { return sink.append(Tag.null) }
    sink.append(Tag.integer)
    sink.append(value: number)
  }

  private mutating func put(_ number: Double?) {
    guard let number, number.isFinite else { return sink.append(Tag.null) }
    sink.append(Tag.real)
    sink.append(value: number)
  }

  private mutating func put(_ text: String?) {
    guard var text else { return sink.append(Tag.null) }
    sink.append(Tag.text)
    let limit = limits.text
    text.withUTF8 { bytes in
      var length = bytes.count
      if length > limit {
        length = limit
        // Not in the middle of a character.
        while length > 0, bytes[length] & 0xc0 == 0x80 { length -= 1 }
      }
      sink.append(value: UInt32(length))
      sink.append(UnsafeBufferPointer(rebasing: bytes[..<length]))
    }
  }

  private mutating func put(id: CallID) {
    sink.append(Tag.text)
    sink.append(value: UInt32(26))
    put(bytesOf: id)
  }

  private mutating func put(bytesOf id: CallID) {
    var text = id.description
    text.withUTF8 { sink.append($0) }
  }
}

/// Reads a tape back, value by value.
///
/// The journal's checksum has been checked, so that the tape is as ``RecordTape`` wrote it; a reader still stays inside it.
struct RecordTapeReader {
  enum Value {
    case null
    case integer(Int64)
    case real(Double)
    case text(UnsafeRawBufferPointer)
  }

  private var rest: UnsafeRawBufferPointer
  let id: CallID
  /// JSON; nil when an earlier entry of the call has it.
  private(set) var decision: UnsafeRawBufferPointer?

  init?(_ payload: UnsafeRawBufferPointer) {
    guard payload.count >= 16 else { return nil }
    id = CallID(
      high: payload.loadUnaligned(as: UInt64.self),
      low: payload.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
    rest = UnsafeRawBufferPointer(rebasing: payload[16...])
    if case .text(let json) = next() { decision = json } else { decision = nil }
  }

  private mutating func number<Number: BitwiseCopyable>(as type: Number.Type) -> Number? {
    guard rest.count >= MemoryLayout<Number>.size else { return nil }
    let value = rest.loadUnaligned(as: type)
    rest = UnsafeRawBufferPointer(rebasing: rest[MemoryLayout<Number>.size...])
    return value
  }

  mutating func count() -> Int { Int(number(as: UInt32.self) ?? 0) }

  mutating func next() -> Value {
    switch number(as: UInt8.self) {
    case RecordTape.Tag.integer: return number(as: Int64.self).map(Value.integer) ?? .null
    case RecordTape.Tag.real: return number(as: Double.self).map(Value.real) ?? .null
    case RecordTape.Tag.text:
      guard let length = number(as: UInt32.self), Int(length) <= rest.count else { return .null }
      let text = UnsafeRawBufferPointer(rebasing: rest[..<Int(length)])
      rest = UnsafeRawBufferPointer(rebasing: rest[Int(length)...])
      return .text(text)
    default: return .null
    }
  }
}
