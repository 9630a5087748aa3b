import CallModel
import PolicyEngine

extension ConfiguredNames {
  /// The names of a policy. Identity provider groups and playlists have no section of their own: those that its services name
  /// are known.
  public init(_ policy: Policy) {
    self.init([
      .location: Set(policy.locations.map(\.name)), .trunk: Set(policy.trunks.map(\.name)),
      .h323Gatekeeper: Set(policy.h323Gatekeepers.map(\.name)),
      .mssipProxy: Set(policy.mssipProxies.map(\.name)), .stunServer: Set(policy.stunServers.map(\.name)),
      .turnServer: Set(policy.turnServers.map(\.name)), .teamsProxy: Set(policy.teamsProxies.map(\.name)),
      .gmsAccessToken: Set(policy.gmsAccessTokens.map(\.name)), .theme: Set(policy.themes.map(\.name)),
      .playlist: Set(policy.services.map(\.configuration.playback.playlist).filter { !$0.isEmpty }),
      .identityProviderGroup: Set(
        policy.services.map(\.configuration.signOn).flatMap { [$0.hostGroup, $0.guestGroup] }.compactMap {
          $0
        }),
    ])
  }
}

extension ServiceDefaults {
  public init(_ globals: Globals) {
    self.init(
      mediaEncryption: globals.mediaEncryption, maximumBandwidthIn: globals.bandwidthIn,
      maximumBandwidthOut: globals.bandwidthOut, maximumPixels: globals.maximumPixels)
  }
}

extension AnswerContext {
  /// Everything of `policy` that answers may refer to.
  public init(_ policy: Policy, runningService: RunningService? = nil) {
    self.init(
      names: ConfiguredNames(policy), patternFault: { PatternSyntax.fault(in: $0) },
      runningService: runningService)
  }
}
