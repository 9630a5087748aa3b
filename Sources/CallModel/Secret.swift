/// A PIN, password, token or key. It prints as a placeholder wherever it is interpolated, logged, dumped or mirrored;
/// only ``reveal()`` yields the value, so every use of it can be found by that name.
public struct Secret: Hashable, Sendable, CustomStringConvertible, CustomDebugStringConvertible,
  CustomReflectable
{
  private let value: String

  public init(_ value: String) { self.value = value }

  /// The value itself. Call it only where the protocol needs the bytes.
  public func reveal() -> String { value }

  /// In place of a secret that is not known here: of a policy whose secrets this machine does not hold, and of what is recorded.
  public static let unavailable = Secret("unavailable")

  public var isEmpty: Bool { value.isEmpty }
  public var description: String { "‹secret›" }
  public var debugDescription: String { description }
  public var customMirror: Mirror { Mirror(self, children: [:]) }

  /// Compares without stopping at the first difference, so that the time taken tells nothing about the value.
  public static func == (a: Secret, b: Secret) -> Bool {
    let x = Array(a.value.utf8)
    let y = Array(b.value.utf8)
    var difference = x.count ^ y.count
    for i in 0..<max(x.count, y.count) {
      difference |= Int(i < x.count ? x[i] : 0) ^ Int(i < y.count ? y[i] : 0)
    }
    return difference == 0
  }
}
