import AudioMixing
import CallModel
import Codecs
import MediaRelay

/// What an exchange of offer and answer means for a party of a mix.
struct BridgeFormats: Hashable {
  typealias Format = MixParticipantConfiguration.Format

  /// In the order of the party's own description.
  private(set) var receives: [Format] = []
  let sends: Format
  let opus: OpusSettings
  private(set) var comfortNoiseFromParty: UInt8?
  let comfortNoiseToParty: UInt8?
  private(set) var eventsFromParty: [RelaySide.TelephoneEventFormat] = []
  let eventsToParty: RelaySide.TelephoneEventFormat?
  let level: AudioLevelFormat?
  private var entries: [RelayPayloadTypes.Entry] = []

  /// Nil when there is nothing in common that is mixed.
  ///
  /// - Parameter preferred: what the party is sent if it takes it, whatever it likes best.
  init?(remote: MediaStream, local: MediaStream, preferring preferred: AudioEncoding? = nil) {
    // What it asked for first among what we told it that we take, too (RFC 3264 §6.1).
    let known = remote.codecs.filter { codec in
      BridgeCodecs.encoding(of: codec) != nil
        && codec.counterpart(in: local.codecs, among: remote.codecs) != nil
    }
    guard let chosen = known.first(where: { BridgeCodecs.encoding(of: $0) == preferred }) ?? known.first,
      let encoding = BridgeCodecs.encoding(of: chosen)
    else { return nil }
    sends = Format(chosen.payloadType, encoding)
    opus = encoding == .opus ? OpusSettings(answering: chosen.parameters) : OpusSettings()
    let sharedNoise = { (codec: Codec) in codec.name.lowercased() == "cn" && codec.clockRate == 8_000 }
    comfortNoiseToParty =
      encoding.clockRate == 8_000 && local.codecs.contains(where: sharedNoise)
      ? remote.codecs.first(where: sharedNoise)?.payloadType : nil
    let events = remote.codecs.filter(\.isTelephoneEvent)
    eventsToParty = (events.first { $0.clockRate == chosen.clockRate } ?? events.first).map(
      RelaySide.TelephoneEventFormat.init)
    level = AudioLevelFormat(local.attributes)
    for codec in remote.codecs { take(codec, remote, local) }
  }

  /// Takes a format that the party described, under the number that we told it.
  private mutating func take(_ codec: Codec, _ remote: MediaStream, _ local: MediaStream) {
    guard let ours = codec.counterpart(in: local.codecs, among: remote.codecs), ours.payloadType < 128,
      !entries.contains(where: { $0.incoming == ours.payloadType })
    else { return }
    if let encoding = BridgeCodecs.encoding(of: codec) {
      receives.append(Format(ours.payloadType, encoding))
    } else if codec.isTelephoneEvent {
      eventsFromParty.append(RelaySide.TelephoneEventFormat(ours))
    } else if codec.name.lowercased() == "cn", codec.clockRate == 8_000 {
      comfortNoiseFromParty = ours.payloadType
    } else {
      return
    }
    entries.append(.init(ours.payloadType, ours.payloadType))
    // Some send with the numbers they gave for receiving: taken where it cannot be mistaken.
    let isFree = !local.codecs.contains { $0.payloadType == codec.payloadType }
    guard isFree, codec.payloadType < 128, let encoding = BridgeCodecs.encoding(of: codec) else { return }
    receives.append(Format(codec.payloadType, encoding))
    entries.append(.init(codec.payloadType, codec.payloadType))
  }

  /// The side as the relay takes it.
  func completing(_ side: RelaySide) -> RelaySide {
    var result = side
    result.payloadTypes = RelayPayloadTypes(entries)
    result.clockRate = UInt32(sends.encoding.clockRate)
    // The one whose clock is that of what is sent to the party first: keys that we send use it too.
    let rate = eventsToParty?.clockRate ?? result.clockRate
    let first = eventsFromParty.first { $0.clockRate == rate } ?? eventsFromParty.first
    result.receivedTelephoneEvent = first?.payloadType
    result.secondTelephoneEvent = eventsFromParty.first { $0 != first }
    result.telephoneEventClockRate = rate
    result.sentTelephoneEvent = eventsToParty?.payloadType
    // Digits end here, like everything.
    result.absorbsTelephoneEvents = false
    return result
  }

  /// - Parameter ssrc: of what the party is sent.
  func configuration(_ direction: MediaStream.Direction, ssrc: UInt32) -> MixParticipantConfiguration {
    let silence = comfortNoiseToParty.map { MixParticipantConfiguration.Silence.comfortNoise($0) }
    var result = MixParticipantConfiguration(
      receives: receives, sends: direction.sends ? sends : nil, opus: opus,
      silence: silence ?? (sends.encoding == .opus ? .suppressed : .continuous),
      comfortNoisePayloadType: comfortNoiseFromParty, eventPayloadTypes: eventsFromParty.map(\.payloadType),
      ssrc: ssrc, firstSequenceNumber: .random(in: 0...0x7fff), firstTimestamp: .random(in: 0 ... .max))
    result.usesVoiceFlag = level?.hasVoiceFlag ?? true
    // Who can send events does; tones beside them would be the same key again.
    result.hearsKeys = eventsFromParty.isEmpty
    return result
  }
}

extension RelaySide.TelephoneEventFormat {
  init(_ codec: Codec) {
    self.init(payloadType: codec.payloadType, clockRate: UInt32(clamping: codec.clockRate))
  }
}

/// How a party says how loud it is (RFC 6464 §4).
struct AudioLevelFormat: Hashable {
  static let uri = "urn:ietf:params:rtp-hdrext:ssrc-audio-level"

  let identifier: UInt8
  let hasVoiceFlag: Bool

  /// Finds it among the attributes of a stream (RFC 8285 §5).
  init?(_ attributes: [MediaAttribute]) {
    for attribute in attributes where attribute.name == "extmap" {
      let words = (attribute.value ?? "").split(separator: " ")
      guard words.count >= 2, words[1] == AudioLevelFormat.uri,
        let number = words[0].split(separator: "/").first.flatMap({ UInt8($0) }), number > 0
      else { continue }
      identifier = number
      hasVoiceFlag = !words.dropFirst(2).contains("vad=off")
      return
    }
    return nil
  }
}

extension OpusSettings {
  /// What the party asks of our encoder (RFC 7587 §6.1), in steps: settings that differ cost an encoder each, and a stranger
  /// chooses them.
  init(answering parameters: String?) {
    var rate = 48_000
    var limit = Int.max
    for part in (parameters ?? "").split(separator: ";") {
      let pair = part.split(separator: "=", maxSplits: 1).map { $0.filter { $0 != " " }.lowercased() }
      guard pair.count == 2, let value = Int(pair[1]) else { continue }
      if pair[0] == "maxplaybackrate" { rate = value }
      if pair[0] == "maxaveragebitrate" { limit = value }
    }
    let steps = [(8_000, 16_000), (16_000, 24_000), (48_000, 32_000)]
    let (bandwidth, bitrate) = steps.first { rate <= $0.0 } ?? (48_000, 32_000)
    self.init(bitrate: limit < bitrate ? 12_000 : bitrate, maximumPlaybackRate: bandwidth)
  }

  /// With the last packet once more in each, for a party that loses some.
  var redundant: OpusSettings {
    var result = self
    result.usesRedundancy = true
    result.expectedLoss = 10
    return result
  }
}
