import CallModel

/// The timer values of RFC 3261 §17 (table 4 of appendix A), with those of RFC 6026.
///
/// Lettered timers that the RFC derives from T1, T2 and T4 are derived here too, so that a test or a closed network may
/// scale all of them by changing three numbers.
public struct TransactionTimers: Hashable, Sendable {
  /// Estimate of the round trip; the first retransmission interval.
  public var t1: TimeSpan
  /// The largest interval between retransmissions of non-INVITE requests and of INVITE responses.
  public var t2: TimeSpan
  /// How long a message may linger in the network.
  public var t4: TimeSpan
  /// How long an INVITE that was answered provisionally may stay without a final answer (RFC 3261 §16.6 step 11, more
  /// than three minutes). It restarts with each provisional response other than 100. Nil: no limit.
  public var timerC: TimeSpan?
  /// Timer D, at least 32 s: how long a refused INVITE lingers to acknowledge repeated responses.
  public var timerD: TimeSpan
  /// An INVITE not answered within this time is answered with 100 by the layer (RFC 3261 §17.2.1: 200 ms).
  public var inviteTryingDelay: TimeSpan

  public init(
    t1: TimeSpan = .milliseconds(500), t2: TimeSpan = .seconds(4), t4: TimeSpan = .seconds(5),
    timerC: TimeSpan? = .seconds(185), timerD: TimeSpan = .seconds(32),
    inviteTryingDelay: TimeSpan = .milliseconds(200)
  ) {
    self.t1 = t1
    self.t2 = t2
    self.t4 = t4
    self.timerC = timerC
    self.timerD = timerD
    self.inviteTryingDelay = inviteTryingDelay
  }

  /// 64*T1: timers B, F, H, J, L and M, and the wait for the 487 after a CANCEL (RFC 3261 §9.1).
  public var transactionTimeout: TimeSpan { t1 * 64 }
  /// Timer I: how long acknowledgements of a refused INVITE are absorbed.
  public var timerI: TimeSpan { t4 }
  /// Timer K: how long repeated final responses to a non-INVITE request are absorbed.
  public var timerK: TimeSpan { t4 }

  /// When a slow non-INVITE request over UDP is answered with 100: as soon as the client's timer E has reached T2, not
  /// earlier (RFC 4320 §4.1). 3.5 s with the default values.
  public var nonInviteTryingDelay: TimeSpan {
    var interval = t1
    var total = TimeSpan.zero
    while interval > .zero, interval < t2 {
      total = total + interval
      interval = interval * 2
    }
    return max(total, t1)
  }
}
