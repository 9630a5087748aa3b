import CallModel

/// The parts of a DNS response that an answer is made of (RFC 1035 §4.1). Read without trust in any length or pointer.
struct DNSMessage {
  /// What the response says.
  let answer: DNSAnswer
  /// How long it may be kept, in seconds: the least time to live on the way, or that of a negative answer (RFC 2308 §5).
  /// Nil when the response gives none.
  let lifetime: UInt32?

  /// Most records read, and most aliases followed.
  static let maximumRecords = 256
  private static let maximumAliases = 16

  private struct Record {
    var name: String
    var type: UInt16
    var lifetime: UInt32
    var data: Range<Int>
  }

  private struct Malformed: Error {}

  /// Reads the response to a question. A response that is broken is a failure of the server.
  init(_ bytes: UnsafeRawBufferPointer, question type: DNSQuestion.RecordType) {
    do {
      self = try DNSMessage(reading: bytes, type)
    } catch {
      self.init(answer: .failed(.serverFailure), lifetime: nil)
    }
  }

  private init(answer: DNSAnswer, lifetime: UInt32?) {
    self.answer = answer
    self.lifetime = lifetime
  }

  private init(reading bytes: UnsafeRawBufferPointer, _ type: DNSQuestion.RecordType) throws {
    var reader = Reader(bytes: bytes, position: 4)
    guard bytes.count >= 12, bytes[2] & 0x80 != 0 else { throw Malformed() }
    let code = bytes[3] & 0x0f
    guard code == 0 || code == 3 else { throw Malformed() }
    let questions = Int(try reader.uint16())
    let answers = Int(try reader.uint16())
    let authorities = Int(try reader.uint16())
    _ = try reader.uint16()
    guard questions == 1 else { throw Malformed() }
    var name = try reader.name()
    try reader.skip(4)

    var records: [Record] = []
    for _ in 0..<min(answers, DNSMessage.maximumRecords) { records.append(try reader.record()) }

    // Aliases stand in any order; each is followed from the name that was asked for.
    var lifetime = UInt32.max
    var aliases = 0
    while let alias = records.first(where: { $0.type == 5 && $0.name == name }), type.rawValue != 5 {
      aliases += 1
      guard aliases <= DNSMessage.maximumAliases else { throw Malformed() }
      lifetime = min(lifetime, alias.lifetime)
      var target = Reader(bytes: bytes, position: alias.data.lowerBound)
      name = try target.name()
    }
    var found: [DNSRecord] = []
    for record in records where record.type == type.rawValue && record.name == name {
      guard let value = DNSMessage.value(record.data, type, bytes) else { continue }
      lifetime = min(lifetime, record.lifetime)
      found.append(value)
    }
    if !found.isEmpty {
      self.init(answer: .records(found), lifetime: lifetime)
      return
    }

    var negative: UInt32?
    if answers <= DNSMessage.maximumRecords {
      for _ in 0..<min(authorities, DNSMessage.maximumRecords) {
        guard let record = try? reader.record() else { break }
        // SOA: two names, then five numbers of which the last is the negative time to live.
        guard record.type == 6, record.data.count >= 20 else { continue }
        var tail = Reader(bytes: bytes, position: record.data.upperBound - 4)
        negative = min(record.lifetime, try tail.uint32())
        break
      }
    }
    self.init(answer: code == 3 ? .noSuchName : .noData, lifetime: negative.map { min($0, lifetime) })
  }

  private static func value(
    _ data: Range<Int>, _ type: DNSQuestion.RecordType, _ bytes: UnsafeRawBufferPointer
  ) -> DNSRecord? {
    var reader = Reader(bytes: bytes, position: data.lowerBound)
    do {
      switch type {
      case .a:
        guard data.count == 4 else { return nil }
        return .address(.v4(try reader.uint32()))
      case .aaaa:
        guard data.count == 16 else { return nil }
        let high = UInt64(try reader.uint32()) << 32 | UInt64(try reader.uint32())
        let low = UInt64(try reader.uint32()) << 32 | UInt64(try reader.uint32())
        return .address(.v6(high, low))
      case .srv:
        let record = DNSRecord.ServiceRecord(
          priority: try reader.uint16(), weight: try reader.uint16(), port: try reader.uint16(),
          target: try reader.name())
        guard reader.position == data.upperBound else { return nil }
        return .service(record)
      case .naptr:
        let record = DNSRecord.NamingAuthorityPointer(
          order: try reader.uint16(), preference: try reader.uint16(), flags: try reader.characterString(),
          service: try reader.characterString(), regularExpression: try reader.characterString(),
          replacement: try reader.name())
        guard reader.position == data.upperBound else { return nil }
        return .namingAuthority(record)
      }
    } catch {
      return nil
    }
  }

  /// A position in the message that cannot leave it.
  private struct Reader {
    let bytes: UnsafeRawBufferPointer
    var position: Int

    mutating func uint8() throws -> UInt8 {
      guard position < bytes.count else { throw Malformed() }
      defer { position += 1 }
      return bytes[position]
    }

    mutating func uint16() throws -> UInt16 { UInt16(try uint8()) << 8 | UInt16(try uint8()) }
    mutating func uint32() throws -> UInt32 { UInt32(try uint16()) << 16 | UInt32(try uint16()) }

    mutating func skip(_ count: Int) throws {
      guard count <= bytes.count - position else { throw Malformed() }
      position += count
    }

    mutating func characterString() throws -> String {
      let count = Int(try uint8())
      let start = position
      try skip(count)
      return String(decoding: bytes[start..<position], as: UTF8.self)
    }

    mutating func record() throws -> Record {
      let name = try self.name()
      let type = try uint16()
      let recordClass = try uint16()
      let lifetime = try uint32()
      let count = Int(try uint16())
      let start = position
      try skip(count)
      // Other classes than IN do not concern us; a time to live with the top bit set is 0 (RFC 2181 §8).
      return Record(
        name: name, type: recordClass == 1 ? type : 0, lifetime: lifetime > Int32.max ? 0 : lifetime,
        data: start..<position)
    }

    /// A domain name in lower case without the final dot, `.` for the root. Pointers may only lead backwards, so that
    /// reading ends (RFC 1035 §4.1.4); a dot or a control character inside a label cannot be a host's and is refused.
    mutating func name() throws -> String {
      var text: [UInt8] = []
      var here = position
      var limit = position
      var end: Int?
      while true {
        guard here < bytes.count else { throw Malformed() }
        let length = Int(bytes[here])
        if length == 0 {
          position = end ?? here + 1
          break
        }
        if length & 0xc0 == 0xc0 {
          guard here + 1 < bytes.count else { throw Malformed() }
          let target = (length & 0x3f) << 8 | Int(bytes[here + 1])
          guard target < limit else { throw Malformed() }
          if end == nil { end = here + 2 }
          here = target
          limit = target
          continue
        }
        guard length <= 63, length < bytes.count - here else { throw Malformed() }
        if !text.isEmpty { text.append(UInt8(ascii: ".")) }
        guard text.count + length <= 253 else { throw Malformed() }
        for byte in bytes[here + 1...here + length] {
          guard byte > 0x20, byte < 0x7f, byte != UInt8(ascii: ".") else { throw Malformed() }
          text.append((0x41...0x5a).contains(byte) ? byte | 0x20 : byte)
        }
        here += length + 1
      }
      return text.isEmpty ? "." : String(decoding: text, as: UTF8.self)
    }
  }
}
