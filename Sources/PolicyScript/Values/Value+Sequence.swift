/// Goes through a value as Python does: a list that grows meanwhile is gone through to its new end.
struct ValueIterator {
  private enum Source {
    case nothing
    case list(ListStorage)
    case values([Value])
    case text(Text)
    case range(RangeValue)
    case dictionary(DictionaryStorage, DictionaryView, count: Int)
  }

  private var source: Source
  private var position = 0

  fileprivate init?(_ value: Value) {
    switch value {
    case .undefined: source = .nothing
    case .list(let list): source = .list(list)
    case .tuple(let tuple): source = .values(tuple.items)
    case .string(let text): source = .text(text)
    case .range(let range): source = .range(range)
    case .dictionary(let dictionary): source = .dictionary(dictionary, .keys, count: dictionary.count)
    case .view(let dictionary, let view): source = .dictionary(dictionary, view, count: dictionary.count)
    default: return nil
    }
  }

  mutating func next(_ run: Run) throws(Fault) -> Value? {
    defer { position += 1 }
    switch source {
    case .nothing: return nil
    case .list(let list): return position < list.items.count ? list.items[position] : nil
    case .values(let values): return position < values.count ? values[position] : nil
    case .text(let text):
      guard position < text.bytes.count else { return nil }
      let width = Text.width(text.bytes[position])
      defer { position += width - 1 }
      return .string(Text(bytes: text.bytes[position..<min(position + width, text.bytes.count)]))
    case .range(let range): return position < range.count ? .integer(range[position]) : nil
    case .dictionary(let dictionary, let view, let count):
      guard dictionary.count == count else {
        throw Fault(.value, "the dict changed its size while it was gone through")
      }
      guard position < count else { return nil }
      let entry = dictionary.entries[position]
      switch view {
      case .keys: return entry.key
      case .values: return entry.value
      case .items: return try run.tuple([entry.key, entry.value])
      }
    }
  }
}

extension Run {
  func iterator(over value: Value) throws(Fault) -> ValueIterator {
    if let iterator = ValueIterator(value) { return iterator }
    throw Fault(.type, "a \(value.typeName) cannot be gone through")
  }

  func items(of value: Value) throws(Fault) -> [Value] {
    switch value {
    case .list(let list): return list.items
    case .tuple(let tuple): return tuple.items
    default:
      var items: [Value] = []
      var iterator = try iterator(over: value)
      while let item = try iterator.next(self) {
        try step()
        try check(count: items.count)
        items.append(item)
      }
      return items
    }
  }

  /// Python's `len`; nil for what has none.
  func length(of value: Value) -> Int? {
    switch value {
    case .undefined: 0
    case .string(let text): text.count
    case .list(let list): list.items.count
    case .tuple(let tuple): tuple.items.count
    case .dictionary(let dictionary), .view(let dictionary, _): dictionary.count
    case .range(let range): range.count
    default: nil
    }
  }

  /// Jinja's `value[index]`: an element, else an attribute, else undefined.
  func element(of value: Value, at index: Value) throws(Fault) -> Value {
    switch value {
    case .undefined(let undefined): throw Fault(undefined)
    case .dictionary(let dictionary):
      // A list as key is no error here, just not there.
      do throws(Fault) {
        if let value = dictionary[try index.hashKey(self)] { return value }
      } catch {
        guard error.kind == .type else { throw error }
      }
    case .list(let list):
      if let i = position(index, in: list.items.count) { return list.items[i] }
    case .tuple(let tuple):
      if let i = position(index, in: tuple.items.count) { return tuple.items[i] }
    case .range(let range):
      if let i = position(index, in: range.count) { return .integer(range[i]) }
    case .string(let text):
      if let i = position(index, in: text.count) { return .string(text[i..<(i + 1)]) }
    default: break
    }
    if case .string(let name) = index, let attribute = try nativeAttribute(name.string, of: value) {
      return attribute
    }
    if case .string(let name) = index { return .undefined(.attribute(name.string, typeName: value.typeName)) }
    return .undefined(.element(index.described, typeName: value.typeName))
  }

