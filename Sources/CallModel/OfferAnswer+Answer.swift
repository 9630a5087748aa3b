/// What an endpoint of our own can do with media that it ends itself.
public struct MediaCapabilities: Hashable, Sendable {
  /// Formats by kind of media. The order does not count: the offerer's does. Payload types and parameters are not compared
  /// except where they define the format (see ``Codec/isSameFormat(as:)``).
  public var codecs: [MediaStream.Kind: [Codec]]
  /// How many streams of one kind are accepted; further ones are refused.
  public var streamsPerKind: Int
  /// What we want to do; the answer is the part of it that the offer allows.
  public var direction: MediaStream.Direction
  public var encryption: MediaEncryption
  public var suites: [SDESCrypto.Suite]
  public var supportsRTCPMultiplexing: Bool
  /// Answer with the first common format alone (and its events), so that the peer cannot change within the call.
  public var singleCodec: Bool
  public var bandwidth: Bandwidth?

  public init(
    codecs: [MediaStream.Kind: [Codec]], streamsPerKind: Int = 1,
    direction: MediaStream.Direction = .sendReceive, encryption: MediaEncryption = .bestEffort,
    suites: [SDESCrypto.Suite] = SDESCrypto.standardSuites, supportsRTCPMultiplexing: Bool = true,
    singleCodec: Bool = false, bandwidth: Bandwidth? = nil
  ) {
    self.codecs = codecs
    self.streamsPerKind = streamsPerKind
    self.direction = direction
    self.encryption = encryption
    self.suites = suites
    self.supportsRTCPMultiplexing = supportsRTCPMultiplexing
    self.singleCodec = singleCodec
    self.bandwidth = bandwidth
  }
}

extension OfferAnswer {
  /// The answer of an endpoint that ends media itself (RFC 3264 §6).
  ///
  /// Formats are the common ones in the offerer's order with the offerer's numbers; `telephone-event` is kept in the clock
  /// rates of the formats chosen. Streams that cannot be served are refused with port 0.
  ///
  /// - Parameters:
  ///   - previous: Our last offer or answer in the dialog, for its keys.
  ///   - address: Where we receive the stream of that index; nil refuses it.
  ///   - makeKey: Makes a fresh master key and salt for a suite, in base64.
  /// - Throws: ``Violation/noCommonCodec(stream:)``, ``Violation/profileChanged(stream:)`` or a violation about encryption when no stream is left.
  public static func answer(
    to offer: MediaDescription, with capabilities: MediaCapabilities,
    keeping previous: MediaDescription? = nil,
    address: (Int) -> TransportAddress?, makeKey: (SDESCrypto.Suite) -> Secret
  ) throws(Violation) -> MediaDescription {
    var result = MediaDescription(bandwidth: capabilities.bandwidth)
    var accepted: [MediaStream.Kind: Int] = [:]
    var withoutCodec: Int?
    for (i, offered) in offer.streams.enumerated() {
      var stream = MediaStream(
        kind: offered.kind, isEnabled: false, profile: offered.profile, codecs: offered.codecs,
        formats: offered.formats, content: offered.content)
      // RFC 5888 §6: an answer names the streams as the offer does.
      if let mid = offered.mid { stream.attributes.append(MediaAttribute("mid", mid)) }
      if offered.isEnabled, offered.profile.isRTP, !offered.profile.isDTLS {
        let codecs = commonCodecs(offered, capabilities)
        if codecs.isEmpty {
          withoutCodec = withoutCodec ?? i
        } else if accepted[offered.kind, default: 0] < capabilities.streamsPerKind, let address = address(i) {
          accepted[offered.kind, default: 0] += 1
          stream.isEnabled = true
          stream.address = address
          stream.codecs = codecs
          stream.direction = capabilities.direction.intersection(offered.direction.reversed)
          stream.packetTime = offered.packetTime
          stream.isRTCPMultiplexed = offered.isRTCPMultiplexed && capabilities.supportsRTCPMultiplexing
        }
      }
      result.streams.append(stream)
    }
    if !result.streams.contains(where: \.isEnabled) {
      if let withoutCodec { throw .noCommonCodec(stream: withoutCodec) }
      // Keyed by DTLS, which an endpoint of this kind does not speak.
      if let keyed = offer.streams.firstIndex(where: { $0.isEnabled && $0.profile.isDTLS }) {
        throw .profileChanged(stream: keyed)
      }
    }
    return try secure(
      answer: result, to: offer, encryption: capabilities.encryption, suites: capabilities.suites,
      keeping: previous, makeKey: makeKey)
  }

  private static func commonCodecs(_ offered: MediaStream, _ capabilities: MediaCapabilities) -> [Codec] {
    let ours = capabilities.codecs[offered.kind] ?? []
    var chosen: [Codec] = []
    for codec in offered.codecs where codec.isPrimary {
      guard let match = codec.counterpart(in: ours, among: offered.codecs) else { continue }
      var answered = codec
      answered.parameters = match.parameters ?? codec.parameters
      answered.feedback = codec.feedback.filter { match.feedback.contains($0) }
      chosen.append(answered)
      if capabilities.singleCodec { break }
    }
    guard !chosen.isEmpty else { return [] }
    // RFC 4733 §2.4: events run on the clock of the audio they interrupt.
    for codec in offered.codecs where !codec.isPrimary && codec.associatedPayloadType == nil {
      guard chosen.contains(where: { $0.isPrimary && $0.clockRate == codec.clockRate }),
        codec.counterpart(in: ours, among: offered.codecs) != nil
      else { continue }
      chosen.append(codec)
    }
    return chosen
  }
}
