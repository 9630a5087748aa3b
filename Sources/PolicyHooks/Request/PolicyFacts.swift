import CallModel

/// The node that asks.
public struct NodeFacts: Hashable, Sendable {
  /// System location of the node that handles the signalling.
  public var location: String
  public var address: IPAddress?
  /// Release number.
  public var versionID: String
  /// Build, e.g. `77683.0.0`.
  public var pseudoVersionID: String

  public init(location: String, address: IPAddress?, versionID: String, pseudoVersionID: String) {
    self.location = location
    self.address = address
    self.versionID = versionID
    self.pseudoVersionID = pseudoVersionID
  }

  /// The node with the release and build of the reference system whose interface we speak: servers and scripts look at them.
  public init(location: String?, address: IPAddress?) {
    self.init(location: location ?? "", address: address, versionID: "35", pseudoVersionID: "77683.0.0")
  }
}

/// What is known of a call when a policy server is asked about it (routing reference §10). Nil: the fact is not there, and
/// neither is its parameter; empty: the parameter is there without a value.
public struct CallFacts: Hashable, Sendable {
  public var direction: CallDirection
  public var callProtocol: CallProtocol
  public var trigger: CallTrigger
  /// The dialled alias, with its scheme where the protocol has one: ``Alias/local``.
  public var localAlias: String
  public var remoteAlias: String
  public var remoteDisplayName: String
  public var remoteAddress: TransportAddress?
  public var vendor: String
  public var isRegistered: Bool
  /// The most an inbound caller asked for; nil is sent as 0.
  public var bandwidth: Bandwidth?
  /// Nil: unknown, as before there is an offer.
  public var isEncrypted: Bool?
  public var callTag = ""
  public var idpUUID = ""
  public var hasAuthenticatedDisplayName = false
  public var supportsDirectMedia = false
  public var teamsTenantID = ""
  /// The service a transfer or a reception comes from.
  public var previousServiceName: String?
  /// `ms-subnet` header values of a SIP request.
  public var msSubnets: [String] = []
  /// `P-Asserted-Identity` header values of a SIP request, as received.
  public var assertedIdentities: [String] = []
  public var breakoutUUID: String?
  public var thirdPartyPasscode: Secret?
  public var telehealthRequestID: String?
  /// Screens of the endpoint.
  public var displayCount: Int?
  /// The edge node in front of this one.
  public var proxyNode: ProxyNode?

  public struct ProxyNode: Hashable, Sendable {
    public var address: IPAddress
    public var location: String
    public init(address: IPAddress, location: String) {
      self.address = address
      self.location = location
    }
  }

  public init(
    direction: CallDirection, callProtocol: CallProtocol, trigger: CallTrigger, localAlias: String,
    remoteAlias: String, remoteDisplayName: String = "", remoteAddress: TransportAddress? = nil,
    vendor: String = "", isRegistered: Bool = false, bandwidth: Bandwidth? = nil, isEncrypted: Bool? = nil
  ) {
    self.direction = direction
    self.callProtocol = callProtocol
    self.trigger = trigger
    self.localAlias = localAlias
    self.remoteAlias = remoteAlias
    self.remoteDisplayName = remoteDisplayName
    self.remoteAddress = remoteAddress
    self.vendor = vendor
    self.isRegistered = isRegistered
    self.bandwidth = bandwidth
    self.isEncrypted = isEncrypted
  }

  public init(_ request: CallRequest) {
    self.init(
      direction: request.direction, callProtocol: request.callProtocol, trigger: request.trigger,
      localAlias: request.alias.local, remoteAlias: request.caller.alias,
      remoteDisplayName: request.caller.displayName, remoteAddress: request.caller.address,
      vendor: request.caller.vendor, isRegistered: request.caller.isRegistered,
      // Only an inbound caller asks for a bandwidth; for the other directions it means nothing.
      bandwidth: request.direction == .dialIn ? request.bandwidth : nil, isEncrypted: request.isEncrypted)
    callTag = request.callTag
    previousServiceName = request.previousServiceName
    // As received, whoever says so (reference §10): the server judges what it is worth.
    let caller = request.caller
    assertedIdentities =
      caller.claimedIdentities.isEmpty ? caller.assertedIdentities : caller.claimedIdentities
    msSubnets = caller.subnets
  }
}

/// The service a participant joins.
public struct ServiceFacts: Hashable, Sendable {
  public var name: String
  public var tag: String
  /// The name made unique: rule name and call for gateway calls, `<vmr>_breakout_<uuid>` for breakout rooms.
  public var uniqueName: String

  public init(name: String, tag: String, uniqueName: String? = nil) {
    self.name = name
    self.tag = tag
    self.uniqueName = uniqueName ?? name
  }
}

/// What is known of a participant before the call's media is placed.
public struct ParticipantFacts: Hashable, Sendable {
  public enum Stage: String, Hashable, Sendable, CaseIterable {
    case standard
    /// The app's first stage.
    case api
    /// The app's first stage, which also starts the conference as Host.
    case apiHost = "api_host"
  }

  public var participantUUID: String
  public var callUUID: String
  public var stage: Stage
  /// Nil before the PIN is entered.
  public var preauthenticatedRole: ParticipantRole?
  /// What the identity provider said, by name; an attribute may have several values.
  public var idpAttributes: [IDPAttribute] = []
  public var receiveFromAudioMix = "main"
  public var audioMix = AudioMix(name: "main", isProminent: false)

  public struct IDPAttribute: Hashable, Sendable {
    public var name: String
    public var values: [String]
    public init(name: String, values: [String]) {
      self.name = name
      self.values = values
    }
  }

  public init(
    participantUUID: String, callUUID: String, stage: Stage = .standard,
    preauthenticatedRole: ParticipantRole? = nil
  ) {
    self.participantUUID = participantUUID
    self.callUUID = callUUID
    self.stage = stage
    self.preauthenticatedRole = preauthenticatedRole
  }
}

/// An audio mix a participant is heard in.
public struct AudioMix: Hashable, Sendable {
  public var name: String
  public var isProminent: Bool
  public init(name: String, isProminent: Bool) {
    self.name = name
    self.isProminent = isProminent
  }
}
