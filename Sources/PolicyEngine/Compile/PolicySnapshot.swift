import CallModel
import PolicyScript

/// A policy that decides: compiled, immutable, with a version.
///
/// A reload makes a new one beside the old; a call keeps the one it began with. Shared by all threads without a lock.
public final class PolicySnapshot: Sendable {
  /// What the admin wrote, rules in the order of evaluation.
  public let policy: Policy
  public let version: PolicyVersion
  /// ``version`` as it stands in every record.
  let versionText: String
  let rules: [CompiledRule]
  let patterns: RulePatterns
  let index: RuleIndex
  let destinations: DestinationTable
  private let transforms: [AliasTransform: CompiledTransform]
  /// By folded alias.
  private let servicesByAlias: [String: Int]
  private let devicesByAlias: [String: Int]
  /// Devices with a conference of their own, by number.
  private let localConferences: [String: Int]
  private let devicesByNumber: [String: Int]
  private let trunksByName: [String: Int]
  private let locationsByName: [String: Int]
  private let scriptsByProfile: [String: [ScriptKind: PolicyScript]]
  private let locationNetworks: NetworkTable<Int>
  private let trunkSources: NetworkTable<TrunkSource>
  /// The trunks that are given by address. Those given by name are resolved by whoever sends to them.
  private let trunkAddresses: NetworkTable<Int>

  /// Compiles a policy.
  /// - Throws: everything that is wrong with it, at once. Warnings alone do not throw.
  public convenience init(compiling policy: Policy, version: PolicyVersion = PolicyVersion(hash: 0))
    throws(PolicyDiagnostics)
  {
    var findings: [PolicyFinding] = []
    guard let compiled = PolicyCompiler.compile(policy, into: &findings) else {
      throw PolicyDiagnostics(findings.map(\.diagnostic))
    }
    self.init(compiled, version: version)
  }

  init(_ compiled: PolicyCompiler.Output, version: PolicyVersion) {
    policy = compiled.policy
    self.version = version
    versionText = version.description
    rules = compiled.rules
    patterns = RulePatterns(compiled.policy.rules)
    index = compiled.index
    destinations = DestinationTable(compiled.policy.destinationLimits, compiled.policy.globals.numbering)
    transforms = compiled.transforms
    let policy = compiled.policy
    var services: [String: Int] = [:]
    for (i, service) in policy.services.enumerated() {
      for alias in service.aliases where services[alias.caseFolded] == nil { services[alias.caseFolded] = i }
    }
    servicesByAlias = services
    devicesByAlias = PolicySnapshot.table(policy.devices.map(\.alias.caseFolded))
    devicesByNumber = Dictionary(
      policy.devices.enumerated().compactMap { i, device in device.number.map { ($0, i) } },
      uniquingKeysWith: { first, _ in first })
    localConferences = Dictionary(
      policy.devices.enumerated().compactMap { i, device in
        device.localConference == nil ? nil : device.number.map { ($0, i) }
      }, uniquingKeysWith: { first, _ in first })
    trunksByName = PolicySnapshot.table(policy.trunks.map(\.name))
    locationsByName = PolicySnapshot.table(policy.locations.map(\.name))
    scriptsByProfile = compiled.scripts
    locationNetworks = NetworkTable(
      policy.locations.enumerated().flatMap { i, location in location.networks.map { ($0, i) } })
    trunkSources = NetworkTable(
      policy.trunks.enumerated().flatMap { i, trunk in
        trunk.sources.map { ($0, TrunkSource(trunk: i, isAddress: $0.isAddress)) }
      })
    trunkAddresses = NetworkTable(
      policy.trunks.enumerated().compactMap { i, trunk in IPNetwork(trunk.host).map { ($0, i) } })
  }

  private static func table(_ names: [String]) -> [String: Int] {
    Dictionary(names.enumerated().map { ($1, $0) }, uniquingKeysWith: { first, _ in first })
  }

  /// The name that was probably meant; nil when none is near.
  package static func nearestName(to name: String, in known: [String]) -> String? {
    nearest(to: name, in: known)
  }

  // MARK: Look-ups

