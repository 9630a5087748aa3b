import CallModel

/// Where the packets of a side go.
public enum RelayMode: UInt8, Sendable, Hashable {
  /// From A to B and from B to A.
  case relay
  /// Each side hears itself (the test call's echo).
  ///
  /// Packets go back under an SSRC of our own, not under the sender's: a participant that receives its own
  /// SSRC must take it for a loop or a collision and may change SSRC, drop the packets or leave (RFC 3550
  /// §8.2). Sequence numbers and timestamps are kept, so losses and jitter stay visible. The sender's RTCP
  /// ends here.
  case loop
  /// Nothing is passed on: a ``MediaTap`` takes what A sends, and makes what A is sent. Reports are ours. Without a tap
  /// packets are dropped.
  case endpoint
}

/// When missing packets end a call.
public struct MediaTimeout: Sendable, Hashable {
  /// Silence of one party while the other may still be talking; nil never reports it. Not counted while that
  /// party is not allowed to send (hold).
  public var oneSide: TimeSpan?
  /// Silence of both; nil never reports it. Not counted while neither is allowed to send.
  public var bothSides: TimeSpan?

  public init(oneSide: TimeSpan? = nil, bothSides: TimeSpan? = nil) {
    self.oneSide = oneSide
    self.bothSides = bothSides
  }

  public static let none = MediaTimeout()
}

/// A stream between two parties, or between a party and itself.
public struct RelayStreamConfiguration: Sendable, Hashable {
  public var a: RelaySide
  /// May be nil with ``RelayMode/loop`` and ``RelayMode/endpoint``.
  public var b: RelaySide?
  public var mode: RelayMode
  public var timeout: MediaTimeout

  public init(a: RelaySide, b: RelaySide? = nil, mode: RelayMode = .relay, timeout: MediaTimeout = .none) {
    self.a = a
    self.b = b
    self.mode = mode
    self.timeout = timeout
  }
}

/// A digit or other event to be sent (RFC 4733).
public struct TelephoneEvent: Sendable, Hashable {
  /// 0...9 digits, 10 `*`, 11 `#`, 12...15 A to D, 16 flash.
  public var code: UInt8
  /// Clamped to 40 ms...6 s when sent.
  public var duration: TimeSpan
  /// -dBm0, 0...63.
  public var volume: UInt8

  public init(code: UInt8, duration: TimeSpan = .milliseconds(160), volume: UInt8 = 10) {
    self.code = code
    self.duration = duration
    self.volume = volume
  }

  /// The event of a DTMF character, nil when it is none of `0123456789*#ABCD` (any case) or `!` (flash).
  public init?(digit: Character, duration: TimeSpan = .milliseconds(160)) {
    // Not `uppercased()`: it may yield several characters.
    guard let ascii = digit.asciiValue else { return nil }
    let upper = (97...100).contains(ascii) ? ascii - 32 : ascii
    guard let code = TelephoneEvent.codes.firstIndex(of: Character(UnicodeScalar(upper))) else { return nil }
    self.init(code: UInt8(code), duration: duration)
  }

  /// The DTMF character of an event code; nil above 16.
  public static func digit(_ code: UInt8) -> Character? {
    Int(code) < codes.count ? codes[Int(code)] : nil
  }

  private static let codes = Array("0123456789*#ABCD!")
}
