import CallModel

/// Caps on numbers as they leave for the outside, whichever rule, transfer or redirection sends them there
/// (`destination_limits[]`). Of several whose prefix a number begins with, the one with the longest prefix applies.
public struct DestinationLimit: Hashable, Sendable {
  public var name: String
  public var description: String
  /// What numbers begin with, in any form that ``Numbering`` knows; empty: whatever no other prefix covers.
  public var prefixes: [String]
  /// These numbers are never called.
  public var isRefused: Bool
  public var limits: CallLimits

  public init(
    name: String, description: String = "", prefixes: [String] = [], isRefused: Bool = false,
    limits: CallLimits = CallLimits()
  ) {
    self.name = name
    self.description = description
    self.prefixes = prefixes
    self.isRefused = isRefused
    self.limits = limits
  }
}