  /// The device that may register under `alias`, compared without case.
  public func device(alias: String) -> Device? {
    devicesByAlias[alias.caseFolded].map { policy.devices[$0] }
  }

  /// The device with a conference of its own and this number.
  func localConferenceOwner(_ number: String) -> Device? {
    localConferences[number].map { policy.devices[$0] }
  }

  /// The device of ours that is dialled by this number, in whatever domain.
  public func device(extension alias: String) -> Device? {
    let number = String(alias.prefix { $0 != "@" })
    return devicesByNumber[number].map { policy.devices[$0] }
  }

  public func playlist(named name: String) -> Playlist? { policy.playlists.first { $0.name == name } }
  public func theme(named name: String) -> Theme? { policy.themes.first { $0.name == name } }

  /// The service that owns `alias` (its parsed form), compared without case.
  public func service(alias: String) -> Service? {
    servicesByAlias[alias.caseFolded].map { policy.services[$0] }
  }

  public func trunk(named name: String) -> Trunk? { trunkIndex(name).map { policy.trunks[$0] } }

  /// Position in ``Policy/trunks``.
  public func trunkIndex(_ name: String) -> Int? { trunksByName[name] }

  private struct TrunkSource: Sendable {
    var trunk: Int
    /// One address, rather than a network of several.
    var isAddress: Bool
  }

  /// The trunk that requests from `source` belong to, by the longest prefix: the one whose ``Trunk/sources`` name the address,
  /// the one whose own address it is, the one with the narrowest network around it.
  ///
  /// - Parameter own: the name of the trunk whose own address it is, for whoever knows what names resolve to; nil: what the
  ///   policy itself says.
  public func trunk(forSource source: IPAddress, own: (() -> String?)? = nil) -> Trunk? {
    let found = trunkSources.lookUp(source)
    if let found, found.isAddress { return policy.trunks[found.trunk] }
    let owner = own.map { $0().flatMap { trunkIndex($0) } } ?? trunkAddresses.lookUp(source)
    return (owner ?? found?.trunk).map { policy.trunks[$0] }
  }

  public func location(named name: String) -> Location? {
    locationsByName[name].map { policy.locations[$0] }
  }

  /// The policy profile of calls in `location`: the location's, else the global one.
  public func policyProfile(location name: String?) -> PolicyProfile? {
    let location = name.flatMap { self.location(named: $0) }
    guard location?.asksNoPolicyServer != true else { return nil }
    let profile = location?.policyProfile ?? policy.globals.policyProfile
    return profile.flatMap { profile in policy.policyProfiles.first { $0.name == profile } }
  }

  /// The script of `profile` that has the last word on decisions of `kind`; nil when there is none, or it is switched off.
  public func script(_ kind: ScriptKind, of profile: PolicyProfile) -> PolicyScript? {
    scriptsByProfile[profile.name]?[kind]
  }

  /// The location of a call: that of its source network (longest prefix), else the listener's.
  public func location(for source: IPAddress, listenerDefault: String?) -> String? {
    locationNetworks.lookUp(source).map { policy.locations[$0].name } ?? listenerDefault
  }

  /// The addresses that carry media placed in these locations, most wanted first. A location without addresses of its own
  /// takes any of the deployment's. Empty: any.
  public func mediaAddresses(in locations: [String]) -> [IPAddress] {
    var addresses: [IPAddress] = []
    for location in locations.compactMap({ location(named: $0) }) {
      let own = location.mediaAddresses
      for address in own.isEmpty ? policy.globals.media.addresses.map(\.bind) : own
      where !addresses.contains(address) { addresses.append(address) }
    }
    return addresses
  }

  func locationNumber(_ name: String?) -> Int32 {
    guard let name, let number = locationsByName[name] else { return CompiledRule.unknownLocation }
    return Int32(truncatingIfNeeded: number)
  }

  /// What `alias` becomes, or nil when the transform's pattern does not match all of it: the alias then stays.
  ///
  /// Transforms that stand in the policy were compiled with it; any other is compiled here, and nil if it is invalid.
  public func apply(_ transform: AliasTransform, to alias: String) -> String? {
    if let compiled = transforms[transform] { return compiled.apply(to: alias) }
    return (try? CompiledTransform(transform))?.apply(to: alias)
  }
}
