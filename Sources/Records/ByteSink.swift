/// Appends bytes to memory of a fixed size; what does not fit is not written, and ``overflowed`` says so.
///
/// Records are written with it straight into the journal, so that taking a record allocates nothing.
struct ByteSink {
  // The pointer is valid for the life of the sink: whoever makes one keeps the memory, and no sink is stored.
  private let base: UnsafeMutableRawPointer
  private let capacity: Int
  private(set) var count = 0
  private(set) var overflowed = false

  init(_ memory: UnsafeMutableRawBufferPointer) {
    base = memory.baseAddress ?? UnsafeMutableRawPointer(bitPattern: 1)!
    capacity = memory.count
  }

  var last: UInt8? { count == 0 ? nil : base.load(fromByteOffset: count - 1, as: UInt8.self) }

  private mutating func reserve(_ size: Int) -> Bool {
    guard capacity - count >= size else {
      overflowed = true
      return false
    }
    return true
  }

  mutating func append(_ byte: UInt8) {
    guard reserve(1) else { return }
    base.storeBytes(of: byte, toByteOffset: count, as: UInt8.self)
    count += 1
  }

  mutating func append(_ bytes: UnsafeRawBufferPointer) {
    guard !bytes.isEmpty, reserve(bytes.count) else { return }
    (base + count).copyMemory(from: bytes.baseAddress!, byteCount: bytes.count)
    count += bytes.count
  }

  mutating func append(_ bytes: UnsafeBufferPointer<UInt8>) { append(UnsafeRawBufferPointer(bytes)) }

  mutating func append(_ text: StaticString) {
    append(UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
  }

  /// In the machine's byte order: the journal never leaves the machine.
  mutating func append<Number: BitwiseCopyable>(value: Number) {
    guard reserve(MemoryLayout<Number>.size) else { return }
    base.storeBytes(of: value, toByteOffset: count, as: Number.self)
    count += MemoryLayout<Number>.size
  }

  mutating func appendDecimal(_ number: Int64) {
    if number < 0 { append(UInt8(ascii: "-")) }
    var rest = number.magnitude
    var digits = 1
    var power: UInt64 = 10
    while digits < 20, rest >= power {
      digits += 1
      let (next, overflow) = power.multipliedReportingOverflow(by: 10)
      if overflow { break }
      power = next
    }
    guard reserve(digits) else { return }
    for position in (0..<digits).reversed() {
      base.storeBytes(of: 0x30 + UInt8(rest % 10), toByteOffset: count + position, as: UInt8.self)
      rest /= 10
    }
    count += digits
  }

  /// Leaves room for a number that is known only later; see ``patch(_:at:)``.
  mutating func reserveUInt32() -> Int {
    let position = count
    append(value: UInt32(0))
    return position
  }

  mutating func patch(_ value: UInt32, at position: Int) {
    guard position + 4 <= count else { return }
    base.storeBytes(of: value, toByteOffset: position, as: UInt32.self)
  }
}
