/// Transactions in one array, found by number without hashing. A number is a slot and a generation: a slot is used again,
/// a number never is.
struct TransactionTable<Element> {
  struct Slot {
    var generation: UInt32
    var element: Element?
  }

  private var slots: [Slot] = []
  private var free: [UInt32] = []
  private(set) var count = 0

  /// Distinguishes the numbers of two tables; it becomes the top bit.
  private let mark: UInt64

  init(mark: Bool) { self.mark = mark ? 1 << 63 : 0 }

  /// The number the next ``insert(_:)`` will give.
  var nextNumber: UInt64 {
    if let slot = free.last { return number(slot) }
    return mark | 1 << 32 | UInt64(slots.count)
  }

  private func number(_ slot: UInt32) -> UInt64 {
    mark | UInt64(slots[Int(slot)].generation) << 32 | UInt64(slot)
  }

  @discardableResult
  mutating func insert(_ element: Element) -> UInt64 {
    count += 1
    if let slot = free.popLast() {
      slots[Int(slot)].element = element
      return number(slot)
    }
    slots.append(Slot(generation: 1, element: element))
    return number(UInt32(slots.count - 1))
  }

  /// The slot of a live number.
  func slot(of number: UInt64) -> Int? {
    let slot = Int(number & 0xffff_ffff)
    guard number & 1 << 63 == mark, slot < slots.count,
      slots[slot].generation == UInt32(truncatingIfNeeded: (number >> 32) & 0x7fff_ffff),
      slots[slot].element != nil
    else { return nil }
    return slot
  }

  /// The element in a slot that ``slot(of:)`` has named; its use after the removal is a bug of ours and traps.
  subscript(slot: Int) -> Element {
    get { slots[slot].element! }
    _modify { yield &slots[slot].element! }
  }

  @discardableResult
  mutating func remove(_ number: UInt64) -> Element? {
    guard let slot = slot(of: number) else { return nil }
    let element = slots[slot].element
    slots[slot].element = nil
    slots[slot].generation = slots[slot].generation == 0x7fff_ffff ? 1 : slots[slot].generation + 1
    free.append(UInt32(slot))
    count -= 1
    return element
  }

  /// The numbers of all elements that satisfy `predicate`. O(capacity).
  func numbers(where predicate: (Element) -> Bool) -> [UInt64] {
    slots.indices.compactMap { index in
      guard let element = slots[index].element, predicate(element) else { return nil }
      return number(UInt32(index))
    }
  }
}

extension TransactionTable: Sendable where Element: Sendable {}
extension TransactionTable.Slot: Sendable where Element: Sendable {}
