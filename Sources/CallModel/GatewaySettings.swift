/// What configurations of gateway calls share: everything that does not change from one call of a rule to the next.
///
/// Opaque: read and changed through ``GatewayConfiguration``.
public final class GatewaySettings: @unchecked Sendable {
  // @unchecked: changed only by GatewayConfiguration while it holds the one reference.
  struct Values: Hashable, Sendable {
    var tag: String
    var localAlias: String?
    var localDisplayName: String?
    var target: CallTarget
    var outgoingProtocol: CallProtocol
    var outgoingLocation: String?
    var trunks: [TrunkChoice]
    var h323Gatekeeper: String?
    var mssipProxy: String?
    var stunServer: String?
    var turnServer: String?
    var teamsProxy: String?
    var gmsAccessToken: String?
    var telehealthProfile: String?
    var theme: String?
    var callCapability: CallCapability
    var mediaEncryption: MediaEncryption
    var maximumBandwidthIn: Bandwidth?
    var maximumBandwidthOut: Bandwidth?
    var maximumPixels: String?
    var disabledCodecs: [String]
    var isTreatedAsTrusted: Bool
    var denoiseAudio: Bool
    var liveCaptions: String
    var externalAvatarLookup: String
    var ringTimeout: TimeSpan
    var continueOn: Set<Cause>
    var dtmfSequence = ""
    var prefersIPv6: Bool?
    var limits = Rare<CallLimits>()
    var details = Rare<GatewayDetails>()
  }

  var values: Values
  init(_ values: Values) { self.values = values }
}

extension GatewaySettings: Hashable {
  public static func == (a: GatewaySettings, b: GatewaySettings) -> Bool { a === b || a.values == b.values }
  public func hash(into hasher: inout Hasher) { hasher.combine(values) }
}
