import CallModel
import Codecs

/// The formats that a conference mixes, for offers and answers of services that end audio themselves.
public enum BridgeCodecs {
  /// As offered, best first, with payload types that are free in an offer of audio alone: Opus, G.722, G.711, comfort noise
  /// and telephone events in both clock rates (RFC 4733 §2.4).
  ///
  /// - Parameter disabled: lower-cased encoding names that policy forbids.
  public static func offered(without disabled: Set<String> = []) -> [Codec] {
    let rates = Set(
      primary.filter { !disabled.contains($0.name.lowercased()) }.map(\.clockRate))
    return (primary + secondary).filter {
      !disabled.contains($0.name.lowercased()) && rates.contains($0.clockRate)
    }
  }

  /// What ``OfferAnswer/answer(to:with:keeping:address:makeKey:)`` needs to answer an offer of audio: everything that is
  /// ``offered(without:)``, and linear samples.
  public static func capabilities(
    without disabled: Set<String> = [], encryption: MediaEncryption = .bestEffort, bandwidth: Bandwidth? = nil
  ) -> MediaCapabilities {
    let codecs = offered(without: disabled) + linear.filter { !disabled.contains($0.name.lowercased()) }
    return MediaCapabilities(codecs: [.audio: codecs], encryption: encryption, bandwidth: bandwidth)
  }

  /// What an answer adds to its stream for an offer that tells how loud each packet is (RFC 6464): what nobody would hear is
  /// then not decoded. Empty where it does not.
  public static func attributes(answering offered: MediaStream) -> [MediaAttribute] {
    for attribute in offered.attributes where attribute.name == "extmap" {
      let words = (attribute.value ?? "").split(separator: " ")
      guard let level = AudioLevelFormat([attribute]), let direction = words.first?.split(separator: "/"),
        direction.count == 1 || direction[1] == "sendrecv" || direction[1] == "sendonly"
      else { continue }
      let options = words.dropFirst(2).map { " \($0)" }.joined()
      // We read levels, and write none (RFC 8285 §5).
      return [
        MediaAttribute("extmap", "\(level.identifier)/recvonly \(AudioLevelFormat.uri)\(options)")
      ]
    }
    return []
  }

  /// The encoding of a negotiated format; nil for what is not mixed.
  public static func encoding(of codec: Codec) -> AudioEncoding? {
    AudioEncoding(name: codec.name, clockRate: codec.clockRate, channels: codec.channels)
  }

  private static let primary = [
    Codec(111, "opus", clockRate: 48_000, channels: 2, parameters: "useinbandfec=1"),
    Codec(9, "G722", clockRate: 8_000),
    Codec(8, "PCMA", clockRate: 8_000),
    Codec(0, "PCMU", clockRate: 8_000),
  ]

  private static let secondary = [
    Codec(13, "CN", clockRate: 8_000),
    Codec(101, "telephone-event", clockRate: 8_000, parameters: "0-16"),
    Codec(100, "telephone-event", clockRate: 48_000, parameters: "0-16"),
  ]

  private static let linear = [
    Codec(96, "L16", clockRate: 16_000), Codec(97, "L16", clockRate: 8_000),
  ]
}
