import CMediaIO
import CallModel

/// The source address one side believes: the rules of ``LatchPolicy`` as a value.
struct Latch {
  enum Verdict {
    /// From the latched source.
    case accepted
    /// May become the source once the packet has proven itself: authenticated, or valid RTP.
    case candidate
    case foreign
  }

  /// The source believed; none before the first packet.
  private(set) var source = mio_address.none
  private var signalled = mio_address.none
  private var signallingHost = mio_address.none
  private var policy = LatchPolicy.Source.signalledAddress
  private var negotiated: Int64 = 0
  /// When the believed source was last heard.
  private(set) var heard: Int64 = 0
  /// When it was first believed.
  private(set) var latched: Int64 = 0

  /// The source is one nobody signalled and no key vouches for: whoever was first.
  private var isStranger = false

  // Probation of an address nobody signalled, or of a signalled one after it.
  private var candidate = mio_address.none
  private var candidateSSRC: UInt32 = 0
  private var candidateSequence: UInt16 = 0

  var isLatched: Bool { !source.isNone }

  /// Takes the outcome of a negotiation.
  mutating func negotiate(
    signalled: mio_address, signallingHost: mio_address, policy: LatchPolicy.Source, reopens: Bool, now: Int64
  ) {
    self.signalled = signalled
    self.signallingHost = signallingHost
    self.policy = policy
    if reopens {
      source = .none
      isStranger = false
      candidate = .none
      negotiated = now
    }
  }

  /// The first look at a packet: before SRTP, at the cost of one comparison for the usual case.
  @inline(__always)
  mutating func judge(
    _ from: inout mio_address, authenticates: Bool, timing: LatchNanoseconds, now: Int64
  ) -> Verdict {
    if mio_address_equal(&source, &from) {
      heard = now
      return .accepted
    }
    return judgeStranger(&from, authenticates: authenticates, timing: timing, now: now)
  }

  private mutating func judgeStranger(
    _ from: inout mio_address, authenticates: Bool, timing: LatchNanoseconds, now: Int64
  ) -> Verdict {
    if isLatched && now - heard < (authenticates ? timing.authenticatedSilence : timing.silence),
      !isDisplaced(by: &from, timing.window, now)
    {
      return .foreign
    }
    if authenticates && policy != .exact { return .candidate }
    return isAllowed(&from, timing: timing, now: now) ? .candidate : .foreign
  }

  private mutating func isAllowed(_ from: inout mio_address, timing: LatchNanoseconds, now: Int64) -> Bool {
    switch policy {
    case .exact: return mio_address_equal(&signalled, &from)
    case .signalledAddress: return isKnownHost(&from)
    case .any: return isKnownHost(&from) || isLatched || now - negotiated < timing.window
    }
  }

  /// True while a stranger is believed whom the signalled addresses may still displace.
  func isProvisional(_ window: Int64, _ now: Int64) -> Bool { isStranger && now - negotiated < window }

  private mutating func isDisplaced(by from: inout mio_address, _ window: Int64, _ now: Int64) -> Bool {
    isProvisional(window, now) && isKnownHost(&from)
  }

  private mutating func isKnownHost(_ from: inout mio_address) -> Bool {
    mio_address_same_host(&signalled, &from) || mio_address_same_host(&signallingHost, &from)
  }

  /// The second look, at a candidate that has proven valid RTP (and authentic, with SRTP). True: it is now
  /// the source.
  ///
  /// - Parameters:
  ///   - continues: the packet carries the SSRC heard so far and is newer than the newest packet.
  ///   - window: ``LatchTiming/window`` in nanoseconds.
  mutating func admit(
    _ from: inout mio_address, ssrc: UInt32, sequence: UInt16, isAuthenticated: Bool, continues: Bool,
    window: Int64, now: Int64
  ) -> Bool {
    let isDisplacing = isDisplaced(by: &from, window, now)
    if isLatched && !isDisplacing {
      // Moving: plain or not, it must go on where the old source stopped. Another SSRC needs a negotiation.
      guard continues else { return false }
    } else if !isAuthenticated && (isDisplacing || !isKnownHost(&from)) {
      // Two in a row, so that one sprayed packet is not enough (RFC 3550 A.1).
      let isSecond =
        mio_address_equal(&candidate, &from) && candidateSSRC == ssrc && sequence &- candidateSequence == 1
      candidate = from
      candidateSSRC = ssrc
      candidateSequence = sequence
      guard isSecond else { return false }
    }
    isStranger = !isAuthenticated && !isKnownHost(&from)
    source = from
    candidate = .none
    heard = now
    latched = now
    return true
  }

  /// Moves the moment of latching back.
  mutating func age(_ span: Int64) { latched -= span }

  /// RTCP has no sequence of its own: it follows RTP's host, or needs authentication.
  mutating func admitRTCP(
    _ from: inout mio_address, isAuthenticated: Bool, rtpSource: inout mio_address, now: Int64
  )
    -> Bool
  {
    guard
      isAuthenticated || mio_address_same_host(&rtpSource, &from) || (rtpSource.isNone && isKnownHost(&from))
    else { return false }
    source = from
    heard = now
    return true
  }
}

/// ``LatchTiming`` in the loop's units.
struct LatchNanoseconds {
  var window: Int64
  var silence: Int64
  var authenticatedSilence: Int64

  init(_ timing: LatchTiming) {
    window = timing.window.nanoseconds
    silence = timing.silence.nanoseconds
    authenticatedSilence = timing.authenticatedSilence.nanoseconds
  }
}
