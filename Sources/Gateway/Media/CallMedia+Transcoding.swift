import AudioBridge
import CallModel
import MediaRelay

/// Audio formats that the two sides do not share.
///
/// What avoids transcoding is preferred: a side is offered what the other offered, and only after that what we can make of it.
/// Where the answer has a format that the other side has too, the call is relayed as if there were nothing else.
extension CallMedia {
  /// What we can turn into each other, of these, and policy allows.
  func transcodable(_ codecs: [Codec]) -> [Codec] {
    guard settings.transcodes else { return [] }
    return codecs.filter {
      BridgeCodecs.encoding(of: $0) != nil && !settings.disabledCodecs.contains($0.name.lowercased())
    }
  }

  /// What is offered beside the formats of the other side, under numbers that it does not use.
  ///
  /// Kept short, since a longer INVITE does not fit a datagram (RFC 3261 §18.1.1): whoever has G.722 has G.711, and telephone
  /// events are taken in the clock in which they are offered already.
  func ownFormats(beside stream: MediaStream) -> [Codec] {
    guard stream.kind == .audio, stream.isRelayable, !transcodable(stream.codecs).isEmpty else { return [] }
    var taken = Set(stream.codecs.map(\.payloadType))
    var result: [Codec] = []
    for var codec in BridgeCodecs.offered(without: settings.disabledCodecs) {
      guard codec.isPrimary, codec.name != "G722",
        codec.counterpart(in: stream.codecs, among: [codec]) == nil,
        let number = taken.contains(codec.payloadType)
          ? (96...127).first(where: { !taken.contains($0) }) : codec.payloadType
      else { continue }
      taken.insert(number)
      codec.payloadType = number
      codec.parameters = nil
      result.append(codec)
    }
    return result
  }

  /// What a side is answered whose formats the other has not: its own, for us to transcode. Empty where that cannot be done.
  func transcodedFormats(offered: MediaStream, answered: MediaStream) -> [Codec] {
    guard offered.kind == .audio, !transcodable(answered.codecs).isEmpty else { return [] }
    let primary = transcodable(offered.codecs)
    let rates = Set(primary.map(\.clockRate))
    return offered.codecs.filter { codec in
      primary.contains(codec) || codec.isTelephoneEvent && rates.contains(codec.clockRate)
    }
  }

  /// What stands between the sides of a stream; nil where they understand each other, or nothing can be done about it.
  func transcoding(_ slot: Int) -> CallTranscoding? {
    guard settings.transcodes, slots[slot].kind == .audio, let a = descriptions(slot, .a),
      let b = descriptions(slot, .b)
    else {
      return nil
    }
    if slots[slot].mixedFormats != [a.local.codecs, b.local.codecs] {
      slots[slot].mixedFormats = nil
      if passes(a, to: b), passes(b, to: a) { return nil }
    }
    if let present = slots[slot].transcoding, present.serves(a: a, b: b) { return present }
    return CallTranscoding(a: a, b: b)
  }

  private func descriptions(_ slot: Int, _ side: RelaySideName) -> CallTranscoding.Descriptions? {
    guard let remote = slots[slot][side].remote, let local = slots[slot][side].local else { return nil }
    return (remote, local)
  }

  /// Whether the other side takes what this one likes best to send, of what it may.
  private func passes(_ here: CallTranscoding.Descriptions, to there: CallTranscoding.Descriptions) -> Bool {
    let agreed = here.remote.codecs.first {
      $0.isPrimary && $0.counterpart(in: here.local.codecs, among: here.remote.codecs) != nil
    }
    guard let agreed else { return true }
    return agreed.counterpart(in: there.remote.codecs, among: here.remote.codecs) != nil
  }

  /// A side sends another of its formats than the one that passes: from now on it is transcoded, whatever it is.
  func transcodeMixedFormats(of stream: RelayStream.ID) {
    guard settings.transcodes, let slot = slots.firstIndex(where: { $0.relay?.id == stream }),
      let a = slots[slot].a.local,
      let b = slots[slot].b.local
    else { return }
    slots[slot].mixedFormats = [a.codecs, b.codecs]
    joinSides()
  }
}
