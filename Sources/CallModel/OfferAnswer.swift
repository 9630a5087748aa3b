/// The rules of offer and answer (RFC 3264, RFC 4568, RFC 4317) as pure functions over ``MediaDescription``.
///
/// They serve a back-to-back user agent that relays media as it is, and services of our own that end media (``answer(to:with:keeping:address:makeKey:)``).
public enum OfferAnswer {
  /// How an answer breaks the rules. `stream` is the index of the `m=` line.
  public enum Violation: Error, Hashable, Sendable {
    case streamCount(offered: Int, answered: Int)
    case kindChanged(stream: Int)
    /// The transport is not the one that was offered, in a way that changes what goes over the wire.
    case profileChanged(stream: Int)
    /// A stream that was offered with port 0 came back with a port.
    case disabledStreamAnswered(stream: Int)
    case codecNotOffered(stream: Int, payloadType: UInt8)
    /// No format of an accepted stream was offered.
    case noCommonCodec(stream: Int)
    case directionNotAllowed(stream: Int, offered: MediaStream.Direction, answered: MediaStream.Direction)
    /// The answer's key has a tag and suite that were not offered, or there are several.
    case cryptoNotOffered(stream: Int)
    /// The stream had to be encrypted and the answer has no key for it.
    case encryptionMissing(stream: Int)
    case multiplexingNotOffered(stream: Int)
  }

  public enum Strictness: Hashable, Sendable {
    /// Any violation is an error.
    case strict
    /// Faults whose remedy is beyond doubt are mended; only the others are errors.
    case lenient
  }

  /// An answer that obeys the rules, and what had to be mended for that.
  public struct ValidAnswer: Hashable, Sendable {
    public var description: MediaDescription
    public var repairs: [Violation]
  }

  /// Checks an answer against the offer that it answers.
  ///
  /// The result has as many streams as the offer, in its order. Formats without `rtpmap` that the offer explained are filled
  /// in, which is no violation of RFC 3264 and frequent.
  public static func validate(
    answer: MediaDescription, to offer: MediaDescription, _ strictness: Strictness = .lenient
  ) throws(Violation) -> ValidAnswer {
    var result = ValidAnswer(description: answer, repairs: [])
    let mend = { (violation: Violation, answer: inout ValidAnswer) throws(Violation) in
      if strictness == .strict { throw violation }
      answer.repairs.append(violation)
    }
    if answer.streams.count != offer.streams.count {
      try mend(.streamCount(offered: offer.streams.count, answered: answer.streams.count), &result)
      // Too few: the rest counts as refused. Too many: nobody asked for them.
      for stream in offer.streams.dropFirst(answer.streams.count) {
        result.description.streams.append(stream.disabled())
      }
      result.description.streams.removeLast(max(0, answer.streams.count - offer.streams.count))
    }
    for (i, offered) in offer.streams.enumerated() {
      var stream = result.description.streams[i]
      if stream.kind != offered.kind {
        guard !stream.isEnabled else { throw .kindChanged(stream: i) }
        try mend(.kindChanged(stream: i), &result)
        result.description.streams[i] = offered.disabled()
      }
      guard stream.isEnabled else { continue }
      if !offered.isEnabled {
        try mend(.disabledStreamAnswered(stream: i), &result)
        result.description.streams[i].isEnabled = false
        continue
      }
      var repairs: [Violation] = []
      try validateTransport(&stream, offered, i, &repairs)
      if offered.profile.isRTP {
        validateCodecs(&stream, offered, i, &repairs)
        if !stream.direction.isAllowed(asAnswerTo: offered.direction) {
          repairs.append(
            .directionNotAllowed(stream: i, offered: offered.direction, answered: stream.direction))
          stream.direction = stream.direction.intersection(offered.direction.reversed)
        }
        if stream.isRTCPMultiplexed, !offered.isRTCPMultiplexed {
          repairs.append(.multiplexingNotOffered(stream: i))
          stream.isRTCPMultiplexed = false
        }
      }
      for repair in repairs { try mend(repair, &result) }
      result.description.streams[i] = stream
    }
    let usable = result.description.streams.contains { $0.isEnabled }
    if !usable,
      let repair = result.repairs.last(where: { if case .noCommonCodec = $0 { true } else { false } })
    {
      throw repair
    }
    return result
  }

