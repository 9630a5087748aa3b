/// `#require` for what cannot be copied.
public struct NothingThere: Error {}

public func unwrapped<Value: ~Copyable>(_ value: consuming Value?) throws -> Value {
  switch consume value {
  case .some(let value): return value
  case .none: throw NothingThere()
  }
}
