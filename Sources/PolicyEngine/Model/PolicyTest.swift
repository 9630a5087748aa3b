import CallModel

/// A call, and what a policy must do with it (`tests[]`).
public struct PolicyTest: Sendable {
  public var name: String
  public var file: String
  /// From 1.
  public var line: Int
  public var call: Call
  /// What policy servers say in this test; nobody is asked.
  public var external: PolicyDoubles
  public var expectation: Expectation

  public struct Call: Sendable {
    public var alias: String
    public var callProtocol: CallProtocol
    public var direction: CallDirection
    public var from: String
    public var isRegistered: Bool
    public var registeredAlias: String?
    public var location: String?
    public var source: IPAddress?
    public var trunk: String?
    public var capability: CallCapability
    public var tag: String
    /// Trunks assumed to be down.
    public var withoutTrunks: [String]
    public var at: WallClock

    /// The time of tests that give none: a Wednesday at noon, so that no test depends on when it is run.
    public static let standardTime = WallClock(milliseconds: 1_767_787_200_000)
  }

  /// What is nil is not compared.
  public struct Expectation: Sendable {
    public enum Kind: String, Sendable { case gateway, service, reject, redirect }

    public var kind: Kind?
    public var rule: String?
    public var service: String?
    public var alias: String?
    public var target: CallTarget?
    public var attempts: [Attempt]?
    public var capability: CallCapability?
    public var encryption: MediaEncryption?
    public var rejection: Rejection?
    public var destination: Destination?
    /// By what they are on.
    public var limits: [LimitReached.Scope: Limits] = [:]
    /// Of the service or gateway call.
    public var name: String?
    public var tag: String?
    public var bandwidthIn: Bandwidth?
    public var bandwidthOut: Bandwidth?
    /// Who the called party is told is calling.
    public var caller: String?
    public var callerName: String?
    /// What became of the question to the policy server, in the word of the record.
    public var server: String?
    /// What became of the local script, in the word of the record.
    public var script: PolicyScriptRecord.Outcome?
  }

  /// The destination limit that a number falls under.
  public enum Destination: Hashable, Sendable {
    case none
    case named(String)
  }

  /// Caps that are expected: what is nil is not compared.
  public struct Limits: Hashable, Sendable {
    public var caps = CallLimits()
    /// There is no cap on calls at once.
    public var isUnlimited = false
    public var isUnlimitedPerCaller = false
  }

  /// One trunk, and what it is told.
  public struct Attempt: Hashable, Sendable {
    public var trunk: String
    public var called: String?
    public var calling: String?
  }
}
