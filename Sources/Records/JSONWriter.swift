/// Writes JSON (RFC 8259) into a ``ByteSink``: no allocation, keys in the order they are given.
///
/// Foundation's encoder takes some 40 µs for a decision; this takes about one, and every call pays it.
struct JSONWriter {
  private(set) var sink: ByteSink
  private let start: Int

  /// Writes after what is in the sink already.
  init(_ sink: ByteSink) {
    self.sink = sink
    start = sink.count
  }

  /// The text that `write` produces, in as much memory as it needs. For where no journal is at hand.
  static func text(_ write: (inout JSONWriter) -> Void) -> String {
    var capacity = 4096
    while true {
      let text = withUnsafeTemporaryAllocation(byteCount: capacity, alignment: 8) { memory -> String? in
        var writer = JSONWriter(ByteSink(memory))
        write(&writer)
        guard !writer.sink.overflowed else { return nil }
        return String(decoding: UnsafeRawBufferPointer(rebasing: memory[..<writer.sink.count]), as: UTF8.self)
      }
      if let text { return text }
      capacity *= 4
    }
  }

  private mutating func separate() {
    guard sink.count > start else { return }
    switch sink.last {
    case nil, UInt8(ascii: "{"), UInt8(ascii: "["), UInt8(ascii: ":"): break
    default: sink.append(UInt8(ascii: ","))
    }
  }

  mutating func object(_ members: (inout JSONWriter) -> Void) {
    separate()
    sink.append(UInt8(ascii: "{"))
    members(&self)
    sink.append(UInt8(ascii: "}"))
  }

  mutating func array<Elements: Sequence>(
    _ elements: Elements, _ element: (inout JSONWriter, Elements.Element) -> Void
  ) {
    separate()
    sink.append(UInt8(ascii: "["))
    for item in elements { element(&self, item) }
    sink.append(UInt8(ascii: "]"))
  }

  /// A member's name. It must need no escaping, which a literal of ours never does.
  mutating func key(_ name: StaticString) {
    separate()
    sink.append(UInt8(ascii: "\""))
    sink.append(name)
    sink.append("\":")
  }

  mutating func member(_ name: StaticString, _ value: String) {
    key(name)
    string(value)
  }

  mutating func member(_ name: StaticString, _ value: String?) {
    key(name)
    if let value { string(value) } else { sink.append("null") }
  }

  mutating func member(_ name: StaticString, _ value: Bool) {
    key(name)
    if value { sink.append("true") } else { sink.append("false") }
  }

  mutating func member(_ name: StaticString, _ value: Int) { member(name, Int64(value)) }

  mutating func member(_ name: StaticString, _ value: Int64) {
    key(name)
    sink.appendDecimal(value)
  }

  mutating func member(_ name: StaticString, _ value: Int64?) {
    key(name)
    if let value { sink.appendDecimal(value) } else { sink.append("null") }
  }

  mutating func member(_ name: StaticString, _ value: Double?) {
    key(name)
    if let value, value.isFinite {
      var text = value.description
      text.withUTF8 { sink.append($0) }
    } else {
      sink.append("null")
    }
  }

  mutating func member(
    _ name: StaticString, object members: (inout JSONWriter) -> Void
  ) {
    key(name)
    object(members)
  }

  /// Text that is JSON already.
  mutating func member(_ name: StaticString, json: String) {
    key(name)
    var json = json
    json.withUTF8 { sink.append($0) }
  }

  mutating func string(_ value: String) {
    separate()
    sink.append(UInt8(ascii: "\""))
    var value = value
    value.withUTF8 { bytes in
      if JSONWriter.needsNoEscape(UnsafeRawBufferPointer(bytes)) { sink.append(bytes) } else { escape(bytes) }
    }
    sink.append(UInt8(ascii: "\""))
  }

  private mutating func escape(_ bytes: UnsafeBufferPointer<UInt8>) {
    var start = 0
    for i in bytes.indices {
      let byte = bytes[i]
      guard byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") || byte == 0x7f else {
        continue
      }
      sink.append(UnsafeBufferPointer(rebasing: bytes[start..<i]))
      escape(byte)
      start = i + 1
    }
    sink.append(UnsafeBufferPointer(rebasing: bytes[start...]))
  }

  /// Eight bytes a step: a byte below 0x20, or equal to one of three, sets its high bit.
  private static func needsNoEscape(_ bytes: UnsafeRawBufferPointer) -> Bool {
    let ones: UInt64 = 0x0101_0101_0101_0101
    let high: UInt64 = 0x8080_8080_8080_8080
    var found: UInt64 = 0
    var i = 0
    while i < bytes.count {
      var word: UInt64 = 0x2020_2020_2020_2020
      if i + 8 <= bytes.count {
        word = bytes.loadUnaligned(fromByteOffset: i, as: UInt64.self)
      } else {
        for j in i..<bytes.count { word = word << 8 | UInt64(bytes[j]) }
      }
      // May report a byte above such a one too; that costs the slow way once, never an error.
      found |= (word &- ones &* 0x20) & ~word
      for special: UInt64 in [0x22, 0x5c, 0x7f] {
        let difference = word ^ ones &* special
        found |= (difference &- ones) & ~difference
      }
      i += 8
    }
    return found & high == 0
  }

  private mutating func escape(_ byte: UInt8) {
    switch byte {
    case UInt8(ascii: "\""): sink.append("\\\"")
    case UInt8(ascii: "\\"): sink.append("\\\\")
    case 0x0a: sink.append("\\n")
    case 0x0d: sink.append("\\r")
    case 0x09: sink.append("\\t")
    default:
      // DEL too, although JSON would allow it: these texts end on terminals.
      let digits: StaticString = "0123456789abcdef"
      sink.append("\\u00")
      sink.append(digits.utf8Start[Int(byte >> 4)])
      sink.append(digits.utf8Start[Int(byte & 15)])
    }
  }
}
