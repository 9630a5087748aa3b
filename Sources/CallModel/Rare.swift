/// Settings that few have: no memory beyond a word while they are the usual ones (`Value()`), and shared by copies otherwise.
struct Rare<Value: RareSettings>: Hashable, Sendable {
  private final class Storage: Sendable {
    let value: Value
    init(_ value: Value) { self.value = value }
  }

  private var storage: Storage?

  var value: Value {
    get { storage?.value ?? Value() }
    set { storage = newValue == Value() ? nil : Storage(newValue) }
  }

  static func == (a: Rare, b: Rare) -> Bool {
    switch (a.storage, b.storage) {
    case (nil, nil): true
    case (let x?, let y?): x === y || x.value == y.value
    default: false
    }
  }

  func hash(into hasher: inout Hasher) { hasher.combine(storage?.value) }
}

/// Settings that are the usual ones as `init()` makes them.
protocol RareSettings: Hashable, Sendable {
  init()
}
