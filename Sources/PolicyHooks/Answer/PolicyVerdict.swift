import CallModel
import PolicyEngine

/// What an answer means for a call: the last column of the decision tables (routing reference §11).
public enum PolicyVerdict: Hashable, Sendable {
  case service(ServiceVerdict)
  case participant(ParticipantVerdict)
  /// Nil: default placement.
  case mediaLocation(MediaLocation?)
  /// Nil: no picture.
  case avatar(AvatarImage?)
  /// Nil: our own directory only.
  case directory(DirectoryAnswer?)
  case registration(RegistrationVerdict)

  /// What happens when a server says nothing: as if it had never been asked.
  public static func standard(for kind: PolicyRequestKind) -> PolicyVerdict {
    switch kind {
    case .serviceConfiguration: .service(.ownRules)
    case .participantProperties: .participant(.unchanged)
    case .mediaLocation: .mediaLocation(nil)
    case .avatar: .avatar(nil)
    case .directory: .directory(nil)
    case .registration: .registration(.ownDevices)
    }
  }
}

public enum ServiceVerdict: Hashable, Sendable {
  case use(ServiceFields)
  case reject
  /// The caller is asked to call this alias (SIP 302).
  case redirect(String)
  /// Of a call placed from a service: its own configuration stays, but for these.
  case adjust(DialOutAdjustment)
  /// Our own services and rules decide.
  case ownRules
}

/// The little that an answer can change about a call placed from a running service (routing reference §11.5).
public struct DialOutAdjustment: Hashable, Sendable {
  /// `default`, `yes` or `no`; nil: not said.
  public var preferIPv6: String?
  /// Nil: not said.
  public var mediaEncryption: MediaEncryption?
  public init(preferIPv6: String? = nil, mediaEncryption: MediaEncryption? = nil) {
    self.preferIPv6 = preferIPv6
    self.mediaEncryption = mediaEncryption
  }
}

public enum ParticipantVerdict: Hashable, Sendable {
  case apply(ParticipantProperties)
  case unchanged
  /// The reason is shown to users of apps.
  case reject(reason: String?)
}

public enum RegistrationVerdict: Hashable, Sendable {
  /// The device must authenticate with these.
  case authenticate(username: String, password: Secret)
  /// Allowed without authentication.
  case open
  /// Our own list of devices decides.
  case ownDevices
  case refuse
}

/// What became of a request, in one word, for metrics and records.
public enum PolicyOutcome: String, Hashable, Sendable, CaseIterable {
  /// The result of the answer is in force.
  case used
  /// The server left it to us.
  case `continue`
  case reject
  case redirect
  /// 404, or a status that is not success: not this server's business.
  case notMine = "not_mine"
  /// The answer is void.
  case invalid
  case timeout
  /// No answer, or not an HTTP 2xx.
  case error
  /// Not asked: the circuit breaker is open.
  case skipped
  /// Not asked: too many questions are waiting for this server.
  case overloaded
  /// Not asked: the question cannot be put into a URL.
  case unaskable
  /// Not asked: this is a test or an explanation, and nothing stands for the server.
  case unasked
  /// The call ended before there was an answer.
  case withdrawn
}

/// What local scripts are told of an external answer (`external_policy_disposition`, routing reference §18).
public enum PolicyDisposition: String, Hashable, Sendable {
  case `continue` = "CONTINUE"
  case reject = "REJECT"
  case redirect = "REDIRECT"
}
