import CallModel

/// What to register, and how (RFC 3261 §10.2, RFC 3608, RFC 3327, RFC 5626).
public struct RegistrationSettings: Sendable {
  /// The domain of the registrar: Request-URI of REGISTER.
  public var registrar: SIPURI
  /// To and, if nothing else is asked for, From.
  public var addressOfRecord: NameAddress
  public var from: NameAddress?
  public var hops: [Hop]
  /// Route values to preload, for an outbound proxy.
  public var routeSet: [NameAddress]
  public var credentials: [RealmAccount]
  /// User part and parameters of our Contact.
  public var contact: ContactTemplate
  /// The lifetime to ask for, in seconds, 1 to 2^31 - 1.
  public var expires: Int
  /// `+sip.instance` and `reg-id` of RFC 5626 §4.2; nil registers without outbound.
  public var outbound: (instance: String, registrationID: Int)?
  /// Whether to ask for a Path (RFC 3327).
  public var supportsPath: Bool
  /// The first and the longest wait after a failure (RFC 5626 §4.5).
  public var retryBase: TimeSpan
  public var retryMaximum: TimeSpan

  public init(
    registrar: SIPURI, addressOfRecord: NameAddress, from: NameAddress? = nil, hops: [Hop] = [],
    routeSet: [NameAddress] = [], credentials: [RealmAccount] = [],
    contact: ContactTemplate = ContactTemplate(), expires: Int = 3600,
    outbound: (instance: String, registrationID: Int)? = nil, supportsPath: Bool = true,
    retryBase: TimeSpan = .seconds(30), retryMaximum: TimeSpan = .seconds(1800)
  ) {
    self.registrar = registrar
    self.addressOfRecord = addressOfRecord
    self.from = from
    self.hops = hops
    self.routeSet = routeSet
    self.credentials = credentials
    self.contact = contact
    self.expires = max(1, min(expires, Int(Int32.max)))
    self.outbound = outbound
    self.supportsPath = supportsPath
    self.retryBase = retryBase
    self.retryMaximum = retryMaximum
  }
}

/// Keeps one registration with a registrar alive: registers, refreshes before it expires, tries again after failures.
///
/// Sans-IO. The owner sends each ``Action/send(_:)`` by ``UserAgent/send(_:now:)`` and hands the outcome back; it calls
/// ``advance(to:)`` at ``nextDeadline``.
public struct ClientRegistration: Sendable {
  public enum State: Hashable, Sendable {
    case idle
    case registering
    /// Until the instant at which the binding runs out.
    case registered(until: MonotonicInstant)
    /// The last try failed, with this status (nil: no answer). A binding that has not run out yet may still serve.
    case failed(status: Int?)
    case unregistering
  }

  public enum Action: Sendable {
    case send(OutgoingRequest)
    case stateChanged(State)
  }

  public private(set) var state = State.idle
  /// Route values for requests by way of this registrar, as its latest 2xx told them (RFC 3608).
  public private(set) var serviceRoute: [NameAddress] = []
  /// URIs of the registrar that name us (RFC 3455 §4.1).
  public private(set) var associatedURIs: [NameAddress] = []
  public private(set) var nextDeadline: MonotonicInstant?
  public private(set) var settings: RegistrationSettings

  private let callID: String
  private let fromTag: String
  private var sequence: UInt32 = 0
  private var failures = 0
  private var isPending = false
  private var wantsRemoval = false
  private var expiresAt: MonotonicInstant?
  private var random: RandomSource

  /// - Parameter seed: makes identifiers and delays repeatable; nil takes them from the system's generator.
  public init(settings: RegistrationSettings, seed: UInt64? = nil) {
    self.settings = settings
    random = RandomSource(seed: seed)
    callID = random.token() + random.token()
    fromTag = random.token()
  }

  /// Whether calls may be sent by way of this registrar.
  public func isRegistered(at now: MonotonicInstant) -> Bool { expiresAt.map { $0 > now } ?? false }

  /// Registers now, and keeps the registration.
  public mutating func register(now: MonotonicInstant) -> [Action] {
    wantsRemoval = false
    guard !isPending else { return [] }
    return [.send(makeRequest(expires: settings.expires, now: now)), change(to: .registering)]
  }

  /// Removes the binding. A request under way is waited for first.
  public mutating func unregister(now: MonotonicInstant) -> [Action] {
    wantsRemoval = true
    nextDeadline = nil
    guard !isPending else { return [] }
    guard isRegistered(at: now) else {
      expiresAt = nil
      return [change(to: .idle)]
    }
    return [.send(makeRequest(expires: 0, now: now)), change(to: .unregistering)]
  }

  /// The deadline has come: time to refresh or to try again.
  public mutating func advance(to now: MonotonicInstant) -> [Action] {
    guard let deadline = nextDeadline, deadline <= now, !isPending, !wantsRemoval else { return [] }
    return [.send(makeRequest(expires: settings.expires, now: now)), change(to: .registering)]
  }

