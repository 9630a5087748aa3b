import CallModel

/// What calls use up of the caps on the service, on callers, rules, trunks and numbers.
///
/// A call takes a share of several accounts at once or of none; the share is given back once, however often that is asked for.
/// Accounts are kept by stable names and survive reloads: caps are read from the policy at each admission, so a lowered cap
/// refuses new calls and ends none. Of callers at most ``capacity`` are told apart; idle ones are forgotten, and once all that
/// are known count for something, newcomers share one account: a flood of identities lifts nobody's cap.
public final class CallLimiter {
  /// Whose account.
  public struct Scope: Hashable, Sendable {
    public var kind: LimitReached.Scope
    public var name: String
    /// nil: all callers together.
    public var caller: String?

    public init(_ kind: LimitReached.Scope, _ name: String = "", caller: String? = nil) {
      self.kind = kind
      self.name = name
      self.caller = caller
    }
  }

  /// What one call costs one account.
  public struct Charge: Sendable {
    public var scope: Scope
    public var caps: CallCaps
    /// Tells destinations apart; nil where nothing asks.
    public var destination: UInt64?
    /// Counts among the calls at once, and its time runs. Not a call resolved anew, which does already.
    public var occupies: Bool

    public init(_ scope: Scope, _ caps: CallCaps, destination: UInt64? = nil, occupies: Bool = true) {
      self.scope = scope
      self.caps = caps
      self.destination = destination
      self.occupies = occupies
      if !occupies {
        self.caps.concurrentCalls = nil
        self.caps.callMinutes = nil
        self.caps.maximumDuration = nil
      }
    }
  }

  /// What a call has taken, until it is given back.
  public struct ShareID: Hashable, Sendable {
    fileprivate var number: UInt64
  }

  private struct Holding {
    var account: LimitAccount
    var charge: Charge
    /// Where the call was counted.
    var counted: Int64?
  }

  private struct Share {
    var holdings: [Holding]
    /// Set once time counts.
    var deadline: MonotonicInstant?
    var deadlineScope: Scope?
    var nextMinute: MonotonicInstant?
  }

  private var accounts: [Scope: LimitAccount] = [:]
  private var shares: [ShareID: Share] = [:]
  private var nextShare: UInt64 = 1
  private let capacity: Int
  /// Looking for idle accounts takes a moment; a flood must not ask for it with every call.
  private var nextSweep = MonotonicInstant.zero

  /// - Parameter capacity: accounts of callers beyond which idle ones are forgotten.
  public init(capacity: Int = 100_000) { self.capacity = capacity }

  // MARK: Calls

  /// The cap that refuses a call, if one does.
  /// - Parameter replaced: a share that the new call takes the place of.
  public func refusal(
    of charges: [Charge], replacing replaced: ShareID? = nil, now: MonotonicInstant
  ) -> LimitReached? {
    let old = replaced.flatMap { shares[$0] }
    for charge in charges {
      // A caller who is not known has used nothing, and no cap is below one.
      guard let account = known(charge.scope, now) else { continue }
      let own = old?.holdings.count { $0.account === account && $0.charge.occupies } ?? 0
      if let cap = account.exceeded(by: charge, own: own, now: now) { return reached(charge.scope, cap) }
    }
    return nil
  }

  /// Takes a call's share. ``refusal(of:replacing:now:)`` comes first.
  /// - Returns: nil when it costs nothing.
  public func take(_ charges: [Charge], now: MonotonicInstant) -> ShareID? {
    guard !charges.isEmpty else { return nil }
    let holdings = charges.map { charge in
      let account = account(charge.scope, now)
      return Holding(account: account, charge: charge, counted: account.take(charge, now: now))
    }
    let id = ShareID(number: nextShare)
    nextShare += 1
    shares[id] = Share(holdings: holdings)
    return id
  }

