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
  func limit(of number: String) -> DestinationLimit? { match(number).map { limits[$0.limit] } }

  /// The limit and the canonical prefix by which it applies.
  func match(_ number: String) -> (limit: Int, prefix: String)? {
    let bytes = number.utf8
    for length in lengths where length <= bytes.count {
      let prefix = String(Substring(bytes.prefix(length)))
      if let i = entries[prefix] { return (i, prefix) }
    }
    return nil
  }

  /// All prefixes in their canonical form.
  var prefixes: [String] { entries.keys.sorted() }
}

extension PolicySnapshot {
  public var hasDestinationLimits: Bool { !destinations.isEmpty }

  /// The one form under which all ways to write a number are known; over `trunk`, numbers may be written in ways of its own.
  public func canonicalNumber(_ alias: String, over trunk: Trunk? = nil) -> String {
    (trunk?.numbering ?? policy.globals.numbering).canonical(alias)
  }

  /// Which of ``Policy/destinationLimits`` applies to a number, and the place of the prefix in it as it is written; nil for that of an
  /// entry for all the rest.
  package func destinationMatch(of alias: String, over trunk: Trunk? = nil) -> (limit: Int, prefix: Int?)? {
    guard let match = destinations.match(canonicalNumber(alias, over: trunk)) else { return nil }
    let written = policy.destinationLimits[match.limit].prefixes.firstIndex {
      policy.globals.numbering.canonicalPrefixes($0).contains(match.prefix)
    }
    return (match.limit, written)
  }

  /// The prefixes of destination limits in the form in which numbers are compared.
  package var destinationPrefixes: [String] { destinations.prefixes }

  /// The limit on numbers that begin with `prefix` and with no longer one.
  package func destinationLimit(ofPrefix prefix: String) -> DestinationLimit? {
    destinations.limit(of: prefix)
  }

  /// The limit on a number that leaves over `trunk`, or by DNS (nil); nil when there is none.
  public func destinationLimit(of alias: String, over trunk: Trunk? = nil) -> DestinationLimit? {
    destinations.isEmpty ? nil : destinations.limit(of: canonicalNumber(alias, over: trunk))
  }
}
