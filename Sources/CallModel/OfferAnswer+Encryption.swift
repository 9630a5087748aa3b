extension SDESCrypto {
  /// The suites in the order in which we offer and accept them.
  ///
  /// The 80-bit tag of RFC 4568 stands first: every endpoint has it, and some stumble over a list that begins with GCM.
  public static let standardSuites: [Suite] = [
    .aesCM128HMACSHA1_80, .aesCM128HMACSHA1_32, .aeadAES256GCM, .aeadAES128GCM,
  ]
}

/// The two keys of one encrypted stream.
public struct CryptoPair: Hashable, Sendable {
  /// What the offerer sends with.
  public var offerer: SDESCrypto
  /// What the answerer sends with.
  public var answerer: SDESCrypto
}

extension OfferAnswer {
  /// The keys that an offer and its answer agreed on; nil when the stream is not encrypted by SDES.
  public static func cryptoPair(offer: MediaStream, answer: MediaStream) -> CryptoPair? {
    guard let answered = answer.cryptos.first,
      let offered = offer.cryptos.first(where: { $0.tag == answered.tag && $0.suite == answered.suite })
    else { return nil }
    return CryptoPair(offerer: offered, answerer: answered)
  }

  /// An offer under an encryption policy.
  ///
  /// `required` offers RTP/SAVP with keys; `off` RTP/AVP without; `bestEffort` RTP/AVP **with** keys, which encrypting peers
  /// take up and the others pass over (two `m=` lines for one stream, the alternative, make many endpoints answer both).
  /// Streams that are not RTP, or disabled, keep their form without keys. DTLS profiles become their RTP counterparts.
  ///
  /// - Parameters:
  ///   - previous: Our last offer or answer in the same dialog. A key is kept while suite and place are the same:
  ///     a new one would restart the cipher of a running stream.
  ///   - makeKey: Makes a fresh master key and salt for a suite, in base64.
  public static func offer(
    _ description: MediaDescription, encryption: MediaEncryption,
    suites: [SDESCrypto.Suite] = SDESCrypto.standardSuites, keeping previous: MediaDescription? = nil,
    makeKey: (SDESCrypto.Suite) -> Secret
  ) -> MediaDescription {
    var result = description
    for i in result.streams.indices where result.streams[i].profile.isRTP {
      let profile = result.streams[i].profile.plain
      result.streams[i].profile = encryption == .required ? profile.secured : profile
      result.streams[i].cryptos = []
      guard encryption != .off, result.streams[i].isEnabled else { continue }
      var kept = previous.flatMap { i < $0.streams.count ? $0.streams[i].cryptos : nil } ?? []
      var tags = Set<Int>()
      for suite in suites {
        if let index = kept.firstIndex(where: { $0.suite == suite && !tags.contains($0.tag) }) {
          tags.insert(kept[index].tag)
          result.streams[i].cryptos.append(kept.remove(at: index))
        } else {
          let taken = tags.union(kept.map(\.tag))
          let tag = (1...).first { !taken.contains($0) } ?? 1
          tags.insert(tag)
          result.streams[i].cryptos.append(SDESCrypto(tag: tag, suite: suite, keyAndSalt: makeKey(suite)))
        }
      }
    }
    return result
  }

  /// An answer in the form that the offer asks for and the policy allows, with our own keys in it.
  ///
  /// What the answer says about encryption is not looked at: it may come from another leg. The first offered key whose suite
  /// is among ours is taken (RFC 4568 §5.1.2: the offerer's order is its preference). A stream that the policy forbids is
  /// refused; if nothing is left of an answer that had a stream, the violation of the first refused one is thrown.
  public static func secure(
    answer: MediaDescription, to offer: MediaDescription, encryption: MediaEncryption,
    suites: [SDESCrypto.Suite] = SDESCrypto.standardSuites, keeping previous: MediaDescription? = nil,
    makeKey: (SDESCrypto.Suite) -> Secret
  ) throws(Violation) -> MediaDescription {
    var result = answer
    var refused: Violation?
    for i in result.streams.indices where i < offer.streams.count {
      let offered = offer.streams[i]
      guard offered.profile.isRTP else { continue }
      result.streams[i].profile = offered.profile
      result.streams[i].cryptos = []
      guard result.streams[i].isEnabled, !offered.profile.isDTLS else { continue }
      let chosen = encryption == .off ? nil : offered.cryptos.first { suites.contains($0.suite) }
      if let chosen {
        let kept = previous.flatMap { i < $0.streams.count ? $0.streams[i].cryptos : nil }?
          .first { $0.tag == chosen.tag && $0.suite == chosen.suite }
        result.streams[i].cryptos = [
          kept ?? SDESCrypto(tag: chosen.tag, suite: chosen.suite, keyAndSalt: makeKey(chosen.suite))
        ]
      } else if offered.profile.isSecure || encryption == .required {
        refused =
          refused ?? (offered.profile.isSecure ? .profileChanged(stream: i) : .encryptionMissing(stream: i))
        result.streams[i] = result.streams[i].disabled()
      }
    }
    if let refused, !result.streams.contains(where: \.isEnabled) { throw refused }
    return result
  }
}
