/// Which conferences are joined to each other by calls, so that no sound goes round in a circle: conferences and the calls
/// between them must stay a forest.
///
/// A conference's outgoing calls carry its token (and the tokens its own participants came with); a call that comes in with
/// tokens links the conferences they name to the one it reaches. Two conferences that dial each other at the same moment
/// are recognised by whichever call arrives second.
public struct ConferenceLinks: Sendable {
  /// Conferences by token, each with the tokens it is linked to and by how many calls.
  private var links: [String: [String: Int]] = [:]

  public init() {}

  /// Tokens of one call that are looked at.
  public static let maximumTokens = 16

  /// Whether a call with these tokens may enter `conference`. False: it would close a circle.
  public func admits(tokens: [String], into conference: String) -> Bool {
    let tokens = tokens.prefix(ConferenceLinks.maximumTokens)
    guard !tokens.isEmpty else { return true }
    let reached = reachable(from: conference)
    return !tokens.contains { reached.contains($0) }
  }

  /// A call with these tokens is in. The first token is the conference it came from.
  public mutating func link(tokens: [String], to conference: String) {
    guard let origin = tokens.first, origin != conference else { return }
    links[conference, default: [:]][origin, default: 0] += 1
    links[origin, default: [:]][conference, default: 0] += 1
  }

  /// That call has ended.
  public mutating func unlink(tokens: [String], from conference: String) {
    guard let origin = tokens.first, origin != conference else { return }
    for (a, b) in [(conference, origin), (origin, conference)] {
      guard let count = links[a]?[b] else { continue }
      links[a]?[b] = count > 1 ? count - 1 : nil
      if links[a]?.isEmpty == true { links[a] = nil }
    }
  }

  public var isEmpty: Bool { links.isEmpty }

  private func reachable(from conference: String) -> Set<String> {
    var seen: Set = [conference]
    var pending = [conference]
    while let next = pending.popLast() {
      for neighbour in links[next].map({ Array($0.keys) }) ?? [] where seen.insert(neighbour).inserted {
        pending.append(neighbour)
      }
    }
    return seen
  }
}
