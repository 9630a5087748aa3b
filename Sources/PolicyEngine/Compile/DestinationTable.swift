import CallModel

/// Destination limits by prefix, for the longest that a number begins with.
struct DestinationTable: Sendable {
  private var limits: [DestinationLimit]
  /// By canonical prefix.
  private var entries: [String: Int] = [:]
  /// Lengths of the prefixes that occur, descending.
  private var lengths: [Int] = []

  init(_ limits: [DestinationLimit], _ numbering: Numbering) {
    self.limits = limits
    for (i, limit) in limits.enumerated() {
      if limit.prefixes.isEmpty, entries[""] == nil { entries[""] = i }
      for form in limit.prefixes.flatMap({ numbering.canonicalPrefixes($0) }) where entries[form] == nil {
        entries[form] = i
      }
    }
    lengths = Set(entries.keys.map(\.utf8.count)).sorted(by: >)
  }

  var isEmpty: Bool { entries.isEmpty }

  /// - Parameter number: in its canonical form.
  func limit(of number: String) -> DestinationLimit? {
    let bytes = number.utf8
    for length in lengths where length <= bytes.count {
      if let i = entries[String(Substring(bytes.prefix(length)))] { return limits[i] }
    }
    return nil
  }
}

extension PolicySnapshot {
  public var hasDestinationLimits: Bool { !destinations.isEmpty }

  /// The one form under which all ways to write a number are known; over `trunk`, numbers may be written in ways of its own.
  public func canonicalNumber(_ alias: String, over trunk: Trunk? = nil) -> String {
    (trunk?.numbering ?? policy.globals.numbering).canonical(alias)
  }

  /// The limit on a number that leaves over `trunk`, or by DNS (nil); nil when there is none.
  public func destinationLimit(of alias: String, over trunk: Trunk? = nil) -> DestinationLimit? {
    destinations.isEmpty ? nil : destinations.limit(of: canonicalNumber(alias, over: trunk))
  }
}
