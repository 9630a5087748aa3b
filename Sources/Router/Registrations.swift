import CallModel
import PolicyEngine

/// Who is registered here, and how to reach them.
///
/// Bindings outlive policy reloads; a device that a new policy no longer knows is removed.
/// Confined to the signalling loop.
public final class Registrations {
  /// One contact of one alias (RFC 3261 §10).
  public struct Binding: Sendable {
    public var id: UInt64
    public var alias: String
    public var callProtocol: CallProtocol
    /// The contact as registered, e.g. a SIP URI.
    public var contact: String
    public var username: String
    public var vendor: String
    /// Where the registration came from.
    public var remote: TransportAddress
    public var isNatted: Bool
    public var since: WallClock
    public var expires: MonotonicInstant
    /// Preference 0...1 (RFC 3261 §20.10); higher first.
    public var q: Double
    /// Names the device where it has several flows to us (RFC 5626 `+sip.instance`).
    public var instance: String?
    /// How the protocol endpoint reaches it (flow, path). Opaque here.
    public var route: any Sendable
    /// Names the connection it came over, which takes the binding with it when it fails; nil where there is none.
    public var connection: UInt64?
    /// Registrations of one client carry one Call-ID and rising CSeq (RFC 3261 §10.3 step 7).
    public var callID: String
    public var cSeq: UInt32
    /// The policy profile whose server let it register; nil: our own list of devices.
    public var grantor: String?
    /// What that server said it has to authenticate with.
    public var credential: Credential?

    public init(
      id: UInt64 = 0, alias: String, callProtocol: CallProtocol, contact: String, username: String = "",
      vendor: String = "", remote: TransportAddress, isNatted: Bool = false, since: WallClock,
      expires: MonotonicInstant, q: Double = 1, instance: String? = nil, route: any Sendable,
      connection: UInt64? = nil, callID: String = "", cSeq: UInt32 = 0
    ) {
      self.connection = connection
      self.id = id
      self.alias = alias
      self.callProtocol = callProtocol
      self.contact = contact
      self.username = username
      self.vendor = vendor
      self.remote = remote
      self.isNatted = isNatted
      self.since = since
      self.expires = expires
      self.q = q
      self.instance = instance
      self.route = route
      self.callID = callID
      self.cSeq = cSeq
    }
  }

  /// Why a binding went, for the log.
  public enum Removal: String, Sendable {
    case unregistered = "Unregistered"
    case expired = "Registration expired"
    case flowFailed = "Connection lost"
    case deviceRemoved = "Device removed"
    case replaced = "Replaced"
  }

  public var onAdded: ((Binding) -> Void)?
  public var onRemoved: ((Binding, Removal) -> Void)?

  private var byAlias: [String: [Binding]] = [:]
  /// Keys of the aliases that have a binding over a connection.
  private var keysByConnection: [UInt64: Set<String>] = [:]
  private var nextID: UInt64 = 1
  public private(set) var count = 0

  public init() {}

  /// The live bindings of an alias, most preferred first, then the most recent.
  public func bindings(of alias: String, now: MonotonicInstant) -> [Binding] {
    guard let all = byAlias[Registrations.key(alias)] else { return [] }
    return all.filter { $0.expires > now }.sorted { $0.q != $1.q ? $0.q > $1.q : $0.id > $1.id }
  }

  public func isRegistered(_ alias: String, now: MonotonicInstant) -> Bool {
    byAlias[Registrations.key(alias)]?.contains { $0.expires > now } ?? false
  }

  /// Adds a binding or refreshes the one with the same alias, protocol and `isSame`. Returns its id.
  @discardableResult
  public func add(_ binding: Binding, replacing isSame: (Binding) -> Bool) -> UInt64 {
    let key = Registrations.key(binding.alias)
    var list = byAlias[key] ?? []
    var binding = binding
    if let index = list.firstIndex(where: { $0.callProtocol == binding.callProtocol && isSame($0) }) {
      binding.id = list[index].id
      binding.since = list[index].since
      let old = list[index].connection
      list[index] = binding
      byAlias[key] = list
      if let old, old != binding.connection { forget(old, of: key) }
    } else {
      binding.id = nextID
      nextID += 1
      list.append(binding)
      byAlias[key] = list
      count += 1
      onAdded?(binding)
    }
    if let connection = binding.connection { keysByConnection[connection, default: []].insert(key) }
    return binding.id
  }

  /// Removes the alias' bindings that `condition` selects.
  public func remove(_ alias: String, _ reason: Removal, where condition: (Binding) -> Bool = { _ in true }) {
    drop(Registrations.key(alias), reason, where: condition)
  }

  /// Removes the bindings of a connection that failed, and looks at no others.
  public func removeAll(ofConnection connection: UInt64) {
    for key in keysByConnection[connection] ?? [] {
      drop(key, .flowFailed) { $0.connection == connection }
    }
  }

  /// Removes every binding that `condition` selects.
  public func removeAll(_ reason: Removal, where condition: (Binding) -> Bool) {
    for key in Array(byAlias.keys) { drop(key, reason, where: condition) }
  }

  /// Removes what has expired.
  public func expire(now: MonotonicInstant) {
    removeAll(.expired) { $0.expires <= now }
  }

  /// All live bindings, for status.
  public func all(now: MonotonicInstant) -> [Binding] {
    byAlias.values.flatMap { $0 }.filter { $0.expires > now }.sorted { ($0.alias, $0.id) < ($1.alias, $1.id) }
  }

  private func drop(_ key: String, _ reason: Removal, where condition: (Binding) -> Bool) {
    guard let list = byAlias[key], list.contains(where: condition) else { return }
    var kept: [Binding] = []
    var removed: [Binding] = []
    for binding in list {
      if condition(binding) { removed.append(binding) } else { kept.append(binding) }
    }
    byAlias[key] = kept.isEmpty ? nil : kept
    count -= removed.count
    for connection in Set(removed.compactMap(\.connection)) { forget(connection, of: key) }
    for binding in removed { onRemoved?(binding, reason) }
  }

  /// The alias has one binding less over a connection, perhaps the last one.
  private func forget(_ connection: UInt64, of key: String) {
    guard !(byAlias[key]?.contains { $0.connection == connection } ?? false),
      var keys = keysByConnection.removeValue(forKey: connection)
    else { return }
    keys.remove(key)
    if !keys.isEmpty { keysByConnection[connection] = keys }
  }

  /// How many connections are known to carry bindings.
  public var connectionCount: Int { keysByConnection.count }

  /// Aliases are compared without case.
  private static func key(_ alias: String) -> String { alias.caseFolded }
}