  /// Jinja's `value.name`: an attribute or method, else an element, else undefined.
  func attribute(_ name: Text, _ string: String, of value: Value) throws(Fault) -> Value {
    if case .undefined(let undefined) = value { throw Fault(undefined) }
    if let attribute = try nativeAttribute(string, of: value) { return attribute }
    if case .dictionary(let dictionary) = value, let value = dictionary[name] { return value }
    return .undefined(.attribute(string, typeName: value.typeName))
  }

  private func nativeAttribute(_ name: String, of value: Value) throws(Fault) -> Value? {
    if case .object(let object) = value, let attribute = try object.attribute(name, self) { return attribute }
    guard Methods.has(name, value) else { return nil }
    let method = BoundMethod(value, name)
    own(method)
    return .object(method)
  }

  /// Where an index points, counted from the end when negative; nil when it is none or out of range.
  private func position(_ index: Value, in count: Int) -> Int? {
    guard case .integer(let n) = Number(index) else { return nil }
    let position = n < 0 ? n + count : n
    return position >= 0 && position < count ? position : nil
  }

  // MARK: Slices

  func slice(_ value: Value, _ lower: Value?, _ upper: Value?, _ step: Value?) throws(Fault) -> Value {
    let count: Int
    switch value {
    case .undefined(let undefined): throw Fault(undefined)
    case .string(let text): count = text.count
    case .list(let list): count = list.items.count
    case .tuple(let tuple): count = tuple.items.count
    case .range(let range): count = range.count
    default: throw Fault(.type, "a \(value.typeName) cannot be sliced")
    }
    let lower = try sliceIndex(lower)
    let upper = try sliceIndex(upper)
    let stride = try sliceIndex(step)
    let by = stride ?? 1
    guard by != 0 else { throw Fault(.value, "the step of a slice cannot be 0") }
    func bound(_ n: Int?, _ missing: Int, _ low: Int, _ high: Int) -> Int {
      guard let n else { return missing }
      let position = n < 0 ? n + count : n
      return min(max(position, low), high)
    }
    let first = by > 0 ? bound(lower, 0, 0, count) : bound(lower, count - 1, -1, count - 1)
    let end = by > 0 ? bound(upper, count, 0, count) : bound(upper, -1, -1, count - 1)
    if case .string(let text) = value, by == 1 {
      let part = text[first..<max(first, end)]
      try charge(bytes: part.bytes.count)
      return .string(part)
    }
    if case .range(let range) = value { return try slice(range, first, end, by) }
    var positions: [Int] = []
    var i = first
    while by > 0 ? i < end : i > end {
      positions.append(i)
      let (next, overflow) = i.addingReportingOverflow(by)
      if overflow { break }
      i = next
    }
    try charge(positions.count)
    switch value {
    case .string(let text):
      let scalars = Array(text.scalars)
      return .string(Text(scalars: positions.map { scalars[$0] }))
    case .list(let storage): return try list(positions.map { storage.items[$0] })
    case .tuple(let storage): return try tuple(positions.map { storage.items[$0] })
    default: return .none
    }
  }

  /// The numbers are not listed: a range can be longer than memory.
  private func slice(_ range: RangeValue, _ first: Int, _ end: Int, _ by: Int) throws(Fault) -> Value {
    func element(_ i: Int) -> Int? {
      let (offset, overflow) = i.multipliedReportingOverflow(by: range.step)
      let (value, isBeyond) = range.start.addingReportingOverflow(offset)
      return overflow || isBeyond ? nil : value
    }
    let (step, overflow) = range.step.multipliedReportingOverflow(by: by)
    guard !overflow, let start = element(first), let stop = element(end),
      let part = RangeValue(start: start, stop: stop, step: step)
    else { throw Fault(.arithmetic, "the range is too large") }
    return .range(part)
  }

  /// A part of a slice; nil when it is left out. Far beyond any length is as good as the number itself.
  private func sliceIndex(_ value: Value?) throws(Fault) -> Int? {
    guard let value, !value.isNone else { return nil }
    let n = try value.requireInteger("a part of a slice")
    return max(-(1 << 62), min(1 << 62, n))
  }
}