  private static func validateCodecs(
    _ stream: inout MediaStream, _ offered: MediaStream, _ index: Int, _ repairs: inout [Violation]
  ) {
    for i in stream.codecs.indices where stream.codecs[i].name.isEmpty {
      let payloadType = stream.codecs[i].payloadType
      if let known = offered.codecs.first(where: { $0.payloadType == payloadType }) {
        stream.codecs[i].name = known.name
        stream.codecs[i].clockRate = known.clockRate
        stream.codecs[i].channels = known.channels
        if stream.codecs[i].parameters == nil { stream.codecs[i].parameters = known.parameters }
      }
    }
    let all = stream.codecs
    stream.codecs.removeAll { codec in
      if codec.counterpart(in: offered.codecs, among: all) != nil { return false }
      repairs.append(.codecNotOffered(stream: index, payloadType: codec.payloadType))
      return true
    }
    if !stream.codecs.contains(where: { $0.isPrimary }), offered.codecs.contains(where: { $0.isPrimary }) {
      repairs.append(.noCommonCodec(stream: index))
      stream.isEnabled = false
    }
  }

  private static func validateTransport(
    _ stream: inout MediaStream, _ offered: MediaStream, _ index: Int, _ repairs: inout [Violation]
  ) throws(Violation) {
    guard offered.profile.isRTP else {
      guard stream.profile.isSameTransport(as: offered.profile) else { throw .profileChanged(stream: index) }
      return
    }
    guard stream.profile.isRTP, stream.profile.isDTLS == offered.profile.isDTLS else {
      throw .profileChanged(stream: index)
    }
    try validateCrypto(&stream, offered, index, &repairs)
    if offered.profile.isSecure, !offered.profile.isDTLS {
      guard !stream.cryptos.isEmpty else {
        throw stream.profile.isSecure ? .encryptionMissing(stream: index) : .profileChanged(stream: index)
      }
    } else if stream.profile.isSecure, !stream.profile.isDTLS, stream.cryptos.isEmpty {
      throw offered.cryptos.isEmpty ? .profileChanged(stream: index) : .encryptionMissing(stream: index)
    }
    guard stream.profile != offered.profile else { return }
    // A best-effort offer (RTP/AVP with keys) may be answered with RTP/SAVP; that is what it is for.
    let isUpgrade = !offered.profile.isSecure && stream.profile.isSecure && !stream.cryptos.isEmpty
    if !isUpgrade || stream.profile.hasFeedback != offered.profile.hasFeedback {
      repairs.append(.profileChanged(stream: index))
    }
    if offered.profile.isSecure { stream.profile = stream.profile.secured }
  }

  /// RFC 4568 §5.1.3: one line with the tag and suite of one offered line.
  private static func validateCrypto(
    _ stream: inout MediaStream, _ offered: MediaStream, _ index: Int, _ repairs: inout [Violation]
  ) throws(Violation) {
    guard !stream.cryptos.isEmpty else { return }
    guard !offered.cryptos.isEmpty else {
      // Keys out of nowhere: without ours they mean nothing, and the stream is plain.
      guard !stream.profile.isSecure else { throw .cryptoNotOffered(stream: index) }
      repairs.append(.cryptoNotOffered(stream: index))
      stream.cryptos = []
      return
    }
    let matching = stream.cryptos.first { answered in
      offered.cryptos.contains { $0.tag == answered.tag && $0.suite == answered.suite }
    }
    if let matching {
      if stream.cryptos.count > 1 { repairs.append(.cryptoNotOffered(stream: index)) }
      stream.cryptos = [matching]
      return
    }
    // A wrong tag with a suite that was offered once can only mean that one.
    guard var crypto = stream.cryptos.first, stream.cryptos.count == 1 else {
      throw .cryptoNotOffered(stream: index)
    }
    let candidates = offered.cryptos.filter { $0.suite == crypto.suite }
    guard let only = candidates.first, candidates.count == 1 else { throw .cryptoNotOffered(stream: index) }
    repairs.append(.cryptoNotOffered(stream: index))
    crypto.tag = only.tag
    stream.cryptos = [crypto]
  }
}

extension MediaStream {
  /// The stream as it is refused or dropped: port 0, without keys and attributes of the transport.
  public func disabled() -> MediaStream {
    var result = self
    result.isEnabled = false
    result.address.port = 0
    result.rtcpAddress = nil
    result.cryptos = []
    return result
  }
}

extension MediaStream.Profile {
  public var isDTLS: Bool { self == .dtlsSAVP || self == .dtlsSAVPF }

  /// The profile with SRTP keyed by SDES; DTLS stays DTLS.
  public var secured: Self {
    switch self {
    case .rtpAVP: .rtpSAVP
    case .rtpAVPF: .rtpSAVPF
    default: self
    }
  }

  /// The profile without encryption.
  public var plain: Self {
    switch self {
    case .rtpSAVP, .dtlsSAVP: .rtpAVP
    case .rtpSAVPF, .dtlsSAVPF: .rtpAVPF
    default: self
    }
  }

  /// Whether both are RTP, or both are the same other protocol.
  func isSameTransport(as other: Self) -> Bool {
    if case .other(let a) = self, case .other(let b) = other { return a.lowercased() == b.lowercased() }
    return isRTP && other.isRTP
  }
}
