import CallModel

extension LimitReached {
  /// Why an attempt is not made: a full trunk is congestion, and another may have room; a number's limit holds on all.
  public var disconnect: Disconnect {
    Disconnect(scope == .trunk ? .congestion : .quotaReached, text: "Limit reached")
  }
}

extension RouteTarget {
  /// Where the target is known to be before it has answered.
  public var remoteAddress: TransportAddress? {
    if case .device(let binding) = destination { return binding.remote }
    return nil
  }
}

extension Cause {
  /// Which of several failures the caller is told: the user's own words first, then what says most (RFC 3261 §16.7 step 6).
  public var forkingRank: Int {
    switch self {
    case .declined, .busyEverywhere, .doesNotExistAnywhere: 0
    case .moved: 1
    case .busy: 2
    case .noAnswer, .temporarilyUnavailable: 3
    case .notAcceptable, .encryptionRequired: 4
    case .notFound, .gone, .invalidNumber: 5
    case .forbidden, .unauthorised: 6
    case .cancelled: 9
    default: 7
    }
  }
}