  /// Gives a share back: once, whoever asks how often.
  /// - Parameter isTakenBack: the call never took place, and is not counted in windows.
  public func release(_ id: ShareID?, isTakenBack: Bool = false) {
    guard let id, let share = shares.removeValue(forKey: id) else { return }
    for holding in share.holdings {
      holding.account.release(holding.charge)
      if isTakenBack, let counted = holding.counted { holding.account.takeBack(counted) }
    }
  }

  // MARK: Time

  /// The call was answered: its time counts from here. Later calls do nothing.
  public func beginTime(_ id: ShareID, now: MonotonicInstant) {
    guard var share = shares[id], share.deadline == nil, share.nextMinute == nil else { return }
    for holding in share.holdings {
      let caps = holding.charge.caps
      if let most = caps.maximumDuration, now + most < share.deadline ?? .distantFuture {
        share.deadline = now + most
        share.deadlineScope = holding.charge.scope
      }
      if caps.callMinutes != nil { share.nextMinute = now }
    }
    shares[id] = share
  }

  /// When ``passTime(_:now:)`` is due; nil when nothing limits the share's time, or it was given back.
  public func nextDeadline(_ id: ShareID) -> MonotonicInstant? {
    guard let share = shares[id] else { return nil }
    guard let deadline = share.deadline, let minute = share.nextMinute else {
      return share.deadline ?? share.nextMinute
    }
    return min(deadline, minute)
  }

  /// The end of its time, if it has one, and whose cap that is.
  public func end(of id: ShareID) -> (at: MonotonicInstant, limit: LimitReached)? {
    guard let share = shares[id], let deadline = share.deadline, let scope = share.deadlineScope else {
      return nil
    }
    return (deadline, reached(scope, .maximumDuration))
  }

  /// Counts the minutes that begin.
  /// - Returns: the cap by which the call is over.
  public func passTime(_ id: ShareID, now: MonotonicInstant) -> LimitReached? {
    if let end = end(of: id), end.at <= now { return end.limit }
    guard var share = shares[id] else { return nil }
    while let minute = share.nextMinute, minute <= now {
      for holding in share.holdings {
        guard let quota = holding.charge.caps.callMinutes else { continue }
        guard holding.account.hasMinute(quota, now: now) else {
          return reached(holding.charge.scope, .callMinutes)
        }
      }
      for holding in share.holdings {
        if let quota = holding.charge.caps.callMinutes { holding.account.takeMinute(quota, now: now) }
      }
      share.nextMinute = minute + .seconds(60)
      shares[id] = share
    }
    return nil
  }

  // MARK: Status

  public func concurrentCalls(_ scope: Scope) -> Int { accounts[scope]?.concurrent ?? 0 }
  /// Shares that have not been given back.
  public var openShares: Int { shares.count }
  public var accountCount: Int { accounts.count }

  // MARK: Accounts

  private static let others = "others"

  private func reached(_ scope: Scope, _ cap: LimitReached.Cap) -> LimitReached {
    LimitReached(scope.kind, name: scope.name, caller: scope.caller, cap: cap)
  }

  private func known(_ scope: Scope, _ now: MonotonicInstant) -> LimitAccount? {
    accounts[scope]
      ?? (scope.caller != nil && isFull(now)
        ? accounts[Scope(scope.kind, scope.name, caller: CallLimiter.others)] : nil)
  }

  private func account(_ scope: Scope, _ now: MonotonicInstant) -> LimitAccount {
    if let account = known(scope, now) { return account }
    var scope = scope
    // Rules, trunks and numbers are as many as the policy says; callers are as many as they like.
    if scope.caller != nil, isFull(now) { scope.caller = CallLimiter.others }
    let account = LimitAccount()
    accounts[scope] = account
    return account
  }

  /// True when there is no room for another caller, idle ones forgotten.
  private func isFull(_ now: MonotonicInstant) -> Bool {
    guard accounts.count >= capacity else { return false }
    if now >= nextSweep {
      accounts = accounts.filter { !$0.value.isIdle(now: now) }
      nextSweep = now + .seconds(1)
    }
    return accounts.count >= capacity
  }
}
