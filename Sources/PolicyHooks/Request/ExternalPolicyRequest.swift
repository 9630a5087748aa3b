import CallModel
import PolicyEngine

/// One question to a policy server, with everything it tells the server.
public enum ExternalPolicyRequest: Hashable, Sendable {
  /// `service` is known for calls placed from a service and for breakout rooms only.
  case serviceConfiguration(CallFacts, NodeFacts, service: ServiceFacts? = nil)
  case participantProperties(CallFacts, NodeFacts, service: ServiceFacts, participant: ParticipantFacts)
  case mediaLocation(CallFacts, NodeFacts, service: ServiceFacts)
  case avatar(AvatarRequest, NodeFacts)
  case directory(DirectoryRequest, NodeFacts)
  case registration(RegistrationRequest, NodeFacts)

  /// A picture of `alias`, exactly `width` by `height` pixels.
  public struct AvatarRequest: Hashable, Sendable {
    /// May carry a scheme.
    public var alias: String
    public var width: Int
    public var height: Int
    /// True when the person is registered here.
    public var isRegistered: Bool
    /// The call the picture is for; nil when it is for a list of the directory.
    public var call: Call?

    public struct Call: Hashable, Sendable {
      public var facts: CallFacts
      public var service: ServiceFacts
      /// Nil while the PIN is asked for.
      public var role: ParticipantRole?
      public init(facts: CallFacts, service: ServiceFacts, role: ParticipantRole? = nil) {
        self.facts = facts
        self.service = service
        self.role = role
      }
    }

    public init(alias: String, width: Int, height: Int, isRegistered: Bool = false, call: Call? = nil) {
      self.alias = alias
      self.width = width
      self.height = height
      self.isRegistered = isRegistered
      self.call = call
    }
  }

  /// A search typed by the user of a registered device.
  public struct DirectoryRequest: Hashable, Sendable {
    /// What was typed; may be empty.
    public var query: String
    /// Who searches.
    public var registrationAlias: String
    public var callTag: String

    /// Entries asked for; always the same (routing reference §10).
    public static let limit = 10

    public init(query: String, registrationAlias: String, callTag: String = "") {
      self.query = query
      self.registrationAlias = registrationAlias
      self.callTag = callTag
    }
  }

  /// May this alias register, and as whom?
  public struct RegistrationRequest: Hashable, Sendable {
    public enum Authentication: String, Hashable, Sendable, CaseIterable { case credentials, sso }

    public var alias: String
    public var callProtocol: CallProtocol
    public var authentication: Authentication
    public var remoteAddress: IPAddress?

    public init(
      alias: String, callProtocol: CallProtocol, authentication: Authentication = .credentials,
      remoteAddress: IPAddress? = nil
    ) {
      self.alias = alias
      self.callProtocol = callProtocol
      self.authentication = authentication
      self.remoteAddress = remoteAddress
    }
  }

  public var kind: PolicyRequestKind {
    switch self {
    case .serviceConfiguration: .serviceConfiguration
    case .participantProperties: .participantProperties
    case .mediaLocation: .mediaLocation
    case .avatar: .avatar
    case .directory: .directory
    case .registration: .registration
    }
  }

  /// The alias that ends the path.
  var pathAlias: String? {
    switch self {
    case .avatar(let request, _): request.alias
    case .registration(let request, _): request.alias
    default: nil
    }
  }
}