  /// A response to the request sent last. Provisional ones do not matter.
  public mutating func received(_ response: SIPResponse, now: MonotonicInstant) -> [Action] {
    guard isPending, !response.isProvisional else { return [] }
    isPending = false
    // A digest retry inside the user agent used a number of its own.
    if let used = response.headers.cSeq?.number { sequence = max(sequence, used) }
    if state == .unregistering { return removed() }
    if response.isSuccess {
      registered(response, now: now)
    } else if response.status == 423, let minimum = response.headers.minExpires,
      Int(minimum) > settings.expires, minimum <= UInt32(Int32.max)
    {
      // RFC 3261 §10.2.8.
      settings.expires = Int(minimum)
      guard !wantsRemoval else { return unregister(now: now) }
      return [.send(makeRequest(expires: settings.expires, now: now))]
    } else {
      fail(response.status, retryAfter: response.headers.retryAfter.map { Int($0) }, now: now)
    }
    let change = Action.stateChanged(state)
    return wantsRemoval ? unregister(now: now) : [change]
  }

  /// The request sent last got no response.
  public mutating func failed(_ failure: RequestFailure, now: MonotonicInstant) -> [Action] {
    guard isPending else { return [] }
    isPending = false
    if state == .unregistering { return removed() }
    fail(nil, retryAfter: nil, now: now)
    let change = Action.stateChanged(state)
    return wantsRemoval ? unregister(now: now) : [change]
  }

  /// The flow the registration was made over is gone (RFC 5626 §4.4.1): register again at once.
  public mutating func flowFailed(now: MonotonicInstant) -> [Action] {
    guard !isPending, !wantsRemoval, state != .idle else { return [] }
    expiresAt = nil
    return [.send(makeRequest(expires: settings.expires, now: now)), change(to: .registering)]
  }

  // MARK: Outcomes

  private mutating func change(to state: State) -> Action {
    self.state = state
    return .stateChanged(state)
  }

  private mutating func removed() -> [Action] {
    expiresAt = nil
    nextDeadline = nil
    serviceRoute = []
    return [change(to: .idle)]
  }

  private mutating func registered(_ response: SIPResponse, now: MonotonicInstant) {
    failures = 0
    serviceRoute = response.headers.serviceRoutes
    associatedURIs = response.headers.addresses(.pAssociatedURI)
    let seconds = max(1, grantedLifetime(response))
    let end = now + .seconds(Int64(seconds))
    expiresAt = end
    state = .registered(until: end)
    // Early enough for the retransmissions of one try, but no more often than half of it.
    let margin = min(max(seconds / 10, 32), seconds / 2)
    nextDeadline = now + .seconds(Int64(max(1, seconds - margin)))
  }

  /// The lifetime of our own binding: of the Contact that is ours, else of the Expires header field, else as asked.
  private func grantedLifetime(_ response: SIPResponse) -> Int {
    let contacts = response.headers.contacts
    let own = contacts.first { isOwn($0) } ?? (contacts.count == 1 ? contacts.first : nil)
    if let text = own?["expires"], let seconds = Int(text) { return min(max(seconds, 1), settings.expires) }
    if let seconds = response.headers.expires { return min(Int(seconds), settings.expires) }
    return settings.expires
  }

  private func isOwn(_ contact: NameAddress) -> Bool {
    if let outbound = settings.outbound {
      return contact["+sip.instance"] == outbound.instance
        && contact["reg-id"] == String(outbound.registrationID)
    }
    return contact.uri.user == settings.contact.user
  }

  /// RFC 5626 §4.5: waits double with each failure, up to a maximum, and are spread between half and all of that.
  private mutating func fail(_ status: Int?, retryAfter: Int?, now: MonotonicInstant) {
    failures = min(failures + 1, 16)
    state = .failed(status: status)
    let longest = min(
      settings.retryMaximum.nanoseconds,
      settings.retryBase.nanoseconds.multipliedReportingOverflow(by: 1 << Int64(failures - 1)).overflow
        ? .max : settings.retryBase.nanoseconds << Int64(failures - 1))
    var wait = TimeSpan(nanoseconds: Int64.random(in: longest / 2...longest, using: &random))
    if let retryAfter { wait = max(wait, .seconds(Int64(min(retryAfter, 86_400)))) }
    nextDeadline = now + wait
  }

  // MARK: The request

  private mutating func makeRequest(expires: Int, now: MonotonicInstant) -> OutgoingRequest {
    sequence += 1
    isPending = true
    nextDeadline = nil
    var contact = settings.contact
    contact.parameters.removeAll { equalIgnoringASCIICase($0.name, "expires") }
    contact.parameters.append(SIPURI.Parameter("expires", String(expires)))
    var supported: [String] = []
    if settings.supportsPath { supported.append("path") }
    if let outbound = settings.outbound {
      supported.append("outbound")
      contact.uriParameters.append(SIPURI.Parameter("ob"))
      contact.parameters.append(SIPURI.Parameter("reg-id", String(outbound.registrationID)))
      var instance = SIPURI.Parameter("+sip.instance", outbound.instance)
      instance.isQuoted = true
      contact.parameters.append(instance)
    }
    var headers: [SIPHeaders.Field] = [SIPHeaders.Field(.expires, String(expires))]
    if !supported.isEmpty { headers.append(SIPHeaders.Field(.supported, supported.joined(separator: ", "))) }
    return OutgoingRequest(
      method: .register, requestURI: settings.registrar, routeSet: settings.routeSet, hops: settings.hops,
      from: settings.from ?? settings.addressOfRecord, to: settings.addressOfRecord, headers: headers,
      credentials: settings.credentials, callID: callID, sequence: sequence, fromTag: fromTag,
      contact: contact)
  }
}
