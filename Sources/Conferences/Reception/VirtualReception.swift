import CallModel
import Router

/// One caller at a virtual reception (`two_stage_dialing`, reference §7.1): asks for a number, makes an alias of it, and sends
/// the caller there.
///
/// Sans-IO, as ``Conference``. What was entered becomes a new ``CallRequest`` and goes through the one door; the caller
/// stays on its leg.
public struct VirtualReception {
  public struct Settings: Hashable, Sendable {
    /// What the number names (`two_stage_dial_type`).
    public enum Kind: String, Hashable, Sendable, CaseIterable {
      case regular
      case mssip
      case gms
      case teams
    }

    public var name: String
    public var kind = Kind.regular
    /// The whole of what is entered must match; empty: anything does.
    public var matchString = ""
    /// What is made of it; empty: it stays.
    public var replaceString = ""
    /// The same for the code that was looked up for an external meeting.
    public var postMatchString = ""
    public var postReplaceString = ""
    /// From the first prompt to a number that exists. The reference's `pin_entry_timeout`.
    public var entryTimeout = TimeSpan.seconds(120)

    public init(name: String) { self.name = name }
  }

  public enum Action: Hashable, Sendable {
    case answer
    case play([PromptPart])
    case stopPlaying
    /// Ask the external system which meeting this is; the answer is ``VirtualReception/lookedUp(_:transform:now:)``.
    case lookUp(Settings.Kind, String)
    /// Ask the Router; the answer is ``VirtualReception/decided(_:now:)``.
    case route(CallRequest)
    /// Hand the caller to what was decided, as a call that is answered. The reception is done.
    case connect(Decision)
    /// End the call, after saying this. The reception is done.
    case disconnect(Disconnect, saying: [PromptPart])
  }

  /// A rule's transform on an alias; nil: it does not match (``PolicySnapshot/apply(_:to:)``).
  public typealias Transform = (AliasTransform, String) -> String?

  private enum State {
    case collecting(NumberEntry)
    case lookingUp
    case routing
    case over
  }

  /// A call is sent on this often at most, so that receptions that name each other end.
  public static let maximumHops = 5
  public static let attempts = 3

  public let settings: Settings
  private let request: CallRequest
  private let deadline: MonotonicInstant
  private var state: State
  private var attemptsLeft = VirtualReception.attempts

  /// - Parameter request: the call that came to the reception.
  public init(_ settings: Settings, request: CallRequest, now: MonotonicInstant) {
    self.settings = settings
    self.request = request
    deadline = now + settings.entryTimeout
    state = .collecting(NumberEntry(timeout: settings.entryTimeout, now: now))
  }

  public var isOver: Bool { if case .over = state { true } else { false } }

  public mutating func start() -> [Action] {
    let hasHopsLeft = request.resolutions < VirtualReception.maximumHops
    guard hasHopsLeft else {
      return [.answer, finish(.loop, "Too many receptions", .receptionNothingEntered)]
    }
    return [.answer, .play([.prompt(.receptionEnterNumber)])]
  }

  /// A key of a telephone: `#` ends the number, `*` clears it.
  public mutating func pressed(
    _ key: DTMFDigit, transform: Transform, now: MonotonicInstant
  ) -> [Action] {
    guard case .collecting(var entry) = state else { return [] }
    if key.event == 10 { entry.clear() }
    let isComplete = key.event != 10 && entry.press(key)
    state = .collecting(entry)
    guard isComplete else { return [.stopPlaying] }
    return [.stopPlaying] + take(entry.isOverlong ? "" : entry.digits, transform, now)
  }

  /// Text from a client that has a keyboard (`conference_extension`).
  public mutating func entered(
    _ text: String, transform: Transform, now: MonotonicInstant
  ) -> [Action] {
    guard case .collecting = state else { return [] }
    return take(text.utf8.count <= DialOut.maximumDestinationLength ? text : "", transform, now)
  }

  private mutating func take(_ text: String, _ transform: Transform, _ now: MonotonicInstant) -> [Action] {
    guard !text.isEmpty,
      let value = apply(settings.matchString, settings.replaceString, to: text, transform)
    else { return refuse(now) }
    guard settings.kind == .regular else {
      state = .lookingUp
      return [.lookUp(settings.kind, value)]
    }
    return route(value)
  }

  /// What the external system calls the meeting; nil: it knows none.
  public mutating func lookedUp(
    _ code: String?, transform: Transform, now: MonotonicInstant
  ) -> [Action] {
    guard case .lookingUp = state else { return [] }
    guard let code, !code.isEmpty,
      let value = apply(settings.postMatchString, settings.postReplaceString, to: code, transform)
    else { return refuse(now) }
    return route(value)
  }

  private func apply(
    _ pattern: String, _ replacement: String, to text: String, _ transform: Transform
  ) -> String? {
    if pattern.isEmpty { return text }
    let whole = "\\g<0>"
    return transform(
      AliasTransform(pattern: pattern, replacement: replacement.isEmpty ? whole : replacement), text)
  }

  private mutating func route(_ alias: String) -> [Action] {
    var next = request
    next.trigger = .twoStageDialing
    next.alias = Alias(dialled: alias, protocol: request.callProtocol).withoutPIN
    next.previousServiceName = settings.name
    next.resolutions += 1
    state = .routing
    return [.route(next)]
  }

  /// What the Router says of the alias.
  public mutating func decided(_ decision: Decision, now: MonotonicInstant) -> [Action] {
    guard case .routing = state else { return [] }
    switch decision {
    case .service, .gateway:
      state = .over
      return [.play([.prompt(.receptionConnecting)]), .connect(decision)]
    case .reject(.limitReached): return [finish(.limitReached, "Limit reached", .conferenceFull)]
    case .reject(.shutdown): return [finish(.shutdown, "Shutting down", .conferenceEnds)]
    case .reject(.loop), .reject(.tooManyHops): return [finish(.loop, "Loop", .receptionNothingEntered)]
    case .reject, .redirect: return refuse(now)
    }
  }

  private mutating func refuse(_ now: MonotonicInstant) -> [Action] {
    attemptsLeft -= 1
    if attemptsLeft <= 0 { return [finish(.normal, "Three invalid numbers", .receptionThreeInvalid)] }
    // The Router may have taken longer than the caller had left.
    if deadline <= now { return [timedOut()] }
    state = .collecting(NumberEntry(timeout: deadline - now, now: now))
    return [.play([.prompt(.receptionInvalidNumber)])]
  }

  private mutating func finish(_ cause: Cause, _ text: String, _ prompt: Prompt) -> Action {
    state = .over
    return .disconnect(Disconnect(cause, text: text), saying: [.prompt(prompt)])
  }

  private mutating func timedOut() -> Action {
    finish(.normal, "No valid number in time", .receptionNothingEntered)
  }

  /// The caller has hung up.
  public mutating func left() { state = .over }

  public var nextDeadline: MonotonicInstant? {
    if case .collecting = state { return deadline }
    return nil
  }

  public mutating func advance(to now: MonotonicInstant) -> [Action] {
    guard case .collecting = state, deadline <= now else { return [] }
    return [timedOut()]
  }
}
