import CallModel
import PolicyScript

/// The six questions a policy server can be asked (routing reference §10).
public enum PolicyRequestKind: String, Hashable, Sendable, CaseIterable {
  case serviceConfiguration = "service"
  case participantProperties = "participant"
  case mediaLocation = "media_location"
  case avatar
  case directory
  case registration
}

/// A policy server and what it is asked, and the scripts that run here (`policy_server`; routing reference §8). Locations name
/// the profile they use.
public struct PolicyProfile: Hashable, Sendable {
  public var name: String
  public var description: String
  /// Nil: there is no server, only ``scripts``.
  public var url: PolicyServerURL?
  /// HTTP Basic; nil: no authentication.
  public var credential: Credential?
  /// The questions that are asked; the others are decided here.
  public var hooks: [PolicyRequestKind: PolicyHook]
  /// What looks at our decisions, and at the server's answers, before they count (routing reference §18).
  public var scripts: [ScriptKind: LocalScript]
  /// Exchanges with the server at once; more wait, within their deadline.
  public var maximumConcurrent: Int
  /// Questions that wait; one more is decided by its fallback at once.
  public var maximumWaiting: Int
  /// Verify the TLS certificate. Off only for laboratories.
  public var verifiesCertificate: Bool
  /// PEM file of the authorities to trust instead of the system's.
  public var certificateAuthorityFile: String?
  /// An HTTP proxy on the way to the server.
  public var proxy: Proxy?
  /// Ask the user's own picture address first, then the policy server.
  public var prefersLocalAvatars: Bool

  public struct Proxy: Hashable, Sendable {
    public var host: String
    public var port: UInt16
    public init(host: String, port: UInt16) {
      self.host = host
      self.port = port
    }
  }

  public init(
    name: String, description: String = "", url: PolicyServerURL? = nil, credential: Credential? = nil,
    hooks: [PolicyRequestKind: PolicyHook] = [:], scripts: [ScriptKind: LocalScript] = [:],
    maximumConcurrent: Int = 100, maximumWaiting: Int = 1_000,
    verifiesCertificate: Bool = true, certificateAuthorityFile: String? = nil, proxy: Proxy? = nil,
    prefersLocalAvatars: Bool = false
  ) {
    self.name = name
    self.description = description
    self.url = url
    self.credential = credential
    self.hooks = hooks
    self.scripts = scripts
    self.maximumConcurrent = maximumConcurrent
    self.maximumWaiting = maximumWaiting
    self.verifiesCertificate = verifiesCertificate
    self.certificateAuthorityFile = certificateAuthorityFile
    self.proxy = proxy
    self.prefersLocalAvatars = prefersLocalAvatars
  }
}

/// How one question is put: how long it may take, and what happens without an answer.
public struct PolicyHook: Hashable, Sendable {
  /// What is decided when the server gives no valid answer. "Not mine" (404, or a status that is not success) is one.
  public enum Fallback: String, Hashable, Sendable, CaseIterable {
    /// As if the server had never been asked.
    case `continue`
    /// Refuse the call, the participant or the registration. Means nothing for locations, pictures and the directory.
    case reject
  }

  /// Leaves a server in peace that has failed several times in a row.
  public struct CircuitBreaker: Hashable, Sendable {
    /// Failures in a row after which it is not asked.
    public var failures: Int
    /// How long; then one question is a trial.
    public var coolDown: TimeSpan
    public init(failures: Int = 5, coolDown: TimeSpan = .seconds(10)) {
      self.failures = failures
      self.coolDown = coolDown
    }
  }

  /// From the question to the last byte of the answer, waiting and connecting included.
  public var deadline: TimeSpan
  public var fallback: Fallback
  public var circuitBreaker: CircuitBreaker?

  /// Five seconds are the reference system's.
  public init(
    deadline: TimeSpan = .seconds(5), fallback: Fallback = .continue, circuitBreaker: CircuitBreaker? = nil
  ) {
    self.deadline = deadline
    self.fallback = fallback
    self.circuitBreaker = circuitBreaker
  }
}

/// A local policy script as it stands in a policy.
public struct LocalScript: Hashable, Sendable {
  public var text: String
  /// The file it was read from; nil: it stands in the policy itself.
  public var file: String?
  public var isEnabled: Bool
  /// What is decided when the script fails: the reference system's way is that it does not count.
  public var fallback: PolicyHook.Fallback

  public init(
    text: String, file: String? = nil, isEnabled: Bool = true, fallback: PolicyHook.Fallback = .continue
  ) {
    self.text = text
    self.file = file
    self.isEnabled = isEnabled
    self.fallback = fallback
  }
}

extension ScriptKind {
  /// Its key in policy files, and its name in records.
  public var word: String { self == .location ? "media_location" : rawValue }
}
